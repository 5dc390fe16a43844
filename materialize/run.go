package materialize

import (
	"slices"

	"larder/schema"
)

// A Run is the state of one materialization of one view at one moment.
type Run struct {
	ID    string
	View  string
	State State
	Mode  schema.Mode

	// The window, in microseconds since 1970 UTC; From is 0 for the beginning. Values that
	// are set when the run starts are 0 until then.
	From, To int64

	RowsRead       int64 // from the source; of these:
	RowsWritten    int64 // newer than what was stored
	RowsSuperseded int64 // not newer
	RowsBad        int64
	RowsTotal      int64 // an estimate of the rows to read; 0 when there is none
	Bad            []BadRows

	Expectations []Expectation // of the view, once the rows are counted; those that a run of its mode doesn't check are missing

	Error          string   // of a failed run; safe to show
	Warnings       []string // what is probably wrong although the run went on; safe to show
	QueuedAt       int64    // microseconds since 1970 UTC, as are the next two
	StartedAt      int64    // 0 before that
	EndedAt        int64    // 0 before that
	CatalogVersion int64    // the version that it ran with
	Scheduled      bool
	Building       bool // stores rows beside those that are served, for the next catalog
	Attempt        int  // counts from 1; higher for a retry of a scheduled run
}

// Ended reports whether the run is over, with any result.
func (r *Run) Ended() bool { return r.State == Succeeded || r.State == Failed || r.State == Cancelled }

// whole reports whether a run that has started reads all rows, from the beginning.
func (r *Run) whole() bool { return r.Mode != schema.Range && r.From == 0 }

// A slot is what runs one run at a time: a view, or the rows that are stored beside it
// for the next catalog.
type slot struct {
	view     string
	building bool
}

func (r *Run) slot() slot { return slot{r.View, r.Building} }

// BadRows counts the rows of a run that can't be stored for one reason.
type BadRows struct {
	Reason  schema.BadReason
	Count   int64
	Samples []string
}

// A State is the state of a run.
type State string

// The states.
const (
	Queued    State = "queued"
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled" // by Cancel, or because the server stopped
)

// A Request asks for a run. Times are microseconds since 1970 UTC.
type Request struct {
	View string
	Mode schema.Mode // empty means incremental
	From int64       // of a range
	To   int64       // 0 means the start of the run; a later time is cut to that, except for a range
}

// samplesPerReason bounds the samples that a run keeps for each reason.
const samplesPerReason = 5

// addBad counts bad rows and keeps some of their samples.
func (r *Run) addBad(bad []schema.BadRow) {
	r.RowsBad += int64(len(bad))
	for _, row := range bad {
		at := slices.IndexFunc(r.Bad, func(b BadRows) bool { return b.Reason == row.Reason })
		if at < 0 {
			at = len(r.Bad)
			r.Bad = append(r.Bad, BadRows{Reason: row.Reason})
		}
		b := &r.Bad[at]
		b.Count++
		if row.Sample != "" && len(b.Samples) < samplesPerReason {
			b.Samples = append(b.Samples, row.Sample)
		}
	}
}

// clone returns a copy that shares nothing that changes.
func (r *Run) clone() Run {
	c := *r
	c.Warnings = slices.Clone(r.Warnings)
	c.Bad = slices.Clone(r.Bad)
	for i := range c.Bad {
		c.Bad[i].Samples = slices.Clone(c.Bad[i].Samples)
	}
	return c
}
