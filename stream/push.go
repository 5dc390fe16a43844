package stream

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"larder/schema"
	"larder/store/eventlog"
	"larder/stream/source"
)

// MaxPushEvents bounds the events of one push.
const MaxPushEvents = 50_000

// A Pushed is one call that pushes events.
type Pushed struct {
	Stream   string
	Messages [][]byte // one event each, as JSON; or
	Events   *eventlog.Events
	Key      string // another push with the same key adds nothing; empty means none
	Served   bool   // wait until this server serves the events
	Backfill bool   // from larder stream backfill: the stream may have a source, and events any age
}

// Push appends events to the log of a stream, and returns when they are durable. All of
// them are appended, or none: a bad event fails the call.
func (r *Runner) Push(ctx context.Context, p *Pushed) (eventlog.Added, error) {
	catalog := r.Catalog()
	stream, err := catalog.Stream(p.Stream)
	if err != nil {
		return eventlog.Added{}, err
	}
	if stream.HasSource() && !p.Backfill {
		return eventlog.Added{}, schema.StreamNotPushed.Errorf("stream %q gets its events from %s; send them there, or declare a stream with push: {}", stream.Name, stream.SourceName())
	}
	if len(p.Key) > eventlog.MaxKeyBytes {
		return eventlog.Added{}, schema.BadIdempotencyKey.Errorf("the idempotency key has %d bytes (limit %d)", len(p.Key), eventlog.MaxKeyBytes)
	}
	if !utf8.ValidString(p.Key) || strings.Contains(p.Key, "\x00") {
		return eventlog.Added{}, schema.BadIdempotencyKey.Errorf("the idempotency key %q is not text; send UTF-8 without zero bytes", p.Key)
	}
	bytes := int64(1)
	for _, m := range p.Messages {
		bytes += int64(len(m))
	}
	if p.Events != nil {
		bytes += int64(p.Events.Bytes())
	}
	if !r.pushes.TryAcquire(min(bytes, maxWaiting)) {
		return eventlog.Added{}, schema.StreamQueueFull.Errorf("pushes of %d MiB wait to be committed to Postgres already; try again", maxWaiting>>20)
	}
	defer r.pushes.Release(min(bytes, maxWaiting))
	events, err := r.decode(ctx, catalog, stream, p)
	if err != nil {
		return eventlog.Added{}, err
	}
	log := r.Logs.Log(stream)
	began := time.Now()
	add := &eventlog.Addition{Events: events, Key: p.Key}
	if p.Backfill {
		add.Past = eventlog.AnyAge
	}
	added, err := log.Append(ctx, add)
	if err != nil {
		return eventlog.Added{}, err
	}
	r.committed(stream.Name, &added, 0, time.Since(began))
	t := r.task(stream.Name)
	if t != nil && added.Rows != nil {
		t.feed.offer(added.Rows, added.Seq, added.At)
	}
	if p.Served {
		return added, r.AwaitServed(ctx, stream.Name, added.Seq)
	}
	return added, nil
}

// maxTold is how many bad events the error of a push names.
const maxTold = 3

// decode returns the events of a push.
func (r *Runner) decode(ctx context.Context, catalog *schema.Catalog, stream *schema.Stream, p *Pushed) (*eventlog.Events, error) {
	if n := len(p.Messages); n > MaxPushEvents {
		return nil, schema.BadEvent.Errorf("the push has %d events (limit %d); send several", n, MaxPushEvents)
	}
	asJSON := *stream
	asJSON.Format = nil
	if p.Backfill {
		asJSON.MaxAge = 0
	}
	intake, err := newIntake(&asJSON, catalog.StreamViews(stream.Name), r.codecOptions())
	if err != nil {
		return nil, err
	}
	if p.Events != nil {
		return intake.adopt(p.Events)
	}
	events := eventlog.NewEvents(stream, len(p.Messages))
	var bad []string
	total := 0
	for i, raw := range p.Messages {
		err := intake.take(ctx, &source.Message{Value: raw, ID: r.pushID()}, events)
		if why := asBad(err); why != nil {
			if total++; len(bad) < maxTold {
				bad = append(bad, fmt.Sprintf("event %d: %s: %s", i, why.Reason, why.Text))
			}
		} else if err != nil {
			return nil, err
		}
	}
	if total == 0 {
		return events, nil
	}
	if total > maxTold {
		bad = append(bad, fmt.Sprintf("and %d more", total-maxTold))
	}
	return nil, schema.BadEvent.Errorf("stream %q took none of the %d events, since %d of them are bad: %s", stream.Name, len(p.Messages), total, strings.Join(bad, "; "))
}

// adopt checks events that came as columns, and finds their ids.
func (in *intake) adopt(e *eventlog.Events) (*eventlog.Events, error) {
	n := e.Fields[0].Len()
	if n > MaxPushEvents {
		return nil, schema.BadEvent.Errorf("the push has %d events (limit %d); send several", n, MaxPushEvents)
	}
	for i := range n {
		m := source.Message{ID: newID()}
		id, retract, bad := in.checkRow(&m, e, i)
		if bad != nil {
			return nil, schema.BadEvent.Errorf("stream %q took none of the %d events: event %d: %v", in.stream.Name, n, i, bad)
		}
		e.IDs, e.Retract = append(e.IDs, id), append(e.Retract, retract)
	}
	return e, nil
}

// AwaitServed waits until this server serves a batch of a stream in all its views.
func (r *Runner) AwaitServed(ctx context.Context, stream string, seq int64) error {
	for {
		var changed <-chan struct{}
		if t := r.task(stream); t != nil { // nil just after its definition was applied
			var applied int64
			if applied, changed = t.applied(); applied >= seq {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return schema.PostgresUnavailable.Wrap(context.Cause(ctx), "stream %q: the events are in the log, and this server did not serve them in time; they are served later", stream)
		case <-changed:
		case <-time.After(reconcileEvery):
		}
	}
}
