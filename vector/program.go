package vector

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"larder/column"
	"larder/schema"
	"larder/store/row"
)

// A Program says how the rows of a plan's views become vectors. It is safe for
// concurrent use.
type Program struct {
	plan     *schema.Plan
	views    []viewProgram
	width    int // of the vector; features from here on are inputs of expressions only
	features []*schema.PlanFeature
	defaults []column.Column // of each feature: one row, its default or null
	floats   []float32       // of each feature: its default as a float tensor holds it; NaN for null
	texts    []int           // the features that are strings, bytes or lists
	request  map[string]int  // the feature that a name in a request means; below 0: ^index in plan.Request of a value that isn't a feature
	strict   bool            // the model asks to fail when a value is missing

	expressions []*expression // in the order of evaluation
	evaluated   []bool        // the features that expressions read or compute, and the lists of the vector
	inputs, all []int         // those features, and all of them
	lists       []int         // the lists of the vector
}

type viewProgram struct {
	view     *schema.PlanView
	ttl      int64
	features []int                           // of the plan, that come from this view
	columns  []int                           // of the view: those features
	layouts  []atomic.Pointer[layoutProgram] // compiled when a row of the layout comes

	aggregation *Aggregation // of an aggregate view; else nil
}

// A layoutProgram reads rows of one layout.
type layoutProgram struct {
	layout *row.Layout
	runs   []run  // numbers and bools, for a float tensor
	fixed  []move // bools, numbers and timestamps
	inputs []move // those of fixed that expressions read
	texts  []move // strings, bytes and lists

	wanted   []byte // null bits of the columns that are read
	features []int  // of each column that is read: the feature
	absent   []int  // features that rows of this layout lack
}

// A move takes one stored value to one place of the vector.
type move struct {
	feature int // in the plan
	column  int // in the layout
	offset  int // in the row
	kind    schema.Type
	text    int // in Program.texts
}

// A run is moves of values that lie end to end, in the row and in the vector.
type run struct {
	move  // the first
	count int
}

// Compile returns the program of a plan. It fails when an expression does not
// compile, which CheckExpressions finds in the plan's catalog.
func Compile(plan *schema.Plan) (*Program, error) {
	p := &Program{
		plan: plan, width: len(plan.Features), views: make([]viewProgram, len(plan.Views)), request: map[string]int{},
		strict: plan.Model != nil && plan.Model.OnMissing == schema.FailOnMissing,
	}
	for i := range plan.Request {
		p.request[plan.Request[i].Name] = ^i
	}
	for i := range len(plan.Features) + len(plan.Inputs) {
		f := plan.Feature(i)
		p.features = append(p.features, f)
		p.request[f.Name] = i
		if f.Request >= 0 {
			p.request[plan.Request[f.Request].Name] = i
		}
		if f.Type.IsList() || f.Type == schema.String || f.Type == schema.Bytes {
			p.texts = append(p.texts, i)
		}
		c, float := valueColumn(f.Type, f.Default), float32(math.NaN())
		if f.Default != nil && isNumber(f.Type) {
			float = float32At(&c, 0)
		}
		p.defaults, p.floats = append(p.defaults, c), append(p.floats, float)
	}
	for i := range plan.Views {
		v := &plan.Views[i]
		p.views[i] = viewProgram{view: v, ttl: v.TTLMicros(), layouts: make([]atomic.Pointer[layoutProgram], len(v.Layouts))}
		for _, slot := range v.Slots {
			p.views[i].features = append(p.views[i].features, slot.Feature)
			p.views[i].columns = append(p.views[i].columns, slot.Column)
		}
		if v.Aggregates != nil {
			var err error
			if p.views[i].aggregation, err = NewAggregation(v.View); err != nil {
				return nil, fmt.Errorf("aggregate view %q: %w", v.Name, err)
			}
		}
	}
	return p, p.compileExpressions()
}

func (p *Program) compileExpressions() error {
	columns := map[string]int{}
	p.evaluated = make([]bool, len(p.features))
	for i, f := range p.features {
		columns[f.Name] = i
		p.all = append(p.all, i)
		if i < p.width && f.Type.IsList() {
			p.lists = append(p.lists, i)
			p.evaluated[i] = true
		}
	}
	for _, number := range p.plan.Computed {
		e := p.features[number].Expr
		x, err := compileExpression(p.plan.Catalog, e.View, e.Feature, columns)
		if err != nil {
			return fmt.Errorf("on-demand view %q: feature %q: %w", e.View.Name, e.Feature.Name, err)
		}
		x.feature = number
		p.evaluated[number] = true
		for _, input := range e.Inputs {
			p.evaluated[input] = true
		}
		p.expressions = append(p.expressions, x)
	}
	p.inputs = slices.DeleteFunc(slices.Clone(p.all), func(feature int) bool { return !p.evaluated[feature] })
	return nil
}

// layout returns the program of a layout by its number; nil when there is none.
func (p *Program) layout(v *viewProgram, number uint16) *layoutProgram {
	if int(number) >= len(v.layouts) {
		return nil
	}
	l := v.layouts[number].Load()
	if l == nil {
		l = p.compileLayout(v.view, v.view.Layouts[number])
		v.layouts[number].Store(l)
	}
	return l
}

func (p *Program) compileLayout(v *schema.PlanView, columns []schema.Column) *layoutProgram {
	l := &layoutProgram{layout: row.NewLayout(columns), wanted: make([]byte, (len(columns)+7)/8), features: make([]int, len(columns))}
	at := make(map[schema.Column]int, len(columns))
	for i, c := range columns {
		at[c] = i
	}
	for _, slot := range v.Slots {
		f := &v.Features[slot.Column]
		column, found := at[schema.Column{Name: f.Name, Type: f.Type}]
		if !found {
			l.absent = append(l.absent, slot.Feature)
			continue
		}
		m := move{feature: slot.Feature, column: column, offset: l.layout.Offsets[column], kind: f.Type}
		l.wanted[column/8] |= 1 << (column % 8)
		l.features[column] = slot.Feature
		m.text = slices.Index(p.texts, slot.Feature)
		if m.text >= 0 {
			l.texts = append(l.texts, m)
			continue
		}
		l.fixed = append(l.fixed, m)
		if p.evaluated[m.feature] {
			l.inputs = append(l.inputs, m)
		}
		if isNumber(m.kind) && m.feature < p.width {
			l.addRun(m)
		}
	}
	return l
}

// addRun adds a move to the last run, or begins the next.
func (l *layoutProgram) addRun(m move) {
	if n := len(l.runs); n > 0 {
		last := &l.runs[n-1]
		if last.kind == m.kind && last.feature+last.count == m.feature && last.column+last.count == m.column {
			last.count++
			return
		}
	}
	l.runs = append(l.runs, run{m, 1})
}

// valueColumn returns a column of one row that holds v, in the Go form of
// schema.ParseValue.
func valueColumn(t schema.Type, v any) column.Column {
	c := column.Column{Type: t, Valid: []bool{v != nil}}
	c.AppendValue(v)
	return c
}
