package feast

import (
	feastcore "larder/api/feast/core"
	"larder/importer/feast/registry"
	"larder/schema"
	"larder/schema/definitions"
)

// A Result is what a repository becomes.
type Result struct {
	Definitions *schema.Definitions
	Comments    []definitions.Comment
	Report      []Line
}

// Import turns a registry into definitions. It changes neither of its arguments.
func Import(c *registry.Config, r *feastcore.Registry) *Result {
	i := &importer{
		config: c, registry: r, result: &Result{Definitions: &schema.Definitions{}}, said: map[Line]bool{},
		entityNames: newNames(), sourceNames: newNames(), viewNames: newNames("request"), serviceNames: newNames(),
		entities: map[string]*entity{}, sources: map[string]*source{}, pushes: map[string]*source{}, views: map[string]*view{}, aliases: map[string]*view{},
		onDemand: map[string]*onDemandView{}, tables: map[string]string{}, tableNames: newNames(),
	}
	i.pushSources()
	i.importEntities()
	i.importViews()
	i.importOnDemandViews()
	i.importServices()
	i.finishSources()
	i.reportUnused()
	i.reportRest()
	i.leaveOutFaults()
	i.sortReport()
	return i.result
}

type importer struct {
	config   *registry.Config
	registry *feastcore.Registry
	result   *Result
	said     map[Line]bool

	entityNames, sourceNames, viewNames, serviceNames *names

	entities map[string]*entity       // by Feast's names
	sources  map[string]*source       // by the names of Feast's batch sources
	pushes   map[string]*source       // by the names of push sources
	order    []*source                // as they were first needed
	views    map[string]*view         // by Feast's names
	aliases  map[string]*view         // by what they alias and how
	onDemand map[string]*onDemandView // by Feast's names

	tables     map[string]string // of sources whose rows are not in Postgres, by Feast's names
	tableNames *names
}

// reportRest reports what a registry has beside definitions.
func (i *importer) reportRest() {
	r := i.registry
	for _, p := range r.GetPermissions() {
		i.report("permission", p.GetSpec().GetName(), "Larder doesn't read Feast's permissions", "give callers their rights on Larder's server")
	}
	for _, d := range r.GetSavedDatasets() {
		i.report("saved dataset", d.GetSpec().GetName(), "the rows that Feast stored stay where they are", "build training sets anew with larder dataset, which keeps a manifest of each")
	}
	for _, v := range r.GetValidationReferences() {
		i.report("validation reference", v.GetName(), "profiles of Great Expectations are not read", "watch the features with larder skew, and the rows with larder verify")
	}
	for _, v := range r.GetLabelViews() {
		i.report("label view", v.GetSpec().GetName(), "labels belong to a model", "add labels: to the model that they judge; see docs/models.md")
	}
	if i.config.HasAuth {
		i.report(kindRepository, i.config.Project, "auth: of feature_store.yaml is not imported", "set up tokens on Larder's server; see docs/operations.md")
	}
	if len(i.result.Definitions.FeatureViews) > 0 {
		i.report(kindView, "", "Feast has no schedule: something outside runs feast materialize", "add schedule: 5m to the views, or run larder materialize where feast materialize ran")
	}
}

// Counts returns how many definitions there are of each kind, by the key of the kind.
func (r *Result) Counts() map[string]int {
	d := r.Definitions
	return map[string]int{
		"entities": len(d.Entities), "sources": len(d.Sources), "feature_views": len(d.FeatureViews),
		"on_demand_views": len(d.OnDemandViews), "feature_services": len(d.FeatureServices),
	}
}
