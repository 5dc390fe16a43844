package schema

import (
	"encoding/json"
	"fmt"
	"strings"
)

// An AggregateView is a feature view of aggregates over the events of a stream, in
// windows that end at the time of the request.
type AggregateView struct {
	Name     string   `json:"name"`
	Entities []string `json:"entities"` // their join keys are fields of the stream
	Stream   string   `json:"stream"`
	// Where selects events: an expression in CEL over the fields of the stream. Empty
	// selects all.
	Where       string             `json:"where,omitempty"`
	Windows     []AggregateWindow  `json:"windows"`
	Features    []AggregateFeature `json:"features"`
	KeepOld     *Duration          `json:"keep_old,omitempty"` // see [FeatureView.KeptOld]
	Description string             `json:"description,omitempty"`
	Owner       string             `json:"owner,omitempty"`
	Tags        map[string]string  `json:"tags,omitempty"`
}

// An AggregateWindow is a span of time that ends at the time of the request: a length, a
// calendar unit, or all events so far. A file writes it as a text, 10m or lifetime, or as
// a mapping.
type AggregateWindow struct {
	Length   Duration `json:"length,omitempty"`
	Hop      Duration `json:"hop,omitempty"` // how far its left edge moves at a time; 0 means the default for Length
	Lifetime bool     `json:"-"`             // written as lifetime

	Calendar CalendarUnit `json:"calendar,omitempty"` // from the unit's start
	TimeZone string       `json:"time_zone,omitempty"`
	Of       CalendarPart `json:"of,omitempty"`
}

// CalendarUnit is a unit of a calendar.
type CalendarUnit string

// The values of CalendarUnit.
const (
	CalendarHour  CalendarUnit = "hour"
	CalendarDay   CalendarUnit = "day"
	CalendarWeek  CalendarUnit = "week" // from Monday
	CalendarMonth CalendarUnit = "month"
	CalendarYear  CalendarUnit = "year"
)

// CalendarPart says which unit a window covers; empty means the current one.
type CalendarPart string

// The values of CalendarPart.
const (
	CurrentUnit  CalendarPart = "current"  // so far
	PreviousUnit CalendarPart = "previous" // the last whole one
)

const lifetimeWindow = "lifetime"

// String returns the window as names of features end with it: 1h, lifetime, day,
// previous_day.
func (w AggregateWindow) String() string {
	switch {
	case w.Lifetime:
		return lifetimeWindow
	case w.Calendar != "" && w.Of == PreviousUnit:
		return "previous_" + string(w.Calendar)
	case w.Calendar != "":
		return string(w.Calendar)
	}
	return w.Length.String()
}

// UnmarshalText reads a window that is written as a text.
func (w *AggregateWindow) UnmarshalText(text []byte) error {
	*w = AggregateWindow{}
	if string(text) == lifetimeWindow {
		w.Lifetime = true
		return nil
	}
	if err := w.Length.UnmarshalText(text); err != nil {
		return fmt.Errorf("%w, lifetime, {length: 24h, hop: 15m} or {calendar: day, time_zone: Europe/Berlin}", err)
	}
	return nil
}

// MarshalJSON writes a window as a text where it can be one.
func (w AggregateWindow) MarshalJSON() ([]byte, error) {
	if w.Lifetime || w.Calendar == "" && w.Hop == 0 {
		return json.Marshal(w.String())
	}
	type plain AggregateWindow
	return json.Marshal(plain(w))
}

// UnmarshalJSON reads a window as MarshalJSON writes it.
func (w *AggregateWindow) UnmarshalJSON(raw []byte) error {
	if strings.HasPrefix(string(raw), `"`) {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		return w.UnmarshalText([]byte(text))
	}
	type plain AggregateWindow
	return json.Unmarshal(raw, (*plain)(w))
}

// An AggregateFeature is one aggregate. It is one feature for each of its windows,
// named NAME_WINDOW.
type AggregateFeature struct {
	Name string `json:"name"`

	// The aggregate; exactly one is set, to the field that it reads. Count takes "*" too.
	Count       string    `json:"count,omitempty"`
	Sum         string    `json:"sum,omitempty"`
	Mean        string    `json:"mean,omitempty"`
	Variance    string    `json:"variance,omitempty"`
	Stddev      string    `json:"stddev,omitempty"`
	Min         string    `json:"min,omitempty"`
	Max         string    `json:"max,omitempty"`
	First       string    `json:"first,omitempty"`
	Last        string    `json:"last,omitempty"`
	LastN       string    `json:"last_n,omitempty"`
	Distinct    string    `json:"distinct,omitempty"`
	Percentiles string    `json:"percentiles,omitempty"`
	TopK        string    `json:"top_k,omitempty"`
	DecayedSum  string    `json:"decayed_sum,omitempty"`
	SinceLast   string    `json:"since_last,omitempty"` // seconds since the last event with a value; "*": since the last event
	N           int       `json:"n,omitempty"`          // of last_n and top_k
	At          []float64 `json:"at,omitempty"`         // of percentiles, each above 0 and below 1
	Range       []float64 `json:"range,omitempty"`      // of percentiles: the least and the largest magnitude that are told apart
	HalfLife    Duration  `json:"half_life,omitempty"`  // of decayed_sum

	Windows []AggregateWindow `json:"windows,omitempty"` // some of the view's; empty means all
	Default Literal           `json:"default,omitempty"` // the value for every status except PRESENT; empty means null
	// Sensitive is as that of [Feature], of each window.
	Sensitive   bool              `json:"sensitive,omitempty"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// A Literal is a value as JSON whose type another part of the definitions decides.
type Literal string

// MarshalJSON returns the value.
func (l Literal) MarshalJSON() ([]byte, error) { return []byte(l), nil }

// UnmarshalJSON keeps the value.
func (l *Literal) UnmarshalJSON(raw []byte) error {
	*l = Literal(raw)
	return nil
}
