package window_test

import (
	"bytes"
	"testing"

	"larder/window"
)

const (
	second = 1_000_000
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// compile fails the test if the spec has faults.
func compile(t testing.TB, spec window.Spec) *window.Program {
	t.Helper()
	p, err := window.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// answer evaluates all outputs.
func answer(t testing.TB, s *window.State, at int64, outputs int) (window.Answer, bool) {
	t.Helper()
	want := make([]int, outputs)
	for i := range want {
		want[i] = i
	}
	var a window.Answer
	found := s.Evaluate(at, want, &a)
	return a, found
}

func TestCountsAndSumsOfAnHour(t *testing.T) {
	p := compile(t, window.Spec{
		Fields:     []window.FieldType{window.Float},
		Windows:    []window.Window{{Length: hour}},
		Aggregates: []window.Aggregate{{Op: window.CountAll}, {Op: window.Sum}, {Op: window.Mean}, {Op: window.Stddev}, {Op: window.Max}},
		Outputs:    []window.Output{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}},
	})
	s := p.NewState()
	for i := range 100 {
		s.Fold(&window.Event{Time: int64(i) * minute, ID: "a", Values: []window.Value{window.OfFloat(float64(i))}})
	}
	raw := s.Append(nil)
	back := p.NewState()
	if err := back.Decode(raw); err != nil {
		t.Fatal(err)
	}
	if again := back.Append(nil); !bytes.Equal(raw, again) {
		t.Fatalf("decoded and written again: %x, want %x", again, raw)
	}
	a, found := answer(t, back, 99*minute, 5)
	if !found || a.Values[0].Int() != 61 || a.Values[1].Float() != 61*69 || a.Values[2].Float() != 69 || a.Values[4].Float() != 99 {
		t.Fatalf("%v %+v", found, a)
	}
}
