package feast_test

import (
	"path/filepath"
	"testing"

	"larder/importer/feast"
	"larder/importer/feast/registry"
)

// TestReleases: the registries that testdata/make.py wrote with releases of Feast become
// the same definitions.
func TestReleases(t *testing.T) {
	folders, err := filepath.Glob("testdata/feast-*")
	if err != nil || len(folders) < 3 {
		t.Fatalf("folders %q, %v", folders, err)
	}
	env := func(name string) (string, bool) { return "rides", name == "RIDES_SCHEMA" }
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			c, err := registry.ReadConfig(folder, env)
			if err != nil {
				t.Fatal(err)
			}
			r, err := registry.Read(t.Context(), c, "")
			if err != nil {
				t.Fatal(err)
			}
			c.Dir = "rides"
			result := feast.Import(c, r)
			for _, file := range checkValid(t, result) {
				golden(t, file.Name, string(file.Data))
			}
			golden(t, "report.txt", reported(result))
		})
	}
}
