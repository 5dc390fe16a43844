package dbt

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"larder/schema"
	"larder/schema/definitions"
)

// A Line of the report says what was left out, and what to do.
type Line struct {
	Kind string `json:"kind"` // such as model or source
	Name string `json:"name"` // in dbt
	What string `json:"what"`
	Do   string `json:"do"`
}

// A Result is what an import made.
type Result struct {
	Definitions schema.Definitions
	Comments    []definitions.Comment
	Report      []Line
}

// Files returns the definitions as YAML files.
func (r *Result) Files() ([]definitions.File, error) {
	return definitions.Write(&r.Definitions, r.Comments...)
}

var fileName = regexp.MustCompile(`^(entities|sources|feature_views)(_[0-9]+)?\.yaml$`)

// IsFile reports whether an import may have written a file of this name.
func IsFile(name string) bool { return fileName.MatchString(name) }

// title is how a node is called in a project: model customer_daily, source app.customers.
func (n *node) title() string { return n.kind() + " " + n.fullName() }

func (n *node) kind() string { return cmp.Or(n.Kind, "node") }

// fullName is the name that refs and sources use.
func (n *node) fullName() string {
	switch {
	case n.Kind == "source" && n.SourceName != "":
		return fmt.Sprintf("%s.%s", n.SourceName, n.Name)
	case n.ModelVersion != "":
		return fmt.Sprintf("%s.v%s", n.Name, n.ModelVersion)
	}
	return cmp.Or(string(n.Name), n.ID)
}

// file is where a reader finds what is said of the node.
func (n *node) file() string {
	if _, path, found := strings.Cut(string(n.Patch), "://"); found {
		return path
	}
	return string(n.Path)
}

// place is how errors name the node.
func (n *node) place() string {
	if file := n.file(); file != "" {
		return file + ": " + n.title()
	}
	return n.title()
}

func (i *importer) report(n *node, what, do string) {
	line := Line{Kind: n.kind(), Name: n.fullName(), What: what, Do: do}
	if !slices.Contains(i.result.Report, line) {
		i.result.Report = append(i.result.Report, line)
	}
}
