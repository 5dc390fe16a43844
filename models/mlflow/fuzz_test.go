package mlflow

import (
	"path/filepath"
	"testing"
)

// FuzzOnnxFile: for any MLmodel file, the returned path stays below its folder.
func FuzzOnnxFile(f *testing.F) {
	f.Add([]byte("flavors: {onnx: {data: model.onnx}}"))
	f.Add([]byte("flavors: {onnx: {data: ../../etc/passwd}}"))
	f.Add([]byte("flavors: {sklearn: {}}"))
	f.Add([]byte("flavors: [1, &a *a]"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		name, err := onnxFile(raw)
		if err == nil && !filepath.IsLocal(name) {
			t.Errorf("%q leads elsewhere", name)
		}
	})
}
