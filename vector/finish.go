package vector

import (
	"fmt"
	"strings"

	"larder/column"
	"larder/schema"
	"larder/store/row"
)

// Finish completes the vectors once every row that was found has been visited:
// defaults where no value is present, values that the request brings, strings
// and lists. It fails when a value is missing and the model asks to fail then.
func (b *Batch) Finish() error {
	if len(b.spans) > 0 {
		b.putTexts()
	}
	for view := range b.program.views {
		b.finishView(view)
	}
	for _, n := range b.nulls {
		if b.given[n.feature] == nil {
			b.putDefault(int(n.feature), int(n.row), schema.StatusNullValue)
		}
	}
	for feature, c := range b.given {
		if c != nil {
			b.putGiven(feature, c)
		}
	}
	if err := b.joinLists(); err != nil {
		return err
	}
	if err := b.evaluate(); err != nil {
		return err
	}
	if b.tensors != nil {
		if err := b.putLists(); err != nil {
			return err
		}
	}
	if b.missing.found {
		return b.missingError()
	}
	return nil
}

// finishView gives all values of a view the status of their rows, and puts
// defaults where there is no row.
func (b *Batch) finishView(view int) {
	features, statuses := b.program.views[view].features, b.Statuses(view)
	var valid []bool
	for _, feature := range features {
		c := b.column(feature)
		if c == nil {
			continue
		}
		copy(c.Statuses, statuses)
		if valid != nil {
			copy(c.Valid, valid)
			continue
		}
		valid = c.Valid
		for r, status := range statuses {
			valid[r] = status == schema.StatusPresent
		}
	}
	for r, status := range statuses {
		if status == schema.StatusPresent {
			continue
		}
		for _, feature := range features {
			if b.given[feature] == nil {
				b.putDefault(feature, r, status)
			}
		}
	}
}

// putDefault puts the default, or null, where no value is present.
func (b *Batch) putDefault(feature, r int, status schema.Status) {
	d, visible := &b.program.defaults[feature], feature < b.program.width
	if b.dense != nil && visible {
		b.dense[r*b.program.width+feature] = b.program.floats[feature]
	}
	if b.tensors != nil && visible {
		putOne(&b.tensors[feature], r, d, 0)
	}
	if c := b.column(feature); c != nil {
		c.Statuses[r], c.Valid[r] = status, d.Valid[0]
		c.CopyRow(r, d, 0)
	}
	if m := &b.missing; b.program.strict && visible && (!m.found || r < m.row || r == m.row && feature < m.feature) {
		*m = missing{true, r, feature, status}
	}
}

// putGiven puts the values that the request brings for a feature.
func (b *Batch) putGiven(feature int, given *column.Column) {
	column := b.column(feature)
	for r := range b.rows {
		if given.IsNull(r) {
			b.putDefault(feature, r, schema.StatusNullValue)
			continue
		}
		visible := feature < b.program.width
		if b.dense != nil && visible {
			b.dense[r*b.program.width+feature] = float32At(given, r)
		}
		if b.tensors != nil && visible {
			putOne(&b.tensors[feature], r, given, r)
		}
		if column != nil {
			column.Statuses[r], column.Valid[r] = schema.StatusPresent, true
			column.CopyRow(r, given, r)
		}
	}
}

func (b *Batch) missingError() error {
	m, plan := &b.missing, b.program.plan
	f := &plan.Features[m.feature]
	failing := fmt.Sprintf("model %q asks to fail when a value is missing: %s is %s in row %d", plan.Model.Name, f.Name, m.status, m.row)
	if b.given[m.feature] != nil {
		return schema.MissingFeature.ErrorfAs(schema.Invalid, "%s of the request; send a value", failing)
	}
	if f.Expr != nil {
		return schema.MissingFeature.Errorf("%s; its expression has no value there", failing)
	}
	return schema.MissingFeature.Errorf("%s (%s)", failing, b.describeKey(f.View, m.row))
}

// describeKey returns the key of a row in a view, as a person reads it.
func (b *Batch) describeKey(view, r int) string {
	keys := b.program.views[view].view.Keys
	_, values, err := row.DecodeKey(b.keys.At(view*b.rows+r), keys)
	if err != nil {
		return err.Error()
	}
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k.Name + "=" + string(schema.AppendValue(nil, values[i]))
	}
	return strings.Join(parts, " ")
}
