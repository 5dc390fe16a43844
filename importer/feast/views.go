package feast

import (
	"cmp"
	"fmt"
	"slices"

	feastcore "larder/api/feast/core"
	"larder/schema"
)

// A view is one of Feast's feature views, and what it became.
type view struct {
	feast    *feastcore.FeatureViewSpec
	name     string // in Larder
	source   *source
	entities []*entity
	features map[string]schema.Feature // by Feast's names
	whole    bool                      // no feature was left out
	def      schema.FeatureView
	columns  []column // of the keys and features
}

// allViews returns feature views, then stream feature views as feature views.
func (i *importer) allViews() []*feastcore.FeatureViewSpec {
	var all []*feastcore.FeatureViewSpec
	for _, v := range i.registry.GetFeatureViews() {
		all = append(all, v.GetSpec())
	}
	for _, v := range i.registry.GetStreamFeatureViews() {
		s := v.GetSpec()
		all = append(all, &feastcore.FeatureViewSpec{
			Name: s.GetName(), Project: s.GetProject(), Entities: s.GetEntities(), Features: s.GetFeatures(), EntityColumns: s.GetEntityColumns(),
			Description: s.GetDescription(), Tags: s.GetTags(), Owner: s.GetOwner(), Ttl: s.GetTtl(), BatchSource: s.GetBatchSource(),
			StreamSource: s.GetStreamSource(), Online: s.GetOnline(), Mode: s.GetMode(), Disabled: s.GetDisabled(),
			FeatureTransformation: s.GetFeatureTransformation(),
		})
	}
	return all
}

func (i *importer) importViews() {
	for _, v := range i.allViews() {
		if i.views[v.GetName()] != nil {
			continue // a stream feature view is also among the feature views in some releases
		}
		i.importView(v)
	}
	for _, v := range i.registry.GetStreamFeatureViews() {
		i.reportStream(v.GetSpec())
	}
}

func (i *importer) importView(spec *feastcore.FeatureViewSpec) {
	v := &view{feast: spec, features: map[string]schema.Feature{}}
	if !i.viewEntities(v) {
		return
	}
	v.source = i.sourceOf(spec.GetBatchSource(), spec.GetStreamSource(), spec.GetName())
	if v.source == nil {
		i.report(kindView, spec.GetName(), "left out: it has no batch source, and its rows are computed outside of any table", "write them to a Postgres table, and a source and a view over it by hand")
		return
	}
	v.name = i.renamed(i.viewNames, kindView, spec.GetName())
	v.def = schema.FeatureView{
		Name: v.name, TTL: i.ttl(spec), Description: spec.GetDescription(), Owner: spec.GetOwner(), Tags: spec.GetTags(),
	}
	v.def.Entities, v.columns = entityColumns(v.entities, v.source.feast, nil)
	i.viewFeatures(v)
	if !v.source.add(append(slices.Clone(v.columns), timeColumns(v.source.feast)...)) {
		shared := v.source
		v.source = i.apart(shared, v.name+"_source", v.columns)
		i.report(kindView, spec.GetName(), fmt.Sprintf("it reads a column of the source %s in another way than other views do, so it has a source of its own, %s", shared.name, v.source.name), "nothing, unless rows are pushed: a push reaches only the views of the source that it names")
	}
	v.def.Source = v.source.name
	i.result.Definitions.FeatureViews = append(i.result.Definitions.FeatureViews, v.def)
	i.views[spec.GetName()] = v
	i.reportView(spec)
}

// viewEntities finds the entities of a view.
func (i *importer) viewEntities(v *view) bool {
	for _, name := range v.feast.GetEntities() {
		if name == dummyEntity {
			continue
		}
		e := i.entities[name]
		if e == nil {
			i.report(kindView, v.feast.GetName(), "left out: its entity "+name+" is not in the registry, or was left out", "import the entity first, or write the view by hand")
			return false
		}
		v.entities = append(v.entities, e)
	}
	if len(v.entities) == 0 {
		v.entities = []*entity{i.entityless()}
	}
	return true
}

// entityColumns returns the names of entities, and the columns of their keys. renamed gives
// other names to keys, by Feast's names.
func entityColumns(entities []*entity, s *feastcore.DataSource, renamed map[string]string) (names []string, columns []column) {
	for _, e := range entities {
		names = append(names, e.name)
		if e.feast.GetName() == dummyEntity {
			columns = append(columns, column{name: e.key.Name, literal: "''"})
			continue
		}
		joinKey := cmp.Or(e.feast.GetJoinKey(), e.feast.GetName())
		columns = append(columns, column{name: cmp.Or(renamed[joinKey], e.key.Name), from: columnOf(s, joinKey), cast: e.cast})
	}
	return names, columns
}

func (i *importer) ttl(spec *feastcore.FeatureViewSpec) schema.Duration {
	ttl := spec.GetTtl().AsDuration()
	if ttl < 0 {
		i.report(kindView, spec.GetName(), fmt.Sprintf("its ttl is %s; it never expires here", ttl), "write the ttl that is meant")
		return 0
	}
	return schema.Duration(ttl - ttl%1000) // whole microseconds
}

// viewFeatures reads the features of a view.
func (i *importer) viewFeatures(v *view) {
	v.whole = true
	taken, times := newNames(), map[string]bool{}
	for _, c := range v.columns {
		taken.taken[c.name] = true
	}
	for _, c := range timeColumns(v.source.feast) {
		times[c.name] = true
		taken.taken[c.name] = true
	}
	for _, f := range v.feast.GetFeatures() {
		if v.isKey(f.GetName()) {
			continue // stream views list them twice
		}
		if times[f.GetName()] {
			v.whole = false
			i.report(kindView, v.feast.GetName(), fmt.Sprintf("feature %s left out: it is a time column of the source", f.GetName()), "add the column under another name to the source's query, and to the view")
			continue
		}
		feature, ct, ok := i.feature(kindView, v.feast.GetName(), f)
		if !ok {
			v.whole = false
			continue
		}
		if _, twice := v.features[f.GetName()]; twice {
			continue
		}
		feature.Name = taken.take(f.GetName())
		if feature.Name != f.GetName() {
			i.report(kindView, v.feast.GetName(), fmt.Sprintf("feature %s is named %s", f.GetName(), feature.Name), "ask for it as "+v.name+":"+feature.Name)
		}
		v.features[f.GetName()] = feature
		v.def.Features = append(v.def.Features, feature)
		v.columns = append(v.columns, column{name: feature.Name, from: columnOf(v.source.feast, f.GetName()), cast: ct.cast})
	}
}

// isKey reports whether Feast's name of a column is that of a join key.
func (v *view) isKey(name string) bool {
	return slices.ContainsFunc(v.entities, func(e *entity) bool { return cmp.Or(e.feast.GetJoinKey(), e.feast.GetName()) == name })
}

// feature reads one feature or request value. It reports a type that Larder lacks.
func (i *importer) feature(kind, owner string, f *feastcore.FeatureSpecV2) (schema.Feature, columnType, bool) {
	ct := columnTypes[f.GetValueType()]
	if ct.typ == 0 && kind == kindOnDemand {
		i.report(kind, owner, fmt.Sprintf("%s left out: Larder has no type like %s", f.GetName(), typeName(f.GetValueType())), "let the request bring, or the expression make, a text or numbers instead")
		return schema.Feature{}, ct, false
	}
	if ct.typ == 0 {
		i.report(kind, owner, fmt.Sprintf("feature %s left out: Larder has no type like %s", f.GetName(), typeName(f.GetValueType())), "make a string, a list or several features of it in the source's query, and add them to the view")
		return schema.Feature{}, ct, false
	}
	if ct.note != "" {
		i.report(kind, owner, fmt.Sprintf("feature %s, of type %s, %s", f.GetName(), typeName(f.GetValueType()), ct.note), "let the programs that read it parse it")
	}
	if f.GetVectorIndex() {
		do := "search elsewhere, such as in pgvector"
		if n := f.GetVectorLength(); n > 0 && ct.typ.IsList() && ct.typ.Elem().IsFloat() {
			do += fmt.Sprintf("; if all lists have %[1]d numbers, the type may be vector<%[2]s, %[1]d>", n, ct.typ.Elem())
		}
		i.report(kind, owner, fmt.Sprintf("feature %s is searched by similarity in Feast, which Larder doesn't do", f.GetName()), do)
	}
	return schema.Feature{Name: f.GetName(), Type: ct.typ, Description: f.GetDescription(), Tags: f.GetTags()}, ct, true
}

// reportView reports what a view does in Feast and not here.
func (i *importer) reportView(spec *feastcore.FeatureViewSpec) {
	name := spec.GetName()
	if spec.GetDisabled() {
		i.report(kindView, name, "it is disabled in Feast; Larder serves each view that is applied", "delete it from feature_views.yaml, or don't materialize it")
	}
	if !spec.GetOnline() {
		i.report(kindView, name, "it has online=False in Feast: it is for training only", "leave it out of larder materialize; training sets read the table")
	}
	if spec.GetFeatureTransformation() != nil || i.isTransformed(spec) {
		i.report(kindView, name, "Feast transforms its rows when it materializes; Larder reads the columns of the source as they are", "do the transformation in the source's query, or point the source at a table that has the result")
	}
	switch s := spec.GetStreamSource(); s.GetType() {
	case feastcore.DataSource_STREAM_KAFKA:
		i.report(kindView, name, fmt.Sprintf("events of the Kafka topic %s are not read; rows come from the batch source", s.GetKafkaOptions().GetTopic()), "write them to the table, or push them; Larder has no streams yet")
	case feastcore.DataSource_STREAM_KINESIS:
		i.report(kindView, name, fmt.Sprintf("events of the Kinesis stream %s are not read; rows come from the batch source", s.GetKinesisOptions().GetStreamName()), "write them to the table, or push them; Larder has no streams yet")
	}
}

func (i *importer) isTransformed(spec *feastcore.FeatureViewSpec) bool {
	for _, v := range i.registry.GetStreamFeatureViews() {
		if v.GetSpec().GetName() == spec.GetName() {
			return v.GetSpec().GetUserDefinedFunction() != nil
		}
	}
	return false
}

func (i *importer) reportStream(spec *feastcore.StreamFeatureViewSpec) {
	for _, a := range spec.GetAggregations() {
		i.report(kindView, spec.GetName(), fmt.Sprintf("the aggregation %s(%s) is not imported; Larder reads a column %s", a.GetFunction(), a.GetColumn(), cmp.Or(a.GetName(), a.GetColumn())), "compute it in the source's query")
	}
}
