package background

import (
	"runtime"
	"syscall"
)

// niceness is the niceness of background threads, the lowest priority above idle: they
// make slow progress even when every core is busy.
const niceness = 19

// Thread moves the goroutine that calls it to a thread of its own, of low
// priority, for the rest of its life. On Linux priority is a thread's; elsewhere
// Thread does nothing.
func Thread() {
	runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
	// 0 is the calling thread. Lowering one's own priority needs no right; if it
	// is refused all the same, the work is done at the usual one.
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness)
}
