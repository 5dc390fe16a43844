package feast

import (
	"regexp"

	"larder/schema/definitions"
)

// Files returns the definition files.
func (r *Result) Files() ([]definitions.File, error) {
	return definitions.Write(r.Definitions, r.Comments...)
}

var fileName = regexp.MustCompile(`^(entities|sources|feature_views|on_demand_views|feature_services)(_[0-9]+)?\.yaml$`)

// IsFile reports whether an import may have written a file of this name.
func IsFile(name string) bool { return fileName.MatchString(name) }
