package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"larder/schema"
)

// Versions returns the newest versions, newest first.
func (r *Registry) Versions(ctx context.Context, limit int) ([]Version, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	rows, err := r.pool.Query(ctx, `SELECT version, fingerprint, applied_by, applied_at, coalesce(reverts_to, 0)
		FROM larder.versions ORDER BY version DESC LIMIT $1`, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	versions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Version])
	if err != nil {
		return nil, unavailable(err)
	}
	return versions, nil
}

// Version returns the definitions of a version; 0 means the newest.
func (r *Registry) Version(ctx context.Context, number int64) (Version, *schema.Definitions, error) {
	if err := r.reachable(); err != nil {
		return Version{}, nil, err
	}
	read := readNewest
	if number != 0 {
		read = func(ctx context.Context, q querier) (int64, *schema.Definitions, schema.Storage, error) {
			return readVersion(ctx, q, number)
		}
	}
	found, defs, _, err := read(ctx, r.pool)
	if errors.Is(err, pgx.ErrNoRows) {
		return Version{}, nil, unknownVersion(number)
	}
	if err != nil {
		return Version{}, nil, unavailable(err)
	}
	rows, err := r.pool.Query(ctx, `SELECT version, fingerprint, applied_by, applied_at, coalesce(reverts_to, 0)
		FROM larder.versions WHERE version = $1`, found)
	if err != nil {
		return Version{}, nil, unavailable(err)
	}
	v, err := pgx.CollectOneRow(rows, pgx.RowToStructByPos[Version])
	if errors.Is(err, pgx.ErrNoRows) { // before the first apply
		return Version{}, defs, nil
	}
	return v, defs, unavailable(err)
}

func unknownVersion(number int64) error {
	return schema.UnknownVersion.Errorf("there is no applied version %d; list the versions with `larder apply --list`", number)
}

// CatalogOf returns the catalog of a version of the definitions, also of one that does
// not serve any more.
func (r *Registry) CatalogOf(ctx context.Context, version int64) (*schema.Catalog, error) {
	if c := r.Catalog(); c != nil && c.Version == version {
		return c, nil
	}
	if c := r.past.Load(); c != nil && c.Version == version {
		return c, nil
	}
	if err := r.reachable(); err != nil {
		return nil, err
	}
	c, err := r.compileVersion(ctx, version)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, unknownVersion(version)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	r.past.Store(c)
	return c, nil
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// readNewest reads the newest version; with none it returns version 0.
func readNewest(ctx context.Context, q querier) (int64, *schema.Definitions, schema.Storage, error) {
	version, defs, storage, err := scanVersion(q.QueryRow(ctx, `SELECT version, definitions, storage FROM larder.versions
		ORDER BY version DESC LIMIT 1`))
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, &schema.Definitions{}, storage, nil
	}
	return version, defs, storage, err
}

// readVersion reads one version; without it the error is pgx.ErrNoRows.
func readVersion(ctx context.Context, q querier, version int64) (int64, *schema.Definitions, schema.Storage, error) {
	return scanVersion(q.QueryRow(ctx, `SELECT version, definitions, storage FROM larder.versions WHERE version = $1`, version))
}

func scanVersion(row pgx.Row) (version int64, defs *schema.Definitions, storage schema.Storage, err error) {
	var definitions, stored string
	if err := row.Scan(&version, &definitions, &stored); err != nil {
		return 0, nil, storage, err
	}
	defs = new(schema.Definitions)
	if err := json.Unmarshal([]byte(definitions), defs); err != nil {
		return 0, nil, storage, fmt.Errorf("definitions of version %d: %w", version, err)
	}
	if err := json.Unmarshal([]byte(stored), &storage); err != nil {
		return 0, nil, storage, fmt.Errorf("storage of version %d: %w", version, err)
	}
	return version, defs, storage, nil
}
