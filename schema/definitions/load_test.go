package definitions_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"larder/schema/definitions"
	"larder/schema/modelfile"
)

// write makes a file and its folders.
func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// loaded is the definitions of a folder without the model.
const loaded = `entities: [{name: a, join_keys: [{name: k, type: int64}]}]
sources: [{name: s, table: t, timestamp_field: at}]
feature_views: [{name: v, entities: [a], source: s, features: [{name: f, type: int64}]}]
feature_services: [{name: w, features: ["v:f"]}]
`

const modelLine = "models: [{name: m, feature_service: w, versions: [{version: 1, onnx: %s}]}]\n"

func TestLoadReadsFoldersAndSumsModels(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "features.yaml", loaded)
	write(t, dir, "deep/er/models.yml", fmt.Sprintf(modelLine, "files/m.onnx"))
	write(t, dir, "files/m.onnx", "abc")
	write(t, dir, ".hidden.yaml", "nonsense")
	write(t, dir, ".git/config.yaml", "nonsense")
	write(t, dir, "notes.txt", "nonsense")
	defs, err := definitions.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, appendix B.1
	if got := defs.Models[0].Versions[0].SHA256; got != abc {
		t.Errorf("sha256 %s, want %s", got, abc)
	}
	if got, want := definitions.ModelFiles(dir, defs)[abc], filepath.Join(dir, "files", "m.onnx"); got != want {
		t.Errorf("model file %s, want %s", got, want)
	}
}

// TestLoadReportsAllFilesAtOnce: one error per fault, in the order of files and lines,
// including a reference into another file.
func TestLoadReportsAllFilesAtOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", strings.Replace(loaded, "source: s,", "source: ss,", 1))
	write(t, dir, "b.yaml", "entities:\n  - {name: a, join_keys: [{name: k, type: int64}]}\n  - {name: b}\n")
	write(t, dir, "c/d.yaml", fmt.Sprintf(modelLine, "m.onnx"))
	write(t, dir, "models/m-1.onnx", "abc")
	_, err := definitions.Load(dir)
	want := strings.NewReplacer("DIR", dir).Replace(`DIR/a.yaml:3:50: feature view "v": no source "ss"; did you mean "s"?
DIR/b.yaml:2:12: duplicate entity "a"; rename one
DIR/b.yaml:3:5: entity "b" has no join key; write join_keys: [{name: b_id, type: int64}]
DIR/c/d.yaml:1:70: no file m.onnx in DIR; there is only models/m-1.onnx`)
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var faults definitions.Errors
	if !errors.As(err, &faults) || len(faults) != 4 {
		t.Errorf("%T with %d faults", err, len(faults))
	}
}

func TestLoadRefusesFolders(t *testing.T) {
	f := func(want string, prepare func(dir string)) {
		t.Helper()
		dir := t.TempDir()
		prepare(dir)
		_, err := definitions.Load(filepath.Join(dir, "defs"))
		if want = strings.ReplaceAll(want, "DIR", dir); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	f("no folder DIR/defs; name the one that holds the definitions", func(string) {})
	f("DIR/defs is a file; name the folder that holds the definitions", func(dir string) { write(t, dir, "defs", "") })
	f("no definitions in DIR/defs: the folder has no file *.yaml or *.yml", func(dir string) { write(t, dir, "defs/README.md", "") })
	f("no definitions in DIR/defs: its files define nothing (are they all comments?)", func(dir string) { write(t, dir, "defs/all.yaml", "# entities: []\n") })
	f(fmt.Sprintf("DIR/defs has %d definition files; use at most %d", definitions.MaxFiles+1, definitions.MaxFiles), func(dir string) {
		for i := range definitions.MaxFiles + 1 {
			write(t, dir, fmt.Sprintf("defs/%d.yaml", i), "")
		}
	})
}

func TestLoadRefusesFiles(t *testing.T) {
	f := func(want string, prepare func(dir string)) {
		t.Helper()
		dir := t.TempDir()
		write(t, dir, "secret.yaml", "entities: []\n")
		write(t, dir, "defs/a.yaml", loaded)
		prepare(filepath.Join(dir, "defs"))
		_, err := definitions.Load(filepath.Join(dir, "defs"))
		if want = strings.ReplaceAll(want, "DIR", filepath.Join(dir, "defs")); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	link := func(to, name string) func(string) {
		return func(dir string) {
			t.Helper()
			write(t, dir, "m.yaml", fmt.Sprintf(modelLine, "m.onnx"))
			if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	f("DIR/b.yaml:1:1: this symbolic link points to a missing file; fix or remove it\nDIR/m.yaml:1:70: no file m.onnx in DIR; it has no .onnx file", link("gone", "b.yaml"))
	f("DIR/b.yaml:1:1: a symbolic link points outside DIR; copy the file into the folder\nDIR/m.yaml:1:70: no file m.onnx in DIR; it has no .onnx file", link("../secret.yaml", "b.yaml"))
	f("DIR/m.yaml:1:70: model file m.onnx: a symbolic link points outside DIR; copy the file into the folder", link("/etc/passwd", "m.onnx"))
	f("DIR/b.yaml:1:1: this is not a regular file; replace it with a regular file", func(dir string) {
		if err := syscall.Mkfifo(filepath.Join(dir, "b.yaml"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	f(fmt.Sprintf("DIR/b.yaml:1:1: the file has %d bytes (limit %d); split it", definitions.MaxFileBytes+1, definitions.MaxFileBytes), func(dir string) {
		write(t, dir, "b.yaml", "#"+strings.Repeat(" ", 2*definitions.MaxFileBytes))
	})
	f("DIR/m.yaml:1:70: model file m.onnx: the file has 268435457 bytes; a model may have at most 256 MiB", func(dir string) {
		write(t, dir, "m.yaml", fmt.Sprintf(modelLine, "m.onnx"))
		write(t, dir, "m.onnx", "")
		if err := os.Truncate(filepath.Join(dir, "m.onnx"), modelfile.MaxBytes+1); err != nil {
			t.Fatal(err)
		}
	})
	f("DIR/m.yaml:1:86: m.onnx does not have the given sha256: it has ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, not "+strings.Repeat("ab", 32)+
		"; replace the file, or write its sha256 here", func(dir string) {
		write(t, dir, "m.yaml", fmt.Sprintf(modelLine, "m.onnx, sha256: "+strings.Repeat("ab", 32)))
		write(t, dir, "m.onnx", "abc")
	})
	f("DIR/b.yaml:2:3: byte 0xff is not UTF-8; save the file as UTF-8", func(dir string) { write(t, dir, "b.yaml", "# x\n# \xff\n") })
}

// TestManyFaultsAreCutShort: a file that is all wrong does not fill the screen.
func TestManyFaultsAreCutShort(t *testing.T) {
	_, err := definitions.Parse(source("entities:\n" + strings.Repeat("  - {nmae: x}\n", 1500)))
	var faults definitions.Errors
	if !errors.As(err, &faults) || len(faults) != 1001 {
		t.Fatalf("%d faults", len(faults))
	}
	if got, want := faults[1000].Error(), "a.yaml:1002:6: 500 more errors; fix those above first"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
