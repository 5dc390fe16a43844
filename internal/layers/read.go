package layers

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Read returns the imports of every package below the root, by its folder.
// The root itself holds no package; folders with a go.mod are other modules.
func Read(root string) (map[string]Imports, error) {
	found := map[string]Imports{}
	root = filepath.Clean(root)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != root && foreign(path, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Dir(path) == root || !strings.HasSuffix(path, ".go") {
			return nil
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		imports, err := fileImports(path)
		if err != nil {
			return err
		}
		folder = filepath.ToSlash(folder)
		pkg := found[folder]
		if strings.HasSuffix(path, "_test.go") {
			pkg.Tests = union(pkg.Tests, imports)
		} else {
			pkg.Code = union(pkg.Code, imports)
		}
		found[folder] = pkg
		return nil
	})
	return found, err
}

// foreign reports whether the go command also skips a folder.
func foreign(path, name string) bool {
	if name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

func fileImports(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	imports := make([]string, 0, len(file.Imports))
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		imports = append(imports, imported)
	}
	return imports, nil
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
