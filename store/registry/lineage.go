package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"larder/schema"
)

// Rows are the stored rows of a server. They carry a note, also in backups, of the
// definitions that they were written with.
type Rows interface {
	Note() (string, error)
	SetNote(string) error
}

// A lineage is that note: the registry, and the newest version that was served with
// the rows.
type lineage struct {
	Registry  string `json:"registry"`
	Version   int64  `json:"version"`
	VersionID string `json:"version_id"` // "" for version 0
}

// inherit checks that the rows belong to the registry in Postgres, and to a version
// that it still has. It returns their lineage as of version next.
func (r *Registry) inherit(ctx context.Context, next int64) (lineage, error) {
	var rows lineage
	note, err := r.opts.Rows.Note()
	if err != nil {
		return rows, err
	}
	if note != "" {
		if err := json.Unmarshal([]byte(note), &rows); err != nil {
			return rows, fmt.Errorf("read which registry the rows belong to: %w", err)
		}
	}
	var found lineage
	const sql = `SELECT id, coalesce((SELECT id FROM larder.versions WHERE version = $1), ''),
		coalesce((SELECT id FROM larder.versions WHERE version = $2), '') FROM larder.registry`
	var same string
	if err := r.pool.QueryRow(ctx, sql, rows.Version, next).Scan(&found.Registry, &same, &found.VersionID); err != nil {
		return rows, describe(err)
	}
	found.Version = next
	const remedy = "stop the server, remove its data folder, and start it: it refills from Postgres"
	switch {
	case note == "":
	case rows.Registry != found.Registry:
		return rows, schema.OtherRegistry.Errorf("the rows in this data folder belong to another registry (%s; this Postgres has %s); give another --data folder, or %s", rows.Registry, found.Registry, remedy)
	case rows.VersionID != same || rows.Version > next:
		return rows, schema.RegistryWentBack.Errorf("the rows in this data folder belong to version %d, which Postgres does not have (was it restored from a backup?); %s", rows.Version, remedy)
	}
	return found, nil
}

// bequeath stores with the rows the version that they are written with from now on.
func (r *Registry) bequeath(rows lineage) {
	note, err := json.Marshal(rows)
	if err == nil {
		err = r.opts.Rows.SetNote(string(note))
	}
	if err != nil { // the old note still distinguishes these rows from those of another registry
		r.opts.Logger.Warn("cannot record the served version with the rows", "version", rows.Version, "error", err)
	}
}

// isForeign reports whether err says that the rows belong to other definitions.
func isForeign(err error) bool {
	var said *schema.Error
	return errors.As(err, &said) && (said.Reason == schema.OtherRegistry || said.Reason == schema.RegistryWentBack)
}
