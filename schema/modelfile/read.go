package modelfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protowire"
)

// MaxBytes bounds a model file, with the weights beside it.
const MaxBytes = 256 << 20

// Read reads the model file at a path, and the weights beside it. They must lie in the
// folder of the model file.
func Read(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder; name an ONNX file", name)
	case info.Size() > MaxBytes:
		return nil, fmt.Errorf("%s: %w", name, tooLarge(info.Size()))
	}
	model, err := os.ReadFile(name) // of the caller's choice: it may be a link to anywhere
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	whole, err := Whole(model, root, ".")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return whole, nil
}

// ReadIn reads a model file below a root, and the weights beside it. They must lie in the
// folder of the model file. Links may not lead out of the root.
func ReadIn(root *os.Root, name string) ([]byte, error) {
	model, err := readIn(root, name)
	if err != nil {
		return nil, err
	}
	return Whole(model, root, path.Dir(name))
}

// Whole adds the weights that lie in a folder below a root to a model file of that folder.
func Whole(model []byte, root *os.Root, folder string) ([]byte, error) {
	switch {
	case len(model) == 0:
		return nil, errors.New("the file is empty; export the model again")
	case len(model) > MaxBytes:
		return nil, tooLarge(int64(len(model)))
	}
	whole, err := Inline(model, func(name string) ([]byte, error) {
		if !filepath.IsLocal(name) {
			return nil, bad("its weights are in %.200q, which is outside the folder of the model; put the file beside the model, and export it again with a name alone", name)
		}
		data, err := readIn(root, path.Join(folder, filepath.ToSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, bad("its weights are in the file %.200q, which does not lie beside the model; copy it there, or save the model in one file (onnx.save with save_as_external_data=False)", name)
		}
		if err != nil {
			return nil, fmt.Errorf("read the weights beside the model: %w", err)
		}
		return data, nil
	})
	if err != nil && len(model) > 0 && !isMessage(model) {
		return model, nil // the server says what is wrong with a file that is no ONNX model
	}
	return whole, err
}

// isMessage reports whether bytes can be a protobuf message.
func isMessage(b []byte) bool {
	return eachField(b, func(protowire.Number, uint64, []byte) error { return nil }) == nil
}

func readIn(root *os.Root, name string) ([]byte, error) {
	info, err := root.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // a pipe would block
		return nil, errors.New("this is not a regular file; replace it with a regular file")
	case info.Size() > MaxBytes:
		return nil, tooLarge(info.Size())
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxBytes+1)) // one more byte shows that it has grown too large
}

func tooLarge(size int64) error {
	return fmt.Errorf("the file has %d bytes; a model may have at most %d MiB", size, MaxBytes>>20)
}
