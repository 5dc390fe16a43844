package fraud

import (
	"embed"
	"io/fs"
)

//go:embed definitions
var definitions embed.FS

// Definitions is the folder that `larder apply` takes: definitions in YAML, and
// the model below models/.
func Definitions() fs.FS {
	folder, err := fs.Sub(definitions, "definitions")
	if err != nil {
		panic(err) // the folder's name is a constant
	}
	return folder
}
