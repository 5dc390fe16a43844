package feast

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	feastcore "larder/api/feast/core"
	"larder/schema"
	"larder/schema/definitions"
)

func (i *importer) importServices() {
	for _, s := range i.registry.GetFeatureServices() {
		i.importService(s.GetSpec())
	}
}

// importService reads a service. Its features are a contract: with one of them missing it
// becomes a comment.
func (i *importer) importService(spec *feastcore.FeatureServiceSpec) {
	def := schema.FeatureService{Description: spec.GetDescription(), Owner: spec.GetOwner(), Tags: spec.GetTags()}
	var missing []string
	for _, p := range spec.GetFeatures() {
		refs, lacks := i.projected(p, spec.GetName())
		def.Features = append(def.Features, refs...)
		missing = append(missing, lacks...)
	}
	def.Name = i.renamed(i.serviceNames, kindService, spec.GetName())
	if spec.GetLoggingConfig() != nil {
		i.report(kindService, spec.GetName(), "its logging is not imported: Larder logs what a model was fed", "add log: {rate: ...} to the model that reads the service")
	}
	if len(missing) > 0 {
		i.report(kindService, spec.GetName(), "written as a comment: it reads "+strings.Join(missing, ", ")+", which are not imported", "write them or delete their lines, then remove the # of the service in feature_services.yaml")
		i.leaveOut("feature_services", []string{"Not imported: it reads " + strings.Join(missing, ", ") + ", which are not here."}, def)
		return
	}
	i.result.Definitions.FeatureServices = append(i.result.Definitions.FeatureServices, def)
}

// projected returns the references of a projection, and those to what is missing.
func (i *importer) projected(p *feastcore.FeatureViewProjection, service string) (refs, missing []string) {
	name := p.GetFeatureViewName()
	alias := cmp.Or(p.GetFeatureViewNameAlias(), name)
	if p.VersionTag != nil && p.GetVersionTag() > 0 {
		i.report(kindService, service, fmt.Sprintf("it reads version %d of %s; the view is imported as it is now", p.GetVersionTag(), name), "check that they have the same features")
	}
	if o := i.onDemand[name]; o != nil {
		return i.projectedOnDemand(o, alias, p)
	}
	v, columns := i.projectedView(p), p.GetFeatureColumns()
	switch {
	case len(columns) > 0:
	case v == nil:
		return []string{plainName(alias) + ":*"}, []string{plainName(alias) + ":*"}
	case v.whole:
		return []string{v.name + ":*"}, nil
	default:
		columns = v.feast.GetFeatures()
	}
	for _, column := range columns {
		ref := plainName(alias) + ":" + plainName(column.GetName())
		if v != nil {
			if v.isKey(column.GetName()) {
				continue // the request has it
			}
			ref = v.name + ":" + plainName(column.GetName())
			if f, found := v.features[column.GetName()]; found {
				refs = append(refs, v.name+":"+f.Name)
				continue
			}
		}
		refs, missing = append(refs, ref), append(missing, ref)
	}
	return refs, missing
}

// projectedView returns the view that a projection reads: the view itself or, if the
// projection gives it or its keys other names, another over the same rows.
func (i *importer) projectedView(p *feastcore.FeatureViewProjection) *view {
	base := i.views[p.GetFeatureViewName()]
	if base == nil {
		return nil
	}
	alias := cmp.Or(p.GetFeatureViewNameAlias(), base.feast.GetName())
	keys := map[string]string{}
	for _, e := range base.entities {
		from := cmp.Or(e.feast.GetJoinKey(), e.feast.GetName())
		if to := p.GetJoinKeyMap()[from]; to != "" && to != from {
			keys[from] = to
		}
	}
	if alias == base.feast.GetName() && len(keys) == 0 {
		return base
	}
	how := fmt.Sprint(base.feast.GetName(), "\x00", alias)
	for _, from := range slices.Sorted(maps.Keys(keys)) {
		how += "\x00" + from + "\x00" + keys[from]
	}
	if v := i.aliases[how]; v != nil {
		return v
	}
	v := i.aliasView(base, alias, keys)
	i.aliases[how] = v
	return v
}

// aliasView makes a view over the rows of another, under another name or with keys of
// other names.
func (i *importer) aliasView(base *view, alias string, keys map[string]string) *view {
	if alias == base.feast.GetName() {
		for _, from := range slices.Sorted(maps.Keys(keys)) {
			alias += "_" + keys[from]
		}
	}
	v := &view{feast: base.feast, source: base.source, entities: base.entities, features: base.features, whole: base.whole, def: base.def}
	v.name = i.viewNames.take(alias)
	v.def.Name = v.name
	what := fmt.Sprintf("services read it as %s, which is a view of its own here and stores the rows once more", alias)
	if len(keys) > 0 {
		v.entities = nil
		renamed := map[string]string{}
		var said []string
		for _, e := range base.entities {
			from := cmp.Or(e.feast.GetJoinKey(), e.feast.GetName())
			if keys[from] != "" {
				e = i.renamedEntity(e, keys[from])
				renamed[from] = e.key.Name
				said = append(said, from+" as "+e.key.Name)
			}
			v.entities = append(v.entities, e)
		}
		v.def.Entities, v.columns = entityColumns(v.entities, base.source.feast, renamed)
		v.columns = append(v.columns, base.columns[len(base.entities):]...)
		v.source = i.apart(base.source, v.name+"_source", v.columns)
		v.def.Source = v.source.name
		what += ", with the join key " + strings.Join(said, ", ")
	}
	do := "ask for its features as " + v.name + ":FEATURE"
	if v.name != alias {
		what += "; its name is taken, so it is " + v.name
	}
	if base.source.push != nil && len(keys) > 0 {
		what += "; pushes reach only " + base.name
	}
	i.report(kindView, base.feast.GetName(), what, do)
	i.result.Definitions.FeatureViews = append(i.result.Definitions.FeatureViews, v.def)
	return v
}

// renamedEntity returns the entity that e is under another name of its join key.
func (i *importer) renamedEntity(e *entity, key string) *entity {
	how := e.feast.GetName() + "\x00" + key
	if found := i.entities[how]; found != nil {
		return found
	}
	renamed := &entity{feast: e.feast, name: i.entityNames.take(key), key: schema.JoinKey{Name: plainName(key), Type: e.key.Type}, cast: e.cast}
	i.entities[how] = renamed
	i.result.Definitions.Entities = append(i.result.Definitions.Entities, schema.Entity{
		Name: renamed.name, JoinKeys: []schema.JoinKey{renamed.key},
		Description: fmt.Sprintf("%s under another join key", e.name),
	})
	return renamed
}

// leaveOut writes a definition as a comment.
func (i *importer) leaveOut(key string, why []string, definition any) {
	lines := slices.Clone(why)
	raw, err := definitions.WriteOne([]any{definition})
	if err == nil {
		lines = append(lines, strings.Split(strings.TrimRight(string(raw), "\n"), "\n")...)
	}
	i.result.Comments = append(i.result.Comments, definitions.Comment{Key: key, Lines: lines})
}
