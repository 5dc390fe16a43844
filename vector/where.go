package vector

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"

	"larder/column"
	"larder/schema"
)

// A condition says which events of a stream an aggregate view counts. It is safe for
// concurrent use; each use has its own event.
type condition struct {
	program cel.Program
	fields  map[string]field
}

// compileCondition compiles the where of an aggregate view; nil where it has none.
func compileCondition(view *schema.View) (*condition, error) {
	text := view.Aggregates.View.Where
	if text == "" {
		return nil, nil
	}
	base, err := baseEnvironment()
	if err != nil {
		return nil, err
	}
	x := &condition{fields: map[string]field{}}
	var variables []cel.EnvOption
	var inputs []schema.Input
	for i, f := range view.Stream.Fields {
		x.fields[f.Name] = field{i, f.Type}
		variables = append(variables, cel.Variable(f.Name, celType(f.Type)))
		inputs = append(inputs, schema.Input{Name: f.Name})
	}
	env, err := base.Extend(variables...)
	if err != nil {
		return nil, fmt.Errorf("where: the fields of stream %q can't be read by expressions: %w", view.Stream.Name, err)
	}
	checked, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("where: %w", describeIssues(issues, inputs))
	}
	if !checked.OutputType().IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("where: the expression is %s; it must be bool, as in amount > 0.0", celName(checked.OutputType()))
	}
	limits, err := checkCost(env, checked)
	if err != nil {
		return nil, fmt.Errorf("where: %w", err)
	}
	x.program, err = env.Program(checked, append(limits, cel.EvalOptions(cel.OptOptimize))...)
	return x, err
}

// An event is one event of columns, as a condition reads it.
type event struct {
	*condition
	evaluation
}

// ResolveName is called by CEL.
func (e *event) ResolveName(name string) (any, bool) {
	f, found := e.fields[name]
	if !found {
		return nil, false
	}
	v, err := f.value(&e.evaluation)
	if err != nil {
		return types.WrapErr(err), true
	}
	return v, true
}

// Parent is called by CEL.
func (e *event) Parent() interpreter.Activation { return nil }

// holds reports whether an event meets the condition. One whose condition is null, since
// it reads a null, does not; failed says that the condition failed for another reason.
func (x *condition) holds(fields []column.Column, i int) (holds, failed bool) {
	if x == nil {
		return true, false
	}
	out, _, err := x.program.Eval(&event{x, evaluation{columns: fields, row: i}})
	if err != nil {
		return false, !errors.Is(err, errNull)
	}
	return out == types.True, false
}
