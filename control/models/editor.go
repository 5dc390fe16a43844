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

// Options configure an Editor. Every field is required unless its comment says otherwise.
type Options struct {
	Definitions *definitions.Editor
	Registry    *registry.Registry
	Offline     *offline.Store // nil on a server without Postgres
	// Model returns the model of a plan of the catalog that serves, and a function that
	// releases it. The model is nil when it is not loaded.
	Model func(*schema.Plan) (m *scoring.Model, release func())
	// Release ends the quarantine of a version.
	Release        func(*schema.Plan) error
	VersionSources VersionSources // may be empty
	Logger         *slog.Logger
	Registerer     prometheus.Registerer
}

// An Editor changes models. It is safe for concurrent use.
type Editor struct {
	Options
	looks  looks                  // the last check of each model's source
	faults *prometheus.CounterVec // faults of sources, by model
}

// New returns an Editor.
func New(opts Options) *Editor {
	opts.VersionSources.Every = cmp.Or(opts.VersionSources.Every, 10*time.Second)
	faults := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "larder_control_model_source_faults_total", Help: "Checks of MLflow or the model repository that found a model version that cannot be imported.",
	}, []string{"model"})
	opts.Registerer.MustRegister(faults)
	return &Editor{Options: opts, looks: looks{byModel: map[string]look{}}, faults: faults}
}

// Put stores a model file with the given SHA-256 and size. next returns its chunks; an
// empty chunk ends the file.
func (e *Editor) Put(ctx context.Context, sum string, size int64, next func() ([]byte, error)) error {
	return e.Registry.PutModel(ctx, sum, size, next)
}

// Missing returns which model files the registry lacks.
func (e *Editor) Missing(ctx context.Context, sums []string) ([]string, error) {
	return e.Registry.MissingModels(ctx, sums)
}
