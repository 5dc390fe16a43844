package control_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/control/models"
	"larder/models/folder"
	"larder/schema"
)

// follow runs the control plane and returns a function that waits for a model's state.
func (n *node) follow() (await func(want string, fault string)) {
	n.t.Helper()
	running, stop := context.WithCancel(ctx())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(running) }()
	n.t.Cleanup(func() { stop(); must(n.t, <-ended) })
	return func(want, fault string) {
		n.t.Helper()
		var got, said string
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
			list, err := n.ListModels(ctx(), &larderv1.ListModelsRequest{})
			must(n.t, err)
			said = ""
			for _, m := range list.GetModels() {
				said += m.GetSource().GetFault()
			}
			if got = n.served("m"); got == want && strings.Contains(said, fault) && (fault != "") == (said != "") {
				return
			}
			select {
			case <-n.t.Context().Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
		n.t.Fatalf("m is %q with fault %q; want %q with %q", got, said, want, fault)
	}
}

// TestFilesOfTheModelRepositoryBecomeVersions: each file once, unchanged.
func TestFilesOfTheModelRepositoryBecomeVersions(t *testing.T) {
	dir := t.TempDir()
	write := func(version string, file []byte) {
		t.Helper()
		at := filepath.Join(dir, "m", version)
		must(t, os.MkdirAll(at, 0o700))
		must(t, os.WriteFile(filepath.Join(at, "new"), file, 0o600))
		must(t, os.Rename(filepath.Join(at, "new"), filepath.Join(at, "model.onnx")))
	}
	repository, err := folder.Open(dir)
	must(t, err)
	t.Cleanup(func() { must(t, repository.Close()) })
	n := start(t, models.VersionSources{Repository: repository, Every: 20 * time.Millisecond})
	n.mustApply(definitionsOf(base, nil))
	await := n.follow()
	write("2", network(2, "larder.feature_service", "both", "larder.features", `["v:a","v:b"]`, "larder.fingerprint", n.fingerprint("both")))
	await("both serves 2 of 2", "")
	write("5", network(5))
	await("both serves 2 of 2 5", "") // a person promotes it
	n.promote(5)
	write("6", []byte("no model"))
	await("both serves 5 of 2 5", "m") // of the file that is none
	must(t, os.RemoveAll(filepath.Join(dir, "m", "6")))
	await("both serves 5 of 2 5", "")
	write("5", network(6))
	await("both serves 5 of 2 5", "another number")
	write("5", network(5))
	await("both serves 5 of 2 5", "")
	must(t, second(n.RetireModel(ctx(), &larderv1.RetireModelRequest{Model: "m", ModelVersion: 2})))
	write("7", network(7))
	await("both serves 5 of 5 7", "") // and 2 does not come back
	if from := n.registry.Catalog().Definitions.Model("m").Version(7).From; from != schema.FromRepository {
		t.Errorf("version 7 is from %q", from)
	}
}
