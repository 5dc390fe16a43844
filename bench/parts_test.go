package bench

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSeries(t *testing.T) {
	got := series("# HELP a b 1\n# TYPE a histogram\na_sum{stage=\"read\"} 1.5e-05\na_count 3\nbad\nb x\n")
	if diff := cmp.Diff(map[string]float64{`a_sum{stage="read"}`: 1.5e-5, "a_count": 3}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPartsAddUp: what is in no part is lost, and nothing else.
func TestPartsAddUp(t *testing.T) {
	larder, echo := newRecording(), newRecording()
	for _, r := range []struct {
		rec    *recording
		micros int64
	}{{larder, 100}, {larder, 200}, {echo, 50}} {
		if err := r.rec.latencies.RecordValue(r.micros * 1000); err != nil {
			t.Fatal(err)
		}
	}
	before := stages{read: 10_000, score: 20_000, handler: 50_000, requests: 1}
	after := stages{read: 30_000, score: 60_000, handler: 170_000, requests: 3}
	got := parts(before, after, 7_000, larder, echo)
	want := Parts{Echo: 50, Read: 10, Score: 20, Handler: 30, Encoding: 7, Sum: 117, Whole: 150, Lost: 33}
	for _, pair := range [][2]float64{
		{got.Echo, want.Echo},
		{got.Read, want.Read},
		{got.Score, want.Score},
		{got.Handler, want.Handler},
		{got.Encoding, want.Encoding},
		{got.Sum, want.Sum},
		{got.Whole, want.Whole},
		{got.Lost, want.Lost},
	} {
		if math.Abs(pair[0]-pair[1]) > 0.2 { // a histogram of three digits
			t.Errorf("%+v; want %+v", got, want)
			break
		}
	}
}

// TestZipf: the share of each rank is as its power, and all ranks are there.
func TestZipf(t *testing.T) {
	const entities, draws = 100, 1_000_000
	s := Scenario{Rows: 1, Entities: entities, Keys: "zipf"}
	var counts [entities]int
	for n := range draws {
		counts[s.zipf(mixed(uint64(n)))]++
	}
	// As if ranks were continuous: rank r has the weight of the integral from r to r+1.
	weight := func(from, to float64) float64 {
		return math.Pow(to, 1-zipfExponent) - math.Pow(from, 1-zipfExponent)
	}
	for rank, n := range counts {
		want := draws * weight(float64(rank+1), float64(rank+2)) / weight(1, entities+1)
		if math.Abs(float64(n)-want) > 6*math.Sqrt(want) {
			t.Errorf("rank %d is drawn %d times; want %.0f", rank, n, want)
		}
	}
	seen := map[int64]bool{}
	for n := range 10_000 {
		seen[s.ids(n)[0]] = true
	}
	if len(seen) < entities/2 {
		t.Errorf("%d keys are asked for", len(seen))
	}
}
