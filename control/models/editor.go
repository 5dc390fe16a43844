package models

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/control/definitions"
	"larder/schema"
	"larder/scoring"
	"larder/store/offline"
	"larder/store/registry"
)

// Options configure an Editor. All are required, except what says otherwise.
type Options struct {
	Definitions *definitions.Editor
	Registry    *registry.Registry
	Offline     *offline.Store // nil on a server without Postgres
	// Model returns the model of a plan of the catalog that serves, and what gives it
	// back; nil where it is not loaded.
	Model      func(*schema.Plan) (m *scoring.Model, release func())
	Sources    Sources // none when empty
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// An Editor changes models. It is safe for concurrent use.
type Editor struct {
	Options
	looks  looks                  // at the sources of model versions
	faults *prometheus.CounterVec // of sources, by model
}

// New returns an Editor.
func New(opts Options) *Editor {
	opts.Sources.Every = cmp.Or(opts.Sources.Every, 10*time.Second)
	faults := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "larder_control_model_source_faults_total", Help: "Looks at MLflow or the model repository that found a version of a model that can't be brought.",
	}, []string{"model"})
	opts.Registerer.MustRegister(faults)
	return &Editor{Options: opts, looks: looks{byModel: map[string]look{}}, faults: faults}
}

// Put stores a model file of a SHA-256 and a size, whose chunks next returns; an
// empty one is the end.
func (e *Editor) Put(ctx context.Context, sum string, size int64, next func() ([]byte, error)) error {
	return e.Registry.PutModel(ctx, sum, size, next)
}

// Missing returns which model files the registry lacks.
func (e *Editor) Missing(ctx context.Context, sums []string) ([]string, error) {
	return e.Registry.MissingModels(ctx, sums)
}
