package control_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/store/registry"
)

func (n *node) push(req *larderv1.PushModelRequest) *larderv1.PushModelResponse {
	n.t.Helper()
	answer, err := n.PushModel(ctx(), req)
	must(n.t, err)
	return answer
}

// served returns the version of m that serves, and all its versions.
func (n *node) served(name string) string {
	n.t.Helper()
	list, err := n.ListModels(ctx(), &larderv1.ListModelsRequest{})
	must(n.t, err)
	for _, m := range list.GetModels() {
		if m.GetModel() != name {
			continue
		}
		text := fmt.Sprintf("%s serves %d of", m.GetFeatureService(), m.GetServe())
		for _, v := range m.GetVersions() {
			text += fmt.Sprint(" ", v.GetModelVersion())
		}
		return text
	}
	return "no model"
}

func TestPushedModelsBecomeVersions(t *testing.T) {
	n := start(t)
	n.mustApply(definitionsOf(base, nil))
	f := func(req *larderv1.PushModelRequest, version, definitions int64, want string) {
		t.Helper()
		req.Model = "m"
		got := n.push(req)
		if got.GetModelVersion() != version || got.GetVersion() != definitions || n.served("m") != want || got.GetReport().GetOutput() != "score" {
			t.Errorf("version %d of the model, %d of the definitions; %s; %v", got.GetModelVersion(), got.GetVersion(), n.served("m"), got.GetReport())
		}
	}
	one, two, three := n.store(network(1)), n.store(network(2)), n.store(network(3))
	f(&larderv1.PushModelRequest{Sha256: one, FeatureService: "both"}, 1, 2, "both serves 1 of 1")
	f(&larderv1.PushModelRequest{Sha256: two}, 2, 3, "both serves 1 of 1 2")
	f(&larderv1.PushModelRequest{Sha256: three, Serve: true, FeatureService: "both"}, 3, 4, "both serves 3 of 1 2 3")
	f(&larderv1.PushModelRequest{Sha256: one}, 1, 4, "both serves 3 of 1 2 3")
	f(&larderv1.PushModelRequest{Sha256: two, Serve: true}, 2, 5, "both serves 2 of 1 2 3")
}

// TestPushAnswersItsDefinition: a push returns what a team should add to its files, so
// that the next apply changes nothing.
func TestPushAnswersItsDefinition(t *testing.T) {
	n := start(t)
	n.mustApply(definitionsOf(base, nil))
	must(t, n.registry.RecordDataset(ctx(), registry.Dataset{ID: "set", FeatureService: "both", Manifest: []byte("{}")}))
	file := network(1)
	column := int32(0)
	pushed := n.push(&larderv1.PushModelRequest{Model: "m", Sha256: n.store(file), FeatureService: "both", Dataset: "set", Output: "score", Column: &column})
	if !strings.Contains(pushed.GetDefinition(), `"dataset":"set"`) {
		t.Errorf("the definition is %s", pushed.GetDefinition())
	}
	text := base + fmt.Sprintf("models: [{name: m, feature_service: both, versions: [%s]}]\n", pushed.GetDefinition())
	if again := n.mustApply(definitionsOf(text, map[string][]byte{"models/m-1.onnx": file})); again.GetVersion() != pushed.GetVersion() {
		t.Errorf("applying the definition again changes %v", again.GetChanges())
	}
}

func TestPushesThatAreRefused(t *testing.T) {
	n := start(t)
	n.mustApply(definitionsOf(base, nil))
	must(t, n.registry.RecordDataset(ctx(), registry.Dataset{ID: "set", FeatureService: "turned", Manifest: []byte("{}")}))
	file := n.store(network(1))
	f := func(req *larderv1.PushModelRequest, kind schema.Kind, reason string, words ...string) {
		t.Helper()
		_, err := n.PushModel(ctx(), req)
		refused(t, err, kind, reason, words...)
	}
	f(&larderv1.PushModelRequest{Model: "m", Sha256: "../../etc/passwd", FeatureService: "both"}, schema.FailedPrecondition, "MODEL_FILE_MISSING", "PutModel")
	f(&larderv1.PushModelRequest{Model: "m", Sha256: sum(network(9)), FeatureService: "both"}, schema.FailedPrecondition, "MODEL_FILE_MISSING")
	f(&larderv1.PushModelRequest{Model: "m", Sha256: file}, schema.Invalid, "NO_FEATURE_SERVICE", `"m"`)
	f(&larderv1.PushModelRequest{Model: "m", Sha256: file, FeatureService: "bath"}, schema.Invalid, "BAD_DEFINITIONS", "bath", "both")
	f(&larderv1.PushModelRequest{Model: "9", Sha256: file, FeatureService: "both"}, schema.Invalid, "BAD_DEFINITIONS", `"9"`)
	f(&larderv1.PushModelRequest{Model: "m", Sha256: file, FeatureService: "both", Dataset: "none"}, schema.NotFound, "UNKNOWN_DATASET")
	f(&larderv1.PushModelRequest{Model: "m", Sha256: file, FeatureService: "both", Dataset: "set"}, schema.Invalid, "OTHER_FEATURE_SERVICE", `"turned"`)
	f(&larderv1.PushModelRequest{Model: "m", Sha256: file, FeatureService: "both", Output: "nothing"}, schema.Invalid, "BAD_MODEL", "nothing")
	n.push(&larderv1.PushModelRequest{Model: "m", Sha256: file, FeatureService: "both"})
	f(&larderv1.PushModelRequest{Model: "m", Sha256: n.store(network(2)), FeatureService: "turned"}, schema.Invalid, "OTHER_FEATURE_SERVICE", `"both"`, `"turned"`)
}

// TestPushesAtOnceAllLand: no version is lost, and no number is given twice.
func TestPushesAtOnceAllLand(t *testing.T) {
	n := start(t)
	n.mustApply(definitionsOf(base, nil))
	n.push(&larderv1.PushModelRequest{Model: "m", Sha256: n.store(network(1)), FeatureService: "both"})
	var wg sync.WaitGroup
	for seed := uint64(2); seed <= 4; seed++ {
		file := n.store(network(seed))
		wg.Go(func() {
			if _, err := n.PushModel(ctx(), &larderv1.PushModelRequest{Model: "m", Sha256: file}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, want := n.served("m"), "both serves 1 of 1 2 3 4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestStampsAreHeldAgainstTheService: the order of features is always checked, their
// definitions only when a version is new.
func TestStampsAreHeldAgainstTheService(t *testing.T) {
	n := start(t)
	n.mustApply(definitionsOf(base, nil))
	stamped := func(seed uint64, fingerprint string) string {
		return n.store(network(seed, "larder.feature_service", "both", "larder.features", `["v:a","v:b"]`, "larder.fingerprint", fingerprint))
	}
	good := stamped(1, n.fingerprint("both"))
	if got := n.push(&larderv1.PushModelRequest{Model: "m", Sha256: good}); got.GetModelVersion() != 1 || n.served("m") != "both serves 1 of 1" {
		t.Errorf("%v; %s", got, n.served("m"))
	}
	_, err := n.PushModel(ctx(), &larderv1.PushModelRequest{Model: "other", Sha256: good, FeatureService: "turned"})
	refused(t, err, schema.Invalid, "BAD_MODEL", `model "other" version 1`, `"turned"`, "feature 1 is v:a in the model and v:b in the service")
	_, err = n.PushModel(ctx(), &larderv1.PushModelRequest{Model: "m", Sha256: stamped(2, strings.Repeat("ab", 32))})
	refused(t, err, schema.Invalid, "BAD_MODEL", `model "m" version 2`, "trained on other definitions", "abababababab", n.fingerprint("both")[:12])

	// A definition may change under a model that serves; the one trained on it comes later.
	file := network(1, "larder.feature_service", "both", "larder.features", `["v:a","v:b"]`, "larder.fingerprint", n.fingerprint("both"))
	text := strings.Replace(base, "7d", "8d", 1) + model(1, "models/m-1.onnx")
	n.mustApply(definitionsOf(text, map[string][]byte{"models/m-1.onnx": file}))
	_, err = n.apply(definitionsOf(strings.Replace(text, `both, features: ["v:a", "v:b"]`, `both, features: ["v:b", "v:a"]`, 1), map[string][]byte{"models/m-1.onnx": file}))
	refused(t, err, schema.Invalid, "BAD_MODEL", `model "m" version 1`, "feature 1 is v:a in the model and v:b in the service")
}
