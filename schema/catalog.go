package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Catalog is one compiled version of the definitions: every reference is resolved
// and every plan is made. It is immutable and safe for concurrent use.
type Catalog struct {
	Version     int64       // counts up from 1 with every apply; 0 before the first
	Fingerprint string      // hex SHA-256 of the definitions' JSON; equal definitions have equal ones
	Definitions Definitions // read only
	Storage     Storage     // read only

	views    map[string]*View
	onDemand map[string]*OnDemandView
	services map[string]*Plan
	models   map[string]*servedModel
}

// A View is a feature view with everything that it refers to.
type View struct {
	*FeatureView
	ID      uint32     // in the online store
	Layouts [][]Column // of stored rows; the last is the view's own
	Keys    []JoinKey  // of all its entities, in order
	Origin  *Source    // where its rows come from in Postgres: what FeatureView.Source names, or the log of Stream
	Stream  *Stream    // whose events it is made of; nil when it has a source

	// Aggregates says what the features of an aggregate view are; nil for any other view.
	// The store has a state for each key of it, and not a row.
	Aggregates *Aggregates

	Catalog *Catalog // the catalog of this view
}

// Layout returns the number of the layout of new rows.
func (v *View) Layout() int { return len(v.Layouts) - 1 }

// NeverExpires is the TTL, in microseconds, of a view without one.
const NeverExpires = math.MaxInt64

// TTLMicros returns the age in microseconds past which a row counts as missing.
func (v *View) TTLMicros() int64 {
	if v.TTL == 0 {
		return NeverExpires
	}
	return v.TTL.Micros()
}

type servedModel struct {
	model    *Model
	serve    int64
	versions map[int64]*Plan
}

// Compile checks definitions and compiles them. The catalog keeps defs; the caller
// must not change them afterwards. storage must come from [Evolve] for these
// definitions.
func Compile(version int64, defs *Definitions, storage Storage) (*Catalog, error) {
	if err := defs.Validate(); err != nil {
		return nil, err
	}
	c := &Catalog{
		Version: version, Fingerprint: defs.Fingerprint(), Definitions: *defs, Storage: storage,
		views: map[string]*View{}, onDemand: map[string]*OnDemandView{}, services: map[string]*Plan{}, models: map[string]*servedModel{},
	}
	if err := c.compileViews(); err != nil {
		return nil, err
	}
	d := &c.Definitions
	for i := range d.OnDemandViews {
		c.onDemand[d.OnDemandViews[i].Name] = &d.OnDemandViews[i]
	}
	for i := range d.FeatureServices {
		s := &d.FeatureServices[i]
		plan, err := c.plan(s.Features, s.Request)
		if err != nil {
			return nil, fmt.Errorf("feature service %q: %w", s.Name, err)
		}
		plan.Service = s
		c.services[s.Name] = plan
	}
	for i := range d.Models {
		if err := c.compileModel(&d.Models[i]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Fingerprint returns the hex SHA-256 of the definitions' JSON.
func (d *Definitions) Fingerprint() string {
	raw, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("schema: definitions that have no JSON: %v", err))
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func (c *Catalog) compileViews() error {
	d := &c.Definitions
	entities, sources := map[string]*Entity{}, map[string]*Source{}
	for i := range d.Entities {
		entities[d.Entities[i].Name] = &d.Entities[i]
	}
	for i := range d.Sources {
		sources[d.Sources[i].Name] = &d.Sources[i]
	}
	for _, fv := range d.storedViews() {
		stored := c.Storage.view(fv.Name)
		if stored == nil || len(stored.Layouts) == 0 || len(stored.Layouts[len(stored.Layouts)-1]) != len(fv.Features) {
			return BadStorage.Errorf("feature view %q: Evolve was not called for these definitions", fv.Name)
		}
		v := &View{FeatureView: fv, ID: stored.ID, Layouts: stored.Layouts, Origin: sources[fv.Source], Stream: d.stream(fv.Stream), Catalog: c}
		if v.Stream != nil {
			v.Origin, v.Aggregates = v.Stream.rows(), d.aggregates(fv.Name)
		}
		for _, name := range fv.Entities {
			v.Keys = append(v.Keys, entities[name].JoinKeys...)
		}
		c.views[fv.Name] = v
	}
	return nil
}

func (c *Catalog) compileModel(m *Model) error {
	if m.Splits() && !c.services[m.FeatureService].takes(m.SplitBy) {
		return SplitByUnread.Errorf("model %q is split by %q, but no expression in feature service %q reads it; add it to the request of the service", m.Name, m.SplitBy, m.FeatureService)
	}
	sm := &servedModel{model: m, serve: m.Served(), versions: map[int64]*Plan{}}
	for i := range m.Versions {
		plan := *c.services[m.FeatureService]
		plan.Model, plan.ModelVersion = m, &m.Versions[i]
		sm.versions[m.Versions[i].Version] = &plan
	}
	c.models[m.Name] = sm
	return nil
}

// takes reports whether requests for a plan send a join key or value with this name.
func (p *Plan) takes(name string) bool {
	return slices.ContainsFunc(p.Keys, func(k JoinKey) bool { return k.Name == name }) ||
		slices.ContainsFunc(p.Request, func(f Feature) bool { return f.Name == name })
}

// View returns the view with the given name.
func (c *Catalog) View(name string) (*View, error) {
	if v := c.views[name]; v != nil {
		return v, nil
	}
	return nil, UnknownFeatureView.Errorf("no feature view %q; %s", name, Nearest(name, SameProject(name, names(c.views))))
}

// Views returns all views, in the order of the definitions: feature views, then
// aggregate views.
func (c *Catalog) Views() []*View {
	d := &c.Definitions
	all := make([]*View, 0, len(c.views))
	for i := range d.FeatureViews {
		all = append(all, c.views[d.FeatureViews[i].Name])
	}
	for i := range d.AggregateViews {
		all = append(all, c.views[d.AggregateViews[i].Name])
	}
	return all
}

// Stream returns the stream with the given name.
func (c *Catalog) Stream(name string) (*Stream, error) {
	if s := c.Definitions.stream(name); s != nil {
		return s, nil
	}
	return nil, UnknownStream.Errorf("no stream %q; %s", name, Nearest(name, SameProject(name, namesOf(c.Definitions.Streams, func(s Stream) string { return s.Name }))))
}

// StreamViews returns the views that are made of a stream's events.
func (c *Catalog) StreamViews(stream string) []*View {
	return slices.DeleteFunc(c.Views(), func(v *View) bool { return v.Stream == nil || v.Stream.Name != stream })
}

// ServicePlan returns the plan of a feature service.
func (c *Catalog) ServicePlan(name string) (*Plan, error) {
	if p := c.services[name]; p != nil {
		return p, nil
	}
	return nil, UnknownFeatureService.Errorf("no feature service %q; %s", name, Nearest(name, SameProject(name, names(c.services))))
}

// ServicePlans returns the plan of every feature service, in the order of the
// definitions.
func (c *Catalog) ServicePlans() []*Plan {
	all := make([]*Plan, len(c.Definitions.FeatureServices))
	for i := range all {
		all[i] = c.services[c.Definitions.FeatureServices[i].Name]
	}
	return all
}

// ModelPlan returns the plan of a model's version. Version 0 means the one that it
// serves; if several serve, the control.
func (c *Catalog) ModelPlan(name string, version int64) (*Plan, error) {
	m := c.models[name]
	if m == nil {
		return nil, UnknownModel.Errorf("no model %q; %s", name, Nearest(name, SameProject(name, names(c.models))))
	}
	if version == 0 {
		version = m.serve
	}
	if p := m.versions[version]; p != nil {
		return p, nil
	}
	if len(m.model.Versions) == 0 {
		return nil, UnknownModelVersion.Errorf("model %q has no version yet; it waits for its alias %q in MLflow; larder models show %[1]s shows why", name, m.model.MLflow.Alias)
	}
	have := make([]string, len(m.model.Versions))
	for i, v := range m.model.Versions {
		have[i] = fmt.Sprint(v.Version)
	}
	return nil, UnknownModelVersion.Errorf("model %q has no version %d; it has %s", name, version, strings.Join(have, ", "))
}

// ModelPlans returns the plan of every version of every model, in the order of
// the definitions.
func (c *Catalog) ModelPlans() []*Plan {
	var all []*Plan
	for i := range c.Definitions.Models {
		m := &c.Definitions.Models[i]
		for _, v := range m.Versions {
			all = append(all, c.models[m.Name].versions[v.Version])
		}
	}
	return all
}

// Serves reports whether a plan's version is the one that its model serves.
func (c *Catalog) Serves(p *Plan) bool {
	m := c.models[p.Model.Name]
	return m != nil && m.serve == p.ModelVersion.Version
}

// FeaturesPlan compiles a plan for an ad-hoc list of references, VIEW:FEATURE or
// VIEW:*. The catalog doesn't keep it; a caller that uses one list often may.
func (c *Catalog) FeaturesPlan(refs []string) (*Plan, error) {
	if len(refs) == 0 {
		return nil, NoFeatures.Errorf("the request names no features; name a feature service, or features as VIEW:FEATURE")
	}
	if len(refs) > MaxFeatures {
		return nil, TooManyFeatures.Errorf("the request names %d features; ask for at most %d", len(refs), MaxFeatures)
	}
	return c.plan(refs, nil)
}

// Sensitive returns the names of the view's features whose values are sensitive, as
// VIEW:FEATURE.
func (v *View) Sensitive() (names []string) {
	for _, f := range v.Features {
		if f.Sensitive {
			names = append(names, v.Name+":"+f.Name)
		}
	}
	return names
}
