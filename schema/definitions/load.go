package definitions

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"larder/schema"
	"larder/schema/modelfile"
)

// MaxFiles bounds the definition files of a folder.
const MaxFiles = 1_000

// Load reads all definition files of a folder and its subfolders: names that end in
// .yaml or .yml and don't start with a dot. It sets the SHA-256 of each model version
// from its file; if one is given, the file must match. The error is Errors, or says why
// the folder can't be read.
func Load(dir string) (*schema.Definitions, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, openError(dir, err)
	}
	defer root.Close()
	names, err := walk(root)
	if err != nil {
		return nil, fmt.Errorf("read definitions in %s: %w", dir, err)
	}
	if len(names.yaml) == 0 {
		return nil, fmt.Errorf("no definitions in %s: the folder has no file *.yaml or *.yml", dir)
	}
	if len(names.yaml) > MaxFiles {
		return nil, fmt.Errorf("%[2]s has %[1]d definition files; use at most %[3]d", len(names.yaml), dir, MaxFiles)
	}
	r := newReader()
	for _, name := range names.yaml {
		shown := filepath.Join(dir, filepath.FromSlash(name))
		data, err := readFile(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("this symbolic link points to a missing file; fix or remove it")
		}
		if err != nil {
			r.unreadable(place{shown, 1, 1}, "%v", err)
			continue
		}
		r.file(File{Name: shown, Data: data})
	}
	r.sums(modelFolder{
		where: root.Name(), files: names.onnx,
		sum: func(name string) (string, error) { return fileSum(root, name) },
	})
	r.schemas(root)
	return r.finishFolder(" in " + dir)
}

// schemas reads the files that the formats of streams name.
func (r *reader) schemas(root *os.Root) {
	for i := range r.defs.Streams {
		f, at := r.defs.Streams[i].Format, fmt.Sprintf("streams[%d].format.file", i)
		if f == nil || f.File == "" {
			continue
		}
		data, err := readFile(root, filepath.FromSlash(f.File))
		switch {
		case !filepath.IsLocal(f.File):
			err = errors.New("it is outside the definitions folder; use a path below it")
		case errors.Is(err, fs.ErrNotExist):
			err = errors.New("the folder has no such file")
		}
		if err != nil {
			r.faulty[at] = true
			r.addf(r.at[at], "file %q: %v", f.File, err)
			continue
		}
		f.File, f.Schema = "", string(data)
	}
}

// ModelFiles returns the path of each model file of definitions that were
// loaded from dir, by its SHA-256.
func ModelFiles(dir string, defs *schema.Definitions) map[string]string {
	paths := map[string]string{}
	for _, m := range defs.Models {
		for _, v := range m.Versions {
			if v.ONNX == "" {
				continue // the registry has it
			}
			paths[v.SHA256] = filepath.Join(dir, filepath.FromSlash(v.ONNX))
		}
	}
	return paths
}

func openError(dir string, err error) error {
	info, statErr := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no folder %s; name the one that holds the definitions", dir)
	case statErr == nil && !info.IsDir():
		return fmt.Errorf("%s is a file; name the folder that holds the definitions", dir)
	}
	return fmt.Errorf("open the definitions folder: %w", err)
}

// fileNames are the files of a folder, in lexical order.
type fileNames struct{ yaml, onnx []string }

func walk(root *os.Root) (names fileNames, err error) {
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case entry.IsDir():
		case path.Ext(name) == ".yaml", path.Ext(name) == ".yml":
			names.yaml = append(names.yaml, name)
		case path.Ext(name) == ".onnx":
			names.onnx = append(names.onnx, name)
		}
		return nil
	})
	return names, err
}

// readFile reads a file below root. It follows symbolic links to other files below root.
func readFile(root *os.Root, name string) ([]byte, error) {
	f, err := openFile(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFileBytes+1)) // one more byte shows that it is too large
}

func openFile(root *os.Root, name string) (*os.File, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, fileError(root, err)
	}
	if !info.Mode().IsRegular() { // a pipe would block
		return nil, errors.New("this is not a regular file; replace it with a regular file")
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, fileError(root, err)
	}
	return f, nil
}

func fileError(root *os.Root, err error) error {
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return err
	case errors.Is(err, fs.ErrPermission):
		return errors.New("permission denied; change the file's permissions")
	case errors.As(err, &at) && strings.Contains(at.Err.Error(), "escapes"):
		return fmt.Errorf("a symbolic link points outside %s; copy the file into the folder", root.Name())
	}
	return err
}

// fileSum returns the SHA-256 of a model file, with the weights beside it in it.
func fileSum(root *os.Root, name string) (string, error) {
	file, err := modelfile.ReadIn(root, name)
	if err != nil {
		return "", fileError(root, err)
	}
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:]), nil
}
