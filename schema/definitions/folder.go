package definitions

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"larder/schema"
)

// ParseFolder is [Load] for a folder on another machine. It gets the definition files,
// in this order, and the SHA-256 of each model file by its path below the folder, with
// slashes. It reports the same errors as Load.
func ParseFolder(files []File, models map[string]string) (*schema.Definitions, error) {
	if len(files) == 0 {
		return nil, errors.New("no definitions: the folder has no file *.yaml or *.yml")
	}
	if len(files) > MaxFiles {
		return nil, fmt.Errorf("the folder has %d definition files; use at most %d", len(files), MaxFiles)
	}
	r := newReader()
	for _, f := range files {
		r.file(f)
	}
	r.sums(modelFolder{
		where: "the folder", files: slices.Sorted(maps.Keys(models)),
		sum: func(name string) (string, error) {
			if sum, found := models[name]; found {
				return sum, nil
			}
			return "", fs.ErrNotExist
		},
	})
	return r.finishFolder("")
}

// finishFolder is finish for a folder, which must define something: files that were
// emptied by mistake must not delete all that is defined.
func (r *reader) finishFolder(where string) (*schema.Definitions, error) {
	defs, err := r.finish()
	if err == nil && defs.IsEmpty() && defs.Project == "" {
		return nil, fmt.Errorf("no definitions%s: its files define nothing (are they all comments?)", where)
	}
	return defs, err
}

// A modelFolder is the folder of the model files.
type modelFolder struct {
	where string                            // as errors name it
	files []string                          // paths below it, with slashes
	sum   func(name string) (string, error) // the SHA-256 of a file
}

// sums fills in the SHA-256 of every model version, or checks it if it is given.
func (r *reader) sums(folder modelFolder) {
	for i := range r.defs.Models {
		m := &r.defs.Models[i]
		for j := range m.Versions {
			at := fmt.Sprintf("models[%d].versions[%d]", i, j)
			switch v := &m.Versions[j]; {
			case v.ONNX != "" && filepath.IsLocal(v.ONNX) && !r.faulty[at]:
				r.sum(folder, at, v)
			case v.ONNX != "" || r.faulty[at]:
				r.faulty[at+".sha256"] = r.faulty[at+".sha256"] || v.SHA256 == "" // because there is no file
			}
		}
	}
}

func (r *reader) sum(folder modelFolder, at string, v *schema.ModelVersion) {
	sum, err := folder.sum(path.Clean(filepath.ToSlash(v.ONNX)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy := "it has no .onnx file"
		if len(folder.files) > 0 {
			remedy = schema.Nearest(v.ONNX, folder.files)
		}
		err = fmt.Errorf("no file %s in %s; %s", v.ONNX, folder.where, remedy)
	case err != nil:
		err = fmt.Errorf("model file %s: %w", v.ONNX, err)
	}
	if err != nil {
		r.addf(r.at[at+".onnx"], "%v", err)
		r.faulty[at+".onnx"] = true
		r.faulty[at+".sha256"] = r.faulty[at+".sha256"] || v.SHA256 == ""
		return
	}
	if v.SHA256 == "" {
		v.SHA256 = sum
		return
	}
	if given, err := hex.DecodeString(v.SHA256); err == nil && len(given) == sha256.Size && !strings.EqualFold(v.SHA256, sum) {
		r.addf(r.at[at+".sha256"], "%s does not have the given sha256: it has %s, not %s; replace the file, or write its sha256 here", v.ONNX, sum, v.SHA256)
		r.faulty[at+".sha256"] = true
	}
}
