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
	memoryLines = regexp.MustCompile(`out of memory|[Cc]annot allocate memory|failed to allocate|bad_alloc|errno=12`)
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

// A head keeps the beginning of what is written to it. Safe for concurrent use.
type head struct {
	mu   sync.Mutex
	kept []byte
}

// keptBytes is enough for what a crash prints before its stacks.
const keptBytes = 16 << 10

func (h *head) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = append(h.kept, b[:min(len(b), keptBytes-len(h.kept))]...)
	return len(b), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.ToValidUTF8(string(h.kept), "?")
}
