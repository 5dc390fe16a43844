package window_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"larder/window"
)

const now = 1_767_268_800 * second

// benchSpec has count, sum, mean, min and max of one float over some of five windows.
func benchSpec(windows, aggregates int) window.Spec {
	spec := window.Spec{
		Fields: []window.FieldType{window.Float},
		Windows: []window.Window{
			{Length: 10 * minute}, {Length: hour}, {Length: day}, {Length: 7 * day}, {Length: 30 * day},
		}[:windows],
		Aggregates: []window.Aggregate{
			{Op: window.CountAll}, {Op: window.Sum}, {Op: window.Min}, {Op: window.Max}, {Op: window.Mean},
		}[:aggregates],
	}
	for a := range spec.Aggregates {
		for w := range spec.Windows {
			spec.Outputs = append(spec.Outputs, window.Output{Aggregate: a, Window: w})
		}
	}
	return spec
}

// benchState has events spread over the last 30 days, denser near the end.
func benchState(b *testing.B, p *window.Program, events int) *window.State {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	s := p.NewState()
	for i := range events {
		age := r.Int64N([]int64{10 * minute, hour, day, 30 * day}[i%4])
		s.Fold(&window.Event{Time: now - age, ID: fmt.Sprint("0/", i), Values: []window.Value{window.OfFloat(float64(r.IntN(100000)) / 100)}})
	}
	return s
}

func BenchmarkEvaluate(b *testing.B) {
	p := compile(b, benchSpec(5, 4))
	var want []int
	for i := range 20 {
		want = append(want, i)
	}
	for _, events := range []int{20, 100, 1000} {
		s := benchState(b, p, events)
		raw := s.Append(nil)
		var a window.Answer
		b.Run(fmt.Sprintf("windows=5/aggregates=4/events=%d/bytes=%d", events, len(raw)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Evaluate(now, want, &a)
			}
		})
		b.Run(fmt.Sprintf("decode/windows=5/aggregates=4/events=%d/bytes=%d", events, len(raw)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Decode(raw); err != nil {
					b.Fatal(err)
				}
				s.Evaluate(now, want, &a)
			}
		})
	}
}

func BenchmarkFold(b *testing.B) {
	p := compile(b, benchSpec(4, 5))
	for _, events := range []int{20, 100, 1000} {
		s := benchState(b, p, events)
		raw := s.Append(nil)
		e := &window.Event{Time: now, ID: "0/1234567", Values: []window.Value{window.OfFloat(12.34)}}
		var buf []byte
		b.Run(fmt.Sprintf("decode and append/windows=4/aggregates=5/events=%d/bytes=%d", events, len(raw)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Decode(raw); err != nil {
					b.Fatal(err)
				}
				s.Fold(e)
				buf = s.Append(buf[:0])
			}
		})
		b.Run(fmt.Sprintf("fold only/windows=4/aggregates=5/events=%d", events), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Time += second
				s.Fold(e)
			}
		})
	}
}

func BenchmarkVariance(b *testing.B) {
	spec := benchSpec(1, 1)
	spec.Aggregates = []window.Aggregate{{Op: window.Stddev}}
	p := compile(b, spec)
	s := benchState(b, p, 400)
	var a window.Answer
	b.ReportAllocs()
	for b.Loop() {
		s.Evaluate(now, []int{0}, &a)
	}
}

func BenchmarkDecode(b *testing.B) {
	p := compile(b, benchSpec(5, 4))
	for _, events := range []int{20, 100, 1000} {
		s := benchState(b, p, events)
		raw := s.Append(nil)
		b.Run(fmt.Sprintf("windows=5/aggregates=4/events=%d/bytes=%d", events, len(raw)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Decode(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
