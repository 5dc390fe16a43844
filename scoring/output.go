package scoring

import (
	"fmt"
	"strings"

	"larder/schema"
)

// chooseOutput finds the score. It takes the output that the definition declares, or
// else the first of these: the probability of class 1 of two, the only float output,
// the only number.
func (b *Binding) chooseOutput(sig *Signature, plan *schema.Plan) error {
	var declared schema.ModelVersion
	if plan.ModelVersion != nil {
		declared = *plan.ModelVersion
	}
	v, why, err := pickOutput(sig, declared.Output)
	if err != nil {
		return err
	}
	b.Output, b.elem = v.Name, v.Elem
	c := sig.classes[v.Name]
	b.source = c.source
	if v.Kind == SequenceOfMaps && b.source == "" {
		return noOutput("output %q is a %s that does not come from a ZipMap of the main graph; export the model with probabilities as a tensor (zipmap: False with skl2onnx)", v.Name, v.typeString())
	}
	width, known := columns(sig, v)
	column, whyColumn, err := pickColumn(sig, v, declared.Column, width, known)
	if err != nil {
		return err
	}
	b.Column, b.Reason = column, why+", "+whyColumn
	return nil
}

func noOutput(format string, args ...any) *schema.Error {
	return schema.ModelOutput.Errorf(format, args...)
}

// pickOutput returns the output that holds the score, and why.
func pickOutput(sig *Signature, declared string) (Value, string, error) {
	if declared != "" {
		for _, v := range sig.Outputs {
			if v.Name != declared {
				continue
			}
			if rankOutput(sig, v) == unfit {
				return v, "", noOutput("output %q is %s; a score is a tensor of numbers, or probabilities by class", v.Name, v.typeString())
			}
			return v, fmt.Sprintf("output %q, as declared", v.Name), nil
		}
		return Value{}, "", noOutput("the model has no output %q; %s", declared, schema.Nearest(declared, names(sig.Outputs)))
	}
	best, bestRank, ties := Value{}, unfit, []string(nil)
	for _, v := range sig.Outputs {
		switch rank := rankOutput(sig, v); {
		case rank > bestRank:
			best, bestRank, ties = v, rank, []string{v.Name}
		case rank == bestRank:
			ties = append(ties, v.Name)
		}
	}
	switch {
	case bestRank == unfit:
		return best, "", noOutput("no output holds a score; the model has %s, and a score is a tensor of numbers, or probabilities by class", outputList(sig))
	case len(ties) > 1:
		return best, "", noOutput("the outputs %s could each hold the score; name one, as in output: %s", strings.Join(ties, ", "), best.Name)
	}
	return best, fmt.Sprintf("output %q, %s", best.Name, rankReasons[bestRank]), nil
}

// How fit an output is to hold the score.
const (
	unfit         = iota
	number        // a tensor of integers or bools: a label, perhaps
	float         // a tensor of floats
	probabilities // floats by class
)

var rankReasons = [...]string{number: "the only output of numbers", float: "the only output of floats", probabilities: "the probabilities by class"}

func rankOutput(sig *Signature, v Value) int {
	_, byClass := sig.classes[v.Name]
	switch {
	case v.Kind == SequenceOfMaps && v.Elem.isFloat():
		return probabilities
	case v.Kind != Tensor || v.Elem.size() == 0 || schemaTypes[v.Elem] == 0 || len(v.Dims) > 2:
		return unfit
	case byClass || v.Elem.isFloat() && strings.Contains(strings.ToLower(v.Name), "probabilit"):
		return probabilities
	case v.Elem.isFloat():
		return float
	}
	return number
}

func outputList(sig *Signature) string {
	all := make([]string, len(sig.Outputs))
	for i, v := range sig.Outputs {
		all[i] = v.String()
	}
	return strings.Join(all, ", ")
}

// columns returns how many columns an output has, if the file says so.
func columns(sig *Signature, v Value) (n int, known bool) {
	if c, byClass := sig.classes[v.Name]; byClass && len(c.labels) > 0 {
		return len(c.labels), true
	}
	switch {
	case v.Kind != Tensor || v.Dims == nil:
		return 0, false
	case len(v.Dims) < 2:
		return 1, true
	case v.Dims[1].Size == AnySize:
		return 0, false
	}
	return int(v.Dims[1].Size), true
}

// pickColumn returns the column of an output that is the score, and why.
func pickColumn(sig *Signature, v Value, declared *int, width int, known bool) (int, string, error) {
	label := func(column int) string {
		if labels := sig.classes[v.Name].labels; column < len(labels) {
			return fmt.Sprintf(" (class %s)", labels[column])
		}
		return ""
	}
	switch {
	case known && width == 0:
		return 0, "", noOutput("output %q is %s: it has no column", v.Name, v.typeString())
	case declared != nil && known && *declared >= width:
		return 0, "", noOutput("output %q is %s: it has no column %d (columns count from 0)", v.Name, v.typeString(), *declared)
	case declared != nil:
		return *declared, fmt.Sprintf("column %d%s as declared", *declared, label(*declared)), nil
	case known && width == 1:
		return 0, "which has one column", nil
	case known && width == 2:
		return 1, fmt.Sprintf("column 1%s of two", label(1)), nil
	case known:
		return 0, "", noOutput("output %q has %d columns; name the one that is the score, as in column: %d", v.Name, width, width-1)
	case rankOutput(sig, v) == probabilities:
		return 1, "column 1", nil
	}
	return 0, "column 0", nil
}
