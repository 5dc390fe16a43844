package scoring_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"larder/internal/onnxmodel"
	"larder/scoring"
)

// weighted is a model with two tensors of weights.
func weighted(a, b onnxmodel.Tensor) []byte {
	m := identity()
	m.Graph.Initializers = []onnxmodel.Tensor{a, onnxmodel.Ints("between", []int64{1}, 7), b}
	return m.Encode()
}

// TestInline: weights that lie beside a model are put where they would be in one file,
// byte for byte.
func TestInline(t *testing.T) {
	first, second := onnxmodel.Floats("first", []int64{2}, []float32{1, 2}), onnxmodel.Floats("second", []int64{1, 3}, []float32{3, 4, 5})
	whole := weighted(first, second)
	f := func(change func(a, b *onnxmodel.Tensor), files map[string][]byte) {
		t.Helper()
		a, b := first, second
		change(&a, &b)
		got, err := scoring.Inline(weighted(a, b), func(name string) ([]byte, error) {
			file, known := files[name]
			if !known {
				return nil, fs.ErrNotExist
			}
			delete(files, name) // it is read once
			return file, nil
		})
		if err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%x, %v; want %x", got, err, whole)
		}
	}
	beside := func(tensor *onnxmodel.Tensor, file string, offset int) {
		tensor.External, tensor.Offset, tensor.Length, tensor.Raw = file, offset, len(tensor.Raw), nil
	}
	f(func(_, _ *onnxmodel.Tensor) {}, nil)
	f(func(a, _ *onnxmodel.Tensor) { beside(a, "w", 0) }, map[string][]byte{"w": first.Raw})
	f(func(_, b *onnxmodel.Tensor) { b.External = "w" }, map[string][]byte{"w": second.Raw})
	both := append(append([]byte("pad"), first.Raw...), second.Raw...)
	f(func(a, b *onnxmodel.Tensor) {
		beside(a, "w", 3)
		beside(b, "w", 11)
	}, map[string][]byte{"w": both})
}

func TestInlineRefuses(t *testing.T) {
	f := func(words string, external onnxmodel.Tensor) {
		t.Helper()
		external.Name, external.Elem, external.Dims = "w", onnxmodel.Float, []int64{2}
		_, err := scoring.Inline(weighted(external, external), func(name string) ([]byte, error) {
			if name != "w" {
				return nil, errors.New("no file " + name)
			}
			return make([]byte, 8), nil
		})
		if words == "no file" {
			if err == nil {
				t.Error("a file that is not there is inlined")
			}
			return
		}
		wantInvalid(t, err, words)
	}
	f("8 bytes from byte 1", onnxmodel.Tensor{External: "w", Offset: 1, Length: 8})
	f("9 bytes from byte 0", onnxmodel.Tensor{External: "w", Length: 9})
	f("from byte 9223372036854775807", onnxmodel.Tensor{External: "w", Offset: 1<<63 - 1, Length: 8})
	f("offset \"-1\"", onnxmodel.Tensor{External: "w", Offset: -1, Length: 8})
	f("no file", onnxmodel.Tensor{External: "../w"})
	if _, err := scoring.Inline([]byte{0xff}, nil); err == nil {
		t.Error("what is no protobuf message is inlined")
	}
}

// FuzzInline: for any model, all data of its main graph is inside afterwards.
func FuzzInline(f *testing.F) {
	w := onnxmodel.Floats("w", []int64{2}, []float32{1, 2})
	f.Add(weighted(w, onnxmodel.Tensor{Name: "w", Elem: onnxmodel.Float, External: "w", Offset: 1, Length: 4}), []byte("12345678"))
	f.Add(weighted(w, onnxmodel.Tensor{Name: "w", External: "w"}), []byte{})
	f.Fuzz(func(t *testing.T, model, file []byte) {
		got, err := scoring.Inline(model, func(string) ([]byte, error) { return file, nil })
		if err != nil {
			return
		}
		again, err := scoring.Inline(got, func(name string) ([]byte, error) { return nil, errors.New(name + " is outside") })
		if err != nil || !bytes.Equal(got, again) {
			t.Errorf("%v: %x became %x", err, got, again)
		}
	})
}
