package integration_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larder/internal/pgtest"
)

// TestAnApplyDeletesWhatIsNamed: without a terminal, an apply that loses something is
// refused until the command line says what may go.
func TestAnApplyDeletesWhatIsNamed(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	s := startServer(t, db.DSN)
	s.apply(m.dir)
	s.mustMaterialize()
	f := func(code int, want string, args ...string) {
		t.Helper()
		stdout, stderr, got := s.client(args...)
		if all := stdout + stderr; got != code || !strings.Contains(all, want) {
			t.Errorf("larder %s: exit code %d\n%s\nwant %d with %q", strings.Join(args, " "), got, all, code, want)
		}
	}
	m.write("definitions.yaml", m.base) // without its models
	f(0, "- model spend", "plan", m.dir)
	f(1, "model spend is deleted", "apply", m.dir)
	f(1, "--allow-delete spend", "apply", m.dir, "--allow-delete", "spent")
	f(0, "serves", "models")
	f(0, "Applied as version 2", "apply", m.dir, "--allow-delete", "spend")
	f(0, "+ model spend", "plan", "--to-version", "1")
	f(0, "Applied as version 3", "apply", "--to-version", "1")
	f(1, "DELETES_NOT_ALLOWED", "apply", "--to-version", "2")
	f(0, "Applied as version 4", "apply", "--to-version", "2", "--yes")
	f(2, "either a folder or --to-version", "plan", m.dir, "--to-version", "1")
}

// TestAnApplyAsksOnATerminal before it loses something, and takes only yes for yes.
func TestAnApplyAsksOnATerminal(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("script"); err != nil {
		t.Fatal("script is missing; install bsdutils")
	}
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	s := startServer(t, db.DSN)
	s.apply(m.dir)
	m.write("definitions.yaml", m.base)
	f := func(answer string, code int, want ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "script", "-qec", strings.Join([]string{larder, "apply", m.dir, "--addr", s.grpc}, " "), "/dev/null")
		cmd.Stdin = strings.NewReader(answer)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
			t.Errorf("the answer %q: %v\n%s", answer, err, out)
		}
		for _, w := range append(want, "model spend", "deletes or stores anew: spend") {
			if !strings.Contains(string(out), w) {
				t.Errorf("the answer %q: no %q in\n%s", answer, w, out)
			}
		}
	}
	f("n\n", 1, "nothing was applied")
	f("\n", 1, "nothing was applied")
	f("yesterday\n", 1, "nothing was applied")
	if got := s.catalogVersion(); got != 1 {
		t.Errorf("version %d of the definitions", got)
	}
	f("yes\n", 0, "Applied as version 2.")
}

// TestDefinitionsAreReadBack by the command line: listed, shown, searched and exported.
func TestDefinitionsAreReadBack(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	s := startServer(t, db.DSN)
	f := func(code int, want []string, args ...string) {
		t.Helper()
		stdout, stderr, got := s.client(args...)
		for _, w := range want {
			if all := stdout + stderr; got != code || !strings.Contains(all, w) {
				t.Errorf("larder %s: exit code %d\n%s\nwant %d with %q", strings.Join(args, " "), got, all, code, w)
			}
		}
	}
	f(0, []string{"nothing was applied yet"}, "apply", "--list")
	f(0, []string{"no definitions yet; add some with larder apply DIR"}, "list")
	f(0, []string{"no models yet; add some with larder apply DIR"}, "list", "models")
	s.apply(m.dir)
	s.mustMaterialize()
	f(0, []string{"entity", "source", "feature view", "feature service", "model"}, "list")
	f(0, []string{"no training sets yet; build one with larder dataset"}, "list", "datasets")
	f(0, []string{"KIND", "FEATURES", "amount"}, "list", "views")
	f(0, []string{"NAME", "VERSIONS", "1, 2"}, "list", "models")
	f(0, []string{`"used_by"`, `"feature view"`}, "list", "sources", "--json")
	f(2, []string{"choose one of entities"}, "list", "tables")
	f(0, []string{"versions:", "model spend reads spend; version 1 serves"}, "show", "spend", "--kind", "model")
	f(0, []string{"used by feature service spend", "features:", "succeeded", "incremental"}, "show", "spend", "--kind", "feature view")
	f(1, []string{"AMBIGUOUS_NAME"}, "show", "spend")
	f(1, []string{"UNKNOWN_DEFINITION"}, "show", "nobody")
	f(0, []string{"source", "table"}, "search", "spend")
	f(1, []string{"no definition has"}, "search", "no such text")

	dir := filepath.Join(t.TempDir(), "exported")
	f(0, []string{"version 1"}, "export", dir)
	f(0, []string{"No changes."}, "plan", dir)
	f(1, []string{"is not empty"}, "export", dir)
	text, err := os.ReadFile(filepath.Join(dir, "models.yaml"))
	if err != nil || !strings.Contains(string(text), "sha256: ") || strings.Contains(string(text), "onnx:") {
		t.Errorf("%v: the exported models are\n%s", err, text)
	}
}
