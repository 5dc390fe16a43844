package window_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"larder/window"
)

// counting counts the events of some windows.
func counting(t *testing.T, windows ...window.Window) *window.Program {
	t.Helper()
	spec := window.Spec{Windows: windows, Aggregates: []window.Aggregate{{Op: window.CountAll}}}
	for i := range windows {
		spec.Outputs = append(spec.Outputs, window.Output{Window: i})
	}
	return compile(t, spec)
}

// counts returns what each window counts at t; -1 where nothing is found.
func counts(t *testing.T, s *window.State, at int64, windows int) []int64 {
	t.Helper()
	a, found := answer(t, s, at, windows)
	list := make([]int64, windows)
	for i := range list {
		list[i] = -1
		if found {
			list[i] = a.Values[i].Int()
		}
	}
	return list
}

// with returns a state of events at the given times, and of fill events at one more,
// which push the others out of the pending ones.
func with(p *window.Program, fill int, fillAt int64, times ...int64) *window.State {
	s := p.NewState()
	for i, at := range times {
		s.Fold(&window.Event{Time: at, ID: fmt.Sprint("e", i)})
	}
	for i := range fill {
		s.Fold(&window.Event{Time: fillAt, ID: fmt.Sprint("fill", i)})
	}
	return s
}

// The left edge is in and the microsecond before it out, e = t is in and the microsecond
// after it out; for every hop, pending and folded, on both sides of 1970.
func TestTrap04Edges(t *testing.T) {
	for _, w := range []window.Window{{Length: hour}, {Length: hour, Hop: hour}, {Length: 10 * minute}, {Length: day, Hop: 15 * minute}, {Length: 300, Hop: 100}} {
		p := counting(t, w, window.Window{Lifetime: true})
		hop := hopOf(w)
		for k := int64(-70); k <= 70; k++ {
			for _, off := range []int64{0, 1, hop / 2, hop - 1} {
				at := k*hop + off
				left := k*hop - w.Length
				for _, fill := range []int64{0, 40} {
					s := with(p, int(fill), at, left-1, left, at, at+1)
					got := counts(t, s, at, 2)
					want := []int64{2 + fill, 3 + fill}
					if got[0] != want[0] || got[1] != want[1] {
						t.Fatalf("%v at %d, filled by %d: %v, want %v", w, at, fill, got, want)
					}
				}
			}
		}
	}
}

// A key that was swept when nothing could be held any more answers like one that wasn't.
func TestTrap06SweptAndUnsweptAnswerAlike(t *testing.T) {
	swept := 0
	for i := range 300 {
		r := rand.New(rand.NewPCG(6, uint64(i)))
		h := &history{randomSpec(r, false), randomLog(r, 1+r.IntN(100), -day, day)}
		p := compile(t, h.spec)
		kept := fold(t, r, p, h.log)
		at := int64(0)
		for _, u := range append(times(r, h, 20), 3*day, 40*day, 100*day) {
			pruned := decoded(t, p, kept)
			if pruned.Prune(u); pruned.Empty() {
				if !kept.Expired(u) {
					t.Fatalf("history %d at %d: nothing is left of a state that has not expired", i, u)
				}
				at = u
				break
			}
		}
		if at == 0 {
			continue
		}
		swept++
		fresh := p.NewState()
		for j := range 60 {
			e := &window.Event{Time: at + r.Int64N(hour), ID: fmt.Sprint("new", j), Values: randomValues(r, 1)}
			kept.Fold(e)
			fresh.Fold(e)
			u := max(kept.Newest(), at) + r.Int64N(hour)
			a, found := answer(t, kept, u, len(h.spec.Outputs))
			b, alike := answer(t, fresh, u, len(h.spec.Outputs))
			if x, y := fmt.Sprint(found, showAnswer(&a)), fmt.Sprint(alike, showAnswer(&b)); x != y {
				t.Fatalf("history %d at %d: unswept %s, swept %s", i, u, x, y)
			}
			// What is left when both forget what they can't show has the same bytes.
			x, y := decoded(t, p, kept), decoded(t, p, fresh)
			x.Prune(at)
			y.Prune(at)
			if !bytes.Equal(x.Append(nil), y.Append(nil)) {
				t.Fatalf("history %d at %d: pruned states differ", i, u)
			}
			c, still := answer(t, x, u, len(h.spec.Outputs))
			if x, y := fmt.Sprint(found, showAnswer(&a)), fmt.Sprint(still, showAnswer(&c)); x != y {
				t.Fatalf("history %d at %d: %s, pruned %s", i, u, x, y)
			}
		}
	}
	if swept < 50 {
		t.Fatalf("only %d histories were swept", swept)
	}
}

// decoded returns a copy of a state.
func decoded(t *testing.T, p *window.Program, s *window.State) *window.State {
	t.Helper()
	out := p.NewState()
	if err := out.Decode(s.Append(nil)); err != nil {
		t.Fatal(err)
	}
	return out
}

// Chronon PR 276: two windows shared their tail's hop, and one counted it twice.
func TestTrap18TailHopsOfTwoWindowsCountOnce(t *testing.T) {
	p := counting(t, window.Window{Length: hour, Hop: minute}, window.Window{Length: 2 * hour, Hop: minute}, window.Window{Length: hour, Hop: 5 * minute})
	at := int64(10 * hour)
	s := with(p, 40, at, at-hour, at-hour, at-2*hour, at-30*minute)
	if got := counts(t, s, at, 3); got[0] != 43 || got[1] != 44 || got[2] != 43 {
		t.Fatalf("%v, want 43, 44, 43", got)
	}
}

// zipline-ai/chronon #1356: an event at the time of the query was left out.
func TestTrap18AnEventAtTheTimeOfTheQueryCounts(t *testing.T) {
	p := counting(t, window.Window{Length: hour})
	at := int64(7*hour + 123_456)
	if got := counts(t, with(p, 0, 0, at), at, 1); got[0] != 1 {
		t.Fatalf("pending: %v, want 1", got)
	}
	if got := counts(t, with(p, 50, at), at, 1); got[0] != 50 {
		t.Fatalf("folded: %v, want 50", got)
	}
}

// zipline-ai/chronon #1871: the left edge was one hop off.
func TestTrap18TheLeftEdgeMovesWithTheHop(t *testing.T) {
	p := counting(t, window.Window{Length: hour, Hop: 5 * minute}, window.Window{Lifetime: true})
	s := with(p, 0, 0, 0)
	for at := int64(0); at < 2*hour; at += 30 * second {
		want := int64(1)
		if at >= hour+5*minute {
			want = 0
		}
		if got := counts(t, s, at, 1); got[0] != want {
			t.Fatalf("at %d: %v, want %d", at, got, want)
		}
	}
}

// zipline-ai/chronon #1680: late events of windows that had expired came back into them.
func TestTrap18LateEventsDontInflateExpiredWindows(t *testing.T) {
	p := counting(t, window.Window{Length: hour}, window.Window{Length: day})
	at := int64(100 * day)
	s := with(p, 40, at, at-10*minute)
	before := len(s.Append(nil))
	for i := range 1000 {
		s.Fold(&window.Event{Time: at - 2*day - int64(i)*minute, ID: fmt.Sprint("late", i)})
	}
	if after := len(s.Append(nil)); after != before {
		t.Fatalf("%d bytes, with late events %d", before, after)
	}
	s.Fold(&window.Event{Time: at - 2*hour, ID: "late"})
	if got := counts(t, s, at, 2); got[0] != 41 || got[1] != 42 {
		t.Fatalf("%v, want 41, 42", got)
	}
}

// OpenMLDB #3749: events after the time of the query were counted. Clocks may differ, so
// that newer events are there: the 32 newest don't hide what was before them.
func TestTrap18FutureEventsDontCount(t *testing.T) {
	p := counting(t, window.Window{Length: hour}, window.Window{Lifetime: true})
	at := int64(50 * day)
	s := with(p, 40, at, at+1, at+second, at+5*second)
	if got := counts(t, s, at, 2); got[0] != 40 || got[1] != 40 {
		t.Fatalf("%v, want 40, 40", got)
	}
	if got := counts(t, s, at+second, 2); got[0] != 42 || got[1] != 42 {
		t.Fatalf("a second later: %v, want 42, 42", got)
	}
	if got := counts(t, s, at-1, 2); got[0] != -1 {
		t.Fatalf("before the settled time: %v, want not found", got)
	}
}
