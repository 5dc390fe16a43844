package control_test

import (
	"fmt"
	"strings"
	"testing"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

// pushedThree is a node with versions 1, 2 and 3 of m, of which 1 serves.
func pushedThree(t *testing.T) *node {
	n := start(t)
	n.mustApply(definitionsOf(base, nil))
	for seed := range uint64(3) {
		n.push(&larderv1.PushModelRequest{Model: "m", Sha256: n.store(network(seed + 1)), FeatureService: "both", AppliedBy: "ann"})
	}
	return n
}

func (n *node) promote(version int64) {
	n.t.Helper()
	must(n.t, second(n.PromoteModel(ctx(), &larderv1.PromoteModelRequest{Model: "m", ModelVersion: version})))
}

func (n *node) expect(want string) {
	n.t.Helper()
	if got := n.served("m"); got != want {
		n.t.Errorf("got %s, want %s", got, want)
	}
}

func TestPromoteAndRollBack(t *testing.T) {
	n := pushedThree(t)
	_, err := n.RollbackModel(ctx(), &larderv1.RollbackModelRequest{Model: "m"})
	refused(t, err, schema.FailedPrecondition, "NOTHING_BEFORE", `"m"`)
	n.promote(2)
	n.promote(3)
	back := func(want, asOf int64) {
		t.Helper()
		answer, err := n.RollbackModel(ctx(), &larderv1.RollbackModelRequest{Model: "m"})
		must(t, err)
		if answer.GetModelVersion() != want || answer.GetAsOfVersion() != asOf || len(answer.GetChanges()) == 0 {
			t.Errorf("%v; want version %d, as of %d", answer, want, asOf)
		}
		n.expect(fmt.Sprintf("both serves %d of 1 2 3", want))
	}
	back(2, 5)
	back(3, 6) // the version that was rolled back served before
	n.promote(3)
	n.expect("both serves 3 of 1 2 3")
	_, err = n.PromoteModel(ctx(), &larderv1.PromoteModelRequest{Model: "m", ModelVersion: 4})
	refused(t, err, schema.NotFound, "UNKNOWN_MODEL_VERSION", "no version 4")
	_, err = n.PromoteModel(ctx(), &larderv1.PromoteModelRequest{Model: "n", ModelVersion: 4})
	refused(t, err, schema.NotFound, "UNKNOWN_MODEL", `no model "n"; there is only m`)
}

// TestPromoteEndsTheTraffic: a rollback restores the traffic.
func TestPromoteEndsTheTraffic(t *testing.T) {
	n := pushedThree(t)
	split := base + `models: [{name: m, feature_service: both, traffic: [{version: 2, weight: 90}, {version: 3, weight: 10}], split_by: user_id, shadow: [1], log: {rate: 1},
  versions: [{version: 1, sha256: SUM1}, {version: 2, sha256: SUM2}, {version: 3, sha256: SUM3}]}]
`
	for seed := range uint64(3) {
		split = strings.Replace(split, fmt.Sprintf("SUM%d", seed+1), sum(network(seed+1)), 1)
	}
	n.mustApply(definitionsOf(split, nil))
	retire := func(version int64, words ...string) {
		t.Helper()
		_, err := n.RetireModel(ctx(), &larderv1.RetireModelRequest{Model: "m", ModelVersion: version})
		refused(t, err, schema.FailedPrecondition, "VERSION_IN_USE", words...)
	}
	retire(1, "shadow")
	retire(3, "traffic")
	n.promote(3)
	n.expect("both serves 3 of 1 2 3")
	retire(3, "serves", "promote another")
	must(t, second(n.RollbackModel(ctx(), &larderv1.RollbackModelRequest{Model: "m"})))
	m := n.registry.Catalog().Definitions.Model("m")
	if len(m.Traffic) != 2 || m.Traffic[1].Weight != 10 || m.SplitBy != "user_id" || m.Serve != 0 {
		t.Errorf("after the rollback the model is %+v", m)
	}
}

func TestRetire(t *testing.T) {
	n := pushedThree(t)
	retire := func(version int64) {
		t.Helper()
		must(t, second(n.RetireModel(ctx(), &larderv1.RetireModelRequest{Model: "m", ModelVersion: version})))
	}
	retire(3)
	n.expect("both serves 1 of 1 2")
	again := n.push(&larderv1.PushModelRequest{Model: "m", Sha256: n.store(network(4))})
	if again.GetModelVersion() != 4 {
		t.Errorf("the number of a retired version is given again: %d", again.GetModelVersion())
	}
	retire(4)
	retire(2)
	_, err := n.RetireModel(ctx(), &larderv1.RetireModelRequest{Model: "m", ModelVersion: 1})
	refused(t, err, schema.FailedPrecondition, "VERSION_IN_USE", "the only version", "--model")
	_, err = n.RetireModel(ctx(), &larderv1.RetireModelRequest{Model: "m", ModelVersion: 1, WholeModel: true})
	refused(t, err, schema.Invalid, "BAD_REQUEST", "leave out the version")
	must(t, second(n.RetireModel(ctx(), &larderv1.RetireModelRequest{Model: "m", WholeModel: true})))
	n.expect("no model")
}

// TestAFolderKeepsWhatWasPushed: applying a folder keeps pushed versions that it doesn't
// have, and reports them in notes.
func TestAFolderKeepsWhatWasPushed(t *testing.T) {
	n := start(t)
	own := network(9)
	text := base + strings.Replace(model(1, "models/m-1.onnx"), "}]}]", "}], tags: {a: b}}]", 1)
	files := map[string][]byte{"models/m-1.onnx": own}
	n.store(own)
	n.mustApply(definitionsOf(text, files))
	two := n.store(network(2))
	n.push(&larderv1.PushModelRequest{Model: "m", Sha256: two, Serve: true, Metrics: map[string]float64{"auc": 0.87}})
	n.push(&larderv1.PushModelRequest{Model: "other", Sha256: two, FeatureService: "both"})

	plan, err := n.Plan(ctx(), &larderv1.PlanRequest{Files: definitionsOf(text, files)})
	must(t, err)
	notes := strings.Join(plan.GetNotes(), "\n")
	if len(plan.GetChanges()) != 0 || !strings.Contains(notes, "model m keeps versions that this folder does not have: 2 (push); larder models retire m VERSION removes one") ||
		!strings.Contains(notes, "model other keeps versions that this folder does not have: 1 (push); larder models retire other --model removes the model") {
		t.Errorf("changes %v; notes %q", plan.GetChanges(), notes)
	}
	n.mustApply(definitionsOf(text, files))
	n.expect("both serves 2 of 1 2") // the folder does not say which serves
	said := strings.Replace(text, "feature_service: both,", "feature_service: both, serve: 1,", 1)
	answer := n.mustApply(definitionsOf(said, files))
	if notes := answer.GetNotes(); len(answer.GetChanges()) != 0 || len(notes) != 3 || !strings.Contains(notes[1], "version 2 still serves, as a command decided") {
		t.Errorf("a folder that says another version: %v, %v", answer.GetChanges(), notes)
	}
	n.expect("both serves 2 of 1 2")
	decided := strings.Replace(said, "serve: 1,", "serve: 1, rollout: file,", 1)
	answer = n.mustApply(definitionsOf(decided, files))
	if changes := answer.GetChanges(); len(changes) != 2 || changes[0].GetField() != "serve" || changes[1].GetField() != "rollout" {
		t.Errorf("a folder that decides: %v", changes)
	}
	n.expect("both serves 1 of 1 2")
	n.promote(2)
	n.expect("both serves 2 of 1 2")
	n.mustApply(definitionsOf(decided, files))
	n.expect("both serves 1 of 1 2")

	clash := strings.Replace(text, "versions: [", "serve: 1, versions: [{version: 2, onnx: models/m-1.onnx}, ", 1)
	_, err = n.plan(definitionsOf(clash, files))
	refused(t, err, schema.FailedPrecondition, "VERSION_TAKEN", "version 2", "push", "another number")
	without := strings.Replace(strings.Replace(text, "- {name: both", "- {name: renamed", 1), "feature_service: both", "feature_service: renamed", 1)
	_, err = n.plan(definitionsOf(without, files))
	refused(t, err, schema.Invalid, "BAD_DEFINITIONS", `no feature service "both"`, "model other keeps")
}

func (n *node) plan(files *larderv1.DefinitionFiles) (*larderv1.PlanResponse, error) {
	return n.Plan(ctx(), &larderv1.PlanRequest{Files: files})
}

// TestWhoBroughtAVersion: what larder models show prints for each version.
func TestWhoBroughtAVersion(t *testing.T) {
	n := pushedThree(t)
	n.push(&larderv1.PushModelRequest{Model: "m", Sha256: n.store(network(4)), AppliedBy: "bob", Metrics: map[string]float64{"auc": 0.9}, Tags: map[string]string{"team": "risk"}})
	list, err := n.ListModels(ctx(), &larderv1.ListModelsRequest{Model: "m"})
	must(t, err)
	first, last := list.GetModels()[0].GetVersions()[0], list.GetModels()[0].GetVersions()[3]
	if first.GetAddedBy() != "ann" || first.GetAddedIn() != 2 || first.GetAddedAt() == 0 || first.GetFrom() != "push" {
		t.Errorf("version 1: %v", first)
	}
	if last.GetAddedBy() != "bob" || last.GetAddedIn() != 5 || last.GetMetrics()["auc"] != 0.9 || last.GetTags()["team"] != "risk" {
		t.Errorf("version 4: %v", last)
	}
	_, err = n.ListModels(ctx(), &larderv1.ListModelsRequest{Model: "none"})
	refused(t, err, schema.NotFound, "UNKNOWN_MODEL", "none")
}
