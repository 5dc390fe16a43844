package definitions_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"larder/schema"
	"larder/schema/definitions"
)

// FuzzParse: every file is either read or refused with places in it. What is read
// survives the round trip through the registry, which stores JSON, and through the files
// that an export writes.
func FuzzParse(f *testing.F) {
	f.Add(good)
	files, err := filepath.Glob("testdata/faults/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range strings.Split(string(text), caseEnd) {
			text, _, _ := strings.Cut(c, saidBegin)
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		defs, err := definitions.Parse(source(text))
		if err != nil {
			wantPlaces(t, err, 1+strings.Count(text, "\n")+strings.Count(text, "\r")) // each ends a line, to YAML
			return
		}
		if err := defs.ValidateFolder(); err != nil {
			t.Fatalf("what was read is not valid: %v", err)
		}
		local, err := defs.Local()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(local)
		if err != nil {
			t.Fatal(err)
		}
		var again schema.Definitions
		if err := json.Unmarshal(raw, &again); err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		again.Qualify()
		if diff := diff.Diff(*defs, again, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("JSON changed the definitions (-before +after):\n%s", diff)
		}
		wantWritten(t, defs)
	})
}

// wantWritten checks that the files of an export define the same. As in the registry,
// versions have SHA-256s, and no paths.
func wantWritten(t *testing.T, defs *schema.Definitions) {
	t.Helper()
	for i := range defs.Models {
		for j := range defs.Models[i].Versions {
			v := &defs.Models[i].Versions[j]
			v.ONNX, v.SHA256 = "", cmp.Or(v.SHA256, strings.Repeat("0a", 32))
		}
	}
	local, err := defs.Local()
	if err != nil {
		t.Fatal(err)
	}
	files, err := definitions.Write(local)
	if err != nil {
		t.Fatal(err)
	}
	again, err := definitions.Parse(files)
	if err != nil {
		t.Fatalf("what was written can't be read: %v\n%s", err, files)
	}
	if diff := diff.Diff(defs, again, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("the files define something else (-before +after):\n%s\n%s", diff, files)
	}
}

// wantPlaces checks that each fault has a line, a column and a message.
func wantPlaces(t *testing.T, err error, lines int) {
	t.Helper()
	var faults definitions.Errors
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("an error without a place: %v", err)
	}
	for _, e := range faults {
		if e.File != "a.yaml" || e.Line < 1 || e.Line > lines || e.Column < 1 || e.Message == "" || strings.Contains(e.Message, "\n") {
			t.Fatalf("a fault that stands nowhere or says nothing, of %d lines: %q", lines, e.Error())
		}
	}
}
