package feast

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	feastcore "larder/api/feast/core"
	"larder/importer/feast/python"
	"larder/schema"
	"larder/schema/definitions"
	"larder/vector"
)

// An onDemandView is one of Feast's on-demand views, and what it became.
type onDemandView struct {
	feast    *feastcore.OnDemandFeatureViewSpec
	def      schema.OnDemandView
	columns  map[string]python.Column // what its function reads, by the names that it uses
	imported bool                     // it is a definition, not a comment
	aliases  map[string]string        // the names of its copies, by their names in Feast
}

// The bounds on the source of a function in a comment.
const (
	maxSourceLines = 200
	maxSourceLine  = 400 // bytes of one
)

func (i *importer) importOnDemandViews() {
	for _, o := range i.registry.GetOnDemandFeatureViews() {
		i.importOnDemandView(o.GetSpec())
	}
}

func (i *importer) importOnDemandView(spec *feastcore.OnDemandFeatureViewSpec) {
	if i.onDemand[spec.GetName()] != nil {
		return
	}
	o := &onDemandView{feast: spec, columns: map[string]python.Column{}, aliases: map[string]string{}}
	o.def = schema.OnDemandView{
		Name: i.renamed(i.viewNames, kindOnDemand, spec.GetName()), Description: spec.GetDescription(), Owner: spec.GetOwner(), Tags: spec.GetTags(),
	}
	i.onDemand[spec.GetName()] = o
	i.onDemandSources(o)
	for _, f := range spec.GetFeatures() {
		if feature, _, ok := i.feature(kindOnDemand, spec.GetName(), f); ok {
			o.def.Features = append(o.def.Features, schema.OnDemandFeature{
				Name: plainName(feature.Name), Type: feature.Type, Expr: "?", Description: feature.Description, Tags: feature.Tags,
			})
		}
	}
	function := functionOf(spec)
	why, fails := i.draft(o, function)
	if why == "" {
		why = i.refusal(o)
	}
	source := sourceLines(function)
	if why != "" {
		i.report(kindOnDemand, spec.GetName(), "written as a comment: "+why, "complete its expressions in on_demand_views.yaml and remove the #; docs/expressions.md has the language")
		i.leaveOut("on_demand_views", append([]string{"Not imported: " + why + "."}, source...), o.def)
	} else {
		o.imported = true
		i.result.Definitions.OnDemandViews = append(i.result.Definitions.OnDemandViews, o.def)
		i.result.Comments = append(i.result.Comments, definitions.Comment{Key: "on_demand_views", Name: o.def.Name, Lines: source})
		if fails != "" {
			i.report(kindOnDemand, spec.GetName(), "where "+fails+", Feast fails the request; here only that value is null, infinite or NaN", "nothing, unless a program counts on the failure")
		}
	}
	if spec.GetWriteToOnlineStore() {
		i.report(kindOnDemand, spec.GetName(), "Feast computes it when rows are written; Larder does when they are read", "nothing, unless its function depends on when it runs")
	}
	if spec.GetDisabled() {
		i.report(kindOnDemand, spec.GetName(), "it is disabled in Feast; Larder serves each view that is applied", "delete it from on_demand_views.yaml")
	}
}

// functionOf returns the function of a view, from where its release of Feast has it.
func functionOf(spec *feastcore.OnDemandFeatureViewSpec) *feastcore.UserDefinedFunction {
	if f := spec.GetFeatureTransformation().GetUserDefinedFunction(); f != nil {
		return f
	}
	return spec.GetUserDefinedFunction()
}

// onDemandSources reads what a view reads: views, and values of the request.
func (i *importer) onDemandSources(o *onDemandView) {
	twice := map[string]bool{}
	add := func(name string, c python.Column) {
		if _, found := o.columns[name]; found {
			twice[name] = true
		}
		o.columns[name] = c
	}
	sources := o.feast.GetSources()
	for _, key := range slices.Sorted(maps.Keys(sources)) {
		s := sources[key]
		switch {
		case s.GetRequestDataSource() != nil:
			i.requestSource(o, s.GetRequestDataSource(), add)
		case s.GetFeatureViewProjection() != nil:
			i.viewSource(o, s.GetFeatureViewProjection(), add)
		case s.GetFeatureView() != nil:
			spec := s.GetFeatureView().GetSpec()
			i.viewSource(o, &feastcore.FeatureViewProjection{FeatureViewName: spec.GetName(), FeatureColumns: spec.GetFeatures()}, add)
		}
	}
	for name := range twice {
		delete(o.columns, name) // which of them the function reads is not known
	}
}

func (i *importer) viewSource(o *onDemandView, p *feastcore.FeatureViewProjection, add func(string, python.Column)) {
	name := cmp.Or(p.GetFeatureViewNameAlias(), p.GetFeatureViewName())
	features := map[string]schema.Feature{}
	reads := ""
	if other := i.onDemand[p.GetFeatureViewName()]; other != nil && other != o {
		if !other.imported {
			return
		}
		reads = other.def.Name
		for _, f := range other.def.Features {
			features[f.Name] = f.AsFeature()
		}
	} else if v := i.projectedView(p); v != nil {
		reads, features = v.name, v.features
	} else {
		return
	}
	if !slices.Contains(o.def.Sources, reads) {
		o.def.Sources = append(o.def.Sources, reads)
	}
	for _, column := range p.GetFeatureColumns() {
		f, found := features[column.GetName()]
		if !found {
			continue
		}
		c := python.Column{Ref: reads + "." + f.Name, Type: f.Type}
		add(column.GetName(), c)
		add(name+"__"+column.GetName(), c)
	}
}

func (i *importer) requestSource(o *onDemandView, s *feastcore.DataSource, add func(string, python.Column)) {
	fields := s.GetRequestDataOptions().GetSchema()
	old := s.GetRequestDataOptions().GetDeprecatedSchema()
	for _, name := range slices.Sorted(maps.Keys(old)) {
		fields = append(slices.Clone(fields), &feastcore.FeatureSpecV2{Name: name, ValueType: old[name]})
	}
	for _, field := range fields {
		f, _, ok := i.feature(kindOnDemand, o.feast.GetName(), field)
		if !ok {
			continue
		}
		if plain := plainName(f.Name); plain != f.Name {
			i.report(kindOnDemand, o.feast.GetName(), fmt.Sprintf("the request value %s is named %s", f.Name, plain), "send it as "+plain)
			f.Name = plain
		}
		if slices.ContainsFunc(o.def.Request, func(other schema.Feature) bool { return other.Name == f.Name }) {
			continue
		}
		o.def.Request = append(o.def.Request, f)
		add(field.GetName(), python.Column{Ref: "request." + f.Name, Type: f.Type})
	}
}

// draft fills in the expressions of a view. It returns why they can't be used as they are,
// and for which values Feast fails.
func (i *importer) draft(o *onDemandView, function *feastcore.UserDefinedFunction) (why, fails string) {
	switch {
	case len(o.feast.GetAggregations()) > 0:
		return "it aggregates rows, which an expression can't", ""
	case o.feast.GetFeatureTransformation().GetSubstraitTransformation() != nil:
		return "its function is a Substrait plan, which is not read", ""
	case function.GetBodyText() == "":
		return "the registry has no source of its function, only a pickle, which is never loaded", ""
	case len(o.def.Features) < len(o.feast.GetFeatures()):
		return "some of its features have types that Larder lacks", ""
	}
	outputs := map[string]schema.Type{}
	for n, f := range o.feast.GetFeatures() {
		outputs[f.GetName()] = o.def.Features[n].Type
	}
	drafts, err := python.Translate(python.Function{
		Source: function.GetBodyText(), Mode: cmp.Or(o.feast.GetMode(), function.GetMode()), Singleton: o.feast.GetSingleton(),
		Columns: o.columns, Outputs: outputs,
	})
	if err != nil {
		return "its function is not simple enough to become expressions (" + err.Error() + ")", ""
	}
	for n, f := range o.feast.GetFeatures() {
		d := drafts[f.GetName()]
		o.def.Features[n].Expr = d.Expr
		fails = cmp.Or(fails, d.Fails)
	}
	return "", fails
}

// refusal returns why Larder doesn't take the expressions of a view.
func (i *importer) refusal(o *onDemandView) string {
	defs := &schema.Definitions{Entities: i.result.Definitions.Entities, OnDemandViews: append(slices.Clone(i.result.Definitions.OnDemandViews), o.def)}
	defs.OnDemandViews = slices.DeleteFunc(defs.OnDemandViews, func(x schema.OnDemandView) bool {
		return x.Name != o.def.Name && !slices.Contains(o.def.Sources, x.Name)
	})
	for _, v := range i.result.Definitions.FeatureViews {
		if !slices.Contains(o.def.Sources, v.Name) {
			continue
		}
		v.Source = v.Name
		defs.FeatureViews = append(defs.FeatureViews, v)
		defs.Sources = append(defs.Sources, schema.Source{Name: v.Name, Table: "imported", TimestampField: "the time"})
	}
	catalog, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err == nil {
		err = vector.CheckExpressions(catalog)
	}
	if err != nil {
		return strings.Join(strings.Fields(err.Error()), " ")
	}
	return ""
}

// sourceLines returns the source of a function for a comment.
func sourceLines(function *feastcore.UserDefinedFunction) []string {
	text := strings.TrimSpace(function.GetBodyText())
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	if len(lines) > maxSourceLines {
		lines = append(lines[:maxSourceLines:maxSourceLines], fmt.Sprintf("... %d more lines", len(lines)-maxSourceLines))
	}
	for n, line := range lines {
		if len(line) > maxSourceLine {
			line = strings.ToValidUTF8(line[:maxSourceLine], "") + "..."
		}
		lines[n] = "| " + strings.TrimRight(line, " \t\r")
	}
	return append([]string{"The function in Feast:"}, lines...)
}

// projectedOnDemand returns the references of a projection of an on-demand view.
func (i *importer) projectedOnDemand(o *onDemandView, alias string, p *feastcore.FeatureViewProjection) (refs, missing []string) {
	name := o.def.Name
	if alias != o.feast.GetName() {
		if name = o.aliases[alias]; name == "" {
			name = i.renamed(i.viewNames, kindOnDemand, alias)
			o.aliases[alias] = name
			if o.imported {
				renamed := o.def
				renamed.Name = name
				i.result.Definitions.OnDemandViews = append(i.result.Definitions.OnDemandViews, renamed)
				i.report(kindOnDemand, o.feast.GetName(), fmt.Sprintf("services read it as %s, which is a view of its own here", alias), "change both when the expressions change")
			}
		}
	}
	columns := p.GetFeatureColumns()
	if len(columns) == 0 {
		columns = o.feast.GetFeatures()
	}
	for _, c := range columns {
		ref := name + ":" + plainName(c.GetName())
		refs = append(refs, ref)
		if !o.imported {
			missing = append(missing, ref)
		}
	}
	return refs, missing
}
