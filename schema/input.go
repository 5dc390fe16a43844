package schema

import (
	"regexp"
	"slices"
)

// An Input is something that an expression can read.
type Input struct {
	Owner    string // a feature view, an on-demand view, or request
	Name     string
	Declared Feature // its type and default
}

// Called is the owner's name in expressions: without its project.
func (in Input) Called() string { return LocalName(in.Owner) }

// String returns the input's full name: OWNER:NAME.
func (in Input) String() string { return in.Owner + ":" + in.Name }

// Inputs returns everything that the expressions of an on-demand view may read: request
// values and features of its sources.
func (c *Catalog) Inputs(o *OnDemandView) []Input {
	var all []Input
	for _, f := range o.Request {
		all = append(all, Input{requestRef, f.Name, f})
	}
	for _, source := range o.Sources {
		if v := c.views[source]; v != nil {
			for _, f := range v.Features {
				all = append(all, Input{source, f.Name, f})
			}
		} else if other := c.onDemand[source]; other != nil {
			for i := range other.Features {
				f := other.Features[i].AsFeature()
				all = append(all, Input{source, f.Name, f})
			}
		}
	}
	return all
}

// OnDemandViews returns all on-demand views, in the order of the definitions.
func (c *Catalog) OnDemandViews() []*OnDemandView {
	all := make([]*OnDemandView, len(c.Definitions.OnDemandViews))
	for i := range all {
		all[i] = &c.Definitions.OnDemandViews[i]
	}
	return all
}

// selection is OWNER.NAME in an expression, or OWNER.?NAME.
var selection = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)\s*\.\s*\??\s*([A-Za-z_][A-Za-z0-9_]*)`)

// Reads returns every OWNER.NAME in the expression of a feature, even inside a quoted
// text. Package vector refuses expressions that read in any other form.
func (c *Catalog) Reads(o *OnDemandView, f *OnDemandFeature) []Input {
	mentioned := map[string]bool{}
	for rest := f.Expr; ; {
		at := selection.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		mentioned[rest[at[2]:at[3]]+":"+rest[at[4]:at[5]]] = true
		rest = rest[at[4]:] // a name may also be the owner of the next name
	}
	return slices.DeleteFunc(c.Inputs(o), func(in Input) bool { return !mentioned[in.Called()+":"+in.Name] })
}
