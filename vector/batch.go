package vector

import (
	"fmt"

	"larder/schema"
	"larder/store/row"
)

// A Batch is the vectors of one request. It is reused from request to request
// and belongs to one goroutine at a time.
type Batch struct {
	program *Program
	rows    int
	now     int64 // the one clock reading

	keys     row.Keys
	statuses []schema.Status // of each view and row: view*rows + row
	ages     []int64         // alike
	given    []*Column       // of each feature: what the request brings for it, or nil

	dense   []float32 // rows × features, row by row; nil: not wanted
	columns []Column  // of each feature; nil: not wanted
	lists   []listArena
	missing missing
}

// A listArena holds the bytes of a list feature's rows until all are there,
// since rows come in any order and lists lie end to end.
type listArena struct {
	bytes []byte
	spans [][2]int // of each row
}

// missing is the first value that was not present.
type missing struct {
	found   bool
	feature int
	row     int
	status  schema.Status
}

// NewBatch returns a batch of a program, to be reset before its first use.
func (p *Program) NewBatch() *Batch {
	return &Batch{program: p, given: make([]*Column, len(p.plan.Features))}
}

// Reset makes the batch ready for a request of rows rows that is decided at now,
// in microseconds since 1970 UTC.
func (b *Batch) Reset(rows int, now int64) {
	n := rows * len(b.program.views)
	b.rows, b.now = rows, now
	b.keys.Reset()
	b.statuses = append(b.statuses[:0], make([]schema.Status, n)...)
	b.ages = append(b.ages[:0], make([]int64, n)...)
	for i := range b.statuses {
		b.statuses[i] = schema.StatusNotFound
	}
	clear(b.given)
	b.dense, b.columns, b.lists, b.missing = nil, nil, nil, missing{}
}

// Rows returns the number of rows.
func (b *Batch) Rows() int { return b.rows }

// Keys returns the keys to read: of view v and row r at v*rows + r.
func (b *Batch) Keys() *row.Keys { return &b.keys }

// SetDense asks for the vectors in a float tensor: rows × features, row by row.
// All features must be numbers or bools, as scoring.Bind has checked.
func (b *Batch) SetDense(tensor []float32) { b.dense = tensor }

// WantColumns asks for the vectors as columns. They are made anew for each
// request, and stay valid when the batch is reused.
func (b *Batch) WantColumns() {
	b.columns = make([]Column, len(b.program.plan.Features))
	for i := range b.columns {
		t := b.program.plan.Features[i].Type
		b.columns[i] = newColumn(t, b.rows)
		if t.IsList() {
			if b.lists == nil {
				b.lists = make([]listArena, len(b.columns))
			}
			b.lists[i].spans = make([][2]int, b.rows)
		}
	}
}

// Columns returns a column per feature, in the order of the plan; nil unless
// they were asked for.
func (b *Batch) Columns() []Column { return b.columns }

// Statuses returns what was found in a view, row by row: PRESENT, NOT_FOUND or
// OUTSIDE_MAX_AGE. It aliases the batch.
func (b *Batch) Statuses(view int) []schema.Status {
	return b.statuses[view*b.rows : (view+1)*b.rows]
}

// Ages returns how old the rows found in a view are, in microseconds; 0 where
// none was found. It aliases the batch.
func (b *Batch) Ages(view int) []int64 { return b.ages[view*b.rows : (view+1)*b.rows] }

// Visit takes in the row that was found for key i. The row is not kept.
func (b *Batch) Visit(i int, eventTime int64, stored []byte) error {
	view := i / b.rows
	header, err := row.ParseHeader(stored)
	if err != nil {
		return b.corrupt(view, err)
	}
	if header.Tombstone || eventTime > b.now {
		return nil
	}
	p := &b.program.views[view]
	b.ages[i] = b.now - eventTime
	if b.ages[i] > p.ttl {
		b.statuses[i] = schema.StatusOutsideMaxAge
		return nil
	}
	b.statuses[i] = schema.StatusPresent
	if int(header.Layout) >= len(p.layouts) {
		return b.corrupt(view, fmt.Errorf("a row of layout %d; %d are known", header.Layout, len(p.layouts)))
	}
	l := &p.layouts[header.Layout]
	if err := l.layout.Check(stored); err != nil {
		return b.corrupt(view, err)
	}
	if err := b.read(l, i-view*b.rows, stored); err != nil {
		return b.corrupt(view, err)
	}
	return nil
}

// read moves the values of a row to their places.
func (b *Batch) read(l *layoutProgram, r int, stored []byte) error {
	width := len(b.program.floats)
	for k := range l.moves {
		m := &l.moves[k]
		if m.column == absent || row.Null(stored, m.column) {
			b.setMissing(m.feature, r, schema.StatusNullValue)
			continue
		}
		if b.dense != nil {
			b.dense[r*width+m.feature] = rawFloat32(m.kind, stored[m.offset:])
		}
		if b.columns != nil {
			if err := b.readColumn(m, r, stored); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *Batch) readColumn(m *move, r int, stored []byte) error {
	c := &b.columns[m.feature]
	c.Statuses[r] = schema.StatusPresent
	if !m.kind.IsList() {
		return c.setRaw(r, stored, m.offset)
	}
	raw, err := row.Variable(stored, m.offset)
	if err != nil {
		return err
	}
	arena := &b.lists[m.feature]
	arena.spans[r] = [2]int{len(arena.bytes), len(arena.bytes) + len(raw)}
	arena.bytes = append(arena.bytes, raw...)
	return nil
}

// setMissing puts the default, or null, where no value is present.
func (b *Batch) setMissing(feature, r int, status schema.Status) {
	if b.given[feature] != nil {
		return // the request brings the value
	}
	if b.dense != nil {
		b.dense[r*len(b.program.floats)+feature] = b.program.floats[feature]
	}
	if b.columns != nil {
		c := &b.columns[feature]
		c.Statuses[r] = status
		if d := &b.program.defaults[feature]; d.Valid[0] && !c.Type.IsList() {
			c.copyRow(r, d, 0)
		}
	}
	if b.program.strict && (!b.missing.found || r < b.missing.row) {
		b.missing = missing{true, feature, r, status}
	}
}

func (b *Batch) corrupt(view int, err error) error {
	name := b.program.plan.Views[view].Name
	return &schema.Error{Kind: schema.Internal, Reason: "CORRUPT_ROW", Message: fmt.Sprintf("feature view %q holds a row that can't be read", name), Err: err}
}
