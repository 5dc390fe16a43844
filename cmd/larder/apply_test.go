package main

import (
	"strings"
	"testing"

	larderv1 "larder/api/larder/v1"
)

// TestApplyReportsModelsThatChanged: the line about the output comes once, not with every
// apply.
func TestApplyReportsModelsThatChanged(t *testing.T) {
	f := func(want bool, changes ...*larderv1.Change) {
		t.Helper()
		var out strings.Builder
		printReports(&out, &larderv1.ApplyResponse{Changes: changes, Models: []*larderv1.ModelReport{{Model: "fraud", ModelVersion: 3, Output: "probabilities", Column: 1}}})
		if got := strings.Contains(out.String(), "model fraud version 3: the score is output probabilities, column 1"); got != want {
			t.Errorf("%v: %q", changes, out.String())
		}
	}
	change := func(noun, name, field string) *larderv1.Change {
		return &larderv1.Change{Noun: noun, Name: name, Field: field}
	}
	f(false)
	f(true, change("model", "fraud", ""))
	f(true, change("model", "fraud", "versions.3"))
	f(true, change("model", "fraud", "versions.3.column"))
	f(true, change("model", "fraud", "feature_service"))
	f(false, change("model", "fraud", "versions.30"), change("model", "fraud", "serve"), change("feature view", "fraud", ""), change("model", "churn", ""))
}
