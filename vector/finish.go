package vector

import (
	"fmt"

	"larder/schema"
	"larder/store/row"
)

// Finish completes the vectors once every row that was found has been visited:
// defaults where none was, values that the request brings, lists. It fails when
// a value is missing and the model asks to fail then.
func (b *Batch) Finish() error {
	for v := range b.program.views {
		p := &b.program.views[v]
		for r, status := range b.Statuses(v) {
			if status == schema.StatusPresent {
				continue
			}
			for _, feature := range p.features {
				b.setMissing(feature, r, status)
			}
		}
	}
	for feature, c := range b.given {
		if c != nil {
			b.setGiven(feature, c)
		}
	}
	if err := b.joinLists(); err != nil {
		return err
	}
	if b.missing.found {
		return b.missingError()
	}
	return nil
}

// setGiven puts the values that the request brings for a feature.
func (b *Batch) setGiven(feature int, given *Column) {
	b.given[feature] = nil // so that setMissing acts on nulls
	width := len(b.program.floats)
	for r := range b.rows {
		if given.IsNull(r) {
			b.setMissing(feature, r, schema.StatusNullValue)
			continue
		}
		if b.dense != nil {
			b.dense[r*width+feature] = given.float32At(r)
		}
		if b.columns != nil {
			c := &b.columns[feature]
			c.Statuses[r] = schema.StatusPresent
			if !c.Type.IsList() {
				c.copyRow(r, given, r)
			}
		}
	}
	b.given[feature] = given
}

// joinLists lays the lists of each list feature end to end.
func (b *Batch) joinLists() error {
	for feature := range b.lists {
		c := &b.columns[feature]
		if !c.Type.IsList() {
			continue
		}
		arena, d := &b.lists[feature], &b.program.defaults[feature]
		for r := range b.rows {
			switch given := b.given[feature]; {
			case c.Statuses[r] != schema.StatusPresent:
				c.Valid[r] = d.Valid[0]
				c.appendList(d, 0)
			case given != nil:
				c.Valid[r] = true
				c.appendList(given, r)
			default:
				c.Valid[r] = true
				span := arena.spans[r]
				if err := c.appendRaw(arena.bytes[span[0]:span[1]]); err != nil {
					return b.corrupt(b.program.plan.Features[feature].View, err)
				}
			}
			c.Ends[r] = uint32(c.elements())
		}
	}
	return nil
}

func (b *Batch) missingError() error {
	f := &b.program.plan.Features[b.missing.feature]
	key := "the request's value"
	if f.View >= 0 {
		v := &b.program.plan.Views[f.View]
		key = "its row"
		if _, values, err := row.DecodeKey(b.keys.At(f.View*b.rows+b.missing.row), v.Keys); err == nil {
			key = ""
			for i, k := range v.Keys {
				key += fmt.Sprintf(" %s=%s", k.Name, schema.AppendValue(nil, values[i]))
			}
			key = key[1:]
		}
	}
	return schema.Errorf(schema.FailedPrecondition, "MISSING_FEATURE", "model %q asks to fail when a value is missing: %s is %s for row %d (%s)",
		b.program.plan.Model.Name, f.Name, b.missing.status, b.missing.row, key)
}
