package window

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// A bucket holds the numbers whose sign, exponent and first six bits of the mantissa are
// the same. Its key sorts as its numbers do; 0 is the bucket of those below the range.
type bucket struct {
	key int32
	n   int64
}

// A histogram is buckets with numbers in them, in ascending order, at most those of its part.
// Where the numbers lie in more, neighbours share one, as UDDSketch has it
// (Epicoco et al., 2020): 2 to the power of shift of them, the least that is enough. So
// the form is a function of the set of numbers.
type histogram struct {
	shift   uint8
	buckets []bucket // their keys are without the last shift bits
	nans    int64
}

// The bounds on the buckets of a histogram: the tiles of a level share levelBuckets. With
// maxShift there are fewer than leastBuckets.
const (
	levelBuckets = 8192
	leastBuckets = 128
	mostBuckets  = 1024
	maxShift     = 13
)

const bucketShift = 52 - 6

// keyOf returns the bucket of x. Numbers of a magnitude below the range count as 0, those
// above it as its end.
func (p *histogramPart) keyOf(x float64) int32 {
	m := min(math.Abs(x), p.most)
	if m < p.least {
		return 0
	}
	k := int32(math.Float64bits(m) >> bucketShift)
	if x < 0 {
		return -k
	}
	return k
}

// middle returns the number that stands for a bucket.
func (p *histogramPart) middle(key int32) float64 {
	if key == 0 {
		return 0
	}
	k := key
	if k < 0 {
		k = -k
	}
	m := math.Float64frombits(uint64(k)<<bucketShift | 1<<(bucketShift-1))
	m = min(max(m, p.least), p.most)
	if key < 0 {
		return -m
	}
	return m
}

func (h *histogram) reset() { h.shift, h.buckets, h.nans = 0, h.buckets[:0], 0 }

// copyFrom makes h the same as another.
func (h *histogram) copyFrom(x *histogram) {
	h.shift, h.buckets, h.nans = x.shift, append(h.buckets[:0], x.buckets...), x.nans
}

// coarse returns a key without its last bits.
func coarse(key int32, shift uint8) int32 {
	if key < 0 {
		return -(-key >> shift)
	}
	return key >> shift
}

// fine returns the key in the middle of those that share a bucket.
func (p *histogramPart) fine(key int32, shift uint8) int32 {
	if shift == 0 || key == 0 {
		return key
	}
	k := max(key, -key)<<shift | 1<<(shift-1)
	k = min(max(k, p.keyOf(p.least)), p.keyOf(p.most))
	if key < 0 {
		return -k
	}
	return k
}

// merge lets neighbours share buckets until there are few enough.
func (h *histogram) merge(most int) {
	for len(h.buckets) > most && h.shift < maxShift {
		h.shift++
		kept := h.buckets[:0]
		for _, b := range h.buckets {
			b.key = coarse(b.key, 1)
			if n := len(kept); n > 0 && kept[n-1].key == b.key {
				kept[n-1].n += b.n
			} else {
				kept = append(kept, b)
			}
		}
		h.buckets = kept
	}
}

func (h *histogram) find(key int32) (int, bool) {
	return slices.BinarySearchFunc(h.buckets, key, func(b bucket, k int32) int { return cmp.Compare(b.key, k) })
}

func (h *histogram) add(p *histogramPart, v Value) {
	if isNaN(v) {
		h.nans++
		return
	}
	key := coarse(p.keyOf(v.number()), h.shift)
	i, found := h.find(key)
	if !found {
		h.buckets = slices.Insert(h.buckets, i, bucket{key: key})
	}
	h.buckets[i].n++
	h.merge(p.buckets)
}

func (h *histogram) sub(p *histogramPart, v Value) bool {
	if isNaN(v) {
		h.nans--
		return h.nans >= 0
	}
	i, found := h.find(p.keyOf(v.number()))
	if !found || h.shift > 0 { // without the number, fewer might have to share
		return false
	}
	if h.buckets[i].n--; h.buckets[i].n == 0 {
		h.buckets = slices.Delete(h.buckets, i, i+1)
	}
	return true
}

// append writes the NaNs, the shift, the number of buckets, and of each how far its key is
// from the one before and its count.
func (h *histogram) append(dst []byte) []byte {
	dst = appendUint(dst, h.nans)
	dst = appendUint(dst, int64(h.shift))
	dst = appendUint(dst, int64(len(h.buckets)))
	last := int32(0)
	for i, b := range h.buckets {
		if i == 0 {
			dst = binary.AppendVarint(dst, int64(b.key))
		} else {
			dst = appendUint(dst, int64(b.key-last))
		}
		last = b.key
		dst = appendUint(dst, b.n)
	}
	return dst
}

func (h *histogram) decode(r *reader, p *histogramPart, events int64) {
	h.reset()
	h.nans = r.count(events)
	left := events - h.nans
	h.shift = uint8(r.count(maxShift))
	most := int64(coarse(p.keyOf(p.most), h.shift))
	least := coarse(p.keyOf(p.least), h.shift)
	key := int64(0)
	for i := range r.length(min(p.size(), p.buckets), 2) {
		if i == 0 {
			key = r.varint()
		} else {
			key += r.count(2 * most)
		}
		n := r.count(left)
		left -= n
		inside := key == 0 || key >= int64(least) && key <= most || key <= -int64(least) && key >= -most
		if !inside || n == 0 || i > 0 && int64(h.buckets[i-1].key) >= key {
			r.bad("a bucket")
		}
		if r.failed() {
			return
		}
		h.buckets = append(h.buckets, bucket{int32(key), n})
	}
}

// size returns the number of buckets that there can be.
func (p *histogramPart) size() int {
	return 2*int(p.keyOf(p.most)-p.keyOf(p.least)+1) + 1
}

// rankOf returns which of n numbers is the percentile by nearest rank, from 1:
// the ceiling of at * n, with at in billionths.
func rankOf(billionths, n int64) int64 {
	hi, lo := bits.Mul64(uint64(billionths), uint64(n))
	q, rest := bits.Div64(hi, lo, 1e9)
	if rest > 0 {
		q++
	}
	return max(int64(q), 1)
}
