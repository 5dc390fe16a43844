package window

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// A set is a set of hashes: the hashes while there are at most 128, in ascending order,
// else 1,024 registers of HyperLogLog. The form depends on what is in it only.
type set struct {
	hashes    []uint64
	registers []uint8 // nil or of length 1,024
	spare     []uint8
}

const (
	precision = 10
	registers = 1 << precision
	maxRank   = 64 - precision + 1
)

func (s *set) reset() {
	s.hashes = s.hashes[:0]
	if s.registers != nil {
		s.registers, s.spare = nil, s.registers
	}
}

func (s *set) add(h uint64) {
	if s.registers != nil {
		s.register(h)
		return
	}
	i, found := slices.BinarySearch(s.hashes, h)
	if found {
		return
	}
	if len(s.hashes) < maxDistinct {
		s.hashes = slices.Insert(s.hashes, i, h)
		return
	}
	s.spread()
	s.register(h)
}

// spread goes over to registers.
func (s *set) spread() {
	s.registers, s.spare = s.spare, nil
	if s.registers == nil {
		s.registers = make([]uint8, registers)
	}
	clear(s.registers)
	for _, h := range s.hashes {
		s.register(h)
	}
	s.hashes = s.hashes[:0]
}

func (s *set) register(h uint64) {
	i := h >> (64 - precision)
	rank := min(bits.LeadingZeros64(h<<precision)+1, maxRank)
	s.registers[i] = max(s.registers[i], uint8(rank))
}

func (s *set) merge(x *set) {
	if x.registers == nil {
		for _, h := range x.hashes {
			s.add(h)
		}
		return
	}
	if s.registers == nil {
		s.spread()
	}
	for i, r := range x.registers {
		s.registers[i] = max(s.registers[i], r)
	}
}

// size returns how many are in it: by Ertl's improved estimator for registers (New
// cardinality estimation algorithms for HyperLogLog sketches, 2017, algorithm 6), which
// needs no logarithm.
func (s *set) size() int64 {
	if s.registers == nil {
		return int64(len(s.hashes))
	}
	var c [maxRank + 1]float64
	for _, r := range s.registers {
		c[r]++
	}
	const m = registers
	z := float64(m * tau(1-c[maxRank]/m))
	for k := maxRank - 1; k > 0; k-- {
		z = float64(0.5 * (z + c[k]))
	}
	z += float64(m * sigma(c[0]/m))
	const alpha = 0.721347520444481703679985 // 1 / (2 ln 2)
	return max(int64(math.Round(float64(alpha*m*m)/z)), maxDistinct+1)
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x = float64(x * x)
		old := z
		z += float64(x * y)
		y += y
		if z == old {
			return z
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		old := z
		y = float64(0.5 * y)
		d := 1 - x
		z -= float64(float64(d*d) * y)
		if z == old {
			return z / 3
		}
	}
}

// hash returns the hash of a value: FNV-1a of its bytes, then the finalizer of
// SplitMix64. A number's bytes are its 64 bits, the lowest first; -0 hashes as +0.
func hash(v Value) uint64 {
	h := uint64(14695981039346656037)
	if v.kind == kindText {
		for i := range len(v.text) {
			h = (h ^ uint64(v.text[i])) * 1099511628211
		}
	} else {
		x := equalZero(v).bits
		for range 8 {
			h = (h ^ x&0xff) * 1099511628211
			x >>= 8
		}
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// append writes the number of hashes and the hashes, or 129 and the registers in 6 bits
// each, four in three bytes.
func (s *set) append(dst []byte) []byte {
	if s.registers == nil {
		dst = appendUint(dst, int64(len(s.hashes)))
		for _, h := range s.hashes {
			dst = binary.BigEndian.AppendUint64(dst, h)
		}
		return dst
	}
	dst = appendUint(dst, maxDistinct+1)
	for i := 0; i < registers; i += 4 {
		r := s.registers[i : i+4]
		x := uint32(r[0])<<18 | uint32(r[1])<<12 | uint32(r[2])<<6 | uint32(r[3])
		dst = append(dst, byte(x>>16), byte(x>>8), byte(x))
	}
	return dst
}

func (s *set) decode(r *reader) {
	s.reset()
	n := r.count(maxDistinct + 1)
	if n <= maxDistinct {
		raw := r.take(8 * int(n))
		for i := 0; i+8 <= len(raw); i += 8 {
			h := binary.BigEndian.Uint64(raw[i:])
			if k := len(s.hashes); k > 0 && s.hashes[k-1] >= h {
				r.bad("the order of hashes")
			}
			s.hashes = append(s.hashes, h)
		}
		return
	}
	raw := r.take(registers / 4 * 3)
	if r.failed() {
		return
	}
	s.spread()
	for i := range registers / 4 {
		x := uint32(raw[3*i])<<16 | uint32(raw[3*i+1])<<8 | uint32(raw[3*i+2])
		for j := range 4 {
			v := uint8(x >> (18 - 6*j) & 63)
			if v > maxRank {
				r.bad("a register")
				return
			}
			s.registers[4*i+j] = v
		}
	}
}
