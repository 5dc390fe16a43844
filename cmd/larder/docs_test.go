package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"larder/internal/layers"
)

// docs returns a page of docs/.
func docs(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestEverySettingIsInOperations(t *testing.T) {
	page, defaults := docs(t, "operations.md"), reflect.ValueOf(defaultSettings())
	known := map[string]bool{}
	for i := range defaults.NumField() {
		name := defaults.Type().Field(i).Tag.Get("flag")
		key := strings.ReplaceAll(name, "-", "_")
		row := fmt.Sprintf("| `--%s` | `LARDER_%s` | `%s` |", name, strings.ToUpper(key), key)
		if value := fmt.Sprint(defaults.Field(i).Interface()); value != "" {
			row += " `" + value + "`"
		}
		if row += " |"; !strings.Contains(page, row) {
			t.Errorf("docs/operations.md has no row %s of a setting", row)
		}
		known[key] = true
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `--[a-z-]+` \\| `LARDER_[A-Z_]+` \\| `([a-z_]+)` \\|").FindAllStringSubmatch(page, -1) {
		if !known[row[1]] {
			t.Errorf("docs/operations.md has a setting %q that is none", row[1])
		}
	}
}

func TestEveryPackageIsInArchitecture(t *testing.T) {
	page := docs(t, "architecture.md")
	known := map[string]bool{}
	for folder, p := range layers.House.Packages {
		row := fmt.Sprintf("| %d | `%s/` |", p.Floor, folder)
		if !strings.Contains(page, row) {
			t.Errorf("docs/architecture.md has no row %s of a package", row)
		}
		known[folder] = true
	}
	for _, row := range regexp.MustCompile("(?m)^\\| \\d+ \\| `([a-z0-9/]+)/` \\|").FindAllStringSubmatch(page, -1) {
		if !known[row[1]] {
			t.Errorf("docs/architecture.md has a package %q that is none", row[1])
		}
	}
}

// TestQuotedTablesFit: a table in a page looks as a command prints it where there is no
// terminal, and fits its 80 columns.
func TestQuotedTablesFit(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Glob("../../examples/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, examples...)
	header := regexp.MustCompile(`^    [A-Z][A-Z0-9_/]+(  +[A-Z][A-Z0-9_/]+)+$`)
	seen := 0
	for _, path := range append(pages, "../../README.md") {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		inTable := false
		for n, line := range strings.Split(string(raw), "\n") {
			if header.MatchString(line) {
				inTable = true
				seen++
			} else if strings.TrimSpace(line) == "" || !strings.HasPrefix(line, "    ") {
				inTable = false
			}
			plain := strings.TrimPrefix(line, "    ")
			if inTable && strings.Contains(plain, "  ") && len(plain) > plainWidth {
				t.Errorf("%s:%d: a table of %d columns", path, n+1, len(plain))
			}
			if inTable && strings.Contains(plain, "  ") && regexp.MustCompile(` [0-9]{4,}( |$)`).MatchString(plain) && !strings.Contains(plain, "KEY") && !strings.Contains(plain, "courier_id=4 ") {
				t.Errorf("%s:%d: a count without separators", path, n+1)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d tables; are they quoted otherwise now?", seen)
	}
}
