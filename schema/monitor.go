package schema

import (
	"fmt"
	"slices"
	"strings"
)

// A ModelMonitor says how servers watch what a model is fed and what it answers.
type ModelMonitor struct {
	Off bool `json:"off,omitempty"` // nothing is counted
	// Rate is the share of requests whose values are counted, above 0 and at most 1; 0 means
	// all of them, up to some hundred a second.
	Rate float64 `json:"rate,omitempty"`
	// Features are the references to what is counted: VIEW:FEATURE, VIEW:* or request:NAME.
	// Empty: all features of the service.
	Features []string `json:"features,omitempty"`
	// Reference says what later values are compared with. Empty: the training set of the
	// version where it names one, and else the first rows that it is fed.
	Reference MonitorReference `json:"reference,omitempty"`
	// Threshold is how far two distributions may be apart, from 0 to 1: the share of rows that
	// lie on another side of some value. 0 means [DefaultDriftThreshold].
	Threshold float64 `json:"threshold,omitempty"`
}

// A MonitorReference says what the values of a model are compared with.
type MonitorReference string

// The values of MonitorReference.
const (
	FromDataset MonitorReference = "dataset" // the training set that a version names
	FromServing MonitorReference = "served"  // the first rows that a version is fed
)

// DefaultDriftThreshold is the share of rows that a drift moves.
const DefaultDriftThreshold = 0.1

// Watches reports whether servers watch the model.
func (m *Model) Watches() bool { return m.Monitor == nil || !m.Monitor.Off }

// WatchedRate returns the share of requests whose values are counted; 0 means as many as
// there is time for.
func (m *Model) WatchedRate() float64 {
	if m.Monitor == nil {
		return 0
	}
	return m.Monitor.Rate
}

// WatchesFeature reports whether the values of a feature are counted.
func (m *Model) WatchesFeature(name string) bool {
	if m.Monitor == nil || len(m.Monitor.Features) == 0 {
		return true
	}
	return slices.ContainsFunc(m.Monitor.Features, func(ref string) bool { return refersTo(ref, name) })
}

// DriftThreshold returns how far two distributions may be apart.
func (m *Model) DriftThreshold() float64 {
	if m.Monitor == nil || m.Monitor.Threshold == 0 {
		return DefaultDriftThreshold
	}
	return m.Monitor.Threshold
}

// monitor checks how a model is watched.
func (v *validator) monitor(path string, m *Model) {
	w := m.Monitor
	if w == nil {
		return
	}
	if !(w.Rate >= 0 && w.Rate <= 1) {
		v.addf(path+".rate", "model %q: monitor.rate must be a share above 0 and at most 1, not %v; leave it out to count all that there is time for", m.Name, w.Rate)
	}
	if !(w.Threshold >= 0 && w.Threshold <= 1) {
		v.addf(path+".threshold", "model %q: monitor.threshold must be from 0 to 1, not %v", m.Name, w.Threshold)
	}
	if r := w.Reference; r != "" && r != FromDataset && r != FromServing {
		v.addf(path+".reference", "model %q: monitor.reference must be dataset or served, or left out, not %q", m.Name, r)
	}
	s := v.services[m.FeatureService]
	if s == nil {
		return // reported elsewhere
	}
	var known []string
	for _, ref := range s.Features {
		full, _ := v.expand(s, ref)
		known = append(known, full...)
	}
	for i, ref := range w.Features {
		owner, _, found := strings.Cut(ref, ":")
		if found && v.foreign(owner) || slices.ContainsFunc(known, func(full string) bool { return refersTo(ref, full) }) {
			continue
		}
		v.danglef(fmt.Sprintf("%s.features[%d]", path, i), "model %q: monitor: feature service %q has no feature %q; %s", m.Name, m.FeatureService, ref, Nearest(ref, known))
	}
}
