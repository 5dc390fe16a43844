package definitions

import (
	"context"

	"larder/schema"
)

// maxTries is how often a change is tried when others apply at the same time. Each time one of
// them got through.
const maxTries = 20

// Amend applies a change to the newest definitions. If others apply a version
// meanwhile, Amend applies the change again on top of theirs.
func (e *Editor) Amend(ctx context.Context, by string, change func(*schema.Definitions) error) (*Applied, error) {
	for range maxTries - 1 {
		done, err := e.amendOnce(ctx, by, change)
		if !isMoved(err) {
			return done, err
		}
	}
	return e.amendOnce(ctx, by, change)
}

func (e *Editor) amendOnce(ctx context.Context, by string, change func(*schema.Definitions) error) (*Applied, error) {
	base, defs, err := e.Registry.Newest(ctx)
	if err != nil {
		return nil, err
	}
	if err := change(defs); err != nil {
		return nil, err
	}
	p, err := sound(e.Registry.ProposeAll(ctx, defs))
	if err != nil {
		return nil, err
	}
	if _, err := e.checkSources(ctx, p, changedSources); err != nil {
		return nil, err
	}
	return e.commit(ctx, p, base, by)
}

// AmendModel is [Editor.Amend] for a change to one model.
func (e *Editor) AmendModel(ctx context.Context, name, by string, change func(*schema.Model) error) (*Applied, error) {
	return e.Amend(ctx, by, func(defs *schema.Definitions) error {
		m, err := FindModel(defs, name)
		if err != nil {
			return err
		}
		return change(m)
	})
}

// FindModel returns the model with the given name.
func FindModel(defs *schema.Definitions, name string) (*schema.Model, error) {
	if m := defs.Model(name); m != nil {
		return m, nil
	}
	names := make([]string, len(defs.Models))
	for i := range defs.Models {
		names[i] = defs.Models[i].Name
	}
	return nil, schema.UnknownModel.Errorf("no model %q; %s", name, schema.Nearest(name, schema.SameProject(name, names)))
}

// HasVersion returns an error when a model does not have a version.
func HasVersion(m *schema.Model, version int64) error {
	if m.Version(version) == nil {
		return schema.UnknownModelVersion.Errorf("model %q has no version %d; larder models show %[1]s lists its versions", m.Name, version)
	}
	return nil
}
