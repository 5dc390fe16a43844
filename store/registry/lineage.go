package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"larder/schema"
)

// The reasons of the errors of rows that belong to other definitions than those
// in Postgres: served with these, they would be somebody else's values.
const (
	otherRegistry = "OTHER_REGISTRY"
	wentBack      = "REGISTRY_WENT_BACK"
)

// Rows are the stored rows of a server. They keep a note, wherever a backup
// takes them, of the definitions that they were written with.
type Rows interface {
	Note() (string, error)
	SetNote(string) error
}

// A lineage is that note: the registry and the newest version that was served
// over the rows.
type lineage struct {
	Registry  string `json:"registry"`
	Version   int64  `json:"version"`
	VersionID string `json:"version_id"` // "" of version 0, which is nobody's
}

// inherit checks that the rows are of the registry in Postgres, and of a version
// that it still holds, and returns their lineage as of version next.
func (r *Registry) inherit(ctx context.Context, next int64) (lineage, error) {
	var rows lineage
	note, err := r.opts.Rows.Note()
	if err != nil {
		return rows, err
	}
	if note != "" {
		if err := json.Unmarshal([]byte(note), &rows); err != nil {
			return rows, fmt.Errorf("the note of which registry the rows are of: %w", err)
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
		return rows, schema.Errorf(schema.FailedPrecondition, otherRegistry,
			"the rows here are of another registry (%s; this Postgres holds %s); give another --data folder, or %s", rows.Registry, found.Registry, remedy)
	case rows.VersionID != same || rows.Version > next:
		return rows, schema.Errorf(schema.FailedPrecondition, wentBack,
			"the rows here are of a version %d that Postgres does not hold, as after a restored backup; %s", rows.Version, remedy)
	}
	return found, nil
}

// bequeath notes with the rows what they are written with from now on.
func (r *Registry) bequeath(rows lineage) {
	note, err := json.Marshal(rows)
	if err == nil {
		err = r.opts.Rows.SetNote(string(note))
	}
	if err != nil { // the note of before still tells these rows from another registry's
		r.opts.Logger.Warn("the version that is served can't be noted with the rows", "version", rows.Version, "error", err)
	}
}

// isForeign tells whether err says that the rows are of other definitions.
func isForeign(err error) bool {
	var said *schema.Error
	return errors.As(err, &said) && (said.Reason == otherRegistry || said.Reason == wentBack)
}
