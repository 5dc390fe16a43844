package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Labels say what became of what a model scored. They are rows of a source that
// come when they come: each names the logged request that it is of, by its id or by
// some of what it asked and the time.
type Labels struct {
	Source string `json:"source"`
	// RequestID is the column that has the id of the request, and Row that of the
	// row in it, from 0; without Row, labels are of row 0.
	RequestID string `json:"request_id,omitempty"`
	Row       string `json:"row,omitempty"`
	// Keys, instead of RequestID, are join keys and request values that the source
	// has columns of the same names of: a label is of the row that was last asked
	// for these, Within before the label's event time, both ends included.
	Keys   []string `json:"keys,omitempty"`
	Within Duration `json:"within,omitempty"`

	Label  LabelColumn   `json:"label"`            // what turned out to be true: a bool, or 1 and 0
	Values []LabelColumn `json:"values,omitempty"` // what it was worth
	// Threshold is the score from which on a decision is yes; 0 means 0.5.
	Threshold float64 `json:"threshold,omitempty"`
	// Schedule is how often servers take the figures of the newest Window for their
	// metrics; 0 means never. A Window of 0 means 7d.
	Schedule Duration `json:"schedule,omitempty"`
	Window   Duration `json:"window,omitempty"`
}

// A LabelColumn is a column of a source of labels.
type LabelColumn struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
}

// What labels are when nobody says, and the limits on them.
const (
	DefaultThreshold   = 0.5
	DefaultLabelWindow = Duration(7 * day)
	MinLabelSchedule   = Duration(time.Minute)
	MaxLabelValues     = 16
	MaxLabelKeys       = 16
)

// DecidesAt returns the score from which on a decision is yes.
func (l *Labels) DecidesAt() float64 {
	if l.Threshold == 0 {
		return DefaultThreshold
	}
	return l.Threshold
}

// LookBack returns how far back the figures of metrics go.
func (l *Labels) LookBack() Duration {
	if l.Window == 0 {
		return DefaultLabelWindow
	}
	return l.Window
}

// LabelsView returns the source of a model's labels as a view, whose join keys are
// what finds the request, whose first feature is the label and whose others are the
// values. It has no place in the online store. Nil of a model without labels.
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

// sent returns the types of what comes with a request.
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

// labels checks what is said of a model's labels.
func (v *validator) labels(path string, m *Model) {
	l := m.Labels
	if l == nil {
		return
	}
	owner := fmt.Sprintf("the labels of model %q", m.Name)
	if m.Log == nil {
		v.addf(path, "%s are of requests that are logged; write log: {rate: 1}", owner)
	}
	if l.Source == "" {
		v.addf(path+".source", "%s have no source; write source: NAME", owner)
	} else if v.sources[l.Source] == nil {
		v.danglef(path+".source", "%s: no source %q; %s", owner, l.Source, Nearest(l.Source, names(v.sources)))
	}
	switch {
	case l.RequestID == "" && len(l.Keys) == 0:
		v.addf(path, "%s name no requests; write request_id: COLUMN, or keys: [JOIN_KEY] and within: 1h", owner)
	case l.RequestID != "" && len(l.Keys) > 0:
		v.addf(path+".keys", "%s have both request_id and keys; say one of them", owner)
	case l.RequestID == "" && l.Row != "":
		v.addf(path+".row", "%s have row but no request_id, whose row it is", owner)
	case len(l.Keys) > 0 && l.Within <= 0:
		v.addf(path+".within", "%s: say how long before a label's time its request came at most, as in within: 1h", owner)
	case len(l.Keys) == 0 && l.Within != 0:
		v.addf(path+".within", "%s: within goes with keys, and a request_id needs none", owner)
	}
	v.labelKeys(path, owner, m)
	v.labelColumns(path, owner, l)
	if l.Schedule != 0 && l.Schedule < MinLabelSchedule {
		v.addf(path+".schedule", "%s: a schedule is 1m or longer, not %s", owner, l.Schedule)
	}
	if l.Window < 0 {
		v.addf(path+".window", "%s: a window is longer than 0, not %s", owner, l.Window)
	}
}

func (v *validator) labelKeys(path, owner string, m *Model) {
	s := v.services[m.FeatureService]
	if s == nil {
		return // which is a fault of its own
	}
	if len(m.Labels.Keys) > MaxLabelKeys {
		v.addf(path+".keys", "%s have %d keys; at most %d fit", owner, len(m.Labels.Keys), MaxLabelKeys)
	}
	types := v.sentWith(s)
	for i, key := range m.Labels.Keys {
		at := fmt.Sprintf("%s.keys[%d]", path, i)
		t, found := types[key]
		switch {
		case !found:
			v.danglef(at, "%s: requests for the model bring no %q; %s", owner, key, Nearest(key, slices.Collect(maps.Keys(types))))
		case *t != String && !t.IsInteger():
			v.addf(at, "%s: keys are int32, int64 or string, and %q is %s", owner, key, *t)
		case slices.Index(m.Labels.Keys, key) < i:
			v.addf(at, "%s have the key %q twice", owner, key)
		}
	}
}

func (v *validator) labelColumns(path, owner string, l *Labels) {
	switch t := l.Label.Type; {
	case l.Label.Name == "":
		v.addf(path+".label", "%s have no column; write label: {name: COLUMN, type: bool}", owner)
	case t != Bool && !t.IsInteger():
		v.addf(path+".label.type", "%s: a label is a bool, or an int32 or int64 of 1 and 0, not %s", owner, t)
	}
	if len(l.Values) > MaxLabelValues {
		v.addf(path+".values", "%s have %d values; at most %d fit", owner, len(l.Values), MaxLabelValues)
	}
	seen := []string{l.Label.Name}
	for i, value := range l.Values {
		at := fmt.Sprintf("%s.values[%d]", path, i)
		if t := value.Type; t != Bool && !t.IsInteger() && t != Float32 && t != Float64 {
			v.addf(at+".type", "%s: a value is a number or a bool, not %s", owner, t)
		}
		if value.Name == "" || slices.Contains(seen, value.Name) {
			v.addf(at+".name", "%s: a value has a name of its own, not %q", owner, value.Name)
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
		v.addf(path, "%s: a column's name has no zero byte", owner)
	}
}
