package check

import (
	"cmp"
	"slices"
)

// A Report says how the answers compare.
type Report struct {
	Parts       []*Part       `json:"parts"`
	Differences []*Difference `json:"differences"`
	Notes       []string      `json:"notes,omitempty"` // what could not be compared, and why

	index map[differenceKey]*Difference
}

// A Part is what was compared of a feature view, a feature service or a training set.
type Part struct {
	Name     string `json:"name"`
	Rows     int    `json:"rows"`
	Values   int    `json:"values"`
	Equal    int    `json:"equal"`
	Statuses int    `json:"statuses"` // of the equal values, those where only the status differs
}

// A Difference is all values of a feature that differ for one reason.
type Difference struct {
	Part    string `json:"part"`
	Feature string `json:"feature"`
	Kind    Kind   `json:"kind"`
	Why     string `json:"why"`
	Count   int    `json:"count"`

	// One of them.
	Key    string `json:"key"`
	Feast  string `json:"feast"`
	Larder string `json:"larder"`
}

// A Kind is a reason why values differ.
type Kind string

// The kinds of differences.
const (
	Expired         Kind = "expired"
	Default         Kind = "default"
	MissingInFeast  Kind = "missing in Feast"
	MissingInLarder Kind = "missing in Larder"
	OlderInFeast    Kind = "older in Feast"
	OlderInLarder   Kind = "older in Larder"
	Duplicates      Kind = "duplicates"
	Changed         Kind = "changed"
	Computed        Kind = "computed"
	Leaked          Kind = "leaked correction"
	Type            Kind = "type"
	Unexplained     Kind = "unexplained"
)

// reasons says why values of a kind differ, and what to do.
var reasons = map[Kind]string{
	Expired:         "the row is older than the view's ttl; Feast's server gives it all the same. Raise the ttl if it is still good, or serve with --feast-statuses",
	Default:         "Larder gives the feature's default where Feast gives null",
	MissingInFeast:  "Feast has not materialized this row: the last `feast materialize` ended before it",
	MissingInLarder: "Larder has no row that counts yet: run `larder materialize`; rows whose event time or ingest time is in the future wait until then",
	OlderInFeast:    "Larder has a newer row; Feast gets it with the next `feast materialize`",
	OlderInLarder:   "Feast has a newer row; Larder gets it with the next `larder materialize`, unless it was pushed to Feast only",
	Duplicates:      "the source has several rows of this key with this event time; Larder takes the one with the latest ingest time, Feast the one that it read or wrote last",
	Changed:         "both have the row of this event time, with other values: the source was changed after one of them read it",
	Computed:        "both compute it from the same request: Feast by the Python of the on-demand view, Larder by its expression. Compare the two, nulls too",
	Leaked:          "the value arrived after the row's time (its ingest time is later), so serving could not have known it; Feast's training set has it, Larder's with --as-of event_time too",
	Type:            "Feast's value is not of the type that the definitions have",
	Unexplained:     "nothing that this command knows explains it; compare the rows of the source",
}

type differenceKey struct {
	part, feature string
	kind          Kind
}

// add counts a difference. example makes its texts, for the first of a kind.
func (r *Report) add(part, feature string, kind Kind, example func() (key, feast, larder string)) {
	at := differenceKey{part, feature, kind}
	if r.index == nil {
		r.index = map[differenceKey]*Difference{}
	}
	d := r.index[at]
	if d == nil {
		d = &Difference{Part: part, Feature: feature, Kind: kind, Why: reasons[kind]}
		d.Key, d.Feast, d.Larder = example()
		r.index[at] = d
		r.Differences = append(r.Differences, d)
	}
	d.Count++
}

// Equal reports whether no value differs.
func (r *Report) Equal() bool { return len(r.Differences) == 0 }

// ByKind returns the differences of each kind, in the order of the report.
func (r *Report) ByKind() (groups [][]*Difference) {
	at := map[Kind]int{}
	for _, d := range r.Differences {
		i, known := at[d.Kind]
		if !known {
			i, at[d.Kind] = len(groups), len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], d)
	}
	return groups
}

// Values returns how many values were compared.
func (r *Report) Values() (n int) {
	for _, p := range r.Parts {
		n += p.Values
	}
	return n
}

// sort puts the differences in an order that does not depend on the answers.
func (r *Report) sort() {
	slices.SortStableFunc(r.Differences, func(a, b *Difference) int {
		return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.Feature, b.Feature), cmp.Compare(a.Kind, b.Kind))
	})
}
