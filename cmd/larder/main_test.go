package main

import (
	"bytes"
	"strings"
	"testing"

	larderv1 "larder/api/larder/v1"
)

// runLarder runs a command line in this process.
func runLarder(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&errs)
	code = execute(t.Context(), root)
	return out.String(), errs.String(), code
}

func TestExitCodes(t *testing.T) {
	f := func(code int, stderr string, args ...string) {
		t.Helper()
		_, errs, got := runLarder(t, args...)
		if got != code || !strings.Contains(errs, stderr) {
			t.Errorf("larder %v: exit code %d, %q; want %d with %q", args, got, errs, code, stderr)
		}
	}
	f(0, "", "version")
	f(0, "", "serve", "--help")
	f(2, `unknown command "nothing" for "larder"`, "nothing")
	f(2, "unknown command \"matrialize\" for \"larder\"\n\nDid you mean this?\n\tmaterialize", "matrialize")
	f(2, "unknown flag: --nothing\nusage: larder get [SERVICE] KEY=VALUE[,VALUE...]... [flags]\n       larder get --help", "get", "--nothing")
	f(2, `--from "yesterday" is not a time; write it as 2026-01-31T10:00:00Z`, "materialize", "--from", "yesterday")
	f(1, "no folder no/such/folder; name the one that holds the definitions", "plan", "no/such/folder")
}

// Every command says what it does, and those with arguments how to use them.
func TestHelpTeaches(t *testing.T) {
	for _, cmd := range newRootCommand().Commands() {
		if cmd.Hidden || cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("larder %s: short help %q", cmd.Name(), cmd.Short)
		}
		if strings.Contains(cmd.Use, " ") && !strings.Contains(cmd.Example, "larder "+cmd.Name()) {
			t.Errorf("larder %s has arguments and no example", cmd.Use)
		}
	}
}

// TestScoresOfSplitTraffic: each row says which version scored it.
func TestScoresOfSplitTraffic(t *testing.T) {
	entities := []*larderv1.Column{{Name: "id", Values: &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: []int64{7, 8}}}}}
	f := func(want string, a *larderv1.GetFeaturesAndScoreResponse) {
		t.Helper()
		var out strings.Builder
		if err := printScores(&out, entities, a); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(out.String()), " "); got != "KEY SCORE MODEL_VERSION CATALOG_VERSION "+want {
			t.Errorf("got %s", got)
		}
	}
	f("id=7 0.25 2 9 id=8 0.5 2 9", &larderv1.GetFeaturesAndScoreResponse{Scores: []float64{0.25, 0.5}, ModelVersion: 2, CatalogVersion: 9})
	f("id=7 0.25 2 9 id=8 0.5 1 9", &larderv1.GetFeaturesAndScoreResponse{Scores: []float64{0.25, 0.5}, ModelVersion: 2, ModelVersions: []int64{2, 1}, CatalogVersion: 9})
}

// TestAServerThatIsNotThere: the message names the address and what to do.
func TestAServerThatIsNotThere(t *testing.T) {
	f := func(addr, want string) {
		t.Helper()
		_, errs, code := runLarder(t, "status", "--addr", addr)
		if code != 1 || !strings.Contains(errs, want) {
			t.Errorf("exit code %d, %q; want %q", code, errs, want)
		}
	}
	f("127.0.0.1:1", "cannot reach a server at 127.0.0.1:1 (connection refused); start one with larder serve, or set --addr\n")
	f("[::1]:1", "cannot reach a server at [::1]:1 (")
}
