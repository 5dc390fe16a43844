package replay

import (
	"fmt"
	"math"
	"slices"

	larderv1 "larder/api/larder/v1"
	"larder/column"
	"larder/column/arrows"
	"larder/column/wire"
	"larder/monitor/featurelog"
)

// An output is what a model gave for the rows of a batch, with an entry for each row.
type output struct {
	name        string
	logged, now column.Column
}

// loggedOutputs returns the outputs that some row of a batch has.
func loggedOutputs(b *featurelog.Batch) ([]output, error) {
	var all []output
	for name, values := range b.Outputs() {
		if values.NullN() == values.Len() {
			continue
		}
		logged, err := arrows.Read(values, 0)
		if err != nil {
			return nil, fmt.Errorf("the output %s: %w", name, err)
		}
		all = append(all, output{name: name, logged: logged})
	}
	return all, nil
}

// takeOutputs adds what the server answered now.
func takeOutputs(outputs []output, answered []*larderv1.Output, rows int) error {
	if len(answered) != len(outputs) {
		return fmt.Errorf("the server answered %d of %d outputs", len(answered), len(outputs))
	}
	for i, o := range answered {
		now := wire.Column(o.GetValues())
		width := 1
		for _, n := range o.GetShape() {
			width *= int(n)
		}
		if now.Elements() != rows*width {
			return fmt.Errorf("the server answered %d values of output %s for %d rows", now.Elements(), outputs[i].name, rows)
		}
		if len(o.GetShape()) > 0 {
			now = now.Lists(width)
		}
		outputs[i].now = now
	}
	return nil
}

// same reports whether a row is as it was, bit by bit. A row that was logged without the
// output is.
func (o *output) same(row int) bool {
	return o.logged.IsNull(row) || o.logged.Type == o.now.Type && o.logged.EqualRow(row, &o.now, row)
}

func (o *output) text(c *column.Column, row int) string {
	const most = 200
	text := string(c.AppendJSON(nil, row))
	if len(text) > most {
		text = text[:most] + "..."
	}
	return text
}

// An OutputAgreement says how far apart an output of two versions is.
type OutputAgreement struct {
	Output        string  `json:"output"`
	Rows          int     `json:"rows"`
	Changed       float64 `json:"changed"`        // share of the rows with other values
	MaxDifference float64 `json:"max_difference"` // the largest absolute difference of two numbers; 0 for texts
}

// agreeOutputs compares the outputs that two versions share.
func agreeOutputs(a, b []*larderv1.Output) []OutputAgreement {
	var all []OutputAgreement
	for _, x := range a {
		for _, y := range b {
			if x.GetValues().GetName() != y.GetValues().GetName() || !slices.Equal(x.GetShape(), y.GetShape()) {
				continue
			}
			if agreement, comparable := agreeOutput(x, y); comparable {
				all = append(all, agreement)
			}
		}
	}
	return all
}

func agreeOutput(x, y *larderv1.Output) (OutputAgreement, bool) {
	a, b := wire.Column(x.GetValues()), wire.Column(y.GetValues())
	width := 1
	for _, n := range x.GetShape() {
		width *= int(n)
	}
	if a.Type != b.Type || a.Len() != b.Len() || a.Len() == 0 || width == 0 {
		return OutputAgreement{}, false
	}
	out := OutputAgreement{Output: x.GetValues().GetName(), Rows: a.Len() / width}
	changed := 0
	for row := range out.Rows {
		differs := false
		for i := row * width; i < (row+1)*width; i++ {
			if a.EqualRow(i, &b, i) {
				continue
			}
			differs = true
			if d := math.Abs(numberAt(&a, i) - numberAt(&b, i)); !math.IsNaN(d) {
				out.MaxDifference = max(out.MaxDifference, d)
			}
		}
		if differs {
			changed++
		}
	}
	out.Changed = float64(changed) / float64(out.Rows)
	return out, true
}

// numberAt returns a value as a number; 0 for texts.
func numberAt(c *column.Column, i int) float64 {
	switch v := c.Value(i).(type) {
	case bool:
		if v {
			return 1
		}
	case int32:
		return float64(v)
	case int64:
		return float64(v)
	case float32:
		return float64(v)
	case float64:
		return v
	}
	return 0
}
