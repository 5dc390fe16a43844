package window_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/quick"

	"larder/window"
)

// FuzzDecode: bytes from anywhere are refused, or are written again as they were. Whatever
// is read can be evaluated and folded into.
func FuzzDecode(f *testing.F) {
	for i := range 4 {
		r := rand.New(rand.NewPCG(8, uint64(i)))
		p := compile(f, goldenSpec(i))
		f.Add(uint8(i), fold(f, r, p, randomLog(r, 40+40*i, calendarFrom.UnixMicro(), calendarFrom.UnixMicro()+day)).Append(nil))
	}
	f.Fuzz(func(t *testing.T, which uint8, raw []byte) {
		p := compile(t, goldenSpec(int(which)))
		s := p.NewState()
		if err := s.Decode(raw); err != nil {
			if again := s.Append(nil); len(again) != 2 {
				t.Fatalf("refused, and %d bytes are left", len(again))
			}
			return
		}
		if again := s.Append(nil); !bytes.Equal(raw, again) {
			t.Fatalf("written again: %s", differ(raw, again))
		}
		at, _ := s.Settled()
		for _, t64 := range []int64{at, s.Newest(), s.Newest() + day} {
			a, _ := answer(t, s, t64, len(goldenSpec(int(which)).Outputs))
			showAnswer(&a)
			s.Expired(t64)
		}
		r := rand.New(rand.NewPCG(9, uint64(which)))
		for _, e := range randomLog(r, 40, s.Newest()-hour, s.Newest()+hour) {
			s.Fold(e)
			s.Append(nil)
		}
	})
}

// FuzzHistory compares random histories with the oracle.
func FuzzHistory(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		r := rand.New(rand.NewPCG(a, b))
		from := r.Int64N(60*day) - 30*day
		checkHistory(t, r, &history{randomSpec(r, false), randomLog(r, 1+r.IntN(60), from, from+1+r.Int64N(40*day))}, "history")
	})
}

// A state that was changed in one byte is refused, or is another state in its only form.
func TestDecodeTakesOneFormOnly(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	p := compile(t, goldenSpec(0))
	raw := fold(t, r, p, randomLog(r, 150, -day, day)).Append(nil)
	s := p.NewState()
	f := func(at uint16, x byte) bool {
		bad := bytes.Clone(raw)
		bad[int(at)%len(bad)] ^= x
		return s.Decode(bad) != nil || bytes.Equal(s.Append(nil), bad)
	}
	if err := quick.Check(f, &quick.Config{MaxCount: 20_000}); err != nil {
		t.Error(err)
	}
	for n := range raw {
		if s.Decode(raw[:n]) == nil {
			t.Errorf("the first %d of %d bytes were taken", n, len(raw))
		}
	}
}

// A state reads bytes of any size without asking for more memory than a few times theirs.
func TestDecodeTakesLittleMemory(t *testing.T) {
	p := compile(t, window.Spec{
		Fields: []window.FieldType{window.Float}, Windows: []window.Window{{Length: day, Hop: 15 * second}},
		Aggregates: []window.Aggregate{{Op: window.Sum}}, Outputs: []window.Output{{}},
	})
	s := p.NewState()
	for i := range 40 {
		s.Fold(&window.Event{Time: int64(i), Values: []window.Value{window.OfFloat(1)}})
	}
	raw := s.Append(nil)
	var before, after runtime.MemStats
	for i := range len(raw) - 4 {
		bad := bytes.Clone(raw)
		copy(bad[i:], "\xff\xff\xff\x7f") // a number of about 2^28, wherever one may be
		x := p.NewState()
		runtime.ReadMemStats(&before)
		_ = x.Decode(bad) // some are a state
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 16<<10 {
			t.Errorf("%d bytes for %d, changed at %d", n, len(raw), i)
		}
	}
}

// Numbers are read, folded, written and evaluated without allocation.
func TestNoAllocation(t *testing.T) {
	spec := benchSpec(5, 5)
	p := compile(t, spec)
	s := p.NewState()
	e := &window.Event{ID: "0/123456789", Values: []window.Value{window.OfFloat(12.34)}}
	for i := range 1000 {
		e.Time = int64(i) * 10 * minute
		s.Fold(e)
	}
	raw := s.Append(nil)
	var buf []byte
	var a window.Answer
	want := make([]int, len(spec.Outputs))
	if n := testing.AllocsPerRun(100, func() {
		if err := s.Decode(raw); err != nil {
			t.Fatal(err)
		}
		e.Time += second
		s.Fold(e)
		s.Evaluate(e.Time, want, &a)
		buf = s.Append(buf[:0])
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
