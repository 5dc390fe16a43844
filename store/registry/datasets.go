package registry

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/schema"
)

// A Dataset is the record of one training set.
type Dataset struct {
	ID             string
	CreatedAt      time.Time
	FeatureService string
	Manifest       []byte // training.Manifest as JSON
}

// RecordDataset stores the record of a training set.
func (r *Registry) RecordDataset(ctx context.Context, d Dataset) error {
	if err := r.reachable(); err != nil {
		return err
	}
	_, err := r.pool.Exec(ctx, "INSERT INTO larder.datasets (id, created_at, feature_service, manifest) VALUES ($1, $2, $3, $4)",
		d.ID, d.CreatedAt, d.FeatureService, d.Manifest)
	return unavailable(err)
}

// Dataset returns the record of a training set.
func (r *Registry) Dataset(ctx context.Context, id string) (Dataset, error) {
	found, err := r.datasets(ctx, "WHERE id = $1", id)
	if err != nil {
		return Dataset{}, err
	}
	if len(found) == 0 {
		return Dataset{}, schema.UnknownDataset.Errorf("there is no training set %q; list the newest with `larder dataset --list`", id)
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
	rows, err := r.pool.Query(ctx, "SELECT id, created_at, feature_service, manifest FROM larder.datasets "+which, arg)
	if err != nil {
		return nil, unavailable(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Dataset])
	return found, unavailable(err)
}
