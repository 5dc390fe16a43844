package layers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/internal/layers"
)

func TestTheHouseIsAsTheTableSays(t *testing.T) {
	found, err := layers.Read("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range layers.House.Check(found) {
		t.Error(fault)
	}
}

// A slow or dead database can't slow or stop a request: whatever serving
// imports, and what that imports, is no door to Postgres.
func TestServingCantSeePostgres(t *testing.T) {
	doors := layers.House.Doors["github.com/jackc/pgx/v5"]
	reached := map[string]string{"serving": "serving"}
	for queue := []string{"serving"}; len(queue) > 0; queue = queue[1:] {
		for _, door := range doors {
			if queue[0] == door {
				t.Errorf("serving reaches Postgres: %s", reached[door])
			}
		}
		for _, next := range layers.House.Packages[queue[0]].Imports {
			if reached[next] == "" {
				reached[next] = reached[queue[0]] + " imports " + next
				queue = append(queue, next)
			}
		}
	}
	if len(reached) < 5 {
		t.Errorf("the walk saw only %v", reached)
	}
}

// small is a house of four rooms that the tests below break in each way.
func small() (layers.Table, map[string]layers.Imports) {
	table := layers.Table{
		Packages: map[string]layers.Package{
			"nouns":   {Floor: 1},
			"store":   {Floor: 2, Imports: []string{"nouns"}},
			"main":    {Floor: 3, All: true},
			"outside": {Floor: 4, Imports: []string{"nouns"}, BlackBox: true},
		},
		Doors: map[string][]string{"example.org/db": {"store"}, "example.org/db/parts": {"nouns"}},
	}
	found := map[string]layers.Imports{
		"nouns":   {Code: []string{"fmt", "example.org/db/parts"}, Tests: []string{"larder/nouns", "example.org/compare"}},
		"store":   {Code: []string{"C", "example.org/db/sub", "larder/nouns"}},
		"main":    {Code: []string{"larder/nouns", "larder/store"}},
		"outside": {Tests: []string{"larder/nouns", "os"}},
	}
	return table, found
}

func TestCheckAllowsWhatTheTableSays(t *testing.T) {
	table, found := small()
	if diff := cmp.Diff([]string(nil), table.Check(found)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestCheckRefuses(t *testing.T) {
	f := func(want string, breakIt func(layers.Table, map[string]layers.Imports)) {
		t.Helper()
		table, found := small()
		breakIt(table, found)
		faults := table.Check(found)
		if len(faults) != 1 || !strings.Contains(faults[0], want) {
			t.Errorf("faults %q, want one with %q", faults, want)
		}
	}
	type (
		T = layers.Table
		I = map[string]layers.Imports
	)
	f("package util is not in the table", func(_ T, found I) { found["util"] = layers.Imports{} })
	f("remove gone from internal/layers/table.go", func(table T, _ I) { table.Packages["gone"] = layers.Package{Floor: 1} })
	f("nouns imports store, and may import no package of ours", func(_ T, found I) { found["nouns"] = layers.Imports{Code: []string{"larder/store"}} })
	f("main imports outside, and may import every package on a lower floor", func(_ T, found I) {
		found["main"] = layers.Imports{Code: []string{"larder/outside"}}
	})
	f("nouns imports example.org/db, but only store may import that", func(_ T, found I) {
		found["nouns"] = layers.Imports{Code: []string{"example.org/db"}}
	})
	f("main imports example.org/dbase, a dependency that is not in the table", func(_ T, found I) {
		found["main"] = layers.Imports{Code: []string{"example.org/dbase"}}
	})
	f("the tests of nouns (floor 1) import store (floor 2)", func(_ T, found I) {
		found["nouns"] = layers.Imports{Tests: []string{"larder/store"}}
	})
	f("the tests of outside import store; they see the product from outside", func(_ T, found I) {
		found["outside"] = layers.Imports{Tests: []string{"larder/store"}}
	})
	f("imports go down only", func(table T, _ I) {
		table.Packages["nouns"] = layers.Package{Floor: 1, Imports: []string{"store"}}
	})
	f("the table lets nouns import words, but it has no row", func(table T, _ I) {
		table.Packages["nouns"] = layers.Package{Floor: 1, Imports: []string{"words"}}
	})
	f("makes words a door of example.org/x", func(table T, _ I) { table.Doors["example.org/x"] = []string{"words"} })
}

func TestReadTellsCodeFromTestsAndPassesOtherModulesBy(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"a/a.go":          "package a\nimport \"fmt\"\n",
		"a/a_windows.go":  "//go:build windows\npackage a\nimport \"larder/b\"\n",
		"a/a_test.go":     "package a_test\nimport \"testing\"\n",
		"a/testdata/x.go": "package x\nimport \"hidden\"\n",
		"other/go.mod":    "module other\n",
		"other/o.go":      "package other\nimport \"hidden\"\n",
		".cache/c/c.go":   "package c\nimport \"hidden\"\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := layers.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]layers.Imports{"a": {Code: []string{"fmt", "larder/b"}, Tests: []string{"testing"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("imports (-want +got):\n%s", diff)
	}
}
