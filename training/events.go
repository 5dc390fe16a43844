package training

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/column"
	"larder/column/arrows"
	"larder/schema"
	"larder/vector"
	"larder/window"
)

// errKeyTooLarge says that the events of one key exceed the memory limit.
var errKeyTooLarge = errors.New("events of a key too large")

// events evaluates an aggregate view at the places of a history. It holds the events of
// one key at a time, which come one after the other from the view's log.
type events struct {
	*vector.Aggregation
	history   *history
	asOf      AsOf
	limit     int64 // bytes of the events of one key
	evaluator *vector.Evaluator
	state     *window.State
	other     *window.State // without the event that a row is about

	key    []byte // whose events are held
	number int32
	all    []logged
	bytes  int64
	byID   map[string][]*logged // the events that are visible
	read   []byte               // a key that is being read
}

// A logged is an event as the log has it.
type logged struct {
	window.Event
	seq, arrived int64
	visible      int64 // the time, or the batch where places have batches, from which on it counts
}

// Where the columns of a record of an events view begin, after the join keys.
const (
	eventTimeColumn  = 0
	ingestTimeColumn = 1
	featureColumns   = 3
)

const loggedBytes = 160 // of an event in memory, beside its id and its fields

// readEvents reads the events of the keys of an aggregate view, and evaluates the view at
// each place. It reports whether the rows that it found fit in memory.
func (h *history) readEvents(ctx context.Context, w *worker, view int, latest int64) (ok bool, err error) {
	set := w.run.set
	if h.upTo != nil {
		latest = schema.EndOfTime // clocks differ, and a state may have an event from ahead of its row's time
	}
	a := set.aggregations[view]
	e := &events{Aggregation: a, history: h, asOf: set.req.AsOf, limit: set.historyBytes, evaluator: a.NewEvaluator(nil), state: a.Program.NewState()}
	if h.own != nil {
		e.other, e.byID = a.Program.NewState(), map[string][]*logged{}
	}
	if e.asOf == IngestTime && h.upTo == nil {
		h.byTime = slices.Repeat([]moment{noRow}, len(h.times))
	}
	keys := make([][]byte, 0, len(h.keys))
	for key := range h.keys {
		keys = append(keys, []byte(key))
	}
	err = w.session.OfKeys(ctx, view, keys, latest, func(rec arrow.Record, bad []schema.BadRow) error {
		h.bad += int64(len(bad))
		return e.take(rec)
	})
	if err == nil {
		err = e.finish()
	}
	h.keys = nil
	switch {
	case errors.Is(err, errTooLarge):
		return false, nil
	case errors.Is(err, errKeyTooLarge):
		return false, schema.SpineRowsTooLarge.Errorf("aggregate view %q: a key of the spine has more than %d MiB of events, which is %d events or fewer; leave that key out of the spine, or give the stream's log a retention",
			a.View.Name, e.limit>>20, e.limit/loggedBytes)
	}
	return err == nil, err
}

// take holds the events of a record, and finishes the keys that end in it.
func (e *events) take(rec arrow.Record) error {
	columns, err := e.columns(rec)
	if err != nil {
		return err
	}
	n := len(e.View.Stream.Fields)
	fields, own := columns[:n], columns[n:]
	arrived, err := arrows.Read(rec.Column(len(e.View.Keys)+ingestTimeColumn), schema.Timestamp)
	if err != nil {
		return err
	}
	for i := range int(rec.NumRows()) {
		key, ok := e.AppendKey(e.read[:0], fields, i)
		if e.read = key; !ok {
			continue
		}
		if !slices.Equal(key, e.key) {
			number, known := e.history.keys[string(key)]
			if !known {
				continue // Postgres takes some keys for equal that aren't
			}
			if err := e.finish(); err != nil {
				return err
			}
			e.key, e.number = append(e.key[:0], key...), number
		}
		if selected, _ := e.Selects(fields, i); selected {
			if err := e.hold(fields, i, own[0].Strings[i], own[1].Int64s[i], own[2].Int32s[i] < 0, arrived.Int64s[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// columns returns the columns of a record: those of the stream's fields in their order,
// then the id, the batch and the sign.
func (e *events) columns(rec arrow.Record) ([]column.Column, error) {
	n, s := len(e.View.Keys), e.View.Stream
	out := make([]column.Column, len(s.Fields), len(s.Fields)+3)
	next := n + featureColumns
	for i, f := range s.Fields {
		at := next
		if k := slices.IndexFunc(e.View.Keys, func(k schema.JoinKey) bool { return k.Name == f.Name }); k >= 0 {
			at = k
		} else if f.Name == s.TimestampField {
			at = n + eventTimeColumn
		} else {
			next++
		}
		var err error
		if out[i], err = arrows.Read(rec.Column(at), f.Type); err != nil {
			return nil, err
		}
	}
	for _, t := range []schema.Type{schema.String, schema.Int64, schema.Int32} {
		c, err := arrows.Read(rec.Column(next), t)
		if err != nil {
			return nil, err
		}
		out, next = append(out, c), next+1
	}
	return out, nil
}

// hold keeps an event of the key.
func (e *events) hold(fields []column.Column, i int, id string, seq int64, retract bool, arrived int64) error {
	if n := len(e.all); n < cap(e.all) {
		e.all = e.all[:n+1] // with the room that an earlier event had for its values
	} else {
		e.all = append(e.all, logged{})
	}
	l := &e.all[len(e.all)-1]
	e.Event(&l.Event, fields, i, id, retract)
	l.seq, l.arrived = seq, arrived
	switch {
	case e.history.upTo != nil:
		l.visible = seq
	case e.asOf == IngestTime:
		l.visible = max(l.Time, arrived)
	default:
		l.visible = l.Time
	}
	e.bytes += loggedBytes + int64(len(id))
	for f := range fields {
		e.bytes += int64(fields[f].RowBytes(i))
	}
	if e.bytes > e.limit {
		return errKeyTooLarge
	}
	return nil
}

// finish evaluates the view at the places of the key whose events are held, and lets go of
// them.
func (e *events) finish() error {
	if len(e.all) == 0 {
		return nil
	}
	own := e.ordered()
	if e.asOf == EventTime {
		own = net(own)
	}
	err := e.evaluate(own)
	if e.history.byTime != nil {
		e.hidden(own)
	}
	e.all, e.bytes = e.all[:0], 0
	return err
}

// ordered returns the events that are held in the order in which they become visible.
func (e *events) ordered() []*logged {
	own := make([]*logged, len(e.all))
	for i := range own {
		own[i] = &e.all[i]
	}
	slices.SortStableFunc(own, func(a, b *logged) int {
		return cmp.Or(cmp.Compare(a.visible, b.visible), cmp.Compare(a.seq, b.seq), cmp.Compare(sign(a.Retract), sign(b.Retract)))
	})
	return own
}

// sign orders a retraction before the event that corrects it.
func sign(retract bool) int {
	if retract {
		return -1
	}
	return 1
}

// net returns the events that no retraction takes back.
func net(own []*logged) []*logged {
	type entry struct {
		id string
		at int64
	}
	taken := map[entry]int{}
	for _, l := range own {
		if l.Retract {
			taken[entry{l.ID, l.Time}]++
		}
	}
	if len(taken) == 0 {
		return own
	}
	var left []*logged
	for _, l := range own { // those of one id in the order of their batches
		at := entry{l.ID, l.Time}
		switch {
		case l.Retract:
		case taken[at] > 0:
			taken[at]--
		default:
			left = append(left, l)
		}
	}
	return left
}

// evaluate gives each place of the key the row that the view has there.
func (e *events) evaluate(own []*logged) error {
	h := e.history
	e.state.Reset()
	clear(e.byID)
	folded := 0
	for place := h.groups[e.number]; place < h.groups[e.number+1]; place++ {
		t, upTo := h.times[place], h.times[place]
		if h.upTo != nil {
			upTo = h.upTo[place]
		}
		for ; folded < len(own) && own[folded].visible <= upTo; folded++ {
			l := own[folded]
			if h.own != nil {
				e.byID[l.ID] = append(e.byID[l.ID], l)
			}
			if !e.state.Fold(&l.Event) {
				e.state.Rebuild(all(own[:folded+1], nil))
			}
		}
		var out []*logged
		if h.own != nil {
			out = e.byID[h.own[place]]
		}
		at, found, ok, err := e.row(own[:folded], out, t)
		if err != nil {
			return err
		}
		if ok {
			if err := h.keep(&h.best[place], min(at, t), schema.NoIngestTime, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// row returns the row of the state at time t, without the events that are out, which have
// one id.
func (e *events) row(own, out []*logged, t int64) (at int64, found []byte, ok bool, err error) {
	exact := e.history.upTo == nil
	if len(out) == 0 {
		return e.evaluator.RowOf(e.state, t, exact)
	}
	event := out[0].Event
	if event.Retract = true; len(out) == 1 && e.state.IsPending(&event) {
		e.state.Fold(&event)
		at, found, ok, err = e.evaluator.RowOf(e.state, t, exact)
		event.Retract = false
		e.state.Fold(&event)
		return at, found, ok, err
	}
	e.other.Rebuild(all(own, out))
	return e.evaluator.RowOf(e.other, t, exact)
}

// all returns events as a state takes them, without some.
func all(own, out []*logged) iter.Seq[*window.Event] {
	return func(yield func(*window.Event) bool) {
		for _, l := range own {
			if !slices.Contains(out, l) && !yield(&l.Event) {
				return
			}
		}
	}
}

// hidden marks the places of the key where an event had happened and had not arrived yet.
func (e *events) hidden(own []*logged) {
	h := e.history
	byTime := slices.Clone(own)
	slices.SortFunc(byTime, func(a, b *logged) int { return cmp.Compare(a.Time, b.Time) })
	latest, next := int64(math.MinInt64), 0
	for place := h.groups[e.number]; place < h.groups[e.number+1]; place++ {
		t := h.times[place]
		for ; next < len(byTime) && byTime[next].Time <= t; next++ {
			latest = max(latest, byTime[next].arrived)
		}
		if latest > t {
			h.byTime[place].ingest = latest
		}
	}
}
