package cache

// A hashSet is an immutable set of hashes, open addressed; 0 marks a free slot and
// counts as a member of every set, which loses one fill in 2^64.
type hashSet struct {
	slots []uint64
	mask  uint64
}

func newHashSet(hashes []uint64) *hashSet {
	n := 16
	for n < 2*len(hashes) {
		n *= 2
	}
	s := &hashSet{make([]uint64, n), uint64(n - 1)}
	for _, h := range hashes {
		at := h >> 8 & s.mask
		for s.slots[at] != 0 && s.slots[at] != h {
			at = (at + 1) & s.mask
		}
		s.slots[at] = h
	}
	return s
}

func (s *hashSet) has(h uint64) bool {
	for at := h >> 8 & s.mask; ; at = (at + 1) & s.mask {
		switch s.slots[at] {
		case h:
			return true
		case 0:
			return h == 0
		}
	}
}
