package datasets

import (
	"context"
	"encoding/json"
	"regexp"

	"larder/schema"
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

// setName matches names of training sets. None looks like an id, which begins with a digit.
var setName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`)

// CheckName returns an error when a training set can't get a name, which may be empty.
func (b *Builder) CheckName(ctx context.Context, name string) error {
	switch {
	case name == "":
		return nil
	case !setName.MatchString(name):
		return schema.BadCommand.Errorf("%q can't name a training set; use letters, digits, _, . and -, at most 128, with a letter first", name)
	}
	return b.Registry.DatasetNameIsFree(ctx, name)
}

// Record stores a manifest, under a name that may be empty, and returns its JSON.
func (b *Builder) Record(ctx context.Context, name string, m *training.Manifest) ([]byte, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return raw, b.Registry.RecordDataset(ctx, registry.Dataset{
		ID: m.ID, Name: name, CreatedAt: m.CreatedAt, FeatureService: m.FeatureService, Manifest: raw,
	})
}
