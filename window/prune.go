package window

import "slices"

// Expires reports whether states ever expire: no window is of a lifetime.
func (p *Program) Expires() bool {
	return !slices.ContainsFunc(p.windows, func(w windowPlan) bool { return w.Lifetime })
}

// Prune forgets what no window can hold at t or later. What the state answers from t on
// stays as it is, and states of which one was swept have the same bytes after it.
func (s *State) Prune(t int64) {
	t = clampTime(t)
	lo := t
	for w := range s.program.windows {
		lo = min(lo, s.reach(w, t))
	}
	for i := range s.rows {
		s.rows[i].drop(s.rows[i].horizon(t))
	}
	n := 0
	for n < len(s.pending) && s.pending[n].time < lo {
		n++
	}
	if n > 0 {
		old := append([]entry{}, s.pending[:n]...) // whose memory is used again
		rest := copy(s.pending, s.pending[n:])
		copy(s.pending[rest:], old)
		s.pending = s.pending[:rest]
	}
	if s.folded && s.settled < lo {
		s.folded, s.settled = false, 0
	}
}

// Empty reports whether the state knows of no event, taken back or not. A state that is
// empty when it is pruned can be deleted.
func (s *State) Empty() bool {
	return len(s.pending) == 0 && !s.folded && !slices.ContainsFunc(s.rows, func(r row) bool { return len(r.tiles) > 0 })
}
