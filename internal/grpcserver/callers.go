package grpcserver

import (
	"context"
	"strings"
	"sync"

	"larder/internal/admission"
)

// A knownCaller is what the shell remembers of a caller between requests.
type knownCaller struct {
	label string // in metrics
	flow  admission.Flow
}

// callers are those that have a name. Their number is bounded.
type callers struct {
	mu    sync.RWMutex
	known map[string]*knownCaller
}

const (
	mostCallers  = 4096
	mostLabels   = 64
	otherCallers = "other" // the label of those beyond
)

// find returns a caller, which it remembers from now on; nil when there are too many.
func (c *callers) find(name string) *knownCaller {
	c.mu.RLock()
	found, n := c.known[name], len(c.known)
	c.mu.RUnlock()
	if found != nil || n >= mostCallers {
		return found
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if found = c.known[name]; found != nil {
		return found
	}
	if c.known == nil {
		c.known = map[string]*knownCaller{}
	}
	found = &knownCaller{label: otherCallers}
	name = strings.Clone(name)
	if len(c.known) < mostLabels {
		found.label = name
	}
	c.known[name] = found
	return found
}

// label returns the name of a caller in metrics.
func (c *callers) label(name string) string {
	if found := c.find(name); found != nil {
		return found.label
	}
	return otherCallers
}

// reads reports whether the requests of a rule read features, or score.
func (r *rule) reads() bool {
	return (r.right == Read || r.right == Score) && r.on != nil && r.or == nil
}

// countRead counts a request for features or scores that was answered. So what it was for
// exists, and the metric has no more values than there are definitions.
func (s *Server) countRead(ctx context.Context, on Resource) {
	name := CallerOf(ctx).Name
	if name == "" {
		return // nobody is known
	}
	resource := string(on.Kind)
	if on.Kind != View {
		resource = on.String()
	}
	s.metrics.reads.WithLabelValues(s.callers.label(name), resource).Inc()
}
