package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandLines calls visit with every command that a person can run.
func commandLines(cmd *cobra.Command, visit func(*cobra.Command)) {
	for _, sub := range cmd.Commands() {
		if sub.Hidden || sub.Name() == "help" || sub.Name() == "completion" {
			continue
		}
		visit(sub)
		commandLines(sub, visit)
	}
}

// Commands that run with no argument and no flag.
var needNothing = map[string]bool{
	"larder list": true, "larder keys list": true, "larder audit": true, "larder login": true, "larder logout": true, "larder whoami": true,
	"larder serve": true, "larder stream status": true, "larder materialize": true, "larder verify": true, "larder models": true, "larder models list": true, "larder status": true,
	"larder bench": true, "larder dev": true, "larder replay": true, "larder skew": true, "larder demo": true, "larder schema": true, "larder version": true,
}

// TestEveryCommandSaysHowItIsCalled: without its arguments, with one too many, and with an
// unknown flag, each command exits with 2 and prints its usage line.
func TestEveryCommandSaysHowItIsCalled(t *testing.T) {
	t.Setenv("LARDER_POSTGRES", "")
	seen := map[string]bool{}
	commandLines(newRootCommand(), func(cmd *cobra.Command) {
		seen[cmd.CommandPath()] = true
		words := strings.Fields(cmd.CommandPath())[1:]
		wrong := [][]string{append(words[:len(words):len(words)], "--no-such-flag")}
		if !needNothing[cmd.CommandPath()] {
			wrong = append(wrong, words)
		}
		if !strings.Contains(cmd.Use, "...") {
			wrong = append(wrong, append(words[:len(words):len(words)], "a", "b", "c", "d"))
		}
		for _, args := range wrong {
			_, errs, code := runLarder(t, args...)
			first, rest, _ := strings.Cut(errs, "\n")
			if code != exitUsage || !strings.HasPrefix(first, "larder: ") || !strings.HasPrefix(rest, "usage: "+cmd.CommandPath()) {
				t.Errorf("larder %s: exit code %d\n%s", strings.Join(args, " "), code, errs)
			}
			for _, cobras := range []string{"arg(s)", "flag(s)", "flags in the group"} {
				if strings.Contains(errs, cobras) {
					t.Errorf("larder %s: %s", strings.Join(args, " "), errs)
				}
			}
		}
	})
	for path := range needNothing {
		if !seen[path] {
			t.Errorf("no command %s", path)
		}
	}
}

func TestUsageMessages(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		_, errs, code := runLarder(t, args...)
		if first, _, _ := strings.Cut(errs, "\n"); code != exitUsage || first != "larder: "+want {
			t.Errorf("larder %s: exit code %d\n%swant %s", strings.Join(args, " "), code, errs, want)
		}
	}
	f("missing DIR", "plan")
	f(`too many arguments: "b"; larder plan takes DIR`, "plan", "a", "b")
	f(`too many arguments: "x"; larder migrate takes none`, "migrate", "x")
	f(`too many arguments: "b"; larder status takes [RUN]`, "status", "a", "b")
	f(`too many arguments: "models"; larder list takes [KIND]`, "list", "views", "models")
	f("missing NAME and VERSION", "models", "promote")
	f("missing VERSION", "models", "promote", "fraud")
	f("missing VERSION=PERCENT...", "models", "traffic", "fraud")
	f(`larder models has no command "promot"; did you mean "promote"?`, "models", "promot")
	f("name what larder snapshot should do: load or save", "snapshot")
	f(`larder snapshot has no command "sav"; did you mean "save"?`, "snapshot", "sav")
	f(`larder has no command "metrialize"; did you mean "materialize"?`, "help", "metrialize")
	f("missing --log", "models", "compare", "a@1", "a@2")
	f("--log and --table can't be given together; leave out all but one", "replay", "--log", "x", "--table")
	f("give one of --list, --show, --spine", "dataset")
	f("missing --out and --spine, which --service needs", "dataset", "--service", "fraud_v1")
	f("missing --out, which --service and --spine need", "dataset", "--service", "fraud_v1", "--spine", "a.csv")
	f("--from and --full can't be given together; leave out all but one", "materialize", "--full", "--from", "2026-01-01T00:00:00Z")
	f("--to-version -1 is not a version; versions count from 1", "plan", "--to-version", "-1")
	f("--to-version 0 is not a version; versions count from 1", "apply", "--to-version", "0")
	f("--version -1 is not a version; versions count from 1, and 0 means the newest", "export", "definitions", "--version", "-1")
	f("WORD is empty; larder list shows all definitions", "search", "")
	f(`--as-of is "now"; it can be ingest_time or event_time`, "dataset", "--service", "a", "--spine", "a.csv", "--out", "b.csv", "--as-of", "now")
	f("--cancel and --full can't be given together; leave out all but one", "materialize", "--cancel", "x", "--full")
	f(`--postgres "db:5432" is not the address of a Postgres; write it as postgres://USER@HOST:PORT/DATABASE`, "migrate", "--postgres", "db:5432")
	f(`--postgres "db:5432" is not the address of a Postgres; write it as postgres://USER@HOST:PORT/DATABASE`, "serve", "--postgres", "db:5432")
	f(`--postgres is missing: the address of Postgres, as postgres://USER@HOST:PORT/DATABASE`, "migrate")
}

// TestHelpFitsATerminal: all but the examples, which can't be broken.
func TestHelpFitsATerminal(t *testing.T) {
	f := func(args ...string) {
		t.Helper()
		help, _, code := runLarder(t, args...)
		if code != 0 {
			t.Errorf("larder %s: exit code %d", strings.Join(args, " "), code)
		}
		for line := range strings.Lines(help) {
			if len(strings.Fields(line)) == 1 {
				continue // a word that can't be broken
			}
			if cells.StringWidth(strings.TrimSuffix(line, "\n")) > plainWidth && !strings.HasPrefix(line, "  larder ") && !strings.HasPrefix(line, "  LARDER_") {
				t.Errorf("larder %s: %s", strings.Join(args, " "), line)
			}
		}
	}
	f("--help")
	commandLines(newRootCommand(), func(cmd *cobra.Command) { f(append(strings.Fields(cmd.CommandPath())[1:], "--help")...) })
}

// TestOneWordForAFeatureService: no flag has another name for it.
func TestOneWordForAFeatureService(t *testing.T) {
	seen := 0
	commandLines(newRootCommand(), func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(f.Name, "service") {
				return
			}
			if seen++; f.Name != "service" {
				t.Errorf("%s has --%s; call it --service", cmd.CommandPath(), f.Name)
			}
		})
	})
	if seen == 0 {
		t.Error("no command has --service")
	}
}
