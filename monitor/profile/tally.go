package profile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sort"
)

// A Bins counts values in the bins of a profile. It is not safe for concurrent use.
type Bins struct {
	of     *Profile
	edges  []float32 // as float32s, for values that were rounded to these
	place  map[string]int
	counts Tally
}

// A Tally is what was counted. Tallies of the same profile add up.
type Tally struct {
	Rows, Nulls, NotFinite int64
	Counts                 []int64 // as [Profile.Counts]
}

// NewBins returns empty bins of a profile.
func NewBins(of *Profile) *Bins {
	b := &Bins{of: of, counts: Tally{Counts: make([]int64, len(of.Counts))}}
	for _, e := range of.Edges {
		b.edges = append(b.edges, float32(e))
	}
	if len(of.Edges) > 0 { // so that rounding a number down doesn't put it below all
		b.edges[0] = math.Nextafter32(float32(of.Min), float32(math.Inf(-1)))
	}
	if of.Categories != nil {
		b.place = make(map[string]int, len(of.Categories))
		for i, v := range of.Categories {
			b.place[v] = i
		}
	}
	return b
}

// Of returns the profile whose bins they are.
func (b *Bins) Of() *Profile { return b.of }

// AddNull counts a null.
func (b *Bins) AddNull() {
	b.counts.Rows++
	b.counts.Nulls++
}

// AddNumber counts a number.
func (b *Bins) AddNumber(v float64) {
	b.counts.Rows++
	if v-v != 0 { // NaN or infinite
		b.counts.NotFinite++
		return
	}
	b.counts.Counts[b.of.bin(v)]++
}

// AddFloat32 counts a number that was rounded to a float32.
func (b *Bins) AddFloat32(v float32) {
	b.counts.Rows++
	if v-v != 0 {
		b.counts.NotFinite++
		return
	}
	b.counts.Counts[sort.Search(len(b.edges), func(i int) bool { return b.edges[i] >= v })]++
}

// AddText counts a text.
func (b *Bins) AddText(v string) {
	b.counts.Rows++
	i, known := b.place[v]
	if !known {
		i = len(b.counts.Counts) - 1
	}
	b.counts.Counts[i]++
}

// AddBool counts a bool.
func (b *Bins) AddBool(v bool) { b.AddText(textOf(v)) }

// AddOther counts a value of which only is known that it is not null.
func (b *Bins) AddOther() {
	b.counts.Rows++
	b.counts.Counts[0]++
}

// Take returns what was counted, and empties the bins.
func (b *Bins) Take() Tally {
	out := b.counts
	b.counts = Tally{Counts: make([]int64, len(b.of.Counts))}
	return out
}

// Add adds a tally of the same profile. It returns an error if it is of another.
func (t *Tally) Add(other *Tally) error {
	if t.Counts == nil {
		t.Counts = make([]int64, len(other.Counts))
	}
	if len(t.Counts) != len(other.Counts) {
		return fmt.Errorf("tallies of %d and of %d bins can't be added", len(t.Counts), len(other.Counts))
	}
	t.Rows, t.Nulls, t.NotFinite = t.Rows+other.Rows, t.Nulls+other.Nulls, t.NotFinite+other.NotFinite
	for i, n := range other.Counts {
		t.Counts[i] += n
	}
	return nil
}

const tallyVersion = 1

// maxTallyBins bounds what Decode takes.
const maxTallyBins = 1 << 12

// Append appends the bytes of a tally; see the package's documentation.
func (t *Tally) Append(dst []byte) []byte {
	dst = append(dst, tallyVersion)
	for _, n := range []int64{t.Rows, t.Nulls, t.NotFinite, int64(len(t.Counts))} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	for _, n := range t.Counts {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	return dst
}

var errTally = errors.New("these bytes are not a tally")

// Decode reads a tally, and returns the bytes after it.
func (t *Tally) Decode(src []byte) (rest []byte, err error) {
	if len(src) == 0 || src[0] != tallyVersion {
		return nil, errTally
	}
	src = src[1:]
	next := func() int64 {
		v, n := binary.Uvarint(src)
		if n <= 0 || v > math.MaxInt64 {
			err = errTally
			return 0
		}
		src = src[n:]
		return int64(v)
	}
	t.Rows, t.Nulls, t.NotFinite = next(), next(), next()
	bins := next()
	if err != nil || bins > maxTallyBins || bins > int64(len(src)) {
		return nil, errTally
	}
	t.Counts = make([]int64, bins)
	for i := range t.Counts {
		t.Counts[i] = next()
	}
	if err != nil {
		return nil, err
	}
	return src, nil
}
