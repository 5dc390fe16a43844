package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	feastcore "larder/api/feast/core"
	"larder/schema/definitions"
)

const feastRepository = "../../importer/feast/testdata/feast-0.67.0"

// runImport runs larder import feast with arguments.
func runImport(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRootCommand()
	root.SetArgs(append([]string{"import", "feast"}, args...))
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestImportFeast(t *testing.T) {
	t.Setenv("RIDES_SCHEMA", "rides")
	dir := filepath.Join(t.TempDir(), "a", "definitions")
	out, err := runImport(t, feastRepository, "--out", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"wrote 5 files to " + dir + ": 6 entities, 11 sources, 12 feature views, 4 on-demand views, 4 feature services\n", "ABOUT", "on-demand view", "next:\n  larder plan " + dir} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	defs, err := definitions.Load(dir)
	if err != nil || len(defs.FeatureViews) != 12 {
		t.Fatalf("%v, %v", defs, err)
	}

	if _, err := runImport(t, feastRepository, "--out", dir); err == nil || !strings.Contains(err.Error(), "is not empty; name a new one with --out, or replace an import before with --force") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "on_demand_views.yaml"), []byte("of before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := runImport(t, feastRepository, "--out", dir, "--force"); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "more.yaml"), []byte("entities: [{name: driver}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := runImport(t, feastRepository, "--out", dir, "--force"); err == nil || !strings.Contains(err.Error(), "is not valid with the other files in it") {
		t.Error(err)
	}
}

func TestImportFeastWithoutWriting(t *testing.T) {
	t.Setenv("RIDES_SCHEMA", "rides")
	dir := filepath.Join(t.TempDir(), "definitions")
	out, err := runImport(t, feastRepository, "--out", dir, "--dry-run", "--registry", filepath.Join(feastRepository, "registry.db"))
	if err != nil || !strings.Contains(out, "# entities.yaml\nentities:\n") || !strings.Contains(out, "would write 5 files to "+dir) || strings.Contains(out, "next:") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = runImport(t, feastRepository, "--out", dir, "--dry-run", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Files  map[string]string
		Counts map[string]int
		Report []struct{ Kind, Name, What, Do string }
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(answer.Files) != 5 || answer.Counts["feature_views"] != 12 || len(answer.Report) == 0 || answer.Report[0].Do == "" {
		t.Errorf("%+v", answer)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("it wrote the folder")
	}
}

// TestImportFeastOfNothing: a registry of which nothing can be imported.
func TestImportFeastOfNothing(t *testing.T) {
	dir := t.TempDir()
	r := &feastcore.Registry{FeatureViews: []*feastcore.FeatureView{{Spec: &feastcore.FeatureViewSpec{Name: "stats", Project: "p", Entities: []string{"gone"}}}}}
	raw, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"registry.db": raw, "feature_store.yaml": []byte("project: p\nregistry: registry.db\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{dir}, {dir, "--json"}, {dir, "--dry-run"}} {
		out, err := runImport(t, append(args, "--out", filepath.Join(dir, "out"))...)
		if err == nil || !strings.Contains(err.Error(), `no feature view of project "p" can be imported, so nothing was written`) || !strings.Contains(out, "its entity gone is") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("it wrote the folder")
	}
}

func TestImportFeastThatIsRefused(t *testing.T) {
	t.Setenv("RIDES_SCHEMA", "rides")
	f := func(want string, args ...string) {
		t.Helper()
		if _, err := runImport(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want %q", args, err, want)
		}
	}
	f("missing DIR")
	f("name the folder of a Feast repository", t.TempDir())
	f(`no feature view of project "other"`, feastRepository, "--project", "other")
	f("download it", feastRepository, "--registry", "gs://bucket/registry.db")
}
