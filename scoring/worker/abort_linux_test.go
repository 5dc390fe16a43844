package worker_test

import (
	"os"

	"golang.org/x/sys/unix"
)

// raiseAbort sends the signal of C's abort to the process itself, as abort does.
func raiseAbort() {
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGABRT)
	select {}
}
