package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	larder "larder/client/go"
	"larder/column"
	"larder/column/arrows"
	"larder/schema"
)

// A lackError says that the keys given lack a column, which is no failure of a server.
type lackError struct{ column string }

func (e lackError) Error() string { return "the keys have no column " + e.column }

// rows returns the rows to ask for: those that were given, or keys of the sources.
func (c *comparison) rows(ctx context.Context, plan *schema.Plan) (column.Columns, error) {
	if len(c.Keys.Names) > 0 {
		return givenRows(plan, c.Keys)
	}
	var rows column.Columns
	for i := range plan.Views {
		keys, err := c.sample(ctx, plan.Views[i].View)
		if err != nil {
			return rows, err
		}
		for k, name := range keys.Names {
			if !has(rows, name) {
				rows.Add(name, keys.Values[k])
			}
		}
	}
	if len(plan.Keys) == 0 {
		return rows, errors.New("it has no join keys; give rows to ask for")
	}
	return even(rows, plan), nil
}

func has(rows column.Columns, name string) bool {
	for _, other := range rows.Names {
		if other == name {
			return true
		}
	}
	return false
}

// givenRows returns the columns that a plan takes.
func givenRows(plan *schema.Plan, given column.Columns) (rows column.Columns, err error) {
	add := func(name string, t schema.Type) {
		for i := range given.Names {
			if given.Names[i] == name {
				rows.Add(name, given.Values[i])
				return
			}
		}
		err = errors.Join(err, lackError{fmt.Sprintf("%s (%s)", name, t)})
	}
	for _, k := range plan.Keys {
		add(k.Name, k.Type)
	}
	for _, f := range plan.Request {
		add(f.Name, f.Type)
	}
	return rows, err
}

// even gives all columns as many rows as the longest has, by beginning again, and adds
// values for the request.
func even(rows column.Columns, plan *schema.Plan) column.Columns {
	n := 0
	for i := range rows.Values {
		n = max(n, rows.Values[i].Len())
	}
	n = max(n, 1)
	for i := range rows.Values {
		c := &rows.Values[i]
		if c.Len() == 0 { // of a view without rows: one key that it doesn't have
			c.AppendValue(nil)
		}
		again := make([]int, n)
		for r := range again {
			again[r] = r % c.Len()
		}
		*c = c.Pick(again)
	}
	for _, f := range plan.Request {
		c := column.Column{Type: f.Type}
		for r := range n {
			c.AppendValue(requestValue(f.Type, r))
		}
		rows.Add(f.Name, c)
	}
	return rows
}

// requestValue returns a value for a request, of row r.
func requestValue(t schema.Type, r int) any {
	if t.IsList() {
		return []any{requestValue(t.Elem(), r)}
	}
	switch t {
	case schema.Bool:
		return r%2 == 0
	case schema.Int32:
		return int32(r % 7)
	case schema.Int64:
		return int64(r % 7)
	case schema.Float32:
		return float32(r%7) + 0.5
	case schema.Float64:
		return float64(r%7) + 0.5
	case schema.Bytes:
		return []byte{byte(r)}
	case schema.Timestamp:
		return time.Unix(1_700_000_000+int64(r), 0).UTC()
	}
	return fmt.Sprint("value ", r%7)
}

// errEnough ends the reading of a source.
var errEnough = errors.New("enough keys")

// sample returns keys of a view, each once: the first that its source gives.
func (c *comparison) sample(ctx context.Context, view *schema.View) (column.Columns, error) {
	if known, done := c.keys[view.Name]; done {
		return known, nil
	}
	var keys column.Columns
	for _, k := range view.Keys {
		keys.Add(k.Name, column.Column{Type: k.Type})
	}
	seen := map[string]bool{}
	err := c.Larder.ReadRows(ctx, larder.RowsRequest{View: view.Name}, func(rec arrow.Record) error {
		batch, err := keysOf(rec, view)
		if err != nil {
			return err
		}
		for r := range int(rec.NumRows()) {
			if text := keyText(batch, r); !seen[text] {
				seen[text] = true
				for i := range keys.Values {
					keys.Values[i].AppendRow(&batch.Values[i], r)
				}
			}
			if len(seen) == c.Sample {
				return errEnough
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return keys, err
	}
	c.keys[view.Name] = keys
	return keys, nil
}

func keysOf(rec arrow.Record, view *schema.View) (keys column.Columns, err error) {
	for _, k := range view.Keys {
		at := rec.Schema().FieldIndices(k.Name)
		if len(at) != 1 {
			return keys, fmt.Errorf("the rows of feature view %q have no column %s", view.Name, k.Name)
		}
		values, err := arrows.Read(rec.Column(at[0]), k.Type)
		if err != nil {
			return keys, err
		}
		values.Valid = nil // rows without a key are left out
		keys.Add(k.Name, values.Clone())
	}
	return keys, nil
}

// severalRows reports whether the source has several rows of a key with one event time.
func (c *comparison) severalRows(ctx context.Context, view *schema.PlanView, rows column.Columns, row int, micros int64) (bool, error) {
	moment, found := time.UnixMicro(micros).UTC(), 0
	wanted := column.Columns{}
	for _, k := range view.Keys {
		for i, name := range rows.Names {
			if name == k.Name {
				wanted.Add(name, rows.Values[i])
			}
		}
	}
	text := keyText(wanted, row)
	at := lookUp{view.Name, text, micros}
	if several, done := c.several[at]; done {
		return several, nil
	}
	err := c.Larder.ReadRows(ctx, larder.RowsRequest{View: view.Name, From: &moment, To: &moment}, func(rec arrow.Record) error {
		batch, err := keysOf(rec, view.View)
		if err != nil {
			return err
		}
		for r := range int(rec.NumRows()) {
			if keyText(batch, r) == text {
				found++
			}
		}
		return nil
	})
	c.several[at] = found > 1
	return found > 1, err
}

// ColumnName returns the name that VIEW:FEATURE has in training sets and full answers.
func ColumnName(reference string) string { return strings.Replace(reference, ":", "__", 1) }
