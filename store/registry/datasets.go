package registry

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"larder/schema"
)

// A Dataset is the record of one training set.
type Dataset struct {
	ID             string
	Name           string // that a person gave it; may be empty
	CreatedAt      time.Time
	FeatureService string
	Manifest       []byte // training.Manifest as JSON
}

// RecordDataset stores the record of a training set. No other may have its name.
func (r *Registry) RecordDataset(ctx context.Context, d Dataset) error {
	if err := r.reachable(); err != nil {
		return err
	}
	_, err := r.pool.Exec(ctx, "INSERT INTO larder.datasets (id, name, created_at, feature_service, manifest) VALUES ($1, nullif($2, ''), $3, $4, $5)",
		d.ID, d.Name, d.CreatedAt, d.FeatureService, d.Manifest)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.ConstraintName == "datasets_name_key" {
		return datasetNameTaken(d.Name)
	}
	return unavailable(err)
}

func datasetNameTaken(name string) error {
	return schema.DatasetNameTaken.Errorf("a training set called %q exists already, and a name never moves to another; choose another name", name)
}

// DatasetNameIsFree returns an error when a training set has the name.
func (r *Registry) DatasetNameIsFree(ctx context.Context, name string) error {
	found, err := r.datasets(ctx, "WHERE name = $1", name)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return datasetNameTaken(name)
	}
	return nil
}

// Dataset returns the record of the training set with an id or a name.
func (r *Registry) Dataset(ctx context.Context, id string) (Dataset, error) {
	found, err := r.datasets(ctx, "WHERE id = $1 OR name = $1", id)
	if err != nil {
		return Dataset{}, err
	}
	if len(found) == 0 {
		return Dataset{}, NoDataset(id)
	}
	return found[0], nil
}

// Datasets returns the records of the newest training sets, newest first.
func (r *Registry) Datasets(ctx context.Context, limit int) ([]Dataset, error) {
	return r.datasets(ctx, "ORDER BY created_at DESC LIMIT $1", limit)
}

func (r *Registry) datasets(ctx context.Context, which string, arg any) ([]Dataset, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	rows, err := r.pool.Query(ctx, "SELECT id, coalesce(name, ''), created_at, feature_service, manifest FROM larder.datasets "+which, arg)
	if err != nil {
		return nil, unavailable(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Dataset])
	return found, unavailable(err)
}

// NoDataset is the error for a training set that isn't there.
func NoDataset(id string) error {
	return schema.UnknownDataset.Errorf("there is no training set %q; list the newest with `larder dataset --list`", id)
}
