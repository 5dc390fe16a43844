package vector

import (
	"math"

	"larder/column"
	"larder/schema"
	"larder/store/row"
)

// MaxTextBytes bounds the strings, bytes and lists that the rows of one request
// hold.
const MaxTextBytes = 64 << 20

// A Batch is the vectors of one request. It is reused from request to request
// and belongs to one goroutine at a time.
type Batch struct {
	program    *Program
	rows       int
	now        int64   // the one clock reading
	times      []int64 // of each row, where they differ; else nil
	backfilled bool    // rows that arrived later than the time asked for count too
	anyAge     bool    // rows count however old they are
	exact      bool    // now is a time that the caller chose, and not the clock

	keys     row.Keys
	statuses []schema.Status // of each view and row: view*rows + row
	ages     []int64         // of each view and row, as statuses
	// positions are those of the states that aggregate views answer from, as statuses; none
	// unless asked for.
	positions []int64
	entities  []*column.Column // of each join key
	given     []*column.Column // of each feature: what the request brings for it, or nil

	// What is asked for: any of these.
	dense   []float32       // rows × features, row by row
	tensors []column.Tensor // of each feature; of no type where not asked for
	columns []column.Column // of each feature
	// inputsOnly says that columns are there only for what expressions read and
	// compute and for lists that tensors take, and no caller asked for columns.
	inputsOnly bool

	// The memory of columns, kept for the next request.
	ownColumns    []column.Column
	valid         []bool
	valueStatuses []schema.Status
	inputs        column.Column // the values of columns, where inputsOnly
	fresh         column.Column // those of others, made for each request

	nulls []null
	// The bytes of strings, bytes and lists, until all rows were visited: rows
	// come in any order, but lists lie end to end, and one piece of memory
	// holds all strings.
	text    []byte
	spans   [][2]uint32 // in text, of each of Program.texts and row
	missing missing

	evaluators    []*Evaluator // of each view; nil until an aggregate view needs one
	eval          evaluation
	computedBytes int             // of lists
	failed        [][failures]int // of each expression
}

// A null is a value that a visible row lacks.
type null struct{ feature, row int32 }

// missing is the first value that was not present.
type missing struct {
	found        bool
	row, feature int
	status       schema.Status
}

// NewBatch returns a batch of a program, to be reset before its first use.
func (p *Program) NewBatch() *Batch {
	return &Batch{
		program: p, entities: make([]*column.Column, len(p.plan.Keys)), given: make([]*column.Column, len(p.features)), failed: make([][failures]int, len(p.expressions)),
	}
}

// Reset makes the batch ready for a request of rows rows that is decided at now,
// in microseconds since 1970 UTC.
func (b *Batch) Reset(rows int, now int64) {
	n := rows * len(b.program.views)
	b.rows, b.now, b.times, b.backfilled, b.anyAge, b.exact = rows, now, nil, false, false, false
	b.keys.Reset()
	b.statuses = resize(b.statuses, n)
	for i := range b.statuses {
		b.statuses[i] = schema.StatusNotFound
	}
	b.ages = resize(b.ages, n)
	clear(b.ages)
	b.positions = b.positions[:0]
	clear(b.entities)
	clear(b.given)
	b.dense, b.tensors, b.columns, b.inputsOnly = nil, nil, nil, false
	clear(b.ownColumns)
	b.fresh = column.Column{}                       // the last request's values are its own
	clear(b.inputs.Strings[:cap(b.inputs.Strings)]) // of the last request's text
	clear(b.inputs.Bytes[:cap(b.inputs.Bytes)])
	clear(b.failed)
	b.nulls, b.text, b.spans, b.missing = b.nulls[:0], b.text[:0], b.spans[:0], missing{}
	b.computedBytes = 0
}

// SetTimes decides each row at a time of its own, in microseconds since 1970 UTC,
// as the rows of a training set are. The batch keeps the slice until it is reset.
func (b *Batch) SetTimes(times []int64) { b.times = times }

// IgnoreIngestTime lets rows count that arrived after the time asked for, so that
// event time alone decides: what a training set asks for with as_of: event_time.
func (b *Batch) IgnoreIngestTime() { b.backfilled = true }

// Exact says that the time of the batch is one that the caller chose. Otherwise it is the
// clock, and a state with later events, of other clocks, is evaluated at their time.
func (b *Batch) Exact() { b.exact = true }

// KeepPositions asks for the positions of the states that a view answers from. known is
// that of the view before anything was read: a key whose state is older, or that has none,
// is as of then.
func (b *Batch) KeepPositions(view int, known int64) {
	if len(b.positions) == 0 {
		b.positions = resize(b.positions, len(b.statuses))
		clear(b.positions)
	}
	for i := range b.rows {
		b.positions[view*b.rows+i] = known
	}
}

// IgnoreAge lets rows count however old they are, whatever the TTL of their view.
func (b *Batch) IgnoreAge() { b.anyAge = true }

// resize returns a slice of n values, in the memory of s where it is enough.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// Rows returns the number of rows.
func (b *Batch) Rows() int { return b.rows }

// Now returns the clock reading that the batch was reset with.
func (b *Batch) Now() int64 { return b.now }

// Keys returns the keys to read: of view v and row r at v*rows + r.
func (b *Batch) Keys() *row.Keys { return &b.keys }

// SetDense asks for the vectors in a float tensor: rows × features, row by row.
// All features must be numbers or bools, as scoring.Bind has checked. Finish has
// written every element; a null is NaN.
func (b *Batch) SetDense(tensor []float32) {
	b.dense = tensor
	b.wantInputs()
}

// SetTensors asks for the vectors in the inputs of a model. There is one tensor for each
// feature of the plan, and one of no type where none is wanted. A tensor's type
// may differ from the feature's where scoring.Bind lets it. Finish has written
// every element; a null is NaN in tensors of floats. The batch keeps the slice
// until it is reset.
func (b *Batch) SetTensors(tensors []column.Tensor) {
	b.tensors = tensors
	b.wantTexts()
	b.wantInputs()
}

// wantInputs asks for the columns that expressions read and the lists that tensors take.
func (b *Batch) wantInputs() {
	if len(b.program.inputs) > 0 && b.columns == nil {
		b.inputsOnly = true
		b.makeColumns(b.program.inputs, &b.inputs)
	}
}

// WantColumns asks for the vectors as columns. Their values are made for
// each request and stay when the batch is reused; the columns themselves, Valid
// and Statuses belong to the batch.
func (b *Batch) WantColumns() {
	b.inputsOnly = false
	b.fresh = column.Column{}
	b.makeColumns(b.program.all, &b.fresh)
}

// makeColumns makes the columns of some features, of values in the memory of slab
// where it is enough.
func (b *Batch) makeColumns(features []int, slab *column.Column) {
	b.ownColumns = resize(b.ownColumns, len(b.program.features))
	b.valid = resize(b.valid, len(features)*b.rows)
	b.valueStatuses = resize(b.valueStatuses, len(features)*b.rows)
	valid, statuses := b.valid[:0], b.valueStatuses[:0]
	for _, i := range features {
		b.ownColumns[i] = column.Column{Type: b.program.features[i].Type, Valid: cut(&valid, b.rows), Statuses: cut(&statuses, b.rows)}
	}
	column.Divide(b.ownColumns, features, b.rows, slab)
	b.columns = b.ownColumns
	b.wantTexts()
}

// cut takes the next n values of a slice's memory off it.
func cut[T any](s *[]T, n int) []T {
	head := (*s)[:n:n]
	*s = (*s)[n:cap(*s)]
	return head
}

// column returns the column of a feature, or nil where there is none to fill.
func (b *Batch) column(feature int) *column.Column {
	if b.columns == nil || b.inputsOnly && !b.program.evaluated[feature] {
		return nil
	}
	return &b.columns[feature]
}

func (b *Batch) wantTexts() {
	b.spans = resize(b.spans, len(b.program.texts)*b.rows)
	clear(b.spans)
}

// Columns returns a column per feature, in the order of the plan; nil unless
// they were asked for. See WantColumns for what aliases the batch.
func (b *Batch) Columns() []column.Column {
	if b.columns == nil || b.inputsOnly {
		return nil
	}
	return b.columns[:b.program.width]
}

// Lists returns a column per feature, in the order of the plan, of which those of lists are
// filled; nil where no lists go to tensors. They alias the batch.
func (b *Batch) Lists() []column.Column {
	if b.tensors == nil || len(b.program.lists) == 0 {
		return nil
	}
	return b.columns
}

// Statuses returns what was found in a view, row by row: PRESENT, NOT_FOUND or
// OUTSIDE_MAX_AGE. It aliases the batch.
func (b *Batch) Statuses(view int) []schema.Status {
	return b.statuses[view*b.rows : (view+1)*b.rows]
}

// Ages returns how old the rows found in a view are, in microseconds; 0 where
// none was found. It aliases the batch.
func (b *Batch) Ages(view int) []int64 { return b.ages[view*b.rows : (view+1)*b.rows] }

// Found returns the statuses and ages of all views, as Statuses and Ages do for one: of
// each view and row, at view*rows + row. They alias the batch.
func (b *Batch) Found() (statuses []schema.Status, ages []int64) { return b.statuses, b.ages }

// Positions returns the positions that KeepPositions asked for: of each view and row, at
// view*rows + row, and 0 of other views. It is empty when none was asked for, and aliases
// the batch.
func (b *Batch) Positions() []int64 { return b.positions }

// age returns now - eventTime, which is not negative, or as much of it as an
// int64 holds.
func age(now, eventTime int64) int64 {
	if d := now - eventTime; d >= 0 {
		return d
	}
	return math.MaxInt64
}
