package vector

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"larder/column"
	"larder/schema"
)

// The bounds on the cost of one evaluation, in CEL's units: about one for each
// operator, and more for those that walk texts and lists.
const (
	maxWorstCost = 1_000_000 // that any row could have; more is refused when it is applied
	maxCost      = 100_000   // that a row may have; more is a failure
)

// maxNesting bounds how deep an expression may be nested.
const maxNesting = 100

// An expression computes one on-demand feature. It is safe for concurrent use.
type expression struct {
	feature  int // in the plan
	view     string
	name     string
	declared schema.Type
	program  cel.Program
	owners   []string // of what it reads

	kernel kernel // instead of program, where there is one for all of the expression; else nil
}

// A field reads one input from the row that is evaluated.
type field struct {
	column int // of the batch
	kind   schema.Type
}

// What ends an evaluation that reads a null, or a value that is too large.
var (
	errNull     = errors.New("null")
	errTooLarge = errors.New("too large")
)

// baseEnvironment has the language without anything to read.
var baseEnvironment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.OptionalTypes(), cel.CrossTypeNumericComparisons(true), cel.ParserRecursionLimit(maxNesting),
		ext.Math(), ext.Strings(), ext.Lists(), ext.Bindings(),
	)
})

// CheckExpressions compiles the expressions of all on-demand views. What is
// wrong is Invalid and listed at once.
func CheckExpressions(c *schema.Catalog) error {
	var faults []string
	for _, o := range c.OnDemandViews() {
		for i := range o.Features {
			f := &o.Features[i]
			if _, err := compileExpression(c, o, f, nil); err != nil {
				faults = append(faults, fmt.Sprintf("on-demand view %q: feature %q: %v", o.Name, f.Name, err))
			}
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return schema.BadExpression.Errorf("%s", strings.Join(faults, "\n"))
}

// compileExpression compiles the expression of a feature. columns are where its
// inputs are, by their full names.
func compileExpression(c *schema.Catalog, o *schema.OnDemandView, f *schema.OnDemandFeature, columns map[string]int) (*expression, error) {
	base, err := baseEnvironment()
	if err != nil {
		return nil, err
	}
	inputs := c.Inputs(o)
	provider, options := newOwners(inputs, columns)
	env, err := base.Extend(append(options, cel.CustomTypeProvider(provider))...)
	if err != nil {
		return nil, err
	}
	checked, issues := env.Compile(f.Expr)
	if err := issues.Err(); err != nil {
		return nil, describeIssues(issues, inputs)
	}
	if err := checkReads(checked, c.Reads(o, f), provider); err != nil {
		return nil, err
	}
	if err := checkVectors(c, o, f); err != nil {
		return nil, err
	}
	if err := checkResult(checked.OutputType(), f.Type); err != nil {
		return nil, err
	}
	limits, err := checkCost(env, checked)
	if err != nil {
		return nil, err
	}
	program, err := env.Program(checked, append(limits, cel.EvalOptions(cel.OptOptimize))...)
	if err != nil {
		return nil, err
	}
	x := &expression{view: o.Name, name: f.Name, declared: f.Type, program: program, owners: provider.names()}
	if len(limits) == 0 { // kernels don't count
		x.kernel = compileKernel(checked, provider, f.Type)
	}
	return x, nil
}

// checkCost refuses an expression that could cost more than one row is worth, and
// returns how evaluations are limited. Counting costs time, so only what may come
// near the limit is counted.
func checkCost(env *cel.Env, checked *cel.Ast) ([]cel.ProgramOption, error) {
	for _, e := range ast.MatchDescendants(ast.NavigateAST(checked.NativeRep()), ast.FunctionMatcher("format")) {
		at := checked.NativeRep().SourceInfo().GetStartLocation(e.ID())
		return nil, fmt.Errorf("line %d, column %d: format is not supported, since its result has no bound; join texts with +", at.Line(), at.Column()+1)
	}
	worst, err := env.EstimateCost(checked, sizes{})
	switch {
	case err != nil:
		return nil, err
	case worst.Max > maxWorstCost:
		return nil, fmt.Errorf("it could cost %d for one row, with texts of %d bytes and lists of %d elements; at most %d is allowed: walk a list once, not inside another walk, and search or replace by a fixed text",
			worst.Max, maxReadBytes, maxReadElements, maxWorstCost)
	case worst.Max > maxCost:
		return []cel.ProgramOption{cel.CostLimit(maxCost)}, nil
	}
	return nil, nil
}

// mixed finds the complaint about arithmetic of an int and a double.
var mixed = regexp.MustCompile(`'\((double, int|int, double)\)'$`)

// describeIssues says what a checker found, and what there is to read.
func describeIssues(issues *cel.Issues, inputs []schema.Input) error {
	var lines []string
	for _, e := range issues.Errors() {
		text := strings.TrimSuffix(e.Message, " (in container '')")
		if mixed.MatchString(text) {
			text += " (convert the int with double(...); numbers are written 1.0 for double, 1 for int)"
		}
		lines = append(lines, fmt.Sprintf("line %d, column %d: %s", e.Location.Line(), e.Location.Column()+1, text))
	}
	const most = 12
	var names []string
	for _, in := range inputs {
		names = append(names, in.Called()+"."+in.Name)
	}
	if len(names) > most {
		names = append(names[:most], fmt.Sprintf("%d more", len(names)-most))
	}
	if len(names) == 0 {
		names = []string{"nothing: name views in sources, or values in request"}
	}
	return fmt.Errorf("%s; it may read %s", strings.Join(lines, "; "), strings.Join(names, ", "))
}

// checkReads holds an expression to reading features by OWNER.NAME, so that what
// it reads is known without compiling it.
func checkReads(checked *cel.Ast, known []schema.Input, p *owners) error {
	var fault error
	ast.PostOrderVisit(ast.NavigateAST(checked.NativeRep()), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.IdentKind || p.structs[e.AsIdent()] == nil || fault != nil {
			return
		}
		owner, name := e.AsIdent(), ""
		if parent, found := e.(ast.NavigableExpr).Parent(); found {
			switch {
			case parent.Kind() == ast.SelectKind:
				name = parent.AsSelect().FieldName()
			case parent.Kind() == ast.CallKind && parent.AsCall().FunctionName() == operators.OptSelect:
				name, _ = parent.AsCall().Args()[1].AsLiteral().Value().(string)
			}
		}
		if name == "" {
			fault = fmt.Errorf("%s is not a value; read a feature of it, as in %s.NAME", owner, owner)
		} else if !slices.ContainsFunc(known, func(in schema.Input) bool { return in.Called() == owner && in.Name == name }) {
			fault = fmt.Errorf("write %s.%s in one piece, without a comment inside", owner, name)
		}
	}))
	return fault
}

// checkVectors refuses vectors that are longer than the lists that expressions read
// and make.
func checkVectors(c *schema.Catalog, o *schema.OnDemandView, f *schema.OnDemandFeature) error {
	if f.Type.Len() > maxReadElements {
		return fmt.Errorf("the feature is %s, and expressions make lists of at most %d elements; declare a shorter one", f.Type, maxReadElements)
	}
	for _, in := range c.Reads(o, f) {
		if in.Declared.Type.Len() > maxReadElements {
			return fmt.Errorf("it reads %s, which is %s, and expressions read lists of at most %d elements", in, in.Declared.Type, maxReadElements)
		}
	}
	return nil
}

// checkResult checks that the type of an expression is that of its feature.
func checkResult(got *cel.Type, want schema.Type) error {
	if got.Kind() == types.OpaqueKind && got.TypeName() == "optional_type" && len(got.Parameters()) == 1 {
		got = got.Parameters()[0] // none is null
	}
	fits := celType(want)
	if got.IsExactType(fits) {
		return nil
	}
	if want.IsList() {
		return fmt.Errorf("the expression is %s, and the feature is %s, which wants %s; declare another type, or convert the elements with .map(x, ...)", celName(got), want, celName(fits))
	}
	return fmt.Errorf("the expression is %s, and the feature is %s, which wants %[3]s; declare another type, or convert with %[3]s(...)", celName(got), want, celName(fits))
}

// celName returns the name of a type as expressions write it.
func celName(t *cel.Type) string {
	if t.Kind() == types.TimestampKind {
		return "timestamp"
	}
	if t.Kind() == types.DurationKind {
		return "duration"
	}
	return t.String()
}

// celType returns the type of CEL that values of a type have.
func celType(t schema.Type) *cel.Type {
	of := [...]*cel.Type{
		schema.Bool: cel.BoolType, schema.Int32: cel.IntType, schema.Int64: cel.IntType, schema.Float32: cel.DoubleType, schema.Float64: cel.DoubleType,
		schema.String: cel.StringType, schema.Bytes: cel.BytesType, schema.Timestamp: cel.TimestampType,
	}
	if t.IsList() {
		return cel.ListType(of[t.Elem()])
	}
	return of[t]
}

// owners gives CEL's checker and evaluator the views and the request: types
// with a field for each feature.
type owners struct {
	*types.Registry
	structs map[string]map[string]*types.FieldType // by the owner, which is the type's name too
	fields  map[string]map[string]field            // of each view and row, as statuses
}

func newOwners(inputs []schema.Input, columns map[string]int) (*owners, []cel.EnvOption) {
	registry, err := types.NewRegistry()
	if err != nil {
		panic(fmt.Sprintf("vector: CEL's own types: %v", err))
	}
	p := &owners{Registry: registry, structs: map[string]map[string]*types.FieldType{}, fields: map[string]map[string]field{}}
	var variables []cel.EnvOption
	for _, in := range inputs {
		owner := in.Called()
		if p.structs[owner] == nil {
			p.structs[owner], p.fields[owner] = map[string]*types.FieldType{}, map[string]field{}
			variables = append(variables, cel.Variable(owner, cel.ObjectType(owner)))
		}
		f := field{columns[in.String()], in.Declared.Type}
		p.fields[owner][in.Name] = f
		p.structs[owner][in.Name] = &types.FieldType{Type: celType(in.Declared.Type), IsSet: f.isSet, GetFrom: f.value}
	}
	return p, variables
}

func (p *owners) names() []string {
	var all []string
	for name := range p.structs {
		all = append(all, name)
	}
	return all
}

// FindStructType is called by CEL.
func (p *owners) FindStructType(name string) (*types.Type, bool) {
	if p.structs[name] != nil {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Registry.FindStructType(name)
}

// FindStructFieldNames is called by CEL.
func (p *owners) FindStructFieldNames(name string) ([]string, bool) {
	fields, found := p.structs[name]
	if !found {
		return p.Registry.FindStructFieldNames(name)
	}
	var names []string
	for f := range fields {
		names = append(names, f)
	}
	return names, true
}

// FindStructFieldType is called by CEL.
func (p *owners) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	fields, found := p.structs[name]
	if !found {
		return p.Registry.FindStructFieldType(name, field)
	}
	f, found := fields[field]
	return f, found
}

// NewValue is called by CEL; views are read, not made.
func (p *owners) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if p.structs[name] != nil {
		return types.NewErr("%s can't be made", name)
	}
	return p.Registry.NewValue(name, fields)
}

func (f field) isSet(row any) bool {
	r := row.(*evaluation)
	return !r.columns[f.column].IsNull(r.row)
}

func (f field) value(row any) (any, error) {
	r := row.(*evaluation)
	c := &r.columns[f.column]
	if c.IsNull(r.row) {
		return nil, errNull
	}
	switch f.kind {
	case schema.Bool:
		return types.Bool(c.Bools[r.row]), nil
	case schema.Int32:
		return types.Int(c.Int32s[r.row]), nil
	case schema.Int64:
		return types.Int(c.Int64s[r.row]), nil
	case schema.Float32:
		return types.Double(c.Float32s[r.row]), nil
	case schema.Float64:
		return types.Double(c.Float64s[r.row]), nil
	case schema.String:
		return types.String(c.Strings[r.row]), limitBytes(len(c.Strings[r.row]))
	case schema.Bytes:
		return types.Bytes(c.Bytes[r.row]), limitBytes(len(c.Bytes[r.row]))
	case schema.Timestamp:
		return timestamp(c.Int64s[r.row]), nil
	}
	if err := limitList(c, r.row); err != nil {
		return nil, err
	}
	return celList(c, r.row), nil
}

// celList returns the list of a row as CEL has it.
func celList(c *column.Column, row int) ref.Val {
	start, end := c.List(row)
	elements := make([]ref.Val, 0, end-start)
	for i := start; i < end; i++ {
		switch c.Type.Elem() {
		case schema.Bool:
			elements = append(elements, types.Bool(c.Bools[i]))
		case schema.Int32:
			elements = append(elements, types.Int(c.Int32s[i]))
		case schema.Int64:
			elements = append(elements, types.Int(c.Int64s[i]))
		case schema.Float32:
			elements = append(elements, types.Double(c.Float32s[i]))
		case schema.Float64:
			elements = append(elements, types.Double(c.Float64s[i]))
		case schema.String:
			elements = append(elements, types.String(c.Strings[i]))
		case schema.Bytes:
			elements = append(elements, types.Bytes(c.Bytes[i]))
		case schema.Timestamp:
			elements = append(elements, timestamp(c.Int64s[i]))
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, elements)
}

// fitsInt32 reports whether v is an int32.
func fitsInt32(v int64) bool { return v >= math.MinInt32 && v <= math.MaxInt32 }
