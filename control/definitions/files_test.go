package definitions_test

import (
	"errors"
	"strings"
	"testing"

	"larder/control/definitions"
	"larder/schema"
	files "larder/schema/definitions"
)

func TestDefinitionsThatCantBeReadAreRefused(t *testing.T) {
	f := func(err error, words ...string) {
		t.Helper()
		var said *schema.Error
		if !errors.As(err, &said) || said.Kind != schema.Invalid || said.Reason != "BAD_DEFINITIONS" {
			t.Fatalf("got %v", err)
		}
		for _, w := range words {
			if !strings.Contains(said.Message, w) {
				t.Errorf("got %q, want it to say %q", said.Message, w)
			}
		}
	}
	_, err := definitions.ReadJSON([]byte(`{"views": []}`))
	f(err, `unknown field "views"`)
	_, err = definitions.ReadFiles([]files.File{{Name: "all.yaml", Data: []byte("entities:\n  - {name: user, keys: []}\n")}}, nil)
	f(err, "all.yaml:2:18", "keys")
	_, err = definitions.ReadFiles(nil, nil)
	f(err, "no file *.yaml")
	_, err = definitions.ReadFiles([]files.File{{Name: "all.yaml", Data: []byte("# nothing\n")}}, nil)
	f(err, "define nothing")
	defs, err := definitions.ReadFiles([]files.File{{Name: "all.yaml", Data: []byte("entities: [{name: user, join_keys: [{name: id, type: int64}]}]\n")}}, nil)
	if err != nil || len(defs.Entities) != 1 {
		t.Errorf("%v, %v", defs, err)
	}
}

func TestFindModelNamesTheNearest(t *testing.T) {
	defs := &schema.Definitions{Models: []schema.Model{{Name: "fraud", Versions: []schema.ModelVersion{{Version: 2}}}}}
	m, err := definitions.FindModel(defs, "fraud")
	if err != nil || m != &defs.Models[0] {
		t.Fatalf("%v, %v", m, err)
	}
	if _, err := definitions.FindModel(defs, "frod"); err == nil || !strings.Contains(err.Error(), "fraud") {
		t.Errorf("got %v", err)
	}
	if err := definitions.HasVersion(m, 2); err != nil {
		t.Error(err)
	}
	if err := definitions.HasVersion(m, 3); err == nil {
		t.Error("the model has no version 3")
	}
}
