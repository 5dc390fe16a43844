package window_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"larder/window"
)

// lifetime compiles aggregates of one field over all events.
func lifetime(t testing.TB, field window.FieldType, aggregates ...window.Aggregate) *window.Program {
	t.Helper()
	spec := window.Spec{Fields: []window.FieldType{field}, Windows: []window.Window{{Lifetime: true}}, Aggregates: aggregates}
	for i := range aggregates {
		spec.Outputs = append(spec.Outputs, window.Output{Aggregate: i})
	}
	return compile(t, spec)
}

func foldValues(s *window.State, values ...window.Value) {
	for i, v := range values {
		s.Fold(&window.Event{Time: int64(i), ID: fmt.Sprint(i), Values: []window.Value{v}})
	}
}

// The estimate of many values is within 10 %, three standard errors of 1,024 registers,
// and the same whatever the order and the tiles.
func TestDistinctOfManyValues(t *testing.T) {
	spec := window.Spec{
		Fields:     []window.FieldType{window.Int},
		Windows:    []window.Window{{Lifetime: true}, {Length: day, Hop: minute}},
		Aggregates: []window.Aggregate{{Op: window.Distinct}},
		Outputs:    []window.Output{{0, 0}, {0, 1}},
	}
	p := compile(t, spec)
	for _, n := range []int{127, 128, 129, 150, 1000, 3000, 20_000} {
		up, down := p.NewState(), p.NewState()
		for i := range n {
			for k, s := range []*window.State{up, down} {
				j := i
				if k == 1 {
					j = n - 1 - i
				}
				at := int64(j) * (2 * second)
				s.Fold(&window.Event{Time: at, ID: "a", Values: []window.Value{window.OfInt(int64(j) * 7)}})
			}
		}
		at := int64(n) * 2 * second
		a, _ := answer(t, up, at, 2)
		b, _ := answer(t, down, at, 2)
		if a.Values[0] != b.Values[0] || a.Values[0] != a.Values[1] {
			t.Errorf("%d: %v, in another order %v", n, a.Values, b.Values)
		}
		got := float64(a.Values[0].Int())
		if math.Abs(got-float64(n)) > 0.1*float64(n) || n <= 128 && got != float64(n) || n > 128 && got < 129 {
			t.Errorf("%d values: %v", n, got)
		}
	}
}

func TestDistinctTakesZerosAndNaNsAsOne(t *testing.T) {
	s := lifetime(t, window.Float, window.Aggregate{Op: window.Distinct}).NewState()
	foldValues(s, window.OfFloat(0), window.OfFloat(math.Copysign(0, -1)), window.OfFloat(math.NaN()),
		window.OfFloat(math.Float64frombits(0x7ff8dead00000000)), window.Null())
	if a, _ := answer(t, s, 10, 1); a.Values[0].Int() != 2 {
		t.Fatalf("%v, want 2", a.Values)
	}
}

// A tile of more than 256 values has no most frequent one, until enough are taken back.
func TestTopKOverflows(t *testing.T) {
	p := lifetime(t, window.Int, window.Aggregate{Op: window.TopK, N: 2})
	s := p.NewState()
	var log []*window.Event
	add := func(e window.Event) {
		log = append(log, &e)
		if !s.Fold(&e) {
			s.Rebuild(slices.Values(log))
		}
	}
	for i := range 256 {
		add(window.Event{Time: int64(i), ID: "a", Values: []window.Value{window.OfInt(int64(i))}})
	}
	a, _ := answer(t, s, 1000, 1)
	if list := a.List(0); len(list) != 2 || list[0].Int() != 0 || list[1].Int() != 1 {
		t.Fatalf("%v, want 0 and 1", list)
	}
	add(window.Event{Time: 500, ID: "a", Values: []window.Value{window.OfInt(500)}})
	if a, _ = answer(t, s, 1000, 1); !a.Values[0].IsNull() || a.Overflows != 1 {
		t.Fatalf("%v and %d overflows, want null and 1", a.Values, a.Overflows)
	}
	if err := p.NewState().Decode(s.Append(nil)); err != nil {
		t.Fatal(err)
	}
	add(window.Event{Time: 0, ID: "a", Retract: true, Values: []window.Value{window.OfInt(0)}})
	a, _ = answer(t, s, 1000, 1)
	if list := a.List(0); len(list) != 2 || list[0].Int() != 1 {
		t.Fatalf("%v, want 1 and 2", list)
	}
}

func TestIntegerSumsThatOverflowAreNull(t *testing.T) {
	p := lifetime(t, window.Int, window.Aggregate{Op: window.Sum}, window.Aggregate{Op: window.Mean}, window.Aggregate{Op: window.Stddev})
	s := p.NewState()
	foldValues(s, window.OfInt(math.MaxInt64))
	if a, _ := answer(t, s, 9, 3); a.Values[0].Int() != math.MaxInt64 || a.Overflows != 0 {
		t.Fatalf("%v", a)
	}
	foldValues(s, window.OfInt(math.MaxInt64), window.OfInt(math.MaxInt64))
	a, _ := answer(t, s, 9, 3)
	if !a.Values[0].IsNull() || a.Overflows != 1 || a.Values[1].Float() != math.MaxInt64 || a.Values[2].Float() != 0 {
		t.Fatalf("%v", a)
	}
	foldValues(s, window.OfInt(math.MinInt64), window.OfInt(math.MinInt64), window.OfInt(math.MinInt64))
	if a, _ := answer(t, s, 9, 3); !a.Values[0].IsNull() {
		t.Fatalf("%v", a)
	}
	s.Reset()
	foldValues(s, window.OfInt(math.MinInt64))
	if a, _ := answer(t, s, 9, 3); a.Values[0].Int() != math.MinInt64 {
		t.Fatalf("%v", a)
	}
}

func TestSumsOfNothingAndOfZerosAreZero(t *testing.T) {
	p := lifetime(t, window.Float, window.Aggregate{Op: window.Sum}, window.Aggregate{Op: window.Mean})
	s := p.NewState()
	foldValues(s, window.Null())
	if a, _ := answer(t, s, 9, 2); math.Float64bits(a.Values[0].Float()) != 0 || !a.Values[1].IsNull() {
		t.Fatalf("of nothing: %v", a.Values)
	}
	s.Reset()
	foldValues(s, window.OfFloat(math.Copysign(0, -1)))
	if a, _ := answer(t, s, 9, 2); math.Float64bits(a.Values[0].Float()) != 0 || math.Float64bits(a.Values[1].Float()) != 0 {
		t.Fatalf("of -0: %v", a.Values)
	}
}

func TestLongTextsAreNullAndCounted(t *testing.T) {
	p := lifetime(t, window.Text, window.Aggregate{Op: window.Last}, window.Aggregate{Op: window.Count}, window.Aggregate{Op: window.Distinct}, window.Aggregate{Op: window.SinceLast})
	for _, fill := range []int{0, window.MaxPending} { // pending, folded
		s := p.NewState()
		values := []window.Value{
			window.OfText(strings.Repeat("a", window.MaxText)), window.OfText(strings.Repeat("b", window.MaxText+1)), window.OfText(strings.Repeat("c", 5000)),
		}
		for range fill {
			values = append(values, window.Null())
		}
		foldValues(s, values...)
		a, _ := answer(t, s, 1_000_002, 4)
		if a.Values[0] != values[0] || a.LongTexts != 2 || a.Values[1].Int() != 3 || a.Values[2].Int() != 3 || a.Values[3].Float() != 1 {
			t.Fatalf("filled by %d: %v, %d long", fill, a.Values, a.LongTexts)
		}
		if raw := s.Append(nil); len(raw) > 2000 {
			t.Fatalf("%d bytes", len(raw))
		}
	}
}

func TestNaNsAreIgnoredByMinAndCounted(t *testing.T) {
	p := lifetime(t, window.Float, window.Aggregate{Op: window.Min}, window.Aggregate{Op: window.Max}, window.Aggregate{Op: window.Percentile, At: 0.5})
	s := p.NewState()
	foldValues(s, window.OfFloat(math.NaN()), window.OfFloat(0), window.OfFloat(math.Copysign(0, -1)))
	a, _ := answer(t, s, 9, 3)
	if !math.Signbit(a.Values[0].Float()) || math.Signbit(a.Values[1].Float()) || a.Values[2].Float() != 0 || a.NaNs != 3 {
		t.Fatalf("%v, %d NaNs", a.Values, a.NaNs)
	}
}

// A percentile is off by 1 part in 128 at most.
func TestPercentilesAreNear(t *testing.T) {
	p := lifetime(t, window.Float, window.Aggregate{Op: window.Percentile, At: 0.07}, window.Aggregate{Op: window.Percentile, At: 0.99})
	s := p.NewState()
	var values []window.Value
	for i := range 100 {
		values = append(values, window.OfFloat(float64(i+1)*1.37))
	}
	foldValues(s, values...)
	a, _ := answer(t, s, 1000, 2)
	for i, want := range []float64{7 * 1.37, 99 * 1.37} {
		if got := a.Values[i].Float(); math.Abs(got-want) > want/128 {
			t.Errorf("percentile %d is %v, want %v", i, got, want)
		}
	}
}

// A decayed sum halves in its half-life, to the grid's 1 part in 5,900.
func TestDecayedSumsHalve(t *testing.T) {
	spec := window.Spec{
		Fields: []window.FieldType{window.Float}, Windows: []window.Window{{Length: day}},
		Aggregates: []window.Aggregate{{Op: window.DecayedSum, HalfLife: hour}}, Outputs: []window.Output{{}},
	}
	s := compile(t, spec).NewState()
	foldValues(s, window.OfFloat(1024))
	for i := range 240 {
		at := int64(i) * 6 * minute
		a, _ := answer(t, s, at, 1)
		want := 1024 * math.Exp2(-float64(i)/10)
		if got := a.Values[0].Float(); math.Abs(got-want) > want/5900 {
			t.Errorf("after %d minutes %v, want %v", 6*i, got, want)
		}
	}
}

// A retraction of an event that was never there is told.
func TestUnknownRetractions(t *testing.T) {
	s := lifetime(t, window.Int, window.Aggregate{Op: window.Last}).NewState()
	foldValues(s, window.OfInt(1), window.OfInt(2))
	for at := int64(-1); at < 4; at++ {
		if s.Fold(&window.Event{Time: at, ID: "another", Retract: true, Values: []window.Value{window.OfInt(1)}}) {
			t.Errorf("taken at %d", at)
		}
	}
}
