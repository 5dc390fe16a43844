package control_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/schema"
)

// TestLossesAreNamed: an apply that deletes something, or stores it anew, is refused
// unless its name is allowed.
func TestLossesAreNamed(t *testing.T) {
	n := start(t)
	file := network(1)
	n.store(file)
	n.store(network(2))
	models := map[string][]byte{"models/m-1.onnx": file, "models/m-2.onnx": network(2)}
	whole := strings.Replace(base+model(1, "models/m-1.onnx"), "versions: [", "serve: 1, versions: [{version: 2, onnx: models/m-2.onnx}, ", 1)
	n.mustApply(definitionsOf(whole, models))
	change := func(from, to string) string {
		t.Helper()
		text := strings.Replace(whole, from, to, 1)
		if text == whole {
			t.Fatalf("no %q in %s", from, whole)
		}
		return text
	}
	f := func(text string, names []string, words ...string) {
		t.Helper()
		files := definitionsOf(text, models)
		plan, err := n.plan(files)
		must(t, err)
		var destroys []string
		for _, c := range plan.GetChanges() {
			destroys = append(destroys, c.GetDestroys()...)
		}
		slices.Sort(destroys)
		if got := slices.Compact(destroys); !slices.Equal(got, names) {
			t.Errorf("the plan destroys %q, want %q", got, names)
		}
		apply := func(allowed ...string) error {
			_, err := n.Apply(ctx(), &larderv1.ApplyRequest{
				What: &larderv1.ApplyRequest_Files{Files: files}, BaseVersion: plan.GetBaseVersion(), AllowDelete: allowed,
			})
			return err
		}
		refused(t, apply(), schema.FailedPrecondition, "DELETES_NOT_ALLOWED", append(words, "--allow-delete "+strings.Join(names, ","))...)
		refused(t, apply(append(slices.Clone(names[1:]), "other")...), schema.FailedPrecondition, "DELETES_NOT_ALLOWED", "--allow-delete "+names[0])
		must(t, apply(names...))
		n.mustApply(definitionsOf(whole, models))
	}
	f(change(`  - {name: turned, features: ["v:b", "v:a"]}`+"\n", ""), []string{"turned"}, "feature service turned is deleted")
	f(base, []string{"m"}, "model m is deleted")
	f(change("{version: 2, onnx: models/m-2.onnx}, ", ""), []string{"m"}, "model m version 2 is deleted")
	f(change("{name: a, type: float64, default: 0}", "{name: a, type: float32, default: 0}"), []string{"v"}, "the rows of feature view v are stored anew", "features.a.type")
	f(change("timestamp_field: at", "timestamp_field: at, time_zone: UTC"), []string{"v"}, "source facts changes its time_zone")
	f("entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]\n", []string{"both", "facts", "m", "turned", "v"}, "source facts is deleted", "feature view v is deleted: its rows are")
}

// TestManyLossesFitAnError: an apply of another team's folder names what it would lose,
// as far as an error can carry it.
func TestManyLossesFitAnError(t *testing.T) {
	n := start(t)
	var services strings.Builder
	for i := range 200 {
		fmt.Fprintf(&services, "  - {name: service_with_a_long_name_%d, features: [\"v:a\"]}\n", i)
	}
	n.mustApply(definitionsOf(base+services.String(), nil))
	_, err := n.Apply(ctx(), &larderv1.ApplyRequest{What: &larderv1.ApplyRequest_Files{Files: definitionsOf(base, nil)}, BaseVersion: 1})
	refused(t, err, schema.FailedPrecondition, "DELETES_NOT_ALLOWED", "service_with_a_long_name_0 is deleted", "and 180 more", "--allow-delete *")
	if len(err.Error()) > 2600 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// TestPlanChecksWhatApplyChecks: a plan refuses a model that an apply would refuse, and
// says which models it could not check.
func TestPlanChecksWhatApplyChecks(t *testing.T) {
	n := start(t)
	good, wide := network(1), onnxmodel.MLP(onnxmodel.MLPOptions{Features: 3, Hidden: []int{2}, Seed: 1})
	text := base + model(1, "models/m-1.onnx")
	files := definitionsOf(text, map[string][]byte{"models/m-1.onnx": wide})
	plan, err := n.plan(files)
	must(t, err)
	if len(plan.GetModels()) != 0 || !strings.Contains(strings.Join(plan.GetNotes(), "\n"), "not checked") {
		t.Errorf("a plan without the file: %v", plan)
	}
	n.store(wide)
	_, err = n.plan(files)
	refused(t, err, schema.Invalid, "BAD_MODEL", `model "m" version 1`)
	n.store(good)
	plan, err = n.plan(definitionsOf(text, map[string][]byte{"models/m-1.onnx": good}))
	must(t, err)
	if len(plan.GetModels()) != 1 || plan.GetModels()[0].GetOutput() != "score" {
		t.Errorf("the plan reports %v", plan.GetModels())
	}
	n.mustApply(definitionsOf(text, map[string][]byte{"models/m-1.onnx": good}))
	n.mustApply(definitionsOf(base, nil))
	plan, err = n.Plan(ctx(), &larderv1.PlanRequest{ToVersion: 1})
	must(t, err)
	if len(plan.GetChanges()) != 1 || plan.GetChanges()[0].GetAction() != larderv1.Change_ACTION_ADD || plan.GetBaseVersion() != 2 {
		t.Errorf("the plan of an earlier version: %v", plan)
	}
}
