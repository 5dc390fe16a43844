package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // time zones for sources, even if the system has none
)

// The limits on definitions.
const (
	MaxDefinitions     = 10_000 // of each noun
	MaxFeatures        = 4_096  // of a view and of a service
	MaxJoinKeys        = 16     // of a view
	MinSchedule        = Duration(time.Second)
	MaxKeepOld         = Duration(30 * 24 * time.Hour)
	MinMaxRun          = Duration(time.Second)
	MaxMaxRun          = Duration(7 * 24 * time.Hour)
	requestRef         = "request"
	defaultMaxBadShare = 0.01
)

var namePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// Validate returns every fault of definitions of all projects: [Problems], or nil.
func (d *Definitions) Validate() error { return d.validate(false) }

// ValidateFolder returns every fault of the definitions of one folder, which have been
// qualified: [Problems], or nil. What it refers to in other projects is not checked.
func (d *Definitions) ValidateFolder() error { return d.validate(true) }

func (d *Definitions) validate(folder bool) error {
	v := validator{
		defs: d, folder: folder, views: map[string]*FeatureView{}, onDemand: map[string]*OnDemandView{},
		entities: map[string]*Entity{}, sources: map[string]*Source{}, streams: map[string]*Stream{}, services: map[string]*FeatureService{},
	}
	if !v.project() {
		return v.problems
	}
	v.index()
	for i := range d.Entities {
		v.entity(fmt.Sprintf("entities[%d]", i), &d.Entities[i])
	}
	for i := range d.Sources {
		v.source(fmt.Sprintf("sources[%d]", i), &d.Sources[i])
	}
	for i := range d.Streams {
		v.stream(fmt.Sprintf("streams[%d]", i), &d.Streams[i])
	}
	for i := range d.FeatureViews {
		v.view(fmt.Sprintf("feature_views[%d]", i), &d.FeatureViews[i])
	}
	for i := range d.AggregateViews {
		v.aggregateView(fmt.Sprintf("aggregate_views[%d]", i), &d.AggregateViews[i])
	}
	for i := range d.OnDemandViews {
		v.onDemandView(fmt.Sprintf("on_demand_views[%d]", i), &d.OnDemandViews[i])
	}
	v.onDemandCycles()
	for i := range d.FeatureServices {
		v.service(fmt.Sprintf("feature_services[%d]", i), &d.FeatureServices[i])
	}
	for i := range d.Models {
		v.model(fmt.Sprintf("models[%d]", i), &d.Models[i])
	}
	v.access()
	if len(v.problems) > 0 {
		return v.problems
	}
	return nil
}

type validator struct {
	defs     *Definitions
	folder   bool // defs are those of one folder
	entities map[string]*Entity
	sources  map[string]*Source
	streams  map[string]*Stream
	views    map[string]*FeatureView
	onDemand map[string]*OnDemandView
	services map[string]*FeatureService
	problems Problems
}

func (v *validator) addf(path, format string, args ...any) {
	v.problems = append(v.problems, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// danglef adds a problem with a reference to something that doesn't exist.
func (v *validator) danglef(path, format string, args ...any) {
	v.problems = append(v.problems, Problem{Path: path, Message: fmt.Sprintf(format, args...), Dangling: true})
}

// index fills the maps and reports duplicate and malformed names.
func (v *validator) index() {
	d := v.defs
	register(v, "entities", KindEntity, d.Entities, func(x *Entity) string { return x.Name }, v.entities)
	register(v, "sources", KindSource, d.Sources, func(x *Source) string { return x.Name }, v.sources)
	register(v, "feature_views", KindFeatureView, d.FeatureViews, func(x *FeatureView) string { return x.Name }, v.views)
	register(v, "streams", KindStream, d.Streams, func(x *Stream) string { return x.Name }, v.streams)
	aggregates := map[string]*AggregateView{}
	register(v, "aggregate_views", KindAggregateView, d.AggregateViews, func(x *AggregateView) string { return x.Name }, aggregates)
	for i := range d.AggregateViews {
		a := &d.AggregateViews[i]
		if v.views[a.Name] != nil && aggregates[a.Name] == a {
			v.addf(fmt.Sprintf("aggregate_views[%d].name", i), "aggregate view %q has the same name as a feature view; rename one", a.Name)
		} else if aggregates[a.Name] == a {
			v.views[a.Name] = d.expand(a)
		}
	}
	register(v, "on_demand_views", KindOnDemandView, d.OnDemandViews, func(x *OnDemandView) string { return x.Name }, v.onDemand)
	register(v, "feature_services", KindFeatureService, d.FeatureServices, func(x *FeatureService) string { return x.Name }, v.services)
	register(v, "models", KindModel, d.Models, func(x *Model) string { return x.Name }, map[string]*Model{})
	for i := range d.FeatureViews {
		if name := d.FeatureViews[i].Name; LocalName(name) == requestRef {
			v.addf(fmt.Sprintf("feature_views[%d].name", i), `a feature view can't be named "request": that name is for request values; rename it`)
		}
	}
	for i := range d.OnDemandViews {
		if name := d.OnDemandViews[i].Name; LocalName(name) == requestRef {
			v.addf(fmt.Sprintf("on_demand_views[%d].name", i), `an on-demand view can't be named "request": that name is for request values; rename it`)
		}
	}
}

func register[T any](v *validator, key, noun string, items []T, name func(*T) string, into map[string]*T) {
	if len(items) > MaxDefinitions {
		v.addf(key, "there are %d; use at most %d", len(items), MaxDefinitions)
		return
	}
	for i := range items {
		n := name(&items[i])
		path := fmt.Sprintf("%s[%d].name", key, i)
		if !v.definitionName(path, noun, n) {
			continue
		}
		if into[n] != nil {
			v.addf(path, "duplicate %s %q; rename one", noun, n)
			continue
		}
		into[n] = &items[i]
	}
}

func (v *validator) name(path, noun, name string) bool {
	switch {
	case name == "":
		v.addf(path, "%s without a name; write name: NAME", noun)
	case !namePattern.MatchString(name):
		v.addf(path, "%s name %q: use letters, digits and _, at most 128, not starting with a digit", noun, name)
	default:
		return true
	}
	return false
}

func (v *validator) entity(path string, e *Entity) {
	if len(e.JoinKeys) == 0 {
		v.addf(path+".join_keys", "entity %q has no join key; write join_keys: [{name: %s_id, type: int64}]", e.Name, e.Name)
	}
	seen := map[string]bool{}
	for i, k := range e.JoinKeys {
		at := fmt.Sprintf("%s.join_keys[%d]", path, i)
		v.name(at+".name", "join key", k.Name)
		if seen[k.Name] {
			v.addf(at+".name", "entity %q has two join keys named %q; rename one", e.Name, k.Name)
		}
		seen[k.Name] = true
		if !k.Type.IsKey() {
			v.addf(at+".type", "join key %q can't be %s; a key must be bool, int32, int64, string, bytes or timestamp", k.Name, describeType(k.Type))
		}
	}
}

func describeType(t Type) string {
	if t == 0 {
		return "without a type"
	}
	return t.String()
}

func (v *validator) source(path string, s *Source) {
	switch {
	case s.Table == "" && s.Query == "":
		v.addf(path, "source %q has neither table nor query; write table: SCHEMA.TABLE, or query: SELECT ...", s.Name)
	case s.Table != "" && s.Query != "":
		v.addf(path+".query", "source %q has both table and query; keep one", s.Name)
	}
	if s.Table != "" && strings.Count(s.Table, ".") > 1 {
		v.addf(path+".table", "source %q: %q is not a table name; write TABLE or SCHEMA.TABLE", s.Name, s.Table)
	}
	if s.Forget && s.Table == "" {
		v.addf(path+".forget", "source %q is a query, and rows can be deleted from a table only; leave out forget", s.Name)
	}
	if s.TimestampField == "" {
		v.addf(path+".timestamp_field", "source %q has no timestamp_field; write timestamp_field: COLUMN", s.Name)
	}
	if s.TimeZone != "" {
		if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
			v.addf(path+".time_zone", "no time zone %q; write an IANA name such as Europe/Berlin, or UTC", s.TimeZone)
		}
	}
	if s.OnBadRow != "" && s.OnBadRow != SkipBadRow && s.OnBadRow != FailBadRow {
		v.addf(path+".on_bad_row", "on_bad_row must be skip or fail, not %q", s.OnBadRow)
	}
	if p := s.MaxBadShare; p != nil && !(*p >= 0 && *p <= 1) {
		v.addf(path+".max_bad_share", "max_bad_share must be a share from 0 to 1, not %v", *p)
	}
}

func (v *validator) view(path string, view *FeatureView) {
	keys := v.viewEntities(path, view)
	reserved := map[string]string{}
	for _, k := range keys {
		reserved[k.Name] = "a join key"
	}
	switch s := v.sources[view.Source]; {
	case view.Stream != "":
		v.viewStream(path, view, keys)
	case s != nil:
		reserved[s.TimestampField] = "the event time"
		if s.CreatedTimestampColumn != "" {
			reserved[s.CreatedTimestampColumn] = "the ingest time"
		}
		if s.DeletedColumn != "" {
			reserved[s.DeletedColumn] = "the deleted column"
		}
	case view.Source == "":
		v.addf(path+".source", "feature view %q has no source; write source: NAME, or stream: NAME", view.Name)
	default:
		v.unknownf(view.Source, names(v.sources), path+".source", "feature view %q: no source %q", view.Name, view.Source)
	}
	if view.Schedule != 0 && view.Schedule < MinSchedule {
		v.addf(path+".schedule", "feature view %q: schedule must be %[3]s or longer, not %[2]s", view.Name, view.Schedule, MinSchedule)
	}
	if view.KeepOld != nil && *view.KeepOld > MaxKeepOld {
		v.addf(path+".keep_old", "feature view %q: keep_old must be %[3]s or shorter, not %[2]s", view.Name, *view.KeepOld, MaxKeepOld)
	}
	if view.MaxRun != 0 && (view.MaxRun < MinMaxRun || view.MaxRun > MaxMaxRun) {
		v.addf(path+".max_run", "feature view %q: max_run must be %s to %s, not %s", view.Name, MinMaxRun, MaxMaxRun, view.MaxRun)
	}
	v.features(path+".features", fmt.Sprintf("feature view %q", view.Name), view.Features)
	v.expectations(path+".expect", view)
	for i, f := range view.Features {
		if what := reserved[f.Name]; what != "" {
			v.addf(fmt.Sprintf("%s.features[%d].name", path, i), "feature view %q: feature %q is already %s of the view; rename it", view.Name, f.Name, what)
		}
	}
}

// viewEntities checks a view's entities and returns their join keys in order.
func (v *validator) viewEntities(path string, view *FeatureView) []JoinKey {
	if len(view.Entities) == 0 {
		v.addf(path+".entities", "feature view %q has no entity; write entities: [NAME]", view.Name)
	}
	var keys []JoinKey
	owner := map[string]string{}
	for i, name := range view.Entities {
		at := fmt.Sprintf("%s.entities[%d]", path, i)
		e := v.entities[name]
		if e == nil {
			v.unknownf(name, names(v.entities), at, "feature view %q: no entity %q", view.Name, name)
			continue
		}
		for _, k := range e.JoinKeys {
			if other, taken := owner[k.Name]; taken {
				v.addf(at, "feature view %q: entities %[3]s and %[4]s both have join key %[2]q; rename one", view.Name, k.Name, other, name)
			}
			owner[k.Name] = name
			keys = append(keys, k)
		}
	}
	if len(keys) > MaxJoinKeys {
		v.addf(path+".entities", "feature view %q has %d join keys; use at most %d", view.Name, len(keys), MaxJoinKeys)
	}
	return keys
}

// features checks a list of features, at path.
func (v *validator) features(path, owner string, features []Feature) {
	if len(features) == 0 {
		v.addf(path, "%s has no feature; write features: [{name: amount, type: float64}]", owner)
	}
	if len(features) > MaxFeatures {
		v.addf(path, "%s has %d features; use at most %d", owner, len(features), MaxFeatures)
	}
	seen := map[string]bool{}
	for i, f := range features {
		at := fmt.Sprintf("%s[%d]", path, i)
		v.name(at+".name", "feature", f.Name)
		if seen[f.Name] {
			v.addf(at+".name", "%s has two features named %q; rename one", owner, f.Name)
		}
		seen[f.Name] = true
		if !f.Type.Valid() {
			v.addf(at+".type", "%s: feature %q has no type; use %s, list<...> of one of these, or vector<..., N> of numbers", owner, f.Name, strings.Join(TypeNames()[:lastType], ", "))
		}
	}
	if n := vectorBytes(features); n > MaxVectorBytes {
		v.addf(path, "%s: its vectors take %d bytes in each row, and at most %d fit; use fewer or shorter ones, or another view", owner, n, MaxVectorBytes)
	}
}

func (v *validator) service(path string, s *FeatureService) {
	if len(s.Request) > 0 {
		v.features(path+".request", fmt.Sprintf("feature service %q", s.Name), s.Request)
	}
	if len(s.Features) == 0 {
		v.addf(path+".features", "feature service %q lists no feature; write features: [VIEW:FEATURE, ...]", s.Name)
	}
	seen, keys, width := map[string]bool{}, map[string]JoinKey{}, 0
	read, request := map[string]bool{}, map[string]requestValue{}
	v.sameRequest(path, s.Name, "the service", s.Request, request)
	for i, ref := range s.Features {
		at := fmt.Sprintf("%s.features[%d]", path, i)
		expanded, problem := v.expand(s, ref)
		if owner, _, _ := strings.Cut(ref, ":"); problem != "" && !v.foreign(owner) {
			v.danglef(at, "feature service %q: %s", s.Name, problem)
		}
		for _, full := range expanded {
			if seen[full] {
				v.addf(at, "feature service %q lists %s twice; remove one", s.Name, full)
			}
			seen[full] = true
		}
		width += len(expanded)
		viewName, _, _ := strings.Cut(ref, ":")
		v.closure(viewName, read, func(name string) {
			if view := v.views[name]; view != nil {
				v.sameKeys(at, s.Name, view, keys)
			} else if o := v.onDemand[name]; o != nil {
				v.sameRequest(at, s.Name, fmt.Sprintf("on-demand view %q", name), o.Request, request)
			}
		})
	}
	if width > MaxFeatures {
		v.addf(path+".features", "feature service %q has %d features; use at most %d", s.Name, width, MaxFeatures)
	}
}

// sameKeys reports join keys that have different types in two views.
func (v *validator) sameKeys(path, service string, view *FeatureView, keys map[string]JoinKey) {
	for _, name := range view.Entities {
		e := v.entities[name]
		if e == nil {
			continue
		}
		for _, k := range e.JoinKeys {
			if other, found := keys[k.Name]; found && other.Type != k.Type {
				v.addf(path, "feature service %q: join key %q is %s in %q but %s in another view; rename one", service, k.Name, k.Type, view.Name, other.Type)
			}
			keys[k.Name] = k
		}
	}
}

// expand resolves one reference of a service into full names.
func (v *validator) expand(s *FeatureService, ref string) (full []string, problem string) {
	owner, feature, found := strings.Cut(ref, ":")
	if !found {
		return nil, fmt.Sprintf("%q is not a reference; write VIEW:FEATURE, VIEW:* or request:NAME", ref)
	}
	var features []Feature
	what := fmt.Sprintf("feature view %q", owner)
	if owner == requestRef {
		features, what = s.Request, "its request"
	} else if view := v.views[owner]; view != nil {
		features = view.Features
	} else if o := v.onDemand[owner]; o != nil {
		what = fmt.Sprintf("on-demand view %q", owner)
		features = o.AsFeatures()
	} else {
		return nil, fmt.Sprintf("no feature view %q; %s", owner, Nearest(owner, SameProject(owner, slices.Concat(names(v.views), names(v.onDemand)))))
	}
	var existing []string
	for _, f := range features {
		if f.Name == feature || feature == "*" {
			full = append(full, owner+":"+f.Name)
		}
		existing = append(existing, f.Name)
	}
	if len(full) == 0 {
		return nil, fmt.Sprintf("%s has no feature %q; %s", what, feature, Nearest(feature, existing))
	}
	return full, ""
}

func names[T any](m map[string]*T) []string {
	all := make([]string, 0, len(m))
	for name := range m {
		all = append(all, name)
	}
	return all
}
