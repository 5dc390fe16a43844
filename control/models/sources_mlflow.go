package models

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"larder/models/mlflow"
	"larder/schema"
	"larder/schema/modelfile"
)

// followAliases checks the alias of each model that follows one.
func (e *Editor) followAliases(ctx context.Context) {
	models := e.Registry.Catalog().Definitions.Models
	for i := range models {
		m := &models[i]
		if m.MLflow == nil || ctx.Err() != nil {
			continue
		}
		now := look{source: fmt.Sprintf("mlflow %s@%s", m.MLflowModel(), m.MLflow.Alias)}
		now.version, now.fault = e.followAlias(ctx, m, now.source)
		e.looked(ctx, m.Name, now)
	}
}

// followAlias serves the version that a model's alias names if the alias has moved
// since it was last followed. What a person did since then stays: followAlias doesn't
// undo a rollback.
func (e *Editor) followAlias(ctx context.Context, m *schema.Model, source string) (int64, error) {
	v, err := e.VersionSources.MLflow.Alias(ctx, m.MLflowModel(), m.MLflow.Alias)
	if err != nil {
		return 0, err
	}
	key, number := m.Name+" "+source, strconv.FormatInt(v.Number, 10)
	followed, err := e.Registry.Followed(ctx, key)
	if err != nil || followed == number {
		return v.Number, err
	}
	last := e.looks.last(m.Name)
	if lasts(last.fault) && last.source == source && last.version == v.Number && last.catalog == e.Registry.Catalog().Version {
		return v.Number, last.fault
	}
	a := arrival{model: m.Name, serve: true, by: source}
	a.version, err = e.describe(ctx, v)
	if err != nil {
		return v.Number, err
	}
	file, beside, err := e.VersionSources.MLflow.ONNX(ctx, v)
	if err != nil {
		return v.Number, err
	}
	if file, err = modelfile.Inline(file, beside); err != nil {
		return v.Number, err
	}
	if err := e.bring(ctx, a, file); err != nil {
		return v.Number, err
	}
	return v.Number, e.Registry.Follow(ctx, key, number)
}

// describe returns the metrics and tags of a version in MLflow that fit in definitions.
func (e *Editor) describe(ctx context.Context, v *mlflow.Version) (schema.ModelVersion, error) {
	out := schema.ModelVersion{Version: v.Number, From: schema.FromMLflow}
	if len(v.Tags) > 0 {
		out.Tags = few(v.Tags, func(key, text string) bool { return len(key)+len(text) <= schema.MaxVersionNoteBytes })
	}
	if v.RunID == "" {
		return out, nil
	}
	metrics, err := e.VersionSources.MLflow.Metrics(ctx, v.RunID)
	if err == nil && len(metrics) > 0 {
		out.Metrics = few(metrics, func(name string, _ float64) bool { return len(name) <= schema.MaxVersionNoteBytes })
	}
	return out, err
}

// few returns the entries of m that fit, in the order of their keys.
func few[V any](m map[string]V, fits func(string, V) bool) map[string]V {
	out := map[string]V{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if key != "" && fits(key, m[key]) && len(out) < schema.MaxVersionNotes {
			out[key] = m[key]
		}
	}
	return out
}
