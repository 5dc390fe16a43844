package verify

// A Kind is the result of comparing a key.
type Kind string

// The kinds.
const (
	Equal      Kind = "equal"
	Mismatched Kind = "mismatched"
	Missing    Kind = "missing"
	Extra      Kind = "extra"
	Stale      Kind = "stale"
)

// maxDifferences is how many keys of each kind a report shows.
const maxDifferences = 5

// A Report is the result for a view.
type Report struct {
	View    string
	FromLog bool  // the source is the log of a stream
	Time    int64 // the watermark of the comparison, in microseconds since 1970 UTC
	Keys    int64 // compared
	Counts  map[Kind]int64
	// Newer counts the keys, of those that are mismatched or extra, whose stored row is
	// newer than any that the source has. No run replaces such a row.
	Newer    int64
	Features []FeatureReport // in the view's order
	// Differences are the first keys of each kind but Equal; at most 5 of each.
	Differences []Difference
}

// A FeatureReport counts the keys whose value of one feature differs.
type FeatureReport struct {
	Name       string
	Mismatched int64
}

// A Difference is one key with different answers.
type Difference struct {
	Kind    Kind
	Key     string // as in customer_id=7
	Feature string // the first feature that differs; empty when the statuses of the key differ
	Online  string // the answer of the store, and of the source
	Source  string
}

// Faults returns how many keys differ, without the stale ones.
func (r *Report) Faults() int64 {
	return r.Counts[Mismatched] + r.Counts[Missing] + r.Counts[Extra]
}

func (r *Report) add(kind Kind, n int64) {
	r.Keys += n
	r.Counts[kind] += n
}

func (r *Report) show(d Difference) {
	n := 0
	for _, x := range r.Differences {
		if x.Kind == d.Kind {
			n++
		}
	}
	if n < maxDifferences {
		r.Differences = append(r.Differences, d)
	}
}
