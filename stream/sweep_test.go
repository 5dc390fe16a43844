package stream_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"larder/schema"
	"larder/vector"
	"larder/window"
)

// Trap 6: a server that sweeps answers as one that doesn't, whatever comes for keys that
// were swept: late events, retractions and corrections of what was swept.
func TestTrap06SweptKeysAnswerAlike(t *testing.T) {
	w := newWorld(t, strings.Replace(cards, ", lifetime]", "]", 1))
	kept := w.start(t.TempDir(), nil)
	w.sweep = 10 * time.Millisecond
	swept := w.start(t.TempDir(), nil)
	program := w.program("windows")
	view, err := w.catalog.Load().View("card_activity")
	if err != nil {
		t.Fatal(err)
	}
	aggregation, err := vector.NewAggregation(view)
	if err != nil {
		t.Fatal(err)
	}
	state := aggregation.Program.NewState()
	left := func(s *server) (all, unneeded int) {
		t.Helper()
		until := time.Now().Add(-24*time.Hour - time.Minute).UnixMicro()
		err := s.online.EachRow(t.Context(), view.ID, func(_ []byte, _ int64, raw []byte) error {
			if err := state.Decode(raw); err != nil {
				return err
			}
			all++
			if state.Prune(until); state.Empty() {
				unneeded++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all, unneeded
	}
	ids := make([]int64, 30)
	for i := range ids {
		ids[i] = int64(i)
	}
	r := rand.New(rand.NewPCG(6, 6))
	ages := []time.Duration{time.Minute, 2 * time.Hour, 3 * 24 * time.Hour, 50 * 24 * time.Hour, 90 * 24 * time.Hour}
	var known []string
	most := 0
	for range 12 {
		var lines []string
		for range 1 + r.IntN(60) {
			if len(known) > 0 && r.IntN(5) == 0 {
				lines = append(lines, fmt.Sprintf(`{"id": %q, "void": true}`, known[r.IntN(len(known))]))
				continue
			}
			id := fmt.Sprintf("e%d", len(known))
			if known = append(known, id); r.IntN(5) == 0 {
				id = known[r.IntN(len(known))] // a correction
			}
			age := ages[max(r.IntN(len(ages)), r.IntN(len(ages)))]
			at := time.Now().Add(-time.Duration(r.Int64N(int64(age)))).UnixMicro()
			lines = append(lines, fmt.Sprintf(`{"id": %q, "card_id": %d, "amount": %d.25, "units": %d, "merchant": "m%d", "happened": %d}`,
				id, ids[r.IntN(len(ids))], r.IntN(1000), r.IntN(9), r.IntN(5), at))
		}
		swept.push("payments", lines...)
		// A state that has just changed stays until another batch has come.
		swept.push("payments", fmt.Sprintf(`{"id": "last", "card_id": 1000, "amount": 1, "happened": %d}`, time.Now().UnixMicro()))
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if _, unneeded := left(swept); unneeded == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("states that nobody needs are not swept")
			}
		}
		kept.settled("payments")
		all, unneeded := left(kept)
		most = max(most, unneeded)
		if rest, _ := left(swept); rest > all-unneeded {
			t.Fatalf("%d states of %d are left, of which %d are unneeded", rest, all, unneeded)
		}
		now := time.Now()
		for _, later := range []time.Duration{-20 * time.Hour, 0, 10 * time.Minute, 26 * time.Hour, 29 * 24 * time.Hour, 40 * 24 * time.Hour} {
			at := now.Add(later).UnixMicro()
			a, b := kept.get(program, "card_id", ids, at, later > 0), swept.get(program, "card_id", ids, at, later > 0)
			if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
				t.Fatalf("after %s, unswept and swept:\n%s\n%s", later, x, y)
			}
		}
		// As larder verify compares them.
		if x, y := pruned(kept, view, state, now), pruned(swept, view, state, now); !maps.Equal(x, y) {
			t.Fatalf("%d unswept and %d swept states differ by more than what no window holds", len(x), len(y))
		}
	}
	if most < 3 {
		t.Fatalf("only %d keys were swept at once", most)
	}
}

// pruned returns the states of a view without what no window holds from a time on, by
// their keys.
func pruned(s *server, view *schema.View, state *window.State, at time.Time) map[string]string {
	s.t.Helper()
	all := map[string]string{}
	err := s.online.EachRow(s.t.Context(), view.ID, func(key []byte, _ int64, raw []byte) error {
		if err := state.Decode(raw); err != nil {
			return err
		}
		if state.Prune(at.UnixMicro()); !state.Empty() {
			all[string(key)] = string(state.Append(nil))
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}
