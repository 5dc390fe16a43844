package serving

import (
	"time"

	"larder/column"
	"larder/schema"
	"larder/scoring"
	"larder/vector"
)

// An Answer is what was found and scored for a request. It belongs to whoever asked
// until Release; then its memory is that of another.
type Answer struct {
	Rows     int
	Features []column.Column // in the order of the plan; nil unless asked for
	Scores   []float64       // nil where no model was asked, or the model has no score
	Outputs  []Output        // those of the model that were asked for
	// Versions are those of the model that scored each row, where several did; else nil.
	Versions  []int64
	RequestID string // by which the request is logged; empty where it is not

	shape    *shape
	statuses []schema.Status // of each view and row: view*rows + row
	ages     []int64         // of each view and row, as statuses

	// Nil in an answer that was merged of others.
	batch *vector.Batch
	// visit is the batch's: made once, since a call through an interface would make it
	// for each request.
	visit   func(i int, eventTime int64, row []byte) error
	run     *scoring.Run    // of the model, until Release
	tensors []column.Tensor // of each feature, unless the model takes one tensor of all
	scoring time.Duration   // what the model took
}

// Plan returns the plan that was answered; where several versions scored, that of the
// first row's.
func (a *Answer) Plan() *schema.Plan { return a.shape.plan }

// Statuses returns what was found in a view of the plan, row by row: PRESENT, NOT_FOUND
// or OUTSIDE_MAX_AGE.
func (a *Answer) Statuses(view int) []schema.Status {
	return a.statuses[view*a.Rows : (view+1)*a.Rows]
}

// Ages returns how old the rows found in a view are, in microseconds; 0 where none was
// found.
func (a *Answer) Ages(view int) []int64 { return a.ages[view*a.Rows : (view+1)*a.Rows] }

// Release gives the answer's memory back.
func (a *Answer) Release() {
	if a.run != nil {
		a.run.Release()
	}
	if a.batch == nil {
		return
	}
	a.batch.Reset(0, 0)
	clear(a.tensors)
	*a = Answer{shape: a.shape, batch: a.batch, visit: a.visit, tensors: a.tensors}
	a.shape.answers.Put(a)
}
