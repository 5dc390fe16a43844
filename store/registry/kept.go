package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"larder/internal/wholefile"
	"larder/schema"
)

const (
	catalogFile  = "catalog.json"
	modelsFolder = "models"
	keptFormat   = 1
)

// keptCatalog is the JSON of catalog.json: the last good catalog.
type keptCatalog struct {
	Format      int                 `json:"format"`
	Version     int64               `json:"version"`
	Fingerprint string              `json:"fingerprint"`
	Definitions *schema.Definitions `json:"definitions"`
	Storage     schema.Storage      `json:"storage"`
}

// Keep writes a catalog into a registry's folder, as if a server had served it. A
// server that starts there without Postgres serves it. files holds its model files by
// their SHA-256.
func Keep(dir string, c *schema.Catalog, files map[string][]byte) error {
	if err := os.MkdirAll(filepath.Join(dir, modelsFolder), 0o700); err != nil {
		return err
	}
	r := Registry{dir: dir}
	for sum, file := range files {
		if err := r.keepModel(sum, file); err != nil {
			return err
		}
	}
	return r.keep(c)
}

// Kept returns the catalog in a registry's folder: the one that its server served last.
func Kept(dir string) (*schema.Catalog, error) {
	r := Registry{dir: dir}
	return r.readKept()
}

// keep writes the catalog beside the rows and drops model files it doesn't use.
func (r *Registry) keep(c *schema.Catalog) error {
	raw, err := json.MarshalIndent(keptCatalog{keptFormat, c.Version, c.Fingerprint, &c.Definitions, c.Storage}, "", "  ")
	if err != nil {
		return err
	}
	if err := wholefile.Write(filepath.Join(r.dir, catalogFile), raw, 0o600); err != nil {
		return err
	}
	used := map[string]bool{}
	for _, p := range c.ModelPlans() {
		used[p.ModelVersion.SHA256] = true
	}
	files, err := os.ReadDir(filepath.Join(r.dir, modelsFolder))
	if err != nil {
		return err
	}
	for _, f := range files {
		if !used[f.Name()] {
			err = errors.Join(err, os.Remove(filepath.Join(r.dir, modelsFolder, f.Name())))
		}
	}
	return err
}

// readKept returns the kept catalog; os.ErrNotExist when there is none.
func (r *Registry) readKept() (*schema.Catalog, error) {
	path := filepath.Join(r.dir, catalogFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var kept keptCatalog
	if err := json.Unmarshal(raw, &kept); err != nil || kept.Definitions == nil {
		return nil, fmt.Errorf("%s is damaged: %w; remove it, and start with Postgres reachable", path, orEmpty(err))
	}
	if kept.Format != keptFormat {
		return nil, fmt.Errorf("%s has format %d, and this larder reads %d; use the larder that wrote it, or remove the file and start with Postgres reachable", path, kept.Format, keptFormat)
	}
	if got := kept.Definitions.Fingerprint(); got != kept.Fingerprint {
		return nil, fmt.Errorf("%s is damaged: its fingerprint is %s, not %s; remove it, and start with Postgres reachable", path, got, kept.Fingerprint)
	}
	return schema.Compile(kept.Version, kept.Definitions, kept.Storage)
}

func orEmpty(err error) error {
	if err == nil {
		return errors.New("it has no definitions")
	}
	return err
}
