package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// models runs larder models and checks its exit code and that it prints all of these
// words.
func (s *server) models(code int, args []string, words ...string) {
	s.t.Helper()
	stdout, stderr, got := s.client(append([]string{"models"}, args...)...)
	if got != code {
		s.t.Fatalf("larder models %v: exit code %d, want %d\n%s%s", args, got, code, stdout, stderr)
	}
	for _, w := range words {
		if !strings.Contains(stdout+stderr, w) {
			s.t.Errorf("larder models %v says\n%s%swant it to say %q", args, stdout, stderr, w)
		}
	}
}

// TestModelsArePushedUnderLoad pushes, promotes, rolls back and retires with commands
// while callers score on two servers. No request fails, and every response has the
// scores of the version that it names.
func TestModelsArePushedUnderLoad(t *testing.T) {
	const rows = 20
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	s := startServer(t, db.DSN)
	other := startServer(t, db.DSN)
	s.apply(m.dir)
	s.mustMaterialize()
	eventually(t, "first catalog on the other server", func() bool { return other.catalogVersion() == 1 })
	other.mustMaterialize()
	m.write("third.onnx", m.file(3))
	third := filepath.Join(m.dir, "third.onnx")

	stop := m.load(rows, s, other)
	await := func(catalog int64) {
		t.Helper()
		eventually(t, "the change on both servers", func() bool { return s.catalogVersion() == catalog && other.catalogVersion() == catalog })
	}
	s.models(0, []string{"push", "spend", third, "--metric", "auc=0.87", "--tag", "team=risk", "--promote"}, "version 3 of model spend", "Applied as version 2", "scored by version 3 at once")
	await(2)
	s.models(0, []string{"push", "spend", third}, "This file is already version 3 of model spend")
	for round := range int64(2) {
		s.models(0, []string{"rollback", "spend"}, "back at version 1")
		await(3 + 2*round)
		s.models(0, []string{"rollback", "spend"}, "back at version 3")
		await(4 + 2*round)
	}
	s.models(0, []string{"promote", "spend", "2"}, "version 2 at once")
	await(7)
	s.models(1, []string{"retire", "spend", "2"}, "serves; promote another", "VERSION_IN_USE")
	s.models(0, []string{"retire", "spend", "1"}, "requests that name it are refused")
	await(8)
	s.models(0, []string{"show", "spend"}, "version 2 serves", "auc=0.87", "team=risk", "push")
	s.models(0, nil, "spend", "serves")
	if answers := stop(); answers[0] == 0 || answers[1] == 0 || answers[2] == 0 {
		t.Errorf("answers by version: %v; want all", answers)
	}
}

// TestRetireTheOnlyVersion: a model that follows MLflow waits for its next version, and
// the server goes on.
func TestRetireTheOnlyVersion(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	s := startServer(t, db.DSN)
	model := func(rest string) {
		m.write("definitions.yaml", m.base+"models: [{name: spend, feature_service: spend, "+rest+"}]\n")
		s.apply(m.dir)
	}
	model("versions: [{version: 1, onnx: spend-1.onnx}]")
	s.mustMaterialize()
	s.models(1, []string{"retire", "spend", "1"}, "is the only version", "VERSION_IN_USE")
	model("mlflow: {alias: champion}, versions: [{version: 1, onnx: spend-1.onnx}]")
	s.models(0, []string{"retire", "spend", "1"})
	_, err := s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: []*larderv1.Column{int64Column("user_id", 1)}})
	if status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), "waits for its alias") {
		t.Errorf("a request for a model without a version: %v", err)
	}
	s.models(0, []string{"show", "spend"}, "spend")
	s.models(0, nil, "spend")
	m.write("second.onnx", m.file(2))
	s.models(0, []string{"push", "spend", filepath.Join(m.dir, "second.onnx")}, "version 2 of model spend")
	if _, err = s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: []*larderv1.Column{int64Column("user_id", 1)}}); err != nil {
		t.Errorf("after a push: %v", err)
	}
}

// TestApplyOfAFolderKeepsPushedVersions: both plan and apply print a note about it.
func TestApplyOfAFolderKeepsPushedVersions(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	s := startServer(t, db.DSN)
	s.apply(m.dir)
	m.write("third.onnx", m.file(3)) // no definition names it
	s.models(0, []string{"push", "spend", filepath.Join(m.dir, "third.onnx")}, "version 3")
	for _, command := range []string{"plan", "apply"} {
		stdout, stderr, code := s.client(command, m.dir)
		if code != 0 || !strings.Contains(stdout, "No changes.") || !strings.Contains(stdout, "note: model spend keeps versions that this folder does not have: 3 (push)") {
			t.Errorf("larder %s: exit code %d\n%s%s", command, code, stdout, stderr)
		}
	}
	s.models(0, []string{"promote", "spend", "3"})
	if stdout, _, _ := s.client("plan", m.dir); !strings.Contains(stdout, "No changes.") || !strings.Contains(stdout, "version 3 still serves, as a command decided") {
		t.Errorf("a folder that says which version serves: the plan is\n%s", stdout)
	}
	said, err := os.ReadFile(filepath.Join(m.dir, "definitions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m.write("definitions.yaml", strings.Replace(string(said), "serve: 1", "serve: 1\n    rollout: file", 1))
	if stdout, _, _ := s.client("plan", m.dir); !strings.Contains(stdout, "serve: 3 → 1") {
		t.Errorf("a folder that decides: the plan is\n%s", stdout)
	}
	s.models(2, []string{"push", "spend"}, "missing FILE")
	s.models(2, []string{"push", "spend", "x", "--metric", "auc"}, "NAME=NUMBER")
	s.models(2, []string{"promote", "spend", "two"}, "a number from 1 on")
	s.models(1, []string{"show", "spent"}, `did you mean "spend"`)
}
