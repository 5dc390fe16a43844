package stream

import (
	"context"
	"strings"
	"time"

	"larder/store/eventlog"
	"larder/stream/source"
)

// Retry decodes dead letters of a stream again, appends those that are events now, and
// records it. A letter whose message was cut stays dead. Without an event_id the position
// of its message is the event's id, so retrying twice adds nothing twice.
func (r *Runner) Retry(ctx context.Context, log *eventlog.Log, letters []eventlog.DeadLetter) (eventlog.Added, error) {
	s := log.Stream()
	views := r.Catalog().StreamViews(s.Name)
	messages, err := newIntake(s, views, r.codecOptions())
	if err != nil {
		return eventlog.Added{}, err
	}
	rows, err := newIntake(asRow(s), views, r.codecOptions())
	if err != nil {
		return eventlog.Added{}, err
	}
	events := eventlog.NewEvents(s, len(letters))
	var ids []int64
	for i := range letters {
		d := &letters[i]
		if d.Retried || d.Bytes != int64(len(d.Message)) {
			continue
		}
		intake := messages
		if strings.HasPrefix(d.Part, BackfillPart+" ") {
			intake = rows
		}
		err := intake.take(ctx, &source.Message{Part: d.Part, Offset: d.Offset, Value: d.Message, ID: source.PositionID(d.Part, d.Offset)}, events)
		switch {
		case err == nil:
			ids = append(ids, d.ID)
		case asBad(err) == nil:
			return eventlog.Added{}, err
		}
	}
	if len(ids) == 0 {
		return eventlog.Added{}, nil
	}
	began := time.Now()
	added, err := log.Append(ctx, &eventlog.Addition{Events: events, Retried: ids})
	if err != nil {
		return eventlog.Added{}, err
	}
	r.committed(s.Name, &added, 0, time.Since(began))
	if t := r.task(s.Name); t != nil {
		t.feed.offer(added.Rows, added.Seq, added.At)
	}
	return added, nil
}
