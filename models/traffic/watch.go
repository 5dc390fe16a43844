package traffic

import (
	"sync"
	"time"

	"larder/schema"
)

// An Observation is one request that a version scored, or failed to.
type Observation struct {
	At      time.Time
	Latency time.Duration // of scoring
	Score   float64       // the score of one of its rows
	Missing float64       // share of the rows read that were not present, 0 to 1
	Failed  bool          // if true, there is no latency, score or share
}

// observations are the newest observations of one version.
type observations struct {
	mu   sync.Mutex
	ring [schema.MaxGuardRequests]Observation
	next int
	n    int
}

func (w *observations) add(o Observation) {
	w.mu.Lock()
	w.ring[w.next] = o
	w.next = (w.next + 1) % len(w.ring)
	w.n = min(w.n+1, len(w.ring))
	w.mu.Unlock()
}

// since appends the observations that are not older than a time.
func (w *observations) since(dst []Observation, oldest time.Time) []Observation {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.n {
		if o := w.ring[i]; !o.At.Before(oldest) {
			dst = append(dst, o)
		}
	}
	return dst
}

func (w *observations) clear() {
	w.mu.Lock()
	w.next, w.n = 0, 0
	w.mu.Unlock()
}

// A watch holds the observations of a ramp's two versions.
type watch struct {
	control, challenger observations

	began                 time.Time // the start of the observed rollout
	controls, challengers []Observation
}

// judge returns why the version should get no more traffic; empty when it should.
// Requests from before the ramp was resumed don't count.
func (w *watch) judge(g *schema.Guards, began, now time.Time) (guard, reason string) {
	if !began.Equal(w.began) {
		w.control.clear()
		w.challenger.clear()
		w.began = began
		return "", ""
	}
	width := g.Window
	if width == 0 {
		width = schema.DefaultGuardWindow
	}
	oldest := now.Add(-width.Std())
	w.controls = w.control.since(w.controls[:0], oldest)
	w.challengers = w.challenger.since(w.challengers[:0], oldest)
	least := g.MinRequests
	if least == 0 {
		least = schema.DefaultMinRequests
	}
	if len(w.controls) < least || len(w.challengers) < least {
		return "", ""
	}
	return compare(g, w.challengers, w.controls)
}
