package scoring_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/internal/onnxmodel"
	"larder/scoring"
)

// stamped is a model with pairs of metadata keys and values.
func stamped(pairs ...string) []byte {
	file := onnxmodel.MLP(onnxmodel.MLPOptions{Features: 2, Hidden: []int{2}})
	for i := 0; i < len(pairs); i += 2 {
		file = onnxmodel.AppendMetadata(file, pairs[i], pairs[i+1])
	}
	return file
}

func TestReadStamp(t *testing.T) {
	f := func(want scoring.Stamp, pairs ...string) {
		t.Helper()
		got, err := scoring.ReadStamp(stamped(pairs...))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", pairs, diff)
		}
	}
	f(scoring.Stamp{})
	f(scoring.Stamp{}, "author", "us")
	f(scoring.Stamp{Service: "s", Features: []string{"v:a", "v:b"}, Fingerprint: "abc"},
		"larder.feature_service", "s", "larder.features", `["v:a", "v:b"]`, "larder.fingerprint", "abc")
	f(scoring.Stamp{Features: []string{"v:c"}}, "larder.features", `["v:a", "v:b"]`, "larder.features", `["v:c"]`) // the last holds
	_, err := scoring.ReadStamp(stamped("larder.features", "v:a"))
	wantInvalid(t, err, "larder.features", "stamp the file again")
	_, err = scoring.ReadStamp([]byte("no model"))
	wantInvalid(t, err, "not an ONNX model")
}

func TestStampsThatDoNotFit(t *testing.T) {
	plan := plan(t, catalog(t, numbers(2), stamped()), 1)
	f := func(features []string, words ...string) {
		t.Helper()
		err := scoring.Stamp{Features: features}.CheckFeatures(plan)
		if words == nil {
			if err != nil {
				t.Errorf("%q: %v", features, err)
			}
			return
		}
		wantInvalid(t, err, append(words, plan.Service.Name)...)
	}
	a, b := plan.Features[0].Name, plan.Features[1].Name
	f(nil)
	f([]string{a, b})
	f([]string{b, a}, "feature 1 is "+b+" in the model and "+a+" in the service")
	f([]string{a}, "the model does not read "+b)
	f([]string{a, b, "v:c"}, "the model also reads v:c")
	if err := (scoring.Stamp{Fingerprint: plan.Fingerprint()}).CheckFingerprint(plan); err != nil {
		t.Error(err)
	}
	wantInvalid(t, scoring.Stamp{Fingerprint: "0123456789abcdef"}.CheckFingerprint(plan), "0123456789ab", plan.Fingerprint()[:12], "train the model again")
}
