package vector

import (
	"fmt"
	"math/bits"

	"larder/schema"
	"larder/store/row"
)

// Visit takes in what the online store has for key i: a row and its event time, or a
// state of an aggregate view and its batch. It is not kept.
func (b *Batch) Visit(i int, version int64, stored []byte) error {
	view := int(uint32(i) / uint32(b.rows))
	v := &b.program.views[view]
	if v.aggregation == nil {
		return b.VisitRow(i, version, stored)
	}
	if len(b.positions) > 0 {
		b.positions[i] = max(b.positions[i], version)
	}
	now := b.timeOf(i, view)
	eventTime, found, ok, err := b.evaluator(view).Row(now, b.exact, stored)
	switch {
	case err != nil:
		return v.corrupt(err)
	case !ok:
		return nil // no window has an event
	}
	return b.VisitRow(i, min(eventTime, now), found)
}

// timeOf returns the time at which key i of a view is decided.
func (b *Batch) timeOf(i, view int) int64 {
	if b.times != nil {
		return b.times[i-view*b.rows]
	}
	return b.now
}

// evaluator returns the evaluator of an aggregate view.
func (b *Batch) evaluator(view int) *Evaluator {
	if b.evaluators == nil {
		b.evaluators = make([]*Evaluator, len(b.program.views))
	}
	if b.evaluators[view] == nil {
		v := &b.program.views[view]
		b.evaluators[view] = v.aggregation.NewEvaluator(v.columns)
	}
	return b.evaluators[view]
}

// VisitRow takes in a row for key i, of a certain event time. For an aggregate view it is
// a row that an [Evaluator] made. The row is not kept.
func (b *Batch) VisitRow(i int, eventTime int64, stored []byte) error {
	view := int(uint32(i) / uint32(b.rows))
	v := &b.program.views[view]
	header, err := row.ParseHeader(stored)
	if err != nil {
		return v.corrupt(err)
	}
	now := b.timeOf(i, view)
	if header.Tombstone || eventTime > now || header.Ingest > now && !b.backfilled {
		return nil // as if there were no row
	}
	b.ages[i] = age(now, eventTime)
	if b.ages[i] > v.ttl && !b.anyAge {
		b.statuses[i] = schema.StatusOutsideMaxAge
		return nil
	}
	b.statuses[i] = schema.StatusPresent
	l := b.program.layout(v, header.Layout)
	if l == nil {
		return v.corrupt(fmt.Errorf("a row of layout %d; %d are known", header.Layout, len(v.layouts)))
	}
	if err := l.layout.Check(stored); err != nil {
		return v.corrupt(err)
	}
	return b.take(v, l, i-view*b.rows, stored)
}

// take moves the values of a visible row to their places. Where the row has
// null it moves the bytes that lie there, and Finish puts the default over them.
func (b *Batch) take(v *viewProgram, l *layoutProgram, r int, stored []byte) error {
	if b.dense != nil {
		width := b.program.width
		vector := b.dense[r*width : (r+1)*width]
		for i := range l.runs {
			m := &l.runs[i]
			readFloats(vector[m.feature:m.feature+m.count], m.kind, stored[m.offset:])
		}
	}
	if b.columns != nil {
		moves := l.fixed
		if b.inputsOnly {
			moves = l.inputs
		}
		for i := range moves {
			m := &moves[i]
			setRaw(&b.columns[m.feature], r, stored[m.offset:])
		}
	}
	if b.tensors != nil {
		for i := range l.fixed {
			if m := &l.fixed[i]; m.feature < b.program.width {
				t := &b.tensors[m.feature]
				putRaw(&t.Column, t.At(r, 0), m.kind, stored[m.offset:])
			}
		}
	}
	if len(b.spans) > 0 {
		if err := b.takeTexts(v, l, r, stored); err != nil {
			return err
		}
	}
	b.takeNulls(l, r, stored)
	return nil
}

// takeNulls notes the features that a row lacks or has null.
func (b *Batch) takeNulls(l *layoutProgram, r int, stored []byte) {
	for _, feature := range l.absent {
		b.nulls = append(b.nulls, null{int32(feature), int32(r)})
	}
	for i, wanted := range l.wanted {
		for set := stored[row.HeaderBytes+i] & wanted; set != 0; set &= set - 1 {
			feature := l.features[i*8+bits.TrailingZeros8(set)]
			b.nulls = append(b.nulls, null{int32(feature), int32(r)})
		}
	}
}

// takeTexts keeps the bytes of a row's strings, bytes and lists; of vectors where a
// column wants them.
func (b *Batch) takeTexts(v *viewProgram, l *layoutProgram, r int, stored []byte) error {
	for i := range l.texts {
		m := &l.texts[i]
		if row.Null(stored, m.column) || m.kind.IsVector() && b.column(m.feature) == nil {
			continue
		}
		raw, err := m.bytes(stored)
		if err != nil {
			return v.corrupt(err)
		}
		start := len(b.text)
		if start+len(raw) > MaxTextBytes {
			return valuesTooLarge()
		}
		b.text = append(b.text, raw...)
		b.spans[m.text*b.rows+r] = [2]uint32{uint32(start), uint32(len(b.text))}
	}
	return nil
}

// bytes returns the bytes of a string, bytes or list of a row that was checked.
func (m *move) bytes(stored []byte) ([]byte, error) {
	if m.kind.IsVector() {
		return row.Elements(stored, m.offset, m.kind), nil
	}
	return row.Variable(stored, m.offset)
}

func valuesTooLarge() error {
	return schema.ValuesTooLarge.Errorf("the strings, bytes and lists of these rows take more than %d MiB; ask for fewer rows or features", MaxTextBytes>>20)
}

func (v *viewProgram) corrupt(err error) error {
	if v.aggregation != nil {
		return schema.CorruptRow.Wrap(err, "aggregate view %q holds a state that can't be read; build it again with larder stream rebuild", v.view.Name)
	}
	return schema.CorruptRow.Wrap(err, "feature view %q holds a row that can't be read; materialize it again with --full", v.view.Name)
}
