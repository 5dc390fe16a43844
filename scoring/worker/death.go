package worker

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
)

// A Death says how a child ended.
type Death struct {
	// Cause is how it ended, as in "SIGSEGV: segmentation violation".
	Cause string
	// Memory reports whether it ended because it could not get more memory.
	Memory bool
	// Killed is the reason that its parent killed it for; nil when it didn't.
	Killed error
}

func (d *Death) Error() string { return "the worker process has ended: " + d.Cause }

func (d *Death) Unwrap() error { return d.Killed }

// What Go's runtime, the C++ runtime and C's assertions print before they end a
// process.
var (
	signalLine  = regexp.MustCompile(`(?m)^(?:\[signal )?(SIG[A-Z0-9]+: [a-z -]+)`)
	whatLine    = regexp.MustCompile(`(?m)^\s*what\(\):\s*(.*)$`)
	fatalLine   = regexp.MustCompile(`(?m)^((?:fatal error|panic): .*)$`)
	memoryLines = regexp.MustCompile(`out of memory|cannot allocate memory|bad_alloc|errno=12`)
)

// describe explains how a process ended from its state and the end of its output.
func describe(state *os.ProcessState, output string, reason error) *Death {
	d := &Death{Killed: reason, Memory: reason == nil && memoryLines.MatchString(output)}
	var parts []string
	if m := signalLine.FindStringSubmatch(output); m != nil {
		parts = append(parts, m[1])
	} else if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		parts = append(parts, status.Signal().String())
	} else {
		parts = append(parts, state.String())
	}
	if m := whatLine.FindStringSubmatch(output); m != nil {
		parts = append(parts, m[1])
	} else if m := fatalLine.FindStringSubmatch(output); m != nil {
		parts = append(parts, m[1])
	}
	d.Cause = strings.Join(parts, "; ")
	if reason != nil {
		d.Cause = fmt.Sprintf("killed: %v", reason)
	}
	return d
}

// A tail keeps the end of what is written to it. Safe for concurrent use.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// tailBytes is enough for what a crash prints first without stacks.
const tailBytes = 8 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - tailBytes; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(t.kept), "?")
}
