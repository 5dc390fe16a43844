package control_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

func TestFilesArePlannedAndApplied(t *testing.T) {
	n := start(t)
	file := network(1)
	files := definitionsOf(base+model(1, "models/m-1.onnx"), map[string][]byte{"models/m-1.onnx": file, "models/other.onnx": network(2)})
	plan, err := n.Plan(ctx(), &larderv1.PlanRequest{Files: files})
	must(t, err)
	if diff := cmp.Diff([]string{sum(file)}, plan.GetMissingModels()); diff != "" {
		t.Errorf("missing models (-want +got):\n%s", diff)
	}
	if len(plan.GetChanges()) != 6 || plan.GetBaseVersion() != 0 {
		t.Errorf("%d changes of version %d", len(plan.GetChanges()), plan.GetBaseVersion())
	}
	_, err = n.apply(files)
	refused(t, err, schema.FailedPrecondition, "MODEL_FILE_MISSING", sum(file))
	n.store(file)
	applied := n.mustApply(files)
	if applied.GetVersion() != 1 || len(applied.GetModels()) != 1 || applied.GetModels()[0].GetOutput() != "score" {
		t.Errorf("applied %v", applied)
	}
	plan, err = n.Plan(ctx(), &larderv1.PlanRequest{Files: files})
	must(t, err)
	if len(plan.GetChanges()) != 0 || len(plan.GetMissingModels()) != 0 || plan.GetBaseVersion() != 1 {
		t.Errorf("once applied, the plan is %v", plan)
	}
}

// TestFaultsOfFilesHaveTheirPlace: faults have file, line and column, as for a local
// folder, and there are no more of them than an error can carry.
func TestFaultsOfFilesHaveTheirPlace(t *testing.T) {
	n := start(t)
	f := func(files *larderv1.DefinitionFiles, words ...string) {
		t.Helper()
		_, err := n.Plan(ctx(), &larderv1.PlanRequest{Files: files})
		refused(t, err, schema.Invalid, "BAD_DEFINITIONS", words...)
		_, err = n.Apply(ctx(), &larderv1.ApplyRequest{What: &larderv1.ApplyRequest_Files{Files: files}})
		refused(t, err, schema.Invalid, "BAD_DEFINITIONS", words...)
	}
	f(definitionsOf("entities:\n  - {name: user, join_kees: []}\n", nil), "defs/all.yaml:2:18: ", "join_kees")
	f(definitionsOf(base+model(1, "models/none.onnx"), map[string][]byte{"models/m-1.onnx": network(1)}),
		"defs/all.yaml:8:", "no file models/none.onnx in the folder", "models/m-1.onnx")
	f(definitionsOf(base+model(1, "../m.onnx"), nil), `"../m.onnx"`)
	f(&larderv1.DefinitionFiles{}, "no file *.yaml")
	f(definitionsOf(strings.Repeat("- x\n", 4000), nil), "defs/all.yaml:1:")
	_, err := n.Plan(ctx(), &larderv1.PlanRequest{Files: definitionsOf("entities: ["+strings.Repeat("{nome: x}, ", 900)+"]", nil)})
	refused(t, err, schema.Invalid, "BAD_DEFINITIONS", "more; fix these first")
	if len(err.Error()) > 8<<10 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// TestATableThatChangedAfterAnApply: a plan and an apply refuse definitions whose table
// has lost a column, though the definitions did not change. A change of a model, such as
// a roll-back, doesn't wait for the table.
func TestATableThatChangedAfterAnApply(t *testing.T) {
	n := start(t)
	files := definitionsOf(base+model(1, "models/m-1.onnx"), map[string][]byte{"models/m-1.onnx": network(1)})
	n.store(network(1))
	n.mustApply(files)
	must(t, second(n.db.Pool.Exec(ctx(), "ALTER TABLE facts DROP COLUMN a")))
	_, err := n.Plan(ctx(), &larderv1.PlanRequest{Files: files})
	refused(t, err, schema.Invalid, "BAD_SOURCE", `no column "a"`)
	_, err = n.Apply(ctx(), &larderv1.ApplyRequest{What: &larderv1.ApplyRequest_Files{Files: files}, BaseVersion: 1})
	refused(t, err, schema.Invalid, "BAD_SOURCE", `no column "a"`)
	_, err = n.Parts().Definitions.AmendModel(ctx(), "m", "test", func(m *schema.Model) error {
		m.OnMissing = schema.FailOnMissing
		return nil
	})
	must(t, err)
}

func TestApplyRefusesWhatSomebodyElseApplied(t *testing.T) {
	n := start(t)
	n.mustApply(definitionsOf(base, nil))
	other := definitionsOf(strings.Replace(base, "7d", "8d", 1), nil)
	_, err := n.Apply(ctx(), &larderv1.ApplyRequest{What: &larderv1.ApplyRequest_Files{Files: other}, BaseVersion: 0, AppliedBy: "b"})
	refused(t, err, schema.FailedPrecondition, "VERSION_MOVED", "a test applied version 1 after you looked at version 0")
}

func TestVersionsAreListedNewestFirst(t *testing.T) {
	n := start(t)
	n.mustApply(definitionsOf(base, nil))
	n.mustApply(definitionsOf(strings.Replace(base, "7d", "8d", 1), nil))
	_, err := n.Apply(ctx(), &larderv1.ApplyRequest{What: &larderv1.ApplyRequest_ToVersion{ToVersion: 1}, AppliedBy: strings.Repeat("é", 150)})
	must(t, err)
	list, err := n.ListVersions(ctx(), &larderv1.ListVersionsRequest{})
	must(t, err)
	var got []string
	for _, v := range list.GetVersions() {
		got = append(got, fmt.Sprintf("%d by %s back to %d", v.GetVersion(), v.GetAppliedBy(), v.GetRevertsTo()))
	}
	want := []string{"3 by " + strings.Repeat("é", 100) + " back to 1", "2 by a test back to 0", "1 by a test back to 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if list.GetVersions()[0].GetFingerprint() != list.GetVersions()[2].GetFingerprint() {
		t.Error("the version that went back has another fingerprint")
	}
	if list, err = n.ListVersions(ctx(), &larderv1.ListVersionsRequest{Limit: 1}); err != nil || len(list.GetVersions()) != 1 {
		t.Errorf("%d versions, %v", len(list.GetVersions()), err)
	}
}

// TestGetPlan: the plan has what a service reads and the fingerprint of its values.
func TestGetPlan(t *testing.T) {
	n := start(t)
	n.mustApply(definitionsOf(base, nil))
	plan, err := n.GetPlan(ctx(), &larderv1.GetPlanRequest{What: &larderv1.GetPlanRequest_FeatureService{FeatureService: "turned"}})
	must(t, err)
	var got []string
	for _, f := range plan.GetFeatures() {
		got = append(got, f.GetName()+" "+f.GetType())
	}
	if diff := cmp.Diff([]string{"v:b float64", "v:a float64"}, got); diff != "" || plan.GetKeys()[0].GetName() != "user_id" || plan.GetCatalogVersion() != 1 {
		t.Errorf("%v\nfeatures (-want +got):\n%s", plan, diff)
	}
	before := plan.GetFingerprint()
	if before == n.fingerprint("both") || len(before) != 64 {
		t.Errorf("the fingerprint %q", before)
	}
	n.mustApply(definitionsOf(strings.Replace(base, "7d", "8d", 1), nil))
	if n.fingerprint("turned") == before {
		t.Error("another TTL has the same fingerprint")
	}
}
