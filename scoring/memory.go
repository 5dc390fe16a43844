package scoring

// #include <stdlib.h>
// #ifdef __GLIBC__
// #include <malloc.h>
// static void few_arenas(void) { mallopt(M_ARENA_MAX, 2); }
// static void trim(void) { malloc_trim(0); }
// #else
// static void few_arenas(void) {}
// static void trim(void) {}
// #endif
import "C"

import "unsafe"

// A block is memory that C may keep: Go's collector neither moves nor frees it. The
// binding gives the addresses of tensors to ONNX Runtime for longer than one call, and
// Go's memory must not be used for that.
type block struct {
	start unsafe.Pointer
	used  int
	size  int
	own   bool // of malloc
}

// alignment suits the widest vector instructions, and a cache line.
const alignment = 64

// newBlock returns a block of size bytes.
func newBlock(size int) *block {
	return &block{start: C.malloc(C.size_t(size)), size: size, own: true} // malloc never returns nil in cgo
}

// blockOver returns a block over memory that is not Go's either.
func blockOver(memory []byte) *block {
	return &block{start: unsafe.Pointer(&memory[0]), size: len(memory)}
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
	if b.own {
		C.free(b.start)
	}
	b.start = nil
}

// fewArenas makes glibc share its arenas among threads. By default each thread that
// loads a model gets an arena of its own, which keeps the memory of that model.
func fewArenas() { C.few_arenas() }

// trimMemory gives what malloc keeps back to the system.
func trimMemory() { C.trim() }
