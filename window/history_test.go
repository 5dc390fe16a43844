package window_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/window"
)

// A history is a log of one key, and the spec that it is aggregated by.
type history struct {
	spec window.Spec
	log  []*window.Event
}

var fields = []window.FieldType{window.Float, window.Int, window.Text, window.Bool}

func zone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

// randomSpec has trailing windows only, or some of calendars too.
func randomSpec(r *rand.Rand, calendars bool) window.Spec {
	spec := window.Spec{Fields: fields}
	lengths := []window.Window{
		{Length: 10 * minute},
		{Length: hour},
		{Length: hour, Hop: 5 * minute},
		{Length: 2 * hour, Hop: 2 * hour},
		{Length: day, Hop: 15 * minute},
		{Length: 30 * day},
		{Length: 5 * second},
		{Length: 300, Hop: 100},
		{Length: hour, Hop: hour},
		{Lifetime: true},
	}
	if calendars {
		for _, name := range []string{"Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago", "UTC"} {
			u := window.Unit(1 + r.IntN(int(window.Year)))
			lengths = append(lengths, window.Window{Calendar: u, Location: zone(name), Previous: r.IntN(2) == 0})
		}
	}
	for range 1 + r.IntN(5) {
		spec.Windows = append(spec.Windows, lengths[r.IntN(len(lengths))])
	}
	for range 1 + r.IntN(8) {
		spec.Aggregates = append(spec.Aggregates, randomAggregate(r))
	}
	for i, a := range spec.Aggregates {
		for j, w := range spec.Windows {
			if a.Op != window.DecayedSum || w.Length > 0 && w.Length <= 32*a.HalfLife {
				spec.Outputs = append(spec.Outputs, window.Output{Aggregate: i, Window: j})
			}
		}
	}
	if len(spec.Outputs) == 0 {
		spec.Aggregates = append(spec.Aggregates, window.Aggregate{Op: window.Sum})
		spec.Outputs = []window.Output{{Aggregate: len(spec.Aggregates) - 1}}
	}
	return spec
}

func randomAggregate(r *rand.Rand) window.Aggregate {
	a := window.Aggregate{Op: window.Op(r.IntN(int(window.SinceLast) + 1)), Field: r.IntN(len(fields)), N: 1 + r.IntN(5)}
	switch a.Op {
	case window.Sum, window.Mean, window.Variance, window.Stddev, window.Min, window.Max, window.DecayedSum, window.Percentile:
		a.Field = r.IntN(2)
	case window.SinceLast:
		a.Field = r.IntN(len(fields)+1) - 1
	}
	a.At = []float64{0.5, 0.99, 0.07, 0.001, 0.123456789}[r.IntN(5)]
	if r.IntN(2) == 0 {
		a.Range = [2]float64{1e-3, 1e5}
	}
	a.HalfLife = []int64{minute, hour, day, 7 * second, 12345}[r.IntN(5)]
	return a
}

// randomLog has events of ids that are retracted and corrected, at tied times and far apart.
func randomLog(r *rand.Rand, events int, from, until int64) []*window.Event {
	var log []*window.Event
	near := from + r.Int64N(until-from)
	spread := []int64{3, 1000, 10 * second, hour, 3 * day, until - from}[r.IntN(6)]
	kinds := r.IntN(4)
	for i := range events {
		id := fmt.Sprint("id", i)
		if r.IntN(20) == 0 {
			id = strings.Repeat("x", 100+r.IntN(100)) + id
		}
		for again := true; again; again = r.IntN(3) == 0 {
			at := min(max(near+r.Int64N(spread)-spread/2, from), until)
			if r.IntN(10) == 0 {
				at = floorTo(at, []int64{second, minute, hour, day}[r.IntN(4)])
			}
			e := &window.Event{Time: at, ID: id, Values: randomValues(r, kinds)}
			log = append(log, e)
			if r.IntN(4) != 0 {
				break
			}
			back := *e
			back.Retract = true
			log = append(log, &back)
		}
	}
	return log
}

func randomValues(r *rand.Rand, kinds int) []window.Value {
	values := []window.Value{
		window.OfFloat(randomFloat(r, kinds)), window.OfInt(r.Int64N(5)), window.OfText(string(rune('a' + r.IntN(5)))), window.OfBool(r.IntN(2) == 0),
	}
	if kinds > 1 {
		values[1] = window.OfInt(int64(r.Uint64()) >> r.IntN(64))
		values[2] = window.OfText(strings.Repeat("long", r.IntN(40)) + fmt.Sprint(r.IntN(1000)))
	}
	for i := range values {
		if r.IntN(6) == 0 {
			values[i] = window.Null()
		}
	}
	return values
}

func randomFloat(r *rand.Rand, kinds int) float64 {
	switch r.IntN(3 + 5*kinds) {
	case 0, 1:
		return float64(r.IntN(100000)) / 100
	case 2:
		return -float64(r.IntN(100000)) / 100
	case 3:
		return math.Copysign(0, float64(r.IntN(2)-1))
	case 4:
		return math.SmallestNonzeroFloat64 * float64(r.IntN(1000))
	case 5:
		return []float64{1e308, -1e308, 1e-308, 1e16, 1}[r.IntN(5)]
	case 6:
		if kinds == 3 {
			return []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[r.IntN(3)]
		}
	}
	return math.Float64frombits(r.Uint64()&^(0x7ff<<52) | uint64(r.IntN(2047))<<52)
}

// shuffled puts the log into another order that keeps the order of each id.
func shuffled(r *rand.Rand, log []*window.Event) []*window.Event {
	queues := make(map[string][]*window.Event)
	var order []string
	for _, e := range log {
		queues[e.ID] = append(queues[e.ID], e)
		order = append(order, e.ID)
	}
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	var out []*window.Event
	for _, id := range order {
		out = append(out, queues[id][0])
		queues[id] = queues[id][1:]
	}
	return out
}

// fold folds a log, with a way through bytes now and then, and rebuilds where it must.
func fold(t testing.TB, r *rand.Rand, p *window.Program, log []*window.Event) *window.State {
	t.Helper()
	s := p.NewState()
	for i, e := range log {
		if !s.Fold(e) {
			s.Rebuild(slices.Values(log[:i+1]))
		}
		if r.IntN(20) == 0 {
			raw := s.Append(nil)
			if r.IntN(2) == 0 {
				s = p.NewState()
			}
			if err := s.Decode(raw); err != nil {
				t.Fatal(err)
			}
			if again := s.Append(nil); !bytes.Equal(raw, again) {
				t.Fatalf("read and written again: %s", differ(raw, again))
			}
		}
	}
	return s
}

// times returns times to ask about: events and edges of windows, and one microsecond
// beside them.
func times(r *rand.Rand, h *history, n int) []int64 {
	var list []int64
	for range n {
		e := h.log[r.IntN(len(h.log))]
		w := h.spec.Windows[r.IntN(len(h.spec.Windows))]
		at := e.Time
		switch r.IntN(5) {
		case 0:
			at += w.Length
		case 1:
			if w.Length > 0 {
				at = floorTo(at, hopOf(w)) + w.Length + hopOf(w)
			}
		case 2:
			at += r.Int64N(2 * hour)
		case 3:
			at += r.Int64N(40 * day)
		}
		list = append(list, at+r.Int64N(3)-1)
	}
	return list
}

// differ shows where two states do.
func differ(want, got []byte) string {
	i := 0
	for i < len(want) && i < len(got) && want[i] == got[i] {
		i++
	}
	return fmt.Sprintf("byte %d: %.40x, not %.40x", i, got[i:], want[i:])
}

func TestTrap02OrderMakesNoDifference(t *testing.T) {
	checkHistories(t, 1, 600, func(r *rand.Rand) *history {
		from := -r.Int64N(60 * day)
		return &history{randomSpec(r, false), randomLog(r, 1+r.IntN(150), from, from+r.Int64N(40*day)+1)}
	})
}

// Tiles near the 256 values of top_k, with a few pending or not.
func TestTopKIsAFunctionOfTheSet(t *testing.T) {
	checkHistories(t, 5, 30, func(r *rand.Rand) *history {
		spec := window.Spec{Fields: fields, Windows: []window.Window{{Length: day, Hop: 12 * hour}}}
		spec.Aggregates = []window.Aggregate{{Op: window.TopK, Field: 1, N: 3}}
		spec.Outputs = []window.Output{{}}
		h := &history{spec: spec}
		for i := range 240 + r.IntN(40) {
			values := randomValues(r, 0)
			values[1] = window.OfInt(int64(i))
			h.log = append(h.log, &window.Event{Time: r.Int64N(10 * hour), ID: fmt.Sprint(i), Values: values})
		}
		return h
	})
}

func TestTrap12CalendarsAreAsTheClocksShow(t *testing.T) {
	checkHistories(t, 2, 150, func(r *rand.Rand) *history {
		from, until := calendarFrom.UnixMicro(), calendarUntil.AddDate(0, -3, 0).UnixMicro()
		return &history{randomSpec(r, true), randomLog(r, 1+r.IntN(150), from, until)}
	})
}

// checkHistories compares states of one history that took different ways, and their
// answers with the oracle's.
func checkHistories(t *testing.T, seed uint64, n int, next func(*rand.Rand) *history) {
	t.Helper()
	compared := 0
	for i := range n {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		h := next(r)
		compared += checkHistory(t, r, h, fmt.Sprintf("history %d", i))
		if t.Failed() {
			return
		}
	}
	t.Logf("%d answers compared", compared)
}

func checkHistory(t *testing.T, r *rand.Rand, h *history, name string) (compared int) {
	t.Helper()
	p := compile(t, h.spec)
	s := fold(t, r, p, h.log)
	raw := s.Append(nil)
	if int64(len(raw)) > p.WorstBytes() {
		t.Errorf("%s: %d bytes, at worst %d", name, len(raw), p.WorstBytes())
	}
	other := shuffled(r, h.log)
	if x := fold(t, r, p, other).Append(nil); !bytes.Equal(raw, x) {
		t.Errorf("%s: in another order %s", name, differ(raw, x))
	}
	rebuilt := p.NewState()
	rebuilt.Rebuild(slices.Values(other))
	if x := rebuilt.Append(nil); !bytes.Equal(raw, x) {
		t.Errorf("%s: rebuilt %s", name, differ(raw, x))
	}
	o := &oracle{spec: h.spec}
	for _, e := range other {
		o.add(e)
	}
	settled, folded := o.settled()
	if x, ok := s.Settled(); ok != folded || x != settled {
		t.Errorf("%s: settled at %d %v, not %d %v", name, x, ok, settled, folded)
	}
	at := times(r, h, 15)
	if folded {
		at = append(at, settled-1, settled, settled+1)
	}
	for _, u := range at {
		want, found := o.answer(u)
		a, ok := answer(t, s, u, len(h.spec.Outputs))
		if ok != found {
			t.Errorf("%s at %d: found %v, not %v", name, u, ok, found)
		}
		for i, x := range showAnswer(&a) {
			out := h.spec.Outputs[i]
			if want[i] != x && want[i] != "many" {
				t.Errorf("%s at %d: %v over %v is %s, not %s", name, u, h.spec.Aggregates[out.Aggregate], h.spec.Windows[out.Window], x, want[i])
			}
			compared++
		}
		if s.Expired(u) {
			for _, later := range append(times(r, h, 5), u) {
				if _, found := o.answer(max(u, later)); found {
					t.Errorf("%s: expired at %d, with an answer at %d", name, u, max(u, later))
				}
			}
		}
	}
	return compared
}
