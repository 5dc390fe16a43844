package verify

import (
	"context"
	"errors"
	"math/rand/v2"

	"larder/schema"
	"larder/store/offline"
	"larder/store/online"
	"larder/store/row"
)

// blockRows is how many keys are compared at once.
const blockRows = 32 << 10

// Options say what is compared. Both are required.
type Options struct {
	Online  *online.Store
	History *offline.Store
}

// A Request says which keys.
type Request struct {
	View *schema.View
	// Sample is how many keys of the store are compared, and how many rows of the
	// source are looked at for keys that the store lacks. 0 means all.
	Sample int
	// Progress, when set, is told how many keys were compared so far.
	Progress func(done int64)
}

// View compares the answers of a view.
func View(ctx context.Context, opts Options, req Request) (*Report, error) {
	c, err := newChecker(opts, req)
	if err != nil {
		return nil, err
	}
	if req.Sample > 0 {
		err = c.sample(ctx)
	} else {
		err = c.all(ctx)
	}
	if err == nil {
		err = c.lacking(ctx)
	}
	if err != nil {
		return nil, err
	}
	return c.report, nil
}

// all compares every key of the store.
func (c *checker) all(ctx context.Context) error {
	b := newBlock()
	err := c.Online.EachRow(ctx, c.view.ID, func(key []byte, eventTime int64, stored []byte) error {
		if err := b.add(key, eventTime, stored, c.mark.Time); err != nil || b.len() < blockRows {
			return err
		}
		return c.check(ctx, b)
	})
	if err != nil {
		return err
	}
	return c.check(ctx, b)
}

// sample compares some keys of the store, each as likely as any other.
func (c *checker) sample(ctx context.Context) error {
	picked, seen := newBlock(), 0
	err := c.Online.EachRow(ctx, c.view.ID, func(key []byte, eventTime int64, stored []byte) error {
		seen++
		if picked.len() < c.req.Sample {
			return picked.add(key, eventTime, stored, c.mark.Time)
		}
		if at := rand.IntN(seen); at < c.req.Sample {
			return picked.set(at, key, eventTime, stored, c.mark.Time)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for picked.len() > blockRows {
		if err := c.check(ctx, picked.cut(blockRows)); err != nil {
			return err
		}
	}
	return c.check(ctx, picked)
}

// errEnough ends the reading of a source.
var errEnough = errors.New("enough")

// lacking looks in the source for keys that the store has no row of.
func (c *checker) lacking(ctx context.Context) error {
	s := newSourceKeys(c)
	err := s.read(ctx)
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return s.flush(ctx)
}

// A block is keys to compare, and the time of each.
type block struct {
	keys  [][]byte
	times []int64
}

func newBlock() *block { return &block{} }

func (b *block) len() int { return len(b.keys) }

// add adds a key of the store with the time at which its row counts.
func (b *block) add(key []byte, eventTime int64, stored []byte, mark int64) error {
	b.keys, b.times = append(b.keys, nil), append(b.times, 0)
	return b.set(len(b.keys)-1, key, eventTime, stored, mark)
}

func (b *block) set(at int, key []byte, eventTime int64, stored []byte, mark int64) error {
	header, err := row.ParseHeader(stored)
	if err != nil {
		return err
	}
	b.keys[at] = append([]byte(nil), key...)
	b.times[at] = max(mark, eventTime, header.Ingest)
	return nil
}

// cut takes the first n keys off.
func (b *block) cut(n int) *block {
	head := &block{b.keys[:n], b.times[:n]}
	b.keys, b.times = b.keys[n:], b.times[n:]
	return head
}

func (b *block) reset() { b.keys, b.times = b.keys[:0], b.times[:0] }
