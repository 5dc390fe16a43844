package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"time"

	"larder/schema"
	"larder/schema/modelfile"
)

// The limits on a folder.
const (
	MaxModels     = 1_000
	MaxVersions   = 1_000 // of one model
	MaxModelBytes = 256 << 20

	fileName = "model.onnx"
)

var (
	modelName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	versionName = regexp.MustCompile(`^[1-9][0-9]{0,17}$`) // 01 would be another folder of version 1
)

// A File is the model file of one version.
type File struct {
	Model   string
	Version int64
	Size    int64
	ModTime time.Time
}

func (f File) path() string { return path.Join(f.Model, strconv.FormatInt(f.Version, 10), fileName) }

// A Folder is not safe for concurrent use.
type Folder struct {
	root *os.Root
	seen map[string]File // the files found by the last look
}

// Open opens a folder that exists.
func Open(dir string) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the model repository: %w", err)
	}
	return &Folder{root: root, seen: map[string]File{}}, nil
}

// Close closes the folder.
func (f *Folder) Close() error { return f.root.Close() }

// Settled returns the files that are unchanged since the last look, in the order of
// model names.
func (f *Folder) Settled() ([]File, error) {
	files, err := f.list()
	if err != nil {
		return nil, fmt.Errorf("read the model repository: %w", err)
	}
	var settled []File
	now := make(map[string]File, len(files))
	for _, file := range files {
		now[file.path()] = file
		if f.seen[file.path()] == file {
			settled = append(settled, file)
		}
	}
	f.seen = now
	return settled, nil
}

func (f *Folder) list() ([]File, error) {
	models, err := f.folders(".", modelName, MaxModels)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, model := range models {
		versions, err := f.folders(model, versionName, MaxVersions)
		if err != nil {
			return nil, err
		}
		for _, name := range versions {
			version, err := strconv.ParseInt(name, 10, 64)
			if err != nil {
				continue
			}
			file := File{Model: model, Version: version}
			info, err := f.root.Stat(file.path())
			if err != nil || !info.Mode().IsRegular() {
				continue // missing, or not readable
			}
			file.Size, file.ModTime = info.Size(), info.ModTime()
			files = append(files, file)
		}
	}
	return files, nil
}

// folders returns the names of the subfolders that match a pattern, in order.
func (f *Folder) folders(in string, form *regexp.Regexp, most int) ([]string, error) {
	entries, err := fs.ReadDir(f.root.FS(), in)
	if err != nil {
		if in != "." && errors.Is(err, fs.ErrNotExist) {
			return nil, nil // removed meanwhile
		}
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if !entry.IsDir() || !form.MatchString(entry.Name()) {
			continue
		}
		if len(names) == most {
			return nil, fmt.Errorf("%s has over %d folders, which is the limit", path.Join(f.root.Name(), in), most)
		}
		names = append(names, entry.Name())
	}
	return names, nil
}

// Read returns the bytes of a file, with the weights in files beside it. It fails if the file changed since it was listed.
func (f *Folder) Read(file File) ([]byte, error) {
	if file.Size <= 0 || file.Size > MaxModelBytes {
		return nil, schema.ModelTooLarge.Errorf("%s has %d bytes; a model file must have 1 to %d", file.path(), file.Size, MaxModelBytes)
	}
	in, err := f.root.Open(file.path())
	if err != nil {
		return nil, err
	}
	defer in.Close()
	raw, err := io.ReadAll(io.LimitReader(in, file.Size+1))
	if err != nil {
		return nil, err
	}
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) != file.Size || !info.ModTime().Equal(file.ModTime) {
		return nil, schema.ModelChanging.Errorf("wait until %s is completely written; it is still changing", file.path())
	}
	return modelfile.Whole(raw, f.root, path.Dir(file.path()))
}
