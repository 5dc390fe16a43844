package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Labels say what turned out to be true of the rows that a model scored. They are rows
// of a source and may arrive at any time. Each names its logged request by id, or by
// some of the request's keys and the time.
type Labels struct {
	Source string `json:"source"`
	// RequestID is the column with the id of the request. Row is the column with the
	// row in the request, from 0; without it, labels belong to row 0.
	RequestID string `json:"request_id,omitempty"`
	Row       string `json:"row,omitempty"`
	// Keys replace RequestID: they are join keys and request values, and the source has
	// columns with the same names. A label belongs to the last row requested with these
	// values, at most Within before the label's event time, both ends included.
	Keys   []string `json:"keys,omitempty"`
	Within Duration `json:"within,omitempty"`

	Label  LabelColumn   `json:"label"`            // what turned out to be true: a bool, or 1 and 0
	Values []LabelColumn `json:"values,omitempty"` // what the outcome was worth
	// Scores at or above Threshold count as positive; 0 means 0.5.
	Threshold float64 `json:"threshold,omitempty"`
	// Schedule is how often servers update their experiment metrics, over the newest
	// Window; 0 means never. A Window of 0 means 7d.
	Schedule Duration `json:"schedule,omitempty"`
	Window   Duration `json:"window,omitempty"`
}

// A LabelColumn is a column of a source of labels.
type LabelColumn struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
}

// The defaults of labels and their limits.
const (
	DefaultThreshold   = 0.5
	DefaultLabelWindow = Duration(7 * day)
	MinLabelSchedule   = Duration(time.Minute)
	MaxLabelValues     = 16
	MaxLabelKeys       = 16
)

// DecidesAt returns the threshold: scores at or above it count as positive.
func (l *Labels) DecidesAt() float64 {
	if l.Threshold == 0 {
		return DefaultThreshold
	}
	return l.Threshold
}

// LookBack returns how far back the experiment metrics look.
func (l *Labels) LookBack() Duration {
	if l.Window == 0 {
		return DefaultLabelWindow
	}
	return l.Window
}

// LabelsView returns the source of a model's labels as a view. Its join keys find the
// request, its first feature is the label, and its other features are the values. It is
// not in the online store. It is nil for a model without labels.
func (c *Catalog) LabelsView(m *Model) *View {
	l := m.Labels
	if l == nil {
		return nil
	}
	sources := c.Definitions.Sources
	origin := slices.IndexFunc(sources, func(s Source) bool { return s.Name == l.Source })
	view := &View{FeatureView: &FeatureView{Name: "labels of " + m.Name, Source: l.Source}, Origin: &sources[origin], Catalog: c}
	switch {
	case l.RequestID == "":
		sent := c.services[m.FeatureService].sent()
		for _, key := range l.Keys {
			view.Keys = append(view.Keys, JoinKey{Name: key, Type: sent[key]})
		}
	case l.Row == "":
		view.Keys = []JoinKey{{Name: l.RequestID, Type: String}}
	default:
		view.Keys = []JoinKey{{Name: l.RequestID, Type: String}, {Name: l.Row, Type: Int32}}
	}
	for _, column := range slices.Concat([]LabelColumn{l.Label}, l.Values) {
		view.Features = append(view.Features, Feature{Name: column.Name, Type: column.Type})
	}
	return view
}

// sent returns the types of the keys and values that a request sends.
func (p *Plan) sent() map[string]Type {
	types := map[string]Type{}
	for _, k := range p.Keys {
		types[k.Name] = k.Type
	}
	for _, f := range p.Request {
		types[f.Name] = f.Type
	}
	return types
}

// labels checks the labels of a model.
func (v *validator) labels(path string, m *Model) {
	l := m.Labels
	if l == nil {
		return
	}
	owner := fmt.Sprintf("the labels of model %q", m.Name)
	if m.Log == nil {
		v.addf(path, "%s need logged requests; write log: {rate: 1}", owner)
	}
	if l.Source == "" {
		v.addf(path+".source", "%s have no source; write source: NAME", owner)
	} else if v.sources[l.Source] == nil {
		v.unknownf(l.Source, names(v.sources), path+".source", "%s: no source %q", owner, l.Source)
	}
	switch {
	case l.RequestID == "" && len(l.Keys) == 0:
		v.addf(path, "%s name no requests; write request_id: COLUMN, or keys: [JOIN_KEY] and within: 1h", owner)
	case l.RequestID != "" && len(l.Keys) > 0:
		v.addf(path+".keys", "%s have both request_id and keys; keep one", owner)
	case l.RequestID == "" && l.Row != "":
		v.addf(path+".row", "%s have row but no request_id; add request_id, or leave out row", owner)
	case len(l.Keys) > 0 && l.Within <= 0:
		v.addf(path+".within", "%s have keys but no within; write the longest time from a request to its label, as in within: 1h", owner)
	case len(l.Keys) == 0 && l.Within != 0:
		v.addf(path+".within", "%s: within goes with keys only; leave it out with request_id", owner)
	}
	v.labelKeys(path, owner, m)
	v.labelColumns(path, owner, l)
	if l.Schedule != 0 && l.Schedule < MinLabelSchedule {
		v.addf(path+".schedule", "%s: schedule must be 1m or longer, not %s", owner, l.Schedule)
	}
	if l.Window < 0 {
		v.addf(path+".window", "%s: window must be longer than 0, not %s", owner, l.Window)
	}
}

func (v *validator) labelKeys(path, owner string, m *Model) {
	s := v.services[m.FeatureService]
	if s == nil {
		return // reported elsewhere
	}
	if len(m.Labels.Keys) > MaxLabelKeys {
		v.addf(path+".keys", "%s have %d keys; use at most %d", owner, len(m.Labels.Keys), MaxLabelKeys)
	}
	types := v.sentWith(s)
	for i, key := range m.Labels.Keys {
		at := fmt.Sprintf("%s.keys[%d]", path, i)
		t, found := types[key]
		switch {
		case !found:
			v.unsentf(s, at, "%s: requests for the model send no %q; %s", owner, key, Nearest(key, slices.Collect(maps.Keys(types))))
		case *t != String && !t.IsInteger():
			v.addf(at, "%s: a key must be int32, int64 or string, but %q is %s", owner, key, *t)
		case slices.Index(m.Labels.Keys, key) < i:
			v.addf(at, "%s have the key %q twice", owner, key)
		}
	}
}

func (v *validator) labelColumns(path, owner string, l *Labels) {
	switch t := l.Label.Type; {
	case l.Label.Name == "":
		v.addf(path+".label", "%s name no label column; write label: {name: COLUMN, type: bool}", owner)
	case t != Bool && !t.IsInteger():
		v.addf(path+".label.type", "%s: a label must be a bool, or an int32 or int64 of 1 and 0, not %s", owner, t)
	}
	if len(l.Values) > MaxLabelValues {
		v.addf(path+".values", "%s have %d values; use at most %d", owner, len(l.Values), MaxLabelValues)
	}
	seen := []string{l.Label.Name}
	for i, value := range l.Values {
		at := fmt.Sprintf("%s.values[%d]", path, i)
		if t := value.Type; t != Bool && !t.IsInteger() && t != Float32 && t != Float64 {
			v.addf(at+".type", "%s: a value must be a number or a bool, not %s", owner, t)
		}
		if value.Name == "" || slices.Contains(seen, value.Name) {
			v.addf(at+".name", "%s: a value can't be named %q; rename it", owner, value.Name)
		}
		seen = append(seen, value.Name)
	}
	for _, name := range []string{l.RequestID, l.Row} {
		if name != "" && slices.Contains(seen, name) {
			v.addf(path, "%s read the column %q twice", owner, name)
		}
		seen = append(seen, name)
	}
	if strings.ContainsRune(strings.Join(append(seen, l.Keys...), ""), 0) {
		v.addf(path, "%s: a column name has a zero byte; remove it", owner)
	}
}
