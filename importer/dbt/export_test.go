package dbt

import "strings"

// ParseManifest reads a manifest from its text.
func ParseManifest(text string) (*Manifest, error) {
	m := new(Manifest)
	return m, m.read(strings.NewReader(text))
}

// ParseCatalog reads a catalog from its text.
func ParseCatalog(text string) (*Catalog, error) {
	c := &Catalog{tables: map[string]*table{}}
	return c, c.read(strings.NewReader(text))
}
