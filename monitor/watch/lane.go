package watch

import (
	"math"

	"larder/column"
	"larder/monitor"
	"larder/monitor/profile"
	"larder/schema"
)

// A lane counts one version of a model.
type lane struct {
	plan  *schema.Plan
	parts [2]*part
}

// A part counts one part of a version's columns: while it has no reference, it learns.
type part struct {
	lane      *lane
	name      string
	sources   []source // of each column
	reference *Reference
	id        string          // of the reference
	bins      []*profile.Bins // of each source; nil where the reference lacks the column
	builders  []*profile.Builder
	columns   int // of the reference
	place     []int
}

// A source is where the values of a column are in a request.
type source struct {
	name    string
	kind    profile.Kind
	feature int // index in the plan's features; -1: of no feature
	view    int // index in the plan's views, for statuses; -1: none
}

func newLane() *lane {
	l := new(lane)
	for i, name := range []string{Features, Score} {
		l.parts[i] = &part{lane: l, name: name}
	}
	return l
}

// follow makes the lane that of a plan.
func (l *lane) follow(p *schema.Plan) {
	if l.plan == p {
		return
	}
	l.plan = p
	features := l.parts[0]
	var sources []source
	for i, f := range p.Features {
		if p.Model.WatchesFeature(f.Name) {
			sources = append(sources, source{f.Name, kindOf(&f), i, -1})
		}
	}
	for i := range p.Views {
		sources = append(sources, source{statusPrefix + p.Views[i].Name, profile.Texts, -1, i})
	}
	features.set(sources)
	l.parts[1].set([]source{{scoreColumn, profile.Values, -1, -1}})
}

// kindOf returns what of a feature is counted. Texts of sensitive features are not, since a
// reference has the most common ones.
func kindOf(f *schema.PlanFeature) profile.Kind {
	kind := profile.Of(f.Type)
	if f.Sensitive && kind == profile.Texts {
		return profile.Nulls
	}
	return kind
}

// set gives the part other columns. What was counted of columns that stay is kept.
func (p *part) set(sources []source) {
	same := len(sources) == len(p.sources)
	for i := range sources {
		same = same && sources[i].name == p.sources[i].name && sources[i].kind == p.sources[i].kind
	}
	p.sources = sources
	if same && (p.bins != nil || p.builders != nil) {
		return
	}
	if p.reference != nil {
		p.compare(p.reference)
		return
	}
	p.builders = make([]*profile.Builder, len(sources))
	for i := range sources {
		p.builders[i] = profile.NewBuilder(sources[i].kind)
	}
}

// learned returns the reference of what was fed so far; nil while that is too little.
func (p *part) learned(rows int64) *Reference {
	if len(p.builders) == 0 || p.builders[0].Rows() < rows {
		return nil
	}
	r := new(Reference)
	for i, b := range p.builders {
		r.Columns = append(r.Columns, Column{p.sources[i].name, b.Profile()})
	}
	return r
}

// compare begins to count in the bins of a reference.
func (p *part) compare(r *Reference) {
	p.reference, p.id, p.builders, p.columns = r, r.ID(), nil, len(r.Columns)
	p.bins, p.place = make([]*profile.Bins, len(p.sources)), make([]int, len(p.sources))
	for i := range p.sources {
		for k, c := range r.Columns {
			if c.Name == p.sources[i].name {
				p.bins[i], p.place[i] = profile.NewBins(c.Profile), k
			}
		}
	}
}

// take returns what was counted of each column of the reference, and begins anew; nil when
// there was nothing.
func (p *part) take() []profile.Tally {
	if p.reference == nil {
		return nil
	}
	tallies, rows := make([]profile.Tally, p.columns), int64(0)
	for i, b := range p.bins {
		if b != nil {
			tallies[p.place[i]] = b.Take()
			rows += tallies[p.place[i]].Rows
		}
	}
	if rows == 0 {
		return nil
	}
	return tallies
}

// add counts some rows of a request, spread over it, and returns how many.
func (l *lane) add(s *monitor.Scored) int {
	step := (s.Rows + maxRows - 1) / maxRows
	if step == 0 {
		return 0
	}
	rows := 0
	for row := 0; row < s.Rows; row += step {
		for _, p := range l.parts {
			p.add(s, row)
		}
		rows++
	}
	return rows
}

// An adder takes values of one column.
type adder interface {
	AddNull()
	AddNumber(v float64)
	AddFloat32(v float32)
	AddText(v string)
	AddBool(v bool)
	AddOther()
}

func (p *part) add(s *monitor.Scored, row int) {
	for i := range p.sources {
		var into adder
		switch {
		case p.builders != nil:
			into = p.builders[i]
		case p.bins[i] != nil:
			into = p.bins[i]
		default:
			continue
		}
		switch source := &p.sources[i]; {
		case source.feature >= 0:
			addFeature(into, source, s, row)
		case source.view >= 0:
			into.AddText(s.Statuses[source.view*s.Rows+row].String())
		case len(s.Scores) == 0 || math.IsNaN(s.Scores[row]):
			into.AddNull()
		default:
			into.AddNumber(s.Scores[row])
		}
	}
}

// addFeature adds the value that a model got.
func addFeature(into adder, source *source, s *monitor.Scored, row int) {
	if s.Dense != nil {
		v := s.Dense[row*len(s.Plan.Features)+source.feature]
		switch {
		case v != v: // a null is fed as NaN
			into.AddNull()
		case source.kind == profile.Texts:
			into.AddBool(v != 0)
		case source.kind == profile.Values:
			into.AddFloat32(v)
		default:
			into.AddOther()
		}
		return
	}
	c := &s.Tensors[source.feature]
	if c.Type == 0 || c.IsNull(row) {
		into.AddNull()
		return
	}
	switch source.kind {
	case profile.Norms:
		start, end := c.List(row)
		into.AddNumber(norm(c, start, end))
	case profile.Lengths:
		start, end := c.List(row)
		into.AddNumber(float64(end - start))
	case profile.Texts:
		addText(into, c, row)
	case profile.Values:
		addNumber(into, c, row)
	default:
		into.AddOther()
	}
}

func addText(into adder, c *column.Column, row int) {
	switch {
	case c.Strings != nil:
		into.AddText(c.Strings[row])
	case c.Bools != nil:
		into.AddBool(c.Bools[row])
	default: // a bool as a number
		v, _ := number(c, uint32(row))
		into.AddBool(v != 0)
	}
}

func addNumber(into adder, c *column.Column, row int) {
	v, rounded := number(c, uint32(row))
	if rounded {
		into.AddFloat32(float32(v))
	} else {
		into.AddNumber(v)
	}
}

// number returns a value as a number, and whether it has been rounded to a float32.
func number(c *column.Column, at uint32) (v float64, rounded bool) {
	switch {
	case c.Float32s != nil:
		return float64(c.Float32s[at]), true
	case c.Float64s != nil:
		return c.Float64s[at], false
	case c.Int64s != nil:
		return float64(c.Int64s[at]), false
	case c.Int32s != nil:
		return float64(c.Int32s[at]), false
	case c.Bools != nil && c.Bools[at]:
		return 1, false
	}
	return 0, false
}

// norm returns the Euclidean norm of some elements.
func norm(c *column.Column, start, end uint32) float64 {
	sum := 0.0
	for i := start; i < end; i++ {
		v, _ := number(c, i)
		sum += v * v
	}
	return math.Sqrt(sum)
}
