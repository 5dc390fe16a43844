package serving

import (
	"slices"

	larderv1 "larder/api/larder/v1"
	"larder/column"
	"larder/column/wire"
	"larder/monitor"
	"larder/schema"
	"larder/scoring"
)

// An Output is one output of a model for the rows of a request. Its values lie row by row.
type Output struct {
	*scoring.Output
	Values column.Column
}

// wanted returns the indexes of the outputs that a request gets.
func (s *shape) wanted(ask *Ask) ([]int, error) {
	names := ask.Outputs
	if score, _ := s.model.Score(); score == nil && len(names) == 0 {
		names = []string{scoring.AllOutputs}
	}
	return s.model.FindOutputs(names)
}

// outputs returns what a run computed.
func (s *shape) outputs(wanted []int, values []column.Column) []Output {
	all := make([]Output, len(wanted))
	for i, at := range wanted {
		all[i] = Output{&s.model.Outputs()[at], values[i]}
	}
	return all
}

// logged returns all outputs of the model, with the values of those that were computed.
func (a *Answer) logged() []monitor.Output {
	outputs := a.shape.model.Outputs()
	all := make([]monitor.Output, len(outputs))
	for i := range outputs {
		all[i] = loggedOutput(&outputs[i])
		for k := range a.Outputs {
			if a.Outputs[k].Output == &outputs[i] {
				all[i].Values = a.Outputs[k].Values
			}
		}
	}
	return all
}

func loggedOutput(o *scoring.Output) monitor.Output {
	return monitor.Output{Name: o.Name, Type: o.Type, Width: o.Width(), Single: len(o.Shape) == 0}
}

// mergeOutputs puts the outputs of groups together, in the order of the request's rows.
func mergeOutputs(groups []group, origins []origin) ([]Output, error) {
	first := groups[origins[0].group].answer.Outputs
	merged := make([]Output, len(first))
	for i := range first {
		width := first[i].Width()
		merged[i] = Output{first[i].Output, column.Column{Type: first[i].Type}}
		for _, from := range origins {
			answer := groups[from.group].answer
			if !sameOutput(first, answer.Outputs, i) {
				return nil, schema.UnknownOutput.Errorf("versions %d and %d of model %q, which both score rows of this request, differ in their outputs; "+
					"name outputs that they share, or ask for a model_version", groups[origins[0].group].answer.Plan().ModelVersion.Version,
					answer.Plan().ModelVersion.Version, answer.Plan().Model.Name)
			}
			merged[i].Values.AppendElements(&answer.Outputs[i].Values, uint32(from.row*width), uint32((from.row+1)*width))
		}
	}
	return merged, nil
}

func sameOutput(a, b []Output, i int) bool {
	return len(a) == len(b) && a[i].Name == b[i].Name && a[i].Type == b[i].Type && slices.Equal(a[i].Shape, b[i].Shape) && slices.Equal(a[i].Classes, b[i].Classes)
}

// outputMessages returns outputs as messages, which alias their values.
func outputMessages(outputs []Output) []*larderv1.Output {
	if outputs == nil {
		return nil
	}
	columns := make([]column.Column, len(outputs))
	for i := range outputs {
		columns[i] = outputs[i].Values
	}
	all := make([]*larderv1.Output, len(outputs))
	for i, values := range wire.Write(columns, func(i int) string { return outputs[i].Name }) {
		all[i] = &larderv1.Output{Values: values, Shape: wire.Shape(outputs[i].Shape), Classes: outputs[i].Classes}
	}
	return all
}

// appendOutputs appends outputs as a JSON object: a list with an entry for each row, or
// where the columns are classes an object of these and the list.
func appendOutputs(dst []byte, outputs []Output, rows int) []byte {
	dst = append(dst, '{')
	for i := range outputs {
		o := &outputs[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(column.AppendText(dst, o.Name), ':')
		if o.Classes != nil {
			dst = appendList(append(dst, `{"classes":`...), o.Classes, column.AppendText)
			dst = append(dst, `,"values":`...)
		}
		dst = o.appendNested(dst, append([]int64{int64(rows)}, o.Shape...), 0, rows*o.Width())
		if o.Classes != nil {
			dst = append(dst, '}')
		}
	}
	return append(dst, '}')
}

// appendNested appends the values from start to end as lists of a shape.
func (o *Output) appendNested(dst []byte, shape []int64, start, end int) []byte {
	if len(shape) == 0 {
		return o.Values.AppendJSON(dst, start)
	}
	dst = append(dst, '[')
	step := (end - start) / int(shape[0])
	for at := start; at < end; at += step {
		if at > start {
			dst = append(dst, ',')
		}
		dst = o.appendNested(dst, shape[1:], at, at+step)
	}
	return append(dst, ']')
}
