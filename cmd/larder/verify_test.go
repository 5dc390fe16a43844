package main

import (
	"strings"
	"testing"

	larderv1 "larder/api/larder/v1"
)

func TestFaultsFound(t *testing.T) {
	f := func(want string, v *larderv1.ViewVerification) {
		t.Helper()
		got := ""
		if err := faultsFound([]*larderv1.ViewVerification{v}); err != nil {
			got = err.Error()
		}
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f("", &larderv1.ViewVerification{Keys: 9, Equal: 8, Stale: 1})
	f("1 key differs from the source; larder materialize --full reads the source again", &larderv1.ViewVerification{Missing: 1})
	f("2 keys differ from the source; larder stream rebuild makes a view of a stream again from its log (activity), ", &larderv1.ViewVerification{FeatureView: "activity", FromLog: true, Missing: 2})
	f("1,234 keys differ from the source; larder materialize --full", &larderv1.ViewVerification{Mismatched: 1230, Missing: 3, Extra: 1})
	f("2 keys differ from the source: their rows are newer than any that the source has", &larderv1.ViewVerification{Extra: 2, Newer: 2})
	f("3 keys differ from the source; larder materialize --full reads the source again; 2 of them have rows that are newer", &larderv1.ViewVerification{Extra: 3, Newer: 2})
}
