package definitions_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/schema/definitions"
)

// TestParseFolderSaysWhatLoadSays: ParseFolder returns the same definitions and messages
// as Load.
func TestParseFolderSaysWhatLoadSays(t *testing.T) {
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // SHA-256 of abc
	f := func(text string) {
		t.Helper()
		dir := t.TempDir()
		name := filepath.Join(dir, "m.yaml")
		for file, content := range map[string]string{name: text, filepath.Join(dir, "m.onnx"): "abc"} {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, wantErr := definitions.Load(dir)
		got, gotErr := definitions.ParseFolder([]definitions.File{{Name: name, Data: []byte(text)}}, map[string]string{"m.onnx": abc})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("definitions (-Load +ParseFolder):\n%s", diff)
		}
		var there, here definitions.Errors
		if errors.As(wantErr, &there) != errors.As(gotErr, &here) || strings.ReplaceAll(there.Error(), " in "+dir, " in the folder") != here.Error() {
			t.Errorf("Load: %v\nParseFolder: %v", wantErr, gotErr)
		}
	}
	const model = `
entities: [{name: e, join_keys: [{name: k, type: int64}]}]
sources: [{name: s, table: t, timestamp_field: at}]
feature_views: [{name: v, entities: [e], source: s, features: [{name: f, type: float64}]}]
feature_services: [{name: w, features: ["v:*"]}]
models: [{name: m, feature_service: w, versions: [{version: 1, onnx: FILE}]}]
`
	for _, file := range []string{"m.onnx", "./m.onnx", "n.onnx", "../m.onnx", "m.onnx, sha256: " + abc, "m.onnx, sha256: " + strings.Repeat("ab", 32)} {
		f(strings.Replace(model, "FILE", file, 1))
	}
	f("entities: [{name: e, join_key: []}]")
	f("a: [")
}

func TestParseFolderRefusesNoFilesAndTooMany(t *testing.T) {
	for _, n := range []int{0, definitions.MaxFiles + 1} {
		if _, err := definitions.ParseFolder(make([]definitions.File, n), nil); err == nil {
			t.Errorf("%d files were read", n)
		}
	}
}
