package background_test

import (
	"runtime"
	"syscall"
	"testing"

	"larder/internal/background"
)

func TestThreadIsTheGoroutinesOwn(t *testing.T) {
	// The system call gives 20 less the niceness.
	priority := func() int {
		n, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	const lowest = 20 - 19
	usual := priority() // it may be the lowest already, where the tests run at low priority
	low := make(chan int)
	for range 4 {
		go func() {
			background.Thread()
			runtime.Gosched()
			low <- priority()
		}()
	}
	for range 4 {
		if got := <-low; got != lowest {
			t.Errorf("priority %d in the background, want %d", got, lowest)
		}
	}
	for range 100 { // on whichever threads are left
		at := make(chan int)
		go func() { at <- priority() }()
		if got := <-at; got != usual {
			t.Fatalf("priority %d outside of the background, want %d", got, usual)
		}
	}
}

func TestSpare(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	t.Setenv("GOMAXPROCS", "")
	background.Spare()
	if got := runtime.GOMAXPROCS(0); got != 4*before || background.Cores() != before {
		t.Errorf("%d processors for %d cores; want %d for %d", got, background.Cores(), 4*before, before)
	}
	runtime.GOMAXPROCS(before)
	t.Setenv("GOMAXPROCS", "3")
	background.Spare()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("%d processors; GOMAXPROCS is set, and stays %d", got, before)
	}
}
