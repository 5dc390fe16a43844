package control_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

const described = `entities: [{name: user, owner: core, join_keys: [{name: user_id, type: int64}]}]
sources: [{name: facts, table: facts, timestamp_field: at}]
feature_views:
  - {name: v, entities: [user], source: facts, ttl: 7d, features: [{name: a, type: float64, default: 0, description: What they Paid}, {name: b, type: float64, default: 0, tags: {pii: "no"}}]}
on_demand_views:
  - {name: d, sources: [v], features: [{name: c, type: float64, expr: "v.a * 2.0", default: 0}]}
feature_services:
  - {name: both, features: ["v:a", "v:b"], description: Paid and more}
  - {name: v, features: ["v:b", "d:c"]}
`

// TestDefinitionsAreListed: what is there, what names what, and where a text is.
func TestDefinitionsAreListed(t *testing.T) {
	n := start(t)
	file := network(1)
	n.store(file)
	n.mustApply(definitionsOf(described+model(1, "models/m-1.onnx"), map[string][]byte{"models/m-1.onnx": file}))
	list := func(kind, search string) string {
		t.Helper()
		answer, err := n.ListDefinitions(ctx(), &larderv1.ListDefinitionsRequest{Kind: kind, Search: search})
		must(t, err)
		var b strings.Builder
		for _, d := range answer.GetDefinitions() {
			fmt.Fprintf(&b, "%s %s: %s", d.GetKind(), d.GetName(), strings.Join(d.GetParts(), " "))
			for _, u := range d.GetUses() {
				fmt.Fprintf(&b, " >%s", u.GetName())
			}
			for _, u := range d.GetUsedBy() {
				fmt.Fprintf(&b, " <%s %s", u.GetKind(), u.GetName())
			}
			for _, f := range d.GetFoundIn() {
				fmt.Fprintf(&b, " @%s", f)
			}
			b.WriteString("\n")
		}
		return b.String()
	}
	f := func(kind, search, want string) {
		t.Helper()
		if diff := cmp.Diff(want, list(kind, search)); diff != "" {
			t.Errorf("%q %q (-want +got):\n%s", kind, search, diff)
		}
	}
	f("", "", `entity user: user_id <feature view v
source facts:  <feature view v
feature view v: a b >user >facts <on-demand view d <feature service both <feature service v
on-demand view d: c >v <feature service v
feature service both: v:a v:b >v <model m
feature service v: v:b d:c >v >d
model m: 1 >both
`)
	f("entity", "", "entity user: user_id <feature view v\n")
	f("", "paid", `feature view v: a b >user >facts <on-demand view d <feature service both <feature service v @features.a.description
feature service both: v:a v:b >v <model m @description
`)
	f("", "CORE", "entity user: user_id <feature view v @owner\n")
	f("model", "paid", "")
	_, err := n.ListDefinitions(ctx(), &larderv1.ListDefinitionsRequest{Kind: "views"})
	refused(t, err, schema.Invalid, "BAD_REQUEST", "feature view, aggregate view, on-demand view")
}

func TestOneDefinitionIsShown(t *testing.T) {
	n := start(t)
	file := network(1)
	n.store(file)
	n.mustApply(definitionsOf(described+model(1, "models/m-1.onnx"), map[string][]byte{"models/m-1.onnx": file}))
	get := func(kind, name string) (*larderv1.GetDefinitionResponse, error) {
		return n.GetDefinition(ctx(), &larderv1.GetDefinitionRequest{Kind: kind, Name: name})
	}
	shown, err := get("feature view", "v")
	must(t, err)
	if !strings.HasPrefix(shown.GetYaml(), "name: v\n") || !strings.Contains(shown.GetJson(), `"ttl":"7d"`) || shown.GetView().GetFeatureView() != "v" || shown.GetVersion() != 1 {
		t.Errorf("the view is shown as %v", shown)
	}
	shown, err = get("", "m")
	must(t, err)
	if len(shown.GetModel().GetVersions()) != 1 || shown.GetDefinition().GetKind() != "model" {
		t.Errorf("the model is shown as %v", shown)
	}
	_, err = get("", "v")
	refused(t, err, schema.Invalid, "AMBIGUOUS_NAME", "feature view, feature service")
	_, err = get("", "usr")
	refused(t, err, schema.NotFound, "UNKNOWN_DEFINITION", `did you mean "user"`)
	_, err = get("model", "user")
	refused(t, err, schema.NotFound, "UNKNOWN_DEFINITION", "no model is called")
}

// TestAnExportIsTheSame: applying the files of an export changes nothing, also those of
// an earlier version, and with pushed models.
func TestAnExportIsTheSame(t *testing.T) {
	n := start(t)
	file := network(1)
	n.store(file)
	first := definitionsOf(described+model(1, "models/m-1.onnx"), map[string][]byte{"models/m-1.onnx": file})
	n.mustApply(first)
	n.push(&larderv1.PushModelRequest{Model: "m", Sha256: n.store(network(2)), Serve: true, Metrics: map[string]float64{"auc": 0.875}, Tags: map[string]string{"by": "1e3"}})
	for _, version := range []int64{0, 1} {
		exported, err := n.ExportDefinitions(ctx(), &larderv1.ExportDefinitionsRequest{Version: version})
		must(t, err)
		if len(exported.GetFiles()) != 6 {
			t.Errorf("%d files", len(exported.GetFiles()))
		}
		answer := n.mustApply(&larderv1.DefinitionFiles{Files: exported.GetFiles()})
		if len(answer.GetChanges()) != 0 {
			t.Errorf("applying the export of version %d changes %v", version, answer.GetChanges())
		}
	}
	for _, version := range []int64{9, -1} { // a negative one is not the newest
		_, err := n.ExportDefinitions(ctx(), &larderv1.ExportDefinitionsRequest{Version: version})
		refused(t, err, schema.NotFound, "UNKNOWN_VERSION", fmt.Sprint("version ", version))
		_, err = n.Plan(ctx(), &larderv1.PlanRequest{ToVersion: version})
		refused(t, err, schema.NotFound, "UNKNOWN_VERSION", fmt.Sprint("version ", version))
		_, err = n.Apply(ctx(), &larderv1.ApplyRequest{What: &larderv1.ApplyRequest_ToVersion{ToVersion: version}})
		refused(t, err, schema.NotFound, "UNKNOWN_VERSION", fmt.Sprint("version ", version))
	}
}
