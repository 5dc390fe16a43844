package online

// A bloom distinguishes keys that were never added from keys that may have been. A key
// sets 8 bits of one block of 512, which lies in one line of the processor's cache. It
// never grows: with too many keys it says "may have been" more and more often.
type bloom struct {
	blocks [][8]uint64
}

// bloomBytes has 13 bits for each of ten million keys: it errs for one in 200.
const bloomBytes = 16 << 20

func newBloom() *bloom { return &bloom{make([][8]uint64, bloomBytes/64)} }

// add adds a key's hash, and reports whether it may have been added before.
func (b *bloom) add(hash uint64) (before bool) {
	block := &b.blocks[hash>>32*uint64(len(b.blocks))>>32]
	before = true
	// The low half picks a bit in each of the 8 words: an odd multiplier for each
	// makes their six top bits independent.
	for i, m := range [8]uint32{0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31} {
		bit := uint64(1) << (uint32(hash) * m >> 26)
		before = before && block[i]&bit != 0
		block[i] |= bit
	}
	return before
}
