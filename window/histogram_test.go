package window_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"larder/window"
)

// Numbers in more buckets than a tile keeps: neighbours share them, and the answer stays
// near, however the events come, and whichever of them are pending.
func TestPercentilesOfManyNumbers(t *testing.T) {
	spec := window.Spec{
		Fields: []window.FieldType{window.Float}, Windows: []window.Window{{Length: 3600e6}},
		Aggregates: []window.Aggregate{{Op: window.Percentile, Field: 0, At: 0.5}, {Op: window.Percentile, Field: 0, At: 0.99}},
		Outputs:    []window.Output{{Aggregate: 0, Window: 0}, {Aggregate: 1, Window: 0}},
	}
	p, err := window.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(4, 2))
	const start = int64(1_800_000_000_000_000)
	for round := range 40 {
		var events []window.Event
		var numbers []float64
		for i := range 50 + r.IntN(600) {
			x := math.Exp(r.NormFloat64()*1.2 + 4)
			if r.IntN(5) == 0 {
				x = -x
			}
			numbers = append(numbers, x)
			events = append(events, window.Event{Time: start + r.Int64N(120e6), ID: fmt.Sprint(i), Values: []window.Value{window.OfFloat(x)}})
		}
		a, b := p.NewState(), p.NewState()
		for i := range events {
			a.Fold(&events[i])
		}
		for _, i := range r.Perm(len(events)) {
			b.Fold(&events[i])
		}
		// Events of later make those before them be folded; at a time before them nothing changes.
		later := p.NewState()
		if err := later.Decode(a.Append(nil)); err != nil {
			t.Fatal(err)
		}
		for i := range window.MaxPending {
			later.Fold(&window.Event{Time: start + 130e6 + int64(i), ID: "later", Values: []window.Value{window.OfFloat(1e9)}})
		}
		if !bytes.Equal(a.Append(nil), b.Append(nil)) {
			t.Fatalf("round %d: the order of events changes the state", round)
		}
		var x, y window.Answer
		at := start + 125e6
		if !a.Evaluate(at, []int{0, 1}, &x) || !later.Evaluate(at, []int{0, 1}, &y) {
			t.Fatal("not found")
		}
		slices.Sort(numbers)
		for i, q := range []float64{0.5, 0.99} {
			exact := numbers[int(math.Ceil(q*float64(len(numbers))))-1]
			got := x.Values[i].Float()
			if got != y.Values[i].Float() {
				t.Errorf("round %d: %v, and %v once later events are there", round, got, y.Values[i].Float())
			}
			if math.Abs(got-exact) > 0.07*math.Abs(exact) { // 134 buckets for 20 octaves of both signs
				t.Errorf("round %d: percentile %g of %d numbers is %g, not %g", round, q, len(numbers), exact, got)
			}
		}
		// A retraction is taken back by a rebuild, to the state of those that are left.
		gone := r.IntN(len(events))
		retraction := events[gone]
		retraction.Retract = true
		all := append(slices.Clone(events), retraction)
		if !a.Fold(&retraction) {
			a.Rebuild(func(yield func(*window.Event) bool) {
				for i := range all {
					if !yield(&all[i]) {
						return
					}
				}
			})
		}
		c := p.NewState()
		c.Rebuild(func(yield func(*window.Event) bool) {
			for _, i := range r.Perm(len(events)) {
				if !yield(&events[i]) {
					return
				}
			}
			yield(&retraction)
		})
		if round%2 == 0 && !bytes.Equal(a.Append(nil), c.Append(nil)) {
			t.Fatalf("round %d: a rebuilt state differs", round)
		}
	}
}

// The definition of the design's page has states below the limit of 512 KiB.
func TestUsualDefinitionsFit(t *testing.T) {
	minute, hour, day := int64(60e6), int64(3600e6), int64(86400e6)
	spec := window.Spec{Fields: []window.FieldType{window.Float, window.Text}, Windows: []window.Window{{Length: 10 * minute}, {Length: hour}, {Length: day, Hop: 15 * minute}, {Length: 30 * day}, {Lifetime: true}}}
	spec.Aggregates = []window.Aggregate{
		{Op: window.CountAll, Field: -1},
		{Op: window.Sum},
		{Op: window.Percentile, At: 0.5},
		{Op: window.Percentile, At: 0.99},
		{Op: window.Distinct, Field: 1},
		{Op: window.DecayedSum, HalfLife: 6 * hour},
	}
	for a := range spec.Aggregates {
		for w := range spec.Windows {
			if a < 4 || w == 2 {
				spec.Outputs = append(spec.Outputs, window.Output{Aggregate: a, Window: w})
			}
		}
	}
	p, err := window.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	if n := p.WorstBytes(); n > 512<<10 {
		t.Errorf("a state of the example can take %d bytes", n)
	}
}
