package cdc

import (
	"context"
	"sync"
	"time"

	"larder/stream/source"
)

// A mailbox is where the reader of a connection leaves messages, and Fetch takes what there
// is: small transactions gather while nobody fetches.
type mailbox struct {
	some chan struct{} // has an item when there may be something
	room chan struct{} // has an item when something was taken

	mu    sync.Mutex
	batch source.Batch
	bytes int
}

func newMailbox() *mailbox {
	return &mailbox{some: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// put leaves a batch, when there is room for it. While it waits it calls alive every now
// and then.
func (b *mailbox) put(ctx context.Context, batch source.Batch, every time.Duration, alive func() error) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for !b.leave(batch) {
		select {
		case <-b.room:
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := alive(); err != nil {
				return err
			}
		}
	}
	notify(b.some)
	return nil
}

func (b *mailbox) leave(batch source.Batch) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := batch.Bytes()
	if n := len(b.batch.Messages); n > 0 && len(batch.Messages) > 0 && (n+len(batch.Messages) > maxMessages || b.bytes+size > maxMessageBytes) {
		return false
	}
	b.batch.Messages = append(b.batch.Messages, batch.Messages...)
	b.bytes += size
	if len(batch.Positions) > 0 {
		b.batch.Positions = batch.Positions
	}
	return true
}

// take waits for something; ok is false when the reader has ended and left nothing.
func (b *mailbox) take(ctx context.Context, ended <-chan struct{}) (batch source.Batch, ok bool, err error) {
	for over := false; ; {
		if batch := b.empty(); len(batch.Messages) > 0 || len(batch.Positions) > 0 {
			notify(b.room)
			return batch, true, nil
		}
		if over {
			return source.Batch{}, false, nil
		}
		select {
		case <-b.some:
		case <-ended:
			over = true
		case <-ctx.Done():
			return source.Batch{}, false, ctx.Err()
		}
	}
}

func (b *mailbox) empty() source.Batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	batch := b.batch
	b.batch, b.bytes = source.Batch{}, 0
	return batch
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
