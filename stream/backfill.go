package stream

import (
	"context"
	"fmt"
	"math"
	"time"

	"golang.org/x/sync/errgroup"

	"larder/internal/background"
	"larder/schema"
	"larder/store/eventlog"
	"larder/stream/source"
)

// A Backfill is events of the past that a query gives.
type Backfill struct {
	Stream string
	// Until bounds the event times, in microseconds since 1970 UTC: Read gives earlier ones
	// only. Nil for all.
	Until *int64
	// Read calls visit with the events, one piece after another. With newestFirst they are
	// in the order of their times.
	Read func(ctx context.Context, stream *schema.Stream, keys []string, newestFirst bool, visit func(*Piece) error) error
	// Told is told after each commit how far it is. It must not keep the pointer.
	Told func(*Backfilled) error
}

// A Piece is some rows of a query.
type Piece struct {
	Events *eventlog.Events // only the fields
	Bad    []BadRow
}

// A BadRow is a row of which a field can't hold a value.
type BadRow struct {
	Before int    // how many of the piece's events come before it
	Reason string // as in OUT_OF_RANGE
	Detail string
	Row    []byte // as JSON, maybe cut
	Bytes  int64
}

// A Backfilled is how far a backfill is.
type Backfilled struct {
	Rows int64 // of the query, whose events are in the log or were left out
	Dead int64 // dead letters
	eventlog.Added
	// DownTo is the event time down to which all events are in the log, if the stream has no
	// event id; MaxInt64 before the first commit, and for other streams.
	DownTo int64
}

// maxBackfills is how many backfills run at once.
const maxBackfills = 2

// maxAhead is how many batches the log may be ahead of the views of this server while a
// backfill runs: what arrives meanwhile has to wait for them.
const maxAhead = 2

// BackfillPart begins the part of the dead letters of backfills.
const BackfillPart = "backfill"

// Backfill appends events of the past to the log of a stream, batch by batch, on any
// server. What was committed before an error stays. Running it again is safe: events whose
// ids are in the log are duplicates. A stream without an event id must not have events of
// that time yet.
func (r *Runner) Backfill(ctx context.Context, b *Backfill) error {
	catalog := r.Catalog()
	stream, err := catalog.Stream(b.Stream)
	if err != nil {
		return err
	}
	if !r.backfills.TryAcquire(1) {
		return schema.BackfillRuns.Errorf("stream %q: this server runs %d backfills already; wait for the end of one, or ask another server", stream.Name, maxBackfills)
	}
	defer r.backfills.Release(1)
	views := catalog.StreamViews(stream.Name)
	intake, err := newIntake(asRow(stream), views, r.codecOptions())
	if err != nil {
		return err
	}
	f := &filling{
		Runner: r, intake: intake, log: r.Logs.Log(stream), told: b.Told, part: BackfillPart + time.Now().UTC().Format(" 2006-01-02T15:04:05.000Z"),
		bad: &badShare{limit: stream.BadShare()}, events: eventlog.NewEvents(stream, 0), done: Backfilled{DownTo: math.MaxInt64},
	}
	return f.log.Alone(ctx, func() error {
		if err := f.overlap(ctx, b.Until); err != nil {
			return err
		}
		var keys []string
		for _, v := range views {
			for _, k := range v.Keys {
				keys = append(keys, k.Name)
			}
		}
		err := f.run(ctx, func(ctx context.Context, visit func(*Piece) error) error {
			return b.Read(ctx, stream, keys, stream.EventID == "", visit)
		})
		if f.done.Appended > 0 && ctx.Err() == nil {
			if err := f.log.Analyze(ctx); err != nil {
				r.Logger.Warn("the log of a stream could not be analyzed after a backfill; reading it is slow until Postgres does", "stream", stream.Name, "error", err)
			}
		}
		return err
	})
}

// asRow returns a stream whose messages are rows as JSON: its fields by their names.
func asRow(s *schema.Stream) *schema.Stream {
	row := *s
	row.Format, row.MaxAge = nil, 0
	row.Fields = append([]schema.StreamField{}, s.Fields...)
	for i := range row.Fields {
		f := &row.Fields[i]
		f.Path, f.Format, f.TimeZone = "", "", ""
	}
	return &row
}

// A filling is a backfill that runs.
type filling struct {
	*Runner
	intake *intake
	log    *eventlog.Log
	told   func(*Backfilled) error
	part   string // of its dead letters

	// Of the reader.
	bad    *badShare
	rows   int64            // that were read
	events *eventlog.Events // that wait for a commit
	dead   []eventlog.DeadLetter

	// Of the committer.
	done Backfilled
}

// overlap refuses events that could be in the log already, if nothing identifies them.
func (f *filling) overlap(ctx context.Context, until *int64) error {
	s := f.intake.stream
	if s.EventID != "" {
		return nil
	}
	if s.HasSource() && until == nil {
		return schema.BackfillOverlaps.Errorf("stream %q has no event_id, and reads %s: an event that both have would count twice; name the time where the source begins with --until, or declare event_id", s.Name, s.SourceName())
	}
	oldest, found, err := f.log.OldestBefore(ctx, until)
	if err != nil || !found {
		return err
	}
	return schema.BackfillOverlaps.Errorf("stream %q has no event_id, and its log has events from %s on: events of the same time would count twice; append only earlier ones, with --until %[2]s, or declare event_id", s.Name, shownTime(oldest))
}

// A load is what one commit adds.
type load struct {
	addition eventlog.Addition
	rows     int64
	downTo   int64
}

// run reads while it commits.
func (f *filling) run(ctx context.Context, read func(context.Context, func(*Piece) error) error) error {
	loads := make(chan *load)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(loads)
		return background.Try(func() error {
			send := func(l *load) error {
				select {
				case loads <- l:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			if err := read(ctx, func(p *Piece) error {
				if err := f.take(p); err != nil {
					return err
				}
				if l := f.load(false); l != nil {
					return send(l)
				}
				return f.enormous()
			}); err != nil {
				return err
			}
			if l := f.load(true); l != nil {
				return send(l)
			}
			return nil
		})
	})
	g.Go(func() error {
		return background.Try(func() error {
			for l := range loads {
				if err := f.commit(ctx, l); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return g.Wait()
}

// take adds the events of a piece to those that wait.
func (f *filling) take(p *Piece) error {
	n := p.Events.Fields[0].Len()
	good := make([]int, 0, n)
	bads := p.Bad
	badUntil := func(row int) error {
		for ; len(bads) > 0 && bads[0].Before <= row; bads = bads[1:] {
			f.rows++
			if err := f.dies(&bads[0]); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range n {
		if err := badUntil(i); err != nil {
			return err
		}
		f.rows++
		id, retract, bad := f.intake.checkRow(&source.Message{ID: newID()}, p.Events, i)
		if why := asBad(bad); why != nil {
			row := appendRow(nil, f.intake.stream, p.Events, i)
			if err := f.dies(&BadRow{Reason: string(why.Reason), Detail: why.Text, Row: row, Bytes: int64(len(row))}); err != nil {
				return err
			}
			continue
		}
		f.bad.count(false)
		good = append(good, i)
		f.events.IDs, f.events.Retract = append(f.events.IDs, id), append(f.events.Retract, retract)
	}
	for at := range f.events.Fields {
		to, from := &f.events.Fields[at], &p.Events.Fields[at]
		if len(good) == n && to.Len() == 0 {
			*to = *from
			continue
		}
		for _, i := range good {
			to.AppendRow(from, i)
		}
	}
	return badUntil(n)
}

// dies makes a row a dead letter, unless there are too many.
func (f *filling) dies(b *BadRow) error {
	if f.bad.count(true); f.bad.exceeded() {
		return schema.BadBackfill.Errorf("stream %q: more than %g of the last %d rows can't be events; what was committed before stays. The last, row %d: %s: %s. Mend the query, or raise the stream's max_bad_share", f.intake.stream.Name, f.bad.limit, badWindow, f.rows, b.Reason, b.Detail)
	}
	letter := eventlog.NewDeadLetter(b.Reason, b.Detail, f.part, f.rows, b.Row)
	letter.Bytes = b.Bytes
	f.dead = append(f.dead, letter)
	return nil
}

// load takes what waits; nil when nothing can be committed yet. Without an event id, only
// events with all others of their time are: those of the earliest time wait for the next
// piece, unless it was the last one. So a backfill that was stopped can go on before them.
func (f *filling) load(last bool) *load {
	l := &load{rows: f.rows, downTo: math.MaxInt64}
	whole, n := f.events, f.events.Len()
	f.events = eventlog.NewEvents(f.intake.stream, n)
	if f.intake.stream.EventID == "" && n > 0 {
		times := whole.Fields[f.intake.time].Int64s
		cut := n
		for !last && cut > 0 && times[cut-1] == times[n-1] {
			cut--
		}
		for i := cut; i < n; i++ {
			f.events.Append(whole, i)
		}
		whole.Truncate(cut)
		if cut > 0 {
			l.downTo = times[cut-1]
		}
	}
	if whole.Len() == 0 && len(f.dead) == 0 {
		return nil
	}
	l.addition = eventlog.Addition{Events: whole, Dead: f.dead, Past: eventlog.OnlyMore}
	l.rows -= int64(f.events.Len())
	f.dead = nil
	return l
}

// enormous refuses more events of one time than one batch may have.
func (f *filling) enormous() error {
	n := f.events.Len()
	if n <= MaxPushEvents && f.events.Bytes() < maxWaiting {
		return nil
	}
	return schema.BadBackfill.Errorf("stream %q: more than %d events have the time %s; a stream without event_id takes the events of one time at once: declare event_id", f.intake.stream.Name, n, shownTime(f.events.Fields[f.intake.time].Int64s[0]))
}

// commit appends a load, once the views of this server have all but the last batches.
func (f *filling) commit(ctx context.Context, l *load) error {
	if err := f.awaitViews(ctx); err != nil {
		return err
	}
	began := time.Now()
	added, err := f.log.Append(ctx, &l.addition)
	if err != nil {
		return err
	}
	name := f.intake.stream.Name
	f.committed(name, &added, len(l.addition.Dead), time.Since(began))
	for i := range l.addition.Dead {
		f.metrics.dead.WithLabelValues(name, l.addition.Dead[i].Reason).Inc()
	}
	if t := f.task(name); t != nil {
		t.feed.offer(added.Rows, added.Seq, added.At)
	}
	d := &f.done
	d.Seq, d.At, d.Rows, d.DownTo = added.Seq, added.At, l.rows, min(d.DownTo, l.downTo)
	d.Dead += int64(len(l.addition.Dead))
	d.Appended += added.Appended
	d.Duplicate += added.Duplicate
	d.Corrected += added.Corrected
	d.Retracted += added.Retracted
	d.Unknown += added.Unknown
	return f.told(d)
}

// awaitViews waits until the views of this server are close to the log. It does not wait
// for a view that is built, or can't go on.
func (f *filling) awaitViews(ctx context.Context) error {
	for {
		t := f.task(f.intake.stream.Name)
		if t == nil || t.problem() != "" {
			return ctx.Err()
		}
		applied, changed := t.appliedBut(true)
		if applied >= f.done.Seq-maxAhead {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-time.After(reconcileEvery):
		}
	}
}

// appendRow appends row i as a JSON object.
func appendRow(dst []byte, s *schema.Stream, e *eventlog.Events, i int) []byte {
	dst = append(dst, '{')
	first := true
	for f := range e.Fields {
		if e.Fields[f].IsNull(i) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = fmt.Appendf(dst, "%q:", s.Fields[f].Name)
		dst = e.Fields[f].AppendJSON(dst, i)
	}
	return append(dst, '}')
}
