package profile

import (
	"cmp"
	"math"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch"
)

// Accuracy is how wide the finest bins of numbers are, as a share of the number.
const Accuracy = 0.01

// A Builder makes a profile of values that come one after the other, in bounded memory. It is
// not safe for concurrent use.
type Builder struct {
	kind            Kind
	rows, nulls     int64
	notFinite       int64
	least, greatest float64
	sketch          *ddsketch.DDSketch // of numbers
	texts           *Counter[string]
}

// NewBuilder returns a builder of columns of a kind.
func NewBuilder(kind Kind) *Builder {
	b := &Builder{kind: kind, least: math.Inf(1), greatest: math.Inf(-1)}
	if kind.IsNumeric() {
		b.sketch, _ = ddsketch.NewDefaultDDSketch(Accuracy) // fails for an accuracy outside 0 to 1
	} else if kind == Texts {
		b.texts = NewCounter[string]()
	}
	return b
}

// Rows returns how many values were added, nulls too.
func (b *Builder) Rows() int64 { return b.rows }

// AddNull adds a null.
func (b *Builder) AddNull() { b.rows, b.nulls = b.rows+1, b.nulls+1 }

// AddNumber adds a number.
func (b *Builder) AddNumber(v float64) {
	b.rows++
	if math.IsNaN(v) || math.IsInf(v, 0) || b.sketch.Add(v) != nil { // the sketch takes numbers up to 1e308 or so
		b.notFinite++
		return
	}
	b.least, b.greatest = min(b.least, v), max(b.greatest, v)
}

// AddText adds a text, which may be in shared memory.
func (b *Builder) AddText(v string) {
	b.rows++
	b.texts.AddText(v)
}

// AddBool adds a bool.
func (b *Builder) AddBool(v bool) { b.AddText(textOf(v)) }

func textOf(v bool) string {
	if v {
		return "true"
	}
	return "false"
}

// AddOther adds a value of which only is known that it is not null.
func (b *Builder) AddOther() { b.rows++ }

// Profile returns the profile of what was added.
func (b *Builder) Profile() *Profile {
	switch {
	case b.sketch != nil:
		return OfSketch(b.sketch, b.rows, b.nulls, b.notFinite, b.least, b.greatest)
	case b.texts != nil:
		return OfTexts(b.texts, b.rows, b.nulls)
	}
	return &Profile{Counts: []int64{b.rows - b.nulls}, Rows: b.rows, Nulls: b.nulls}
}

// OfBools returns the profile of bools.
func OfBools(trues, rows, nulls int64) *Profile {
	return &Profile{Categories: []string{"false", "true"}, Counts: []int64{rows - nulls - trues, trues, 0}, Rows: rows, Nulls: nulls}
}

// OfTexts returns the profile of texts that were counted.
func OfTexts(texts *Counter[string], rows, nulls int64) *Profile {
	p := &Profile{Rows: rows, Nulls: nulls}
	p.Categories, p.Counts = categories(texts, rows-nulls)
	return p
}

// OfSketch returns the profile of numbers that are in a sketch, with how many could not be
// added, and the least and the greatest. Each edge lies between two buckets of the
// sketch, so the counts are exact; see "DDSketch", Masson, Rim and Lee, 2019.
func OfSketch(sketch *ddsketch.DDSketch, rows, nulls, notFinite int64, least, greatest float64) *Profile {
	p := &Profile{Rows: rows, Nulls: nulls, NotFinite: notFinite}
	var buckets []bucket
	mapping := sketch.IndexMapping
	below := func(v float64) float64 { return math.Nextafter(v, math.Inf(-1)) }  // buckets have their lower bound and not their upper one
	sketch.GetNegativeValueStore().ForEach(func(index int, count float64) bool { // by absolute values
		buckets = append(buckets, bucket{-mapping.LowerBound(index), int64(count)})
		return false
	})
	if zeros := sketch.GetZeroCount(); zeros > 0 {
		buckets = append(buckets, bucket{below(mapping.MinIndexableValue()), int64(zeros)})
	}
	sketch.GetPositiveValueStore().ForEach(func(index int, count float64) bool {
		buckets = append(buckets, bucket{below(mapping.LowerBound(index + 1)), int64(count)})
		return false
	})
	slices.SortFunc(buckets, func(a, b bucket) int { return cmp.Compare(a.upper, b.upper) })
	p.Edges, p.Counts = fromBuckets(buckets, least, greatest)
	if len(p.Edges) > 0 {
		p.Min, p.Max = least, greatest
	}
	return p
}

// AddFloat32 adds a number that was rounded to a float32.
func (b *Builder) AddFloat32(v float32) { b.AddNumber(float64(v)) }
