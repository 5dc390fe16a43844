package modelfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/schema/modelfile"
)

// weighted is a model with two tensors of weights.
func weighted(a, b onnxmodel.Tensor) []byte {
	m := onnxmodel.Model{Graph: onnxmodel.Graph{
		Inputs:  []onnxmodel.Value{{Name: "x", Elem: onnxmodel.Float, Dims: []any{"N", int64(2)}}},
		Outputs: []onnxmodel.Value{{Name: "y", Elem: onnxmodel.Float, Dims: []any{"N", int64(2)}}},
		Nodes:   []onnxmodel.Node{{Op: "Identity", In: []string{"x"}, Out: []string{"y"}}},
	}}
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
		got, err := modelfile.Inline(weighted(a, b), func(name string) ([]byte, error) {
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
		_, err := modelfile.Inline(weighted(external, external), func(name string) ([]byte, error) {
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
		var said *schema.Error
		if !errors.As(err, &said) || said.Reason != schema.BadModelFile || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v; want it to say %q", err, words)
		}
	}
	f("8 bytes from byte 1", onnxmodel.Tensor{External: "w", Offset: 1, Length: 8})
	f("9 bytes from byte 0", onnxmodel.Tensor{External: "w", Length: 9})
	f("from byte 9223372036854775807", onnxmodel.Tensor{External: "w", Offset: 1<<63 - 1, Length: 8})
	f("offset \"-1\"", onnxmodel.Tensor{External: "w", Offset: -1, Length: 8})
	f("no file", onnxmodel.Tensor{External: "../w"})
	if _, err := modelfile.Inline([]byte{0xff}, nil); err == nil {
		t.Error("what is no protobuf message is inlined")
	}
}

// FuzzInline: for any model, all data of its main graph is inside afterwards.
func FuzzInline(f *testing.F) {
	w := onnxmodel.Floats("w", []int64{2}, []float32{1, 2})
	f.Add(weighted(w, onnxmodel.Tensor{Name: "w", Elem: onnxmodel.Float, External: "w", Offset: 1, Length: 4}), []byte("12345678"))
	f.Add(weighted(w, onnxmodel.Tensor{Name: "w", External: "w"}), []byte{})
	f.Fuzz(func(t *testing.T, model, file []byte) {
		got, err := modelfile.Inline(model, func(string) ([]byte, error) { return file, nil })
		if err != nil {
			return
		}
		again, err := modelfile.Inline(got, func(name string) ([]byte, error) { return nil, errors.New(name + " is outside") })
		if err != nil || !bytes.Equal(got, again) {
			t.Errorf("%v: %x became %x", err, got, again)
		}
	})
}

// TestRead: weights are read from the folder of the model, and from nowhere else.
func TestRead(t *testing.T) {
	w := onnxmodel.Floats("w", []int64{2}, []float32{1, 2})
	beside := func(name string) []byte {
		moved := w
		moved.External, moved.Length, moved.Raw = name, len(w.Raw), nil
		return weighted(moved, moved)
	}
	whole := weighted(w, w)
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o600)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("secret", w.Raw)
	write("in/model.onnx.data", w.Raw)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f := func(name, weights, words string) {
		t.Helper()
		path := write("in/"+name, beside(weights))
		for i, read := range []func() ([]byte, error){
			func() ([]byte, error) { return modelfile.Read(path) },
			func() ([]byte, error) { return modelfile.ReadIn(root, "in/"+name) },
		} {
			got, err := read()
			switch {
			case words == "" && (err != nil || !bytes.Equal(got, whole)):
				t.Errorf("%d: %v, %x; want %x", i, err, got, whole)
			case words != "" && (err == nil || !strings.Contains(err.Error(), words)):
				t.Errorf("%d: got %v; want it to say %q", i, err, words)
			}
		}
	}
	f("model.onnx", "model.onnx.data", "")
	f("up.onnx", "../secret", "outside the folder of the model")
	f("absolute.onnx", filepath.Join(dir, "secret"), "outside the folder of the model")
	f("absent.onnx", "nothing", "does not lie beside the model")
	if err := os.Symlink(filepath.Join(dir, "..", filepath.Base(dir), "secret"), filepath.Join(dir, "in", "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := modelfile.Read(write("in/link.onnx", beside("link"))); err == nil {
		t.Error("weights are read through a link that leads out of the folder")
	}
	if got, err := modelfile.Read(write("none.onnx", []byte("no model"))); err != nil || string(got) != "no model" {
		t.Errorf("what is no model: %q, %v", got, err)
	}
}
