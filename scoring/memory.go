package scoring

// #include <stdlib.h>
import "C"

import "unsafe"

// A block is memory that C may keep: Go's collector neither moves nor frees it. The
// binding gives the addresses of tensors to ONNX Runtime for longer than one call, and
// Go's memory must not be used for that.
type block struct {
	start unsafe.Pointer // of malloc
	used  int
	size  int
}

// alignment suits the widest vector instructions, and a cache line.
const alignment = 64

// newBlock returns a block that has room for size bytes taken in parts.
func newBlock(size, parts int) *block {
	size += (parts + 1) * alignment
	return &block{start: C.malloc(C.size_t(size)), size: size} // malloc never returns nil in cgo
}

// take returns n bytes of the block, aligned.
func (b *block) take(n int) unsafe.Pointer {
	at := uintptr(b.start) + uintptr(b.used)
	pad := int(-at & (alignment - 1))
	p := unsafe.Add(b.start, b.used+pad)
	b.used += pad + n
	if b.used > b.size {
		panic("scoring: a block that is too small")
	}
	return p
}

func (b *block) free() {
	C.free(b.start)
	b.start = nil
}
