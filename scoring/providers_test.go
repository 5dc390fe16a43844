package scoring_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
)

// TestProvidersFallBack: the library of the tests has none of the devices that are
// asked for, so that the cpu scores, and it is said why.
func TestProvidersFallBack(t *testing.T) {
	file := onnxmodel.MLP(onnxmodel.MLPOptions{Features: 3, Hidden: []int{4}, Seed: 1})
	asked := []schema.Provider{
		{Name: "tensorrt", Options: map[string]string{"trt_fp16_enable": "1"}},
		{Name: "cuda", Options: map[string]string{"device_id": "0"}},
		{Name: "openvino", Options: map[string]string{"device_type": "CPU"}},
		{Name: "coreml"},
		{Name: "cpu"},
	}
	said := &bytes.Buffer{}
	set := scoring.NewSet(library, scoring.SetOptions{Logger: slog.New(slog.NewTextHandler(said, nil))})
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	cat := compileModel(t, numbers(3), schema.Model{Providers: asked}, file)
	m := prepared(t, set, cat, filesOf(file)).Model(plan(t, cat, 1))
	name, skipped := m.Provider()
	if name != "cpu" || len(skipped) != len(asked)-1 {
		t.Fatalf("%s runs the model, and %v were skipped", name, skipped)
	}
	for i, s := range skipped {
		if s.Provider != asked[i].Name || s.Reason == "" {
			t.Errorf("skipped %+v; want %s, and why", s, asked[i].Name)
		}
		if !strings.Contains(said.String(), s.Provider) {
			t.Errorf("the log doesn't say that %s was skipped: %s", s.Provider, said)
		}
	}
	r := acquire(t, m, 2)
	defer r.Release()
	if err := r.Score(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestNoProviderIsRefused: a list without the cpu doesn't fall back to it.
func TestNoProviderIsRefused(t *testing.T) {
	file := onnxmodel.MLP(onnxmodel.MLPOptions{Features: 3, Hidden: []int{4}, Seed: 1})
	cat := compileModel(t, numbers(3), schema.Model{Providers: []schema.Provider{{Name: "cuda"}}}, file)
	_, err := newSet(t).Prepare(t.Context(), cat, filesOf(file).fetch)
	var refusal *schema.Error
	if !errors.As(err, &refusal) || refusal.Kind != schema.FailedPrecondition || refusal.Reason != "NO_PROVIDER" || !strings.Contains(refusal.Message, "cuda: ") {
		t.Errorf("%v; want a refusal that says what is wrong with cuda", err)
	}
}
