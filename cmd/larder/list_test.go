package main

import (
	"testing"

	larderv1 "larder/api/larder/v1"
)

// TestUsers: lists count what uses a definition, show names all of it.
func TestUsers(t *testing.T) {
	f := func(few, all string, by ...*larderv1.DefinitionName) {
		t.Helper()
		d := &larderv1.Definition{UsedBy: by}
		if got := users(d); got != few {
			t.Errorf("got %s, want %s", got, few)
		}
		if got := allUsers(d); got != all {
			t.Errorf("got %s, want %s", got, all)
		}
	}
	model := &larderv1.DefinitionName{Kind: "model", Name: "m"}
	a, b := &larderv1.DefinitionName{Kind: "feature service", Name: "a"}, &larderv1.DefinitionName{Kind: "feature service", Name: "b"}
	f("-", "nothing")
	f("feature service a", "feature service a", a)
	f("2 feature services, model m", "feature services a, b, model m", a, b, model)
}
