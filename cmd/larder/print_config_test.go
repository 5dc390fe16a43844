package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
)

// printed is what larder serve --print-config prints in a folder whose larder.yaml has text.
func printed(t *testing.T, text string, args ...string) (out, errs string, code int) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, settingsFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	return runLarder(t, append([]string{"serve", "--print-config"}, args...)...)
}

func TestPrintConfigSaysWhereSettingsComeFrom(t *testing.T) {
	t.Setenv("LARDER_MAX_ROWS", "20")
	t.Setenv("LARDER_SOURCE_POSTGRES", "host=h password='hun ter2' user=s")
	out, errs, code := printed(t, "timeout: 3s\nname: \"a: b # c\\u001b\"\nmlflow_tracking_uri: https://u:hunter2@mlflow\n", "--postgres", "postgres://u:hunter2@h:5432/db", "--pprof")
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d, %s", code, errs)
	}
	for _, line := range []string{
		`postgres: "postgres://u:***@h:5432/db"  # flag --postgres`,
		`source_postgres: "host=h password=*** user=s"  # variable LARDER_SOURCE_POSTGRES`,
		`mlflow_tracking_uri: "https://u:***@mlflow"  # file`,
		`max_rows: 20  # variable LARDER_MAX_ROWS`,
		`timeout: 3s  # file`,
		`name: "a: b # c\u001b"  # file`,
		`pprof: true  # flag --pprof`,
		`grpc_addr: "127.0.0.1:6570"  # default`,
	} {
		if !strings.Contains(out, line+"\n") {
			t.Errorf("no line %s in\n%s", line, out)
		}
	}
	if strings.Contains(out, "hunter2") || strings.Contains(out, "ter2") {
		t.Errorf("a password is in\n%s", out)
	}
	// It is a file of settings again.
	back := map[string]any{}
	if err := yaml.Unmarshal([]byte(out), &back); err != nil || back["name"] != "a: b # c\x1b" || back["max_rows"] != uint64(20) {
		t.Errorf("read back: %v, %v", back, err)
	}
	again, _, _ := printed(t, out)
	origin := regexp.MustCompile("  # .*\n")
	if origin.ReplaceAllString(out, "\n") != origin.ReplaceAllString(again, "\n") || !strings.Contains(again, `grpc_addr: "127.0.0.1:6570"  # file`) {
		t.Errorf("printed again from the file:\n%s", again)
	}
}

// TestPrintConfigOfWrongSettings prints them, and says what is wrong.
func TestPrintConfigOfWrongSettings(t *testing.T) {
	out, errs, code := printed(t, "", "--postgres", "u:hunter2@h:5432/db", "--max-rows", "0")
	if code != 2 || !strings.Contains(out, "max_rows: 0  # flag --max-rows") || !strings.Contains(errs, "--max-rows is 0") || !strings.Contains(errs, `--postgres "u:***@h:5432/db" is not`) {
		t.Errorf("exit code %d, %s\n%s", code, out, errs)
	}
	if strings.Contains(out+errs, "hunter2") {
		t.Errorf("a password is in\n%s%s", out, errs)
	}
}

// TestAFileThatIsNoYAMLKeepsItsPasswords: the error has no lines of it.
func TestAFileThatIsNoYAMLKeepsItsPasswords(t *testing.T) {
	_, errs, code := printed(t, "postgres: postgres://u:hunter2@h/db\nname: [\n")
	if code != 2 || !strings.Contains(errs, "settings in larder.yaml: [") || strings.Contains(errs, "hunter2") {
		t.Errorf("exit code %d, %s", code, errs)
	}
}

// TestHelpHasNoVariables: a default in the help of a command would be a variable's password.
func TestHelpHasNoVariables(t *testing.T) {
	for _, name := range []string{"LARDER_POSTGRES", "LARDER_SOURCE_POSTGRES", "LARDER_KEY", "LARDER_TOKEN", "LARDER_SECRET_X"} {
		t.Setenv(name, "postgres://u:hunter2@h/db")
	}
	seen := 0
	var walk func(path []string, cmd *cobra.Command)
	walk = func(path []string, cmd *cobra.Command) {
		seen++
		for _, last := range []string{"--help", "--no-such-flag"} {
			if out, errs, _ := runLarder(t, append(slices.Clone(path), last)...); out+errs == "" || strings.Contains(out+errs, "hunter2") {
				t.Errorf("larder %v %s: %s%s", path, last, out, errs)
			}
		}
		for _, sub := range cmd.Commands() {
			walk(append(slices.Clone(path), sub.Name()), sub)
		}
	}
	walk(nil, newRootCommand())
	if seen < 30 {
		t.Errorf("%d commands", seen)
	}
}
