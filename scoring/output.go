package scoring

import (
	"fmt"
	"slices"
	"strings"

	"larder/schema"
)

// A Score says where the score of a model is. It is immutable.
type Score struct {
	Output string // the name of the output that holds it
	Column int    // of that output, from 0
	Reason string // why this output and this column were chosen, in words

	At    int // the index of the output in the model's outputs
	Width int // columns of the output
}

// chooseScore finds the score among the outputs of a model. It takes the output and the
// column that the version declares. Otherwise it takes the only output of probabilities,
// else of floats, else of numbers, if that has one column or holds the probabilities of
// two classes. If there is no obvious score, why tells the reason.
func chooseScore(sig *Signature, outputs []Output, declared *schema.ModelVersion) (s *Score, why string, err error) {
	at, chosen, why, err := pickOutput(sig, outputs, declared.Output)
	if err != nil || why != "" {
		if declared.Column != nil && err == nil {
			err = noScore("column: %d is declared, but %s", *declared.Column, why)
		}
		return nil, why, err
	}
	o := &outputs[at]
	s = &Score{Output: o.Name, At: at, Width: o.Width()}
	column, reason := 0, ""
	switch probability := rankOutput(sig, o) == probabilities; {
	case declared.Column != nil && *declared.Column >= s.Width:
		return nil, "", noScore("output %q has %d columns and no column %d (columns count from 0)", o.Name, s.Width, *declared.Column)
	case declared.Column != nil:
		column = *declared.Column
		reason = fmt.Sprintf("column %d%s as declared", column, o.class(column))
	case s.Width == 1:
		reason = "which has one column"
	case s.Width == 2 && probability:
		column, reason = 1, fmt.Sprintf("column 1%s of two", o.class(1))
	case declared.Output != "":
		return nil, "", noScore("output %q has %d columns; name the one that is the score, as in column: %d", o.Name, s.Width, s.Width-1)
	default:
		return nil, fmt.Sprintf("output %q has %d columns; name the one that is the score, as in output: %[1]s, column: %[3]d", o.Name, s.Width, s.Width-1), nil
	}
	s.Column, s.Reason = column, chosen+", "+reason
	return s, "", nil
}

func noScore(format string, args ...any) *schema.Error {
	return schema.ModelOutput.Errorf(format, args...)
}

// class returns " (class yes)" for a column that stands for a class.
func (o *Output) class(column int) string {
	if column < len(o.Classes) {
		return fmt.Sprintf(" (class %s)", o.Classes[column])
	}
	return ""
}

// pickOutput returns the index of the output that holds the score, and why it does; or
// why no output obviously does.
func pickOutput(sig *Signature, outputs []Output, declared string) (at int, chosen, why string, err error) {
	if declared != "" {
		at, err := declaredOutput(sig, outputs, declared)
		return at, fmt.Sprintf("output %q, as declared", declared), "", err
	}
	best, bestRank, ties := 0, unfit, []string(nil)
	for i := range outputs {
		switch rank := rankOutput(sig, &outputs[i]); {
		case rank > bestRank:
			best, bestRank, ties = i, rank, []string{outputs[i].Name}
		case rank == bestRank:
			ties = append(ties, outputs[i].Name)
		}
	}
	switch {
	case bestRank == unfit:
		return 0, "", fmt.Sprintf("no output holds a score; the model has %s, and a score is a tensor [N] or [N, C] of numbers", outputList(sig)), nil
	case len(ties) > 1:
		return 0, "", fmt.Sprintf("the outputs %s could each hold the score; name one, as in output: %s", strings.Join(ties, ", "), outputs[best].Name), nil
	}
	return best, fmt.Sprintf("output %q, %s", outputs[best].Name, rankReasons[bestRank]), "", nil
}

// declaredOutput returns the index of an output that a version declares to hold the score.
func declaredOutput(sig *Signature, outputs []Output, name string) (int, error) {
	at := slices.IndexFunc(outputs, func(o Output) bool { return o.Name == name })
	if at >= 0 && rankOutput(sig, &outputs[at]) != unfit {
		return at, nil
	}
	in := slices.IndexFunc(sig.Outputs, func(v Value) bool { return v.Name == name })
	if in < 0 {
		return 0, noScore("the model has no output %q; %s", name, schema.Nearest(name, names(sig.Outputs)))
	}
	v := &sig.Outputs[in]
	if v.Kind == SequenceOfMaps {
		return 0, noScore("output %q is a %s that does not come from a ZipMap of the main graph; export the model with probabilities as a tensor (zipmap: False with skl2onnx)", name, v.typeString())
	}
	return 0, noScore("output %q is %s; a score is a tensor [N] or [N, C] of numbers, or probabilities by class", name, v.typeString())
}

// How fit an output is to hold the score.
const (
	unfit         = iota
	number        // a tensor of integers or bools: a label, perhaps
	float         // a tensor of floats
	probabilities // floats by class
)

var rankReasons = [...]string{number: "the only output of numbers", float: "the only output of floats", probabilities: "the probabilities by class"}

func rankOutput(sig *Signature, o *Output) int {
	_, byClass := sig.classes[o.Name]
	switch {
	case o.Type == schema.String || len(o.Shape) > 1 || o.Width() == 0:
		return unfit
	case !o.Type.IsFloat():
		return number
	case byClass || strings.Contains(strings.ToLower(o.Name), "probabilit") && (o.Width() == 1 || o.adds):
		return probabilities
	}
	return float
}

func outputList(sig *Signature) string {
	all := make([]string, len(sig.Outputs))
	for i, v := range sig.Outputs {
		all[i] = v.String()
	}
	return strings.Join(all, ", ")
}
