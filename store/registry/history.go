package registry

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"larder/schema"
)

// maxHistory is how many versions of the definitions are searched.
const maxHistory = 1000

// PastModels are the models of one version of the definitions.
type PastModels struct {
	Version
	Models []schema.Model
}

// ModelHistory returns the models of the newest versions of the definitions,
// newest first; at most the newest thousand.
func (r *Registry) ModelHistory(ctx context.Context) ([]PastModels, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	rows, err := r.pool.Query(ctx, `SELECT version, fingerprint, applied_by, applied_at, coalesce(reverts_to, 0), coalesce(definitions::json ->> 'models', '[]')
		FROM larder.versions ORDER BY version DESC LIMIT $1`, maxHistory)
	if err != nil {
		return nil, unavailable(err)
	}
	history, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (PastModels, error) {
		var p PastModels
		var models string
		if err := row.Scan(&p.Version.Version, &p.Fingerprint, &p.AppliedBy, &p.AppliedAt, &p.RevertsTo, &models); err != nil {
			return p, err
		}
		if err := json.Unmarshal([]byte(models), &p.Models); err != nil {
			return p, fmt.Errorf("models of version %d: %w", p.Version.Version, err)
		}
		return p, nil
	})
	return history, unavailable(err)
}

// Model returns the model with a name as it was then, or nil.
func (p *PastModels) Model(name string) *schema.Model {
	then := schema.Definitions{Models: p.Models}
	return then.Model(name)
}

// Followed returns the value that Follow stored last for a source of model versions;
// empty when there is none.
func (r *Registry) Followed(ctx context.Context, source string) (string, error) {
	if err := r.reachable(); err != nil {
		return "", err
	}
	var followed string
	err := r.pool.QueryRow(ctx, "SELECT coalesce((SELECT followed FROM larder.model_sources WHERE source = $1), '')", source).Scan(&followed)
	return followed, unavailable(err)
}

// Follow stores what is followed now.
func (r *Registry) Follow(ctx context.Context, source, version string) error {
	_, err := r.pool.Exec(ctx, `INSERT INTO larder.model_sources (source, followed) VALUES ($1, $2)
		ON CONFLICT (source) DO UPDATE SET followed = excluded.followed, at = now()`, source, version)
	return unavailable(err)
}
