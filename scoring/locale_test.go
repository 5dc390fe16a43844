package scoring_test

import (
	"errors"
	"strings"
	"testing"

	"larder/internal/onnxmodel"
	"larder/schema"
)

// textModel lowers its words before it encodes them.
func textModel(locale string) onnxmodel.Model {
	normalizer := onnxmodel.Node{
		Op: "StringNormalizer", In: []string{"flat"}, Out: []string{"lower"}, Name: "lower",
		Attrs: []onnxmodel.Attr{{Name: "case_change_action", Value: "LOWER"}, {Name: "is_case_sensitive", Value: int64(1)}},
	}
	if locale != "" {
		normalizer.Attrs = append(normalizer.Attrs, onnxmodel.Attr{Name: "locale", Value: locale})
	}
	return onnxmodel.Model{Graph: onnxmodel.Graph{
		Inputs:  []onnxmodel.Value{{Name: "word", Elem: onnxmodel.String, Dims: []any{"N", int64(1)}}},
		Outputs: []onnxmodel.Value{{Name: "score", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
		Initializers: []onnxmodel.Tensor{
			onnxmodel.Ints("one", []int64{1}, -1), onnxmodel.Ints("two", []int64{2}, -1, 1),
		},
		Nodes: []onnxmodel.Node{
			{Op: "Reshape", In: []string{"word", "one"}, Out: []string{"flat"}},
			normalizer,
			{Op: "Reshape", In: []string{"lower", "two"}, Out: []string{"column"}},
			{Op: "LabelEncoder", Domain: "ai.onnx.ml", In: []string{"column"}, Out: []string{"score"}, Attrs: []onnxmodel.Attr{
				{Name: "keys_strings", Value: []string{"street"}}, {Name: "values_floats", Value: []float32{7}}, {Name: "default_float", Value: float32(1)},
			}},
		},
	}}
}

// TestLocaleOfATextModel: one that the machine lacks is named, with what to install; one
// that it has works, also in a process that can't open files.
func TestLocaleOfATextModel(t *testing.T) {
	prepare := func(locale string) error {
		m := textModel(locale)
		file := m.Encode()
		cat := catalog(t, []schema.Feature{{Name: "word", Type: schema.String, Default: ""}}, file)
		_, err := newSet(t).Prepare(t.Context(), cat, filesOf(file).fetch)
		return err
	}
	for _, locale := range []string{"xx_YY.UTF-8", "none", "/etc/passwd", strings.Repeat("long", 1000)} {
		err := prepare(locale)
		var said *schema.Error
		if !errors.As(err, &said) || said.Reason != schema.LocaleMissing {
			t.Fatalf("locale %.20q: %v", locale, err)
		}
		for _, part := range []string{`"` + locale[:min(len(locale), 80)], "apt-get install locales-all", "C.UTF-8"} {
			if !strings.Contains(err.Error(), part) || len(err.Error()) > 800 {
				t.Errorf("%v\ndoes not say %s", err, part)
			}
		}
	}

	m := textModel("C.UTF-8")
	file := m.Encode()
	model := load(t, []schema.Feature{{Name: "word", Type: schema.String, Default: ""}}, file)
	r := acquire(t, model, 2)
	defer r.Release()
	r.Input(0).Strings[0], r.Input(0).Strings[1] = "STREET", "lane"
	if err := r.Score(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.Scores(); got[0] != 7 || got[1] != 1 {
		t.Errorf("scores %v; want 7 and 1", got)
	}
}
