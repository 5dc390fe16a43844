package profile_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"larder/monitor/profile"
	"larder/schema"
)

// shapes are kinds of numbers that features have.
var shapes = map[string]func(r *rand.Rand) float64{
	"normal":    func(r *rand.Rand) float64 { return r.NormFloat64() },
	"lognormal": func(r *rand.Rand) float64 { return math.Exp(2 * r.NormFloat64()) },
	"counts":    func(r *rand.Rand) float64 { return math.Floor(r.ExpFloat64() * 3) },
	"small":     func(r *rand.Rand) float64 { return float64(r.IntN(4)) - 1 },
	"constant":  func(*rand.Rand) float64 { return 0.1 },
	"zero":      func(*rand.Rand) float64 { return 0 },
	"negative":  func(r *rand.Rand) float64 { return -1 - r.Float64()*1e6 },
	"powers":    func(r *rand.Rand) float64 { return math.Ldexp(1, r.IntN(20)-10) },
	"extremes": func(r *rand.Rand) float64 {
		return []float64{1e307, -1e307, 5e-324, -5e-324, 1e-300, 1e300, 0, math.Copysign(0, -1), 1}[r.IntN(9)]
	},
	"not finite": func(r *rand.Rand) float64 {
		return []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1, 2}[r.IntN(5)]
	},
}

// TestCountsAreThoseOfTheBins: the counts of a profile are those that its bins give for the same
// values, no value of the reference is below or above all, and the bins are about
// equally frequent as far as values allow.
func TestCountsAreThoseOfTheBins(t *testing.T) {
	for name, draw := range shapes {
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 1))
			n := 1 + r.IntN(5000)
			b := profile.NewBuilder(profile.Values)
			values := make([]float64, n)
			distinct := map[float64]int{}
			for i := range values {
				values[i] = draw(r)
				b.AddNumber(values[i])
				distinct[values[i]]++
			}
			b.AddNull()
			p := b.Profile()
			bins, rounded := profile.NewBins(p), profile.NewBins(p)
			for _, v := range values {
				bins.AddNumber(v)
				rounded.AddFloat32(float32(v))
			}
			bins.AddNull()
			got := bins.Take()
			if !slices.Equal(got.Counts, p.Counts) || got.NotFinite != p.NotFinite || got.Rows != p.Rows || got.Nulls != 1 || p.Nulls != 1 {
				t.Fatalf("%s, seed %d: %d values: the profile has %v, the bins %v\nedges %v", name, seed, n, p, got, p.Edges)
			}
			if len(p.Edges) > 0 && (p.Counts[0] != 0 || p.Counts[len(p.Counts)-1] != 0) {
				t.Fatalf("%s: values of the reference outside its range: %v", name, p)
			}
			if len(p.Counts) > profile.MaxBins+2 || !slices.IsSorted(p.Edges) {
				t.Fatalf("%s: %d bins, edges %v", name, len(p.Counts), p.Edges)
			}
			if name == "normal" && n > 1000 {
				for _, c := range p.Counts[1 : len(p.Counts)-1] {
					if c > int64(n)/profile.MaxBins*2+int64(n)/100 {
						t.Errorf("%s: a bin has %d of %d values", name, c, n)
					}
				}
			}
			if at := rounded.Take(); name == "constant" && at.Counts[1] != int64(n) {
				t.Errorf("a constant that was rounded to a float32 is in %v", at.Counts)
			}
		}
	}
}

func TestConstantsThatMove(t *testing.T) {
	b := profile.NewBuilder(profile.Values)
	for range 100 {
		b.AddNumber(5)
	}
	bins := profile.NewBins(b.Profile())
	for _, v := range []float64{4.999, 5, 5, 5.001} {
		bins.AddNumber(v)
	}
	if got := bins.Take(); !slices.Equal(got.Counts, []int64{1, 2, 1}) {
		t.Errorf("counts %v", got.Counts)
	}
}

func TestCategories(t *testing.T) {
	b := profile.NewBuilder(profile.Texts)
	for i := range 200 {
		for range 200 - i {
			b.AddText(fmt.Sprintf("v%03d", i))
		}
	}
	b.AddText(strings.Repeat("long", 100))
	b.AddNull()
	p := b.Profile()
	if len(p.Categories) != profile.MaxCategories || p.Categories[0] != "v000" || p.Counts[0] != 200 || p.Counts[50] != 200*201/2+1-(200+151)*25 {
		t.Fatalf("%v %v", p.Categories, p.Counts)
	}
	bins := profile.NewBins(p)
	for _, v := range []string{"v000", "new", "v001", "v000"} {
		bins.AddText(v)
	}
	if got := bins.Take(); got.Counts[0] != 2 || got.Counts[1] != 1 || got.Counts[50] != 1 || got.Rows != 4 {
		t.Errorf("counts %v", got)
	}
	if p := profile.OfBools(3, 10, 2); !slices.Equal(p.Counts, []int64{5, 3, 0}) {
		t.Errorf("bools %v", p.Counts)
	}
}

func TestKinds(t *testing.T) {
	vector, _ := schema.ParseType("vector<float32, 3>")
	for typ, want := range map[schema.Type]profile.Kind{
		schema.Int64: profile.Values, schema.Float32: profile.Values, schema.Bool: profile.Texts, schema.String: profile.Texts,
		schema.Bytes: profile.Nulls, schema.Timestamp: profile.Nulls, schema.List(schema.String): profile.Lengths, vector: profile.Norms,
	} {
		if got := profile.Of(typ); got != want {
			t.Errorf("%s: %v, want %v", typ, got, want)
		}
	}
}

// TestTalliesAddUp: in any order, also once they were stored.
func TestTalliesAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var all []profile.Tally
	for range 20 {
		x := profile.Tally{Rows: r.Int64N(1e6), Nulls: r.Int64N(100), NotFinite: r.Int64N(10), Counts: make([]int64, 34)}
		for i := range x.Counts {
			x.Counts[i] = r.Int64N(1 << uint(i))
		}
		all = append(all, x)
	}
	var want profile.Tally
	for range 10 {
		var sum profile.Tally
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for i := range all {
			stored := all[i].Append([]byte("before"))[6:]
			var x profile.Tally
			rest, err := x.Decode(append(stored, "after"...))
			if err != nil || string(rest) != "after" || !reflect.DeepEqual(x, all[i]) {
				t.Fatalf("%v, %q, %v; want %v", x, rest, err, all[i])
			}
			if err := sum.Add(&x); err != nil {
				t.Fatal(err)
			}
		}
		if want.Counts != nil && !reflect.DeepEqual(sum, want) {
			t.Fatalf("%v, then %v", want, sum)
		}
		want = sum
	}
	if err := want.Add(&profile.Tally{Counts: make([]int64, 3)}); err == nil {
		t.Error("a tally of other bins was added")
	}
}

// TestFormat: version 1 stays readable for ever.
func TestFormat(t *testing.T) {
	x := profile.Tally{Rows: 300, Nulls: 2, NotFinite: 1, Counts: []int64{0, 296, 1}}
	const golden = "01ac0202010300a80201"
	if got := hex.EncodeToString(x.Append(nil)); got != golden {
		t.Errorf("%s, want %s", got, golden)
	}
	raw, err := json.Marshal(profile.OfBools(1, 3, 1))
	if want := `{"categories":["false","true"],"counts":[1,1,0],"rows":3,"nulls":1}`; err != nil || string(raw) != want {
		t.Errorf("%s, %v; want %s", raw, err, want)
	}
}

func FuzzDecode(f *testing.F) {
	x := profile.Tally{Rows: 300, Nulls: 2, NotFinite: 1, Counts: []int64{0, 296, 1}}
	f.Add(x.Append(nil))
	f.Add([]byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var x profile.Tally
		rest, err := x.Decode(raw)
		if err != nil {
			return
		}
		var again profile.Tally
		if left, err := again.Decode(append(x.Append(nil), rest...)); err != nil || !bytes.Equal(left, rest) || !reflect.DeepEqual(x, again) {
			t.Errorf("%v became %v, %v", x, again, err)
		}
	})
}
