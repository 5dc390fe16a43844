package datasets

import (
	"context"
	"encoding/json"

	"larder/store/registry"
	"larder/training"
)

// Dataset returns the record of a training set.
func (b *Builder) Dataset(ctx context.Context, id string) (registry.Dataset, error) {
	return b.Registry.Dataset(ctx, id)
}

// Datasets returns the records of the newest training sets, at most limit.
func (b *Builder) Datasets(ctx context.Context, limit int) ([]registry.Dataset, error) {
	return b.Registry.Datasets(ctx, limit)
}

// Record stores a manifest and returns its JSON.
func (b *Builder) Record(ctx context.Context, m *training.Manifest) ([]byte, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return raw, b.Registry.RecordDataset(ctx, registry.Dataset{
		ID: m.ID, CreatedAt: m.CreatedAt, FeatureService: m.FeatureService, Manifest: raw,
	})
}
