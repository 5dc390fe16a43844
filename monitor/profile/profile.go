package profile

import (
	"math"
	"slices"
	"sort"

	"larder/schema"
)

// The bounds of profiles.
const (
	MaxBins       = 32  // of numbers, without the two for what is below and above all
	MaxCategories = 50  // values with a count of their own
	maxTextBytes  = 256 // of a text; longer ones count as others
)

// A Profile is how the values of one column are distributed. It doesn't change.
type Profile struct {
	// Edges are the upper edges of the bins of numbers, ascending. Bin i has the values v with
	// Edges[i-1] < v <= Edges[i]; the first bin has all up to Edges[0], which the reference
	// had none of, and the last has all above the last edge. Nil for categories.
	Edges []float64 `json:"edges,omitempty"`
	// Categories are the most common texts, the most common first, and false and true of bools.
	// Nil for numbers.
	Categories []string `json:"categories,omitempty"`
	// Counts has a count for each bin or category, and a last one for what is above all edges
	// or in no category.
	Counts    []int64 `json:"counts"`
	Rows      int64   `json:"rows"`
	Nulls     int64   `json:"nulls,omitempty"`
	NotFinite int64   `json:"not_finite,omitempty"` // NaN and infinities, where they are not null
	// Min and Max are the least and the greatest number.
	Min float64 `json:"min,omitempty"`
	Max float64 `json:"max,omitempty"`
}

// Of reports what of a column is profiled: its numbers, the norms of its vectors, the lengths
// of its lists, or its texts. Columns of bytes and of times are profiled by their nulls alone.
func Of(t schema.Type) Kind {
	switch {
	case t.Len() > 0:
		return Norms
	case t.IsList():
		return Lengths
	case t.IsInteger(), t.IsFloat():
		return Values
	case t == schema.String, t == schema.Bool:
		return Texts
	}
	return Nulls
}

// A Kind is what of a column is counted.
type Kind int

// The kinds of profiles.
const (
	Nulls   Kind = iota // only whether values are null
	Values              // numbers
	Norms               // Euclidean norms of vectors
	Lengths             // of lists
	Texts               // categories
)

// IsNumeric reports whether there are bins of numbers.
func (k Kind) IsNumeric() bool { return k == Values || k == Norms || k == Lengths }

// bin returns the number of the bin of a finite number.
func (p *Profile) bin(v float64) int { return sort.SearchFloat64s(p.Edges, v) }

// A bucket counts numbers of which none is above upper, and the next bucket's are.
type bucket struct {
	upper float64
	count int64
}

// fromBuckets makes bins of about equal frequency of ascending buckets.
func fromBuckets(buckets []bucket, least, greatest float64) (edges []float64, counts []int64) {
	total := int64(0)
	for _, b := range buckets {
		total += b.count
	}
	if total == 0 {
		return nil, []int64{0}
	}
	edges, counts = []float64{math.Nextafter(least, math.Inf(-1))}, []int64{0}
	seen, in := int64(0), int64(0)
	for i, b := range buckets {
		seen, in = seen+b.count, in+b.count
		last := i == len(buckets)-1
		if !last && seen*MaxBins < total*int64(len(edges)) {
			continue
		}
		upper := b.upper
		if last {
			upper = greatest
		}
		if upper > edges[len(edges)-1] {
			edges, counts = append(edges, upper), append(counts, in)
		} else {
			counts[len(counts)-1] += in
		}
		in = 0
	}
	return edges, append(counts, 0)
}

// categories makes a profile of texts that were counted.
func categories(c *Counter[string], rows int64) (names []string, counts []int64) {
	top, _ := c.Top(MaxCategories)
	rest := rows
	for _, v := range top {
		names, counts = append(names, v.Value), append(counts, v.Count)
		rest -= v.Count
	}
	return names, append(counts, rest)
}

// Same reports whether two profiles have the same bins or categories, so that their counts
// can be compared.
func (p *Profile) Same(other *Profile) bool {
	return slices.Equal(p.Edges, other.Edges) && slices.Equal(p.Categories, other.Categories)
}
