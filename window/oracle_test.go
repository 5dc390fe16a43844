package window_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"math"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"larder/window"
)

// An oracle is the slow and obvious answer: it keeps all events, filters by the
// definition of a window, and computes with math/big.
type oracle struct {
	spec    window.Spec
	entries []*past // in ascending order
}

// A past is an event that was seen.
type past struct {
	window.Event
	live bool
}

func comparePast(a, b *past) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.ID, b.ID))
}

func (o *oracle) add(e *window.Event) {
	x := &past{*e, !e.Retract}
	if len(x.ID) > 128 {
		h := sha256.Sum256([]byte(x.ID))
		x.ID = x.ID[:96] + string(h[:])
	}
	i, found := slices.BinarySearchFunc(o.entries, x, comparePast)
	if found {
		o.entries[i] = x
		return
	}
	o.entries = slices.Insert(o.entries, i, x)
}

// settled returns the time of the newest entry that isn't among the 32 newest.
func (o *oracle) settled() (int64, bool) {
	if n := len(o.entries); n > window.MaxPending {
		return o.entries[n-window.MaxPending-1].Time, true
	}
	return 0, false
}

func floorTo(t, unit int64) int64 {
	d := new(big.Int).Div(big.NewInt(t), big.NewInt(unit)) // Euclid's: down for a positive unit
	return d.Int64() * unit
}

func hopOf(w window.Window) int64 {
	if w.Hop != 0 {
		return w.Hop
	}
	return window.DefaultHop(w.Length)
}

// span returns the first and last time that a window holds at t.
func (o *oracle) span(w window.Window, t int64) (int64, int64) {
	switch {
	case w.Lifetime:
		return math.MinInt64, t
	case w.Length > 0:
		return floorTo(t, hopOf(w)) - w.Length, t
	}
	starts := unitStarts(w.Calendar, w.Location)
	i, found := slices.BinarySearch(starts, t)
	if !found {
		i--
	}
	if w.Previous {
		return starts[i-1], starts[i] - 1
	}
	return starts[i], t
}

// tileStart returns where the tile of t begins in the tiles of a window.
func (o *oracle) tileStart(w window.Window, t int64) int64 {
	switch {
	case w.Lifetime:
		return 0
	case w.Length > 0:
		return floorTo(t, hopOf(w))
	}
	w.Previous = false
	lo, _ := o.span(w, t)
	return lo
}

// The histories of calendars lie between these times.
var (
	calendarFrom  = time.Date(2023, 11, 1, 0, 0, 0, 0, time.UTC)
	calendarUntil = time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
)

var unitStartsOf sync.Map

// unitStarts looks at the local clock every quarter of an hour, for when it first shows a new unit.
func unitStarts(u window.Unit, loc *time.Location) []int64 {
	if loc == nil {
		loc = time.UTC
	}
	key := fmt.Sprint(u, loc)
	if starts, ok := unitStartsOf.Load(key); ok {
		return starts.([]int64)
	}
	var starts []int64
	newest, phase := "", 0
	for at := calendarFrom.AddDate(-3, 0, 0); at.Before(calendarUntil.AddDate(1, 0, 0)); at = at.Add(15 * time.Minute) {
		local := at.In(loc)
		_, offset := local.Zone()
		label := ""
		switch u {
		case window.Hour:
			// Hours are counted, as a clock that goes back by an hour shows one twice.
			if p := offset % 3600; local.Minute() == 0 || p != phase {
				starts, phase = append(starts, at.UnixMicro()), p
			}
			continue
		case window.Day:
			label = local.Format("2006-01-02")
		case window.Week:
			y, m, d := local.Date()
			label = time.Date(y, m, d-(int(local.Weekday())+6)%7, 0, 0, 0, 0, time.UTC).Format("2006-01-02")
		case window.Month:
			label = local.Format("2006-01")
		case window.Year:
			label = local.Format("2006")
		}
		if label > newest {
			starts, newest = append(starts, at.UnixMicro()), label
		}
	}
	unitStartsOf.Store(key, starts)
	return starts
}

// answer returns the outputs at t, each as a text that shows every bit.
func (o *oracle) answer(t int64) ([]string, bool) {
	if s, ok := o.settled(); ok && t < s {
		return nil, false
	}
	found := false
	held := make([][]*past, len(o.spec.Windows))
	for i, w := range o.spec.Windows {
		lo, hi := o.span(w, t)
		for _, e := range o.entries {
			if e.live && e.Time >= lo && e.Time <= hi {
				held[i] = append(held[i], e)
				found = true
			}
		}
	}
	if !found {
		return nil, false
	}
	var answers []string
	for _, out := range o.spec.Outputs {
		answers = append(answers, o.output(out, held[out.Window], t))
	}
	return answers, true
}

func (o *oracle) output(out window.Output, events []*past, t int64) string {
	a, w := o.spec.Aggregates[out.Aggregate], o.spec.Windows[out.Window]
	if a.Op == window.CountAll {
		return showInt(int64(len(events)))
	}
	if a.Field != window.AnyField {
		events = slices.DeleteFunc(slices.Clone(events), func(e *past) bool { return e.Values[a.Field].IsNull() })
	}
	var values []window.Value
	for _, e := range events {
		if a.Field != window.AnyField {
			values = append(values, e.Values[a.Field])
		}
	}
	isInt := a.Field != window.AnyField && o.spec.Fields[a.Field] == window.Int
	isText := a.Field != window.AnyField && o.spec.Fields[a.Field] == window.Text
	short := values
	if isText {
		short = slices.DeleteFunc(slices.Clone(values), func(v window.Value) bool { return len(v.Text()) > window.MaxText })
	}
	switch a.Op {
	case window.Count:
		return showInt(int64(len(values)))
	case window.Sum:
		if isInt {
			x := new(big.Int)
			for _, v := range values {
				x.Add(x, big.NewInt(v.Int()))
			}
			if !x.IsInt64() {
				return "null"
			}
			return showInt(x.Int64())
		}
		return showFloat(sumOf(floatsOf(values, isInt)))
	case window.Mean:
		if len(values) == 0 {
			return "null"
		}
		if isInt {
			s := new(big.Int)
			for _, v := range values {
				s.Add(s, big.NewInt(v.Int()))
			}
			f, _ := new(big.Rat).SetFrac(s, big.NewInt(int64(len(values)))).Float64()
			return showFloat(f)
		}
		return showFloat(meanOf(floatsOf(values, isInt)))
	case window.Variance, window.Stddev:
		return varianceOf(values, isInt, a.Op == window.Stddev)
	case window.Min, window.Max:
		return extremeOf(values, isInt, a.Op == window.Max)
	case window.First:
		if len(short) == 0 {
			return "null"
		}
		return show(short[0])
	case window.Last:
		if len(short) == 0 {
			return "null"
		}
		return show(short[len(short)-1])
	case window.LastN:
		list := []string{}
		for i := len(short) - 1; i >= 0 && len(list) < a.N; i-- {
			list = append(list, show(short[i]))
		}
		return fmt.Sprint(list)
	case window.Distinct:
		return distinctOf(values)
	case window.Percentile:
		return o.percentileOf(events, isInt, a, w)
	case window.TopK:
		return o.topOf(short, a, w, t)
	case window.DecayedSum:
		return o.decayedOf(events, isInt, a, w, t)
	}
	if len(events) == 0 {
		return "null"
	}
	return showFloat(float64(t-events[len(events)-1].Time) / 1e6)
}

func show(v window.Value) string {
	if v.IsNull() {
		return "null"
	}
	return fmt.Sprintf("%v", v)
}

func showInt(x int64) string     { return show(window.OfInt(x)) }
func showFloat(x float64) string { return show(window.OfFloat(x)) }

// showAnswer shows an answer as the oracle does.
func showAnswer(a *window.Answer) []string {
	var all []string
	for i, v := range a.Values {
		if !v.IsList() {
			all = append(all, show(v))
			continue
		}
		list := []string{}
		for _, x := range a.List(i) {
			list = append(list, show(x))
		}
		all = append(all, fmt.Sprint(list))
	}
	return all
}

func floatsOf(values []window.Value, isInt bool) []float64 {
	var xs []float64
	for _, v := range values {
		if isInt {
			xs = append(xs, float64(v.Int()))
		} else {
			xs = append(xs, v.Float())
		}
	}
	return xs
}

// special returns what infinities and NaNs make of a sum.
func special(xs []float64) (float64, bool) {
	s, found := 0.0, false
	for _, x := range xs {
		if math.IsInf(x, 0) || math.IsNaN(x) {
			s, found = s+x, true
		}
	}
	return s, found
}

func ratOf(xs []float64) *big.Rat {
	// As whole numbers of 2^-1074.
	sum, x := new(big.Int), new(big.Float).SetPrec(2200)
	for _, f := range xs {
		i, _ := x.SetMantExp(big.NewFloat(f), 1074).Int(nil)
		sum.Add(sum, i)
	}
	return new(big.Rat).SetFrac(sum, new(big.Int).Lsh(big.NewInt(1), 1074))
}

func sumOf(xs []float64) float64 {
	if s, ok := special(xs); ok {
		return s
	}
	f, _ := ratOf(xs).Float64()
	return f + 0
}

func meanOf(xs []float64) float64 {
	if s, ok := special(xs); ok {
		return s
	}
	r := ratOf(xs)
	f, _ := r.Quo(r, new(big.Rat).SetInt64(int64(len(xs)))).Float64()
	return f + 0
}

func varianceOf(values []window.Value, isInt, root bool) string {
	n := int64(len(values))
	if n < 2 {
		return "null"
	}
	s, q := new(big.Rat), new(big.Rat)
	for _, v := range values {
		x := new(big.Rat)
		if isInt {
			x.SetInt64(v.Int())
		} else if x.SetFloat64(v.Float()) == nil {
			return showFloat(math.NaN())
		}
		s.Add(s, x)
		q.Add(q, new(big.Rat).Mul(x, x))
	}
	s.Mul(s, s)
	q.Sub(q, s.Quo(s, new(big.Rat).SetInt64(n)))
	q.Quo(q, new(big.Rat).SetInt64(n-1))
	if root {
		if q.Sign() == 0 {
			return showFloat(0)
		}
		x := new(big.Float).SetPrec(6000).SetRat(q)
		f, _ := x.Sqrt(x).Float64()
		return showFloat(f)
	}
	f, _ := q.Float64()
	return showFloat(f)
}

func extremeOf(values []window.Value, isInt, greatest bool) string {
	best, found := window.Null(), false
	for _, v := range values {
		if !isInt && math.IsNaN(v.Float()) {
			continue
		}
		better := !found
		if found {
			lo, hi := v, best
			if greatest {
				lo, hi = best, v
			}
			if isInt {
				better = lo.Int() < hi.Int()
			} else {
				a, b := lo.Float(), hi.Float()
				better = a < b || a == b && math.Signbit(a) && !math.Signbit(b)
			}
		}
		if better {
			best, found = v, true
		}
	}
	return show(best)
}

// hashOf is the documented hash, written again.
func hashOf(v window.Value) uint64 {
	h := fnv.New64a()
	switch s := fmt.Sprintf("%T", v); {
	case v.Text() != "" || !v.IsNull() && v == window.OfText(v.Text()):
		h.Write([]byte(v.Text()))
	default:
		bits := uint64(v.Int())
		if v == window.OfFloat(math.Copysign(0, -1)) {
			bits = 0
		}
		for i := range 8 {
			h.Write([]byte{byte(bits >> (8 * i))})
		}
		_ = s
	}
	x := h.Sum64()
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

func distinctOf(values []window.Value) string {
	seen := make(map[uint64]bool)
	for _, v := range values {
		seen[hashOf(v)] = true
	}
	if len(seen) <= 128 {
		return showInt(int64(len(seen)))
	}
	return "many" // TestDistinct looks at them
}

// bucketsOf returns how many buckets a tile of a window's level may have.
func (o *oracle) bucketsOf(w window.Window) int {
	tiles := int64(1)
	for _, x := range o.spec.Windows {
		switch {
		case w.Lifetime || x.Lifetime:
		case w.Calendar != 0 && x.Calendar == w.Calendar && x.Location.String() == w.Location.String() && x.Previous:
			tiles = max(tiles, 2)
		case w.Calendar == 0 && x.Calendar == 0 && hopOf(x) == hopOf(w):
			tiles = max(tiles, x.Length/hopOf(x)+1)
		}
	}
	return int(min(max(8192/tiles, 128), 1024))
}

func (o *oracle) percentileOf(events []*past, isInt bool, a window.Aggregate, w window.Window) string {
	lo, hi := a.Range[0], a.Range[1]
	if lo == 0 && hi == 0 {
		lo, hi = 1e-9, 1e12
	}
	key := func(m float64) int {
		fraction, exp := math.Frexp(m) // in [0.5, 1): 64 buckets
		return (exp+1022)*64 + int(math.Floor((fraction-0.5)*128))
	}
	tiles := make(map[int64][]float64)
	for _, e := range events {
		x := floatsOf([]window.Value{e.Values[a.Field]}, isInt)[0]
		if !math.IsNaN(x) {
			at := o.tileStart(w, e.Time)
			tiles[at] = append(tiles[at], x)
		}
	}
	var xs []float64
	for _, numbers := range tiles {
		shift := 0
		coarse := func(x float64) int {
			m := math.Min(math.Abs(x), hi)
			if m < lo {
				return 0
			}
			return int(math.Copysign(float64(key(m)>>shift), x))
		}
		for ; ; shift++ {
			different := make(map[int]bool)
			for _, x := range numbers {
				different[coarse(x)] = true
			}
			if len(different) <= o.bucketsOf(w) {
				break
			}
		}
		for _, x := range numbers {
			k := coarse(x)
			if k == 0 {
				xs = append(xs, 0)
				continue
			}
			k = max(k, -k) << shift
			if shift > 0 {
				k = min(max(k+1<<(shift-1), key(lo)), key(hi))
			}
			m := math.Ldexp(0.5+(float64(k%64)+0.5)/128, k/64-1022)
			xs = append(xs, math.Copysign(math.Max(math.Min(m, hi), lo), x))
		}
	}
	if len(xs) == 0 {
		return "null"
	}
	slices.Sort(xs)
	at, _ := new(big.Rat).SetString(fmt.Sprintf("%.9f", a.At))
	rank := at.Mul(at, new(big.Rat).SetInt64(int64(len(xs))))
	k := 0
	for new(big.Rat).SetInt64(int64(k+1)).Cmp(rank) < 0 {
		k++
	}
	return showFloat(xs[k])
}

// topOf is null if a tile has events of more than 256 values.
func (o *oracle) topOf(values []window.Value, a window.Aggregate, w window.Window, t int64) string {
	lo, hi := o.span(w, t)
	tiles := make(map[int64]map[string]bool)
	for _, e := range o.entries {
		v := e.Values[a.Field]
		if !e.live || e.Time < lo || e.Time > hi || v.IsNull() || len(v.Text()) > window.MaxText {
			continue
		}
		start := o.tileStart(w, e.Time)
		if tiles[start] == nil {
			tiles[start] = make(map[string]bool)
		}
		tiles[start][show(plusZero(v))] = true
		if len(tiles[start]) > 256 {
			return "null"
		}
	}
	var distinct []window.Value
	counts := make(map[string]int)
	for _, v := range values {
		v = plusZero(v)
		if counts[show(v)] == 0 {
			distinct = append(distinct, v)
		}
		counts[show(v)]++
	}
	slices.SortFunc(distinct, func(x, y window.Value) int {
		less := cmp.Compare(x.Int(), y.Int())
		if o.spec.Fields[a.Field] == window.Float {
			less = cmp.Compare(x.Float(), y.Float())
			if math.IsNaN(x.Float()) {
				less = -less // the last
			} else if math.IsNaN(y.Float()) {
				less = -less
			}
		}
		return cmp.Or(counts[show(y)]-counts[show(x)], less, strings.Compare(x.Text(), y.Text()))
	})
	list := []string{}
	for i := 0; i < len(distinct) && i < a.N; i++ {
		list = append(list, show(distinct[i]))
	}
	return fmt.Sprint(list)
}

func plusZero(v window.Value) window.Value {
	if v == window.OfFloat(math.Copysign(0, -1)) {
		return window.OfFloat(0)
	}
	return v
}

// roots are 2^(2^-k), for the powers of the oracle.
var roots = sync.OnceValue(func() []*big.Float {
	x := new(big.Float).SetPrec(400).SetInt64(2)
	list := []*big.Float{new(big.Float).Copy(x)}
	for range 12 {
		list = append(list, new(big.Float).Copy(x.Sqrt(x)))
	}
	return list
})

// power returns 2^(steps/4096), rounded once.
func power(steps int64) float64 {
	whole := floorTo(steps, 4096) / 4096
	x := new(big.Float).SetPrec(400).SetInt64(1)
	for k := range 12 {
		if (steps-4096*whole)>>(11-k)&1 == 1 {
			x.Mul(x, roots()[k+1])
		}
	}
	f, _ := x.Float64() // before the whole power, which is exact but for what is below a float's range
	return math.Ldexp(f, int(whole))
}

// stepsOf rounds d / half in 4,096ths, away from zero when half.
func stepsOf(d, half int64) int64 {
	x := new(big.Int).Mul(big.NewInt(d), big.NewInt(2*4096))
	x.Add(x, big.NewInt(half*int64(cmp.Or(cmp.Compare(d, 0), 1))))
	return x.Quo(x, big.NewInt(2*half)).Int64()
}

func (o *oracle) decayedOf(events []*past, isInt bool, a window.Aggregate, w window.Window, t int64) string {
	tiles := make(map[int64][]float64)
	for _, e := range events {
		start := o.tileStart(w, e.Time)
		x := floatsOf([]window.Value{e.Values[a.Field]}, isInt)[0]
		tiles[start] = append(tiles[start], x*power(stepsOf(e.Time-start, a.HalfLife)))
	}
	var all []float64
	for start, xs := range tiles {
		all = append(all, sumOf(xs)*power(stepsOf(start-t, a.HalfLife)))
	}
	return showFloat(sumOf(all))
}
