package datasets

import (
	"context"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/schema"
	"larder/store/offline"
	"larder/store/registry"
	"larder/training"
)

// maxSets bounds how many training sets and readings of view rows run at once. Each
// holds up to three connections to Postgres.
const maxSets = 2

// MaxConns is the most connections to Postgres that a Builder uses.
const MaxConns = 3 * maxSets

// Options configure a Builder.
type Options struct {
	Registry *registry.Registry
	Offline  *offline.Store // nil on a server without Postgres
}

// A Builder builds training sets. It is safe for concurrent use.
type Builder struct {
	Options
	slots chan struct{} // one per set that may run at once
}

// New returns a Builder.
func New(opts Options) *Builder {
	return &Builder{Options: opts, slots: make(chan struct{}, maxSets)}
}

// A Request asks for a training set.
type Request struct {
	Service         string        // the feature service that lists the features, or
	Model           string        // the model that reads it
	ModelVersion    int64         // of Model
	CatalogVersion  int64         // of the definitions; 0 means the one that serves
	AsOf            training.AsOf // defaults to training.IngestTime
	EventTimeColumn string        // of the spine; defaults to event_time
	OwnEventColumn  string        // of the spine; empty means none
	// May, when set, returns why the caller may not have the features of a plan.
	May func(*schema.Plan) error
	// Progress, when set, is called after each batch, from the goroutine that runs
	// the set.
	Progress func(training.Progress)
}

// Enter takes a slot. Every set and every reading needs one. Enter returns an error
// when all slots are taken.
func (b *Builder) Enter() (leave func(), err error) {
	if b.Offline == nil {
		return nil, noPostgres()
	}
	select {
	case b.slots <- struct{}{}:
		return func() { <-b.slots }, nil
	default:
		return nil, schema.TooManySets.Errorf("too many training sets are being built (limit %d); retry when one is done", maxSets)
	}
}

func noPostgres() error {
	return schema.NoPostgres.Errorf("this server runs without Postgres and has no history to read; start it with --postgres")
}

// Set returns the training set of a spine with these columns. It has not run yet.
func (b *Builder) Set(ctx context.Context, spine *arrow.Schema, req Request) (*training.Set, error) {
	plan, err := b.plan(ctx, req)
	if err != nil {
		return nil, err
	}
	if req.May != nil {
		if err := req.May(plan); err != nil {
			return nil, err
		}
	}
	return training.New(b.Offline, spine, training.Request{Plan: plan, AsOf: req.AsOf, EventTimeColumn: req.EventTimeColumn, OwnEventColumn: req.OwnEventColumn, Progress: req.Progress})
}

// plan returns the plan of the features that a request asks for.
func (b *Builder) plan(ctx context.Context, req Request) (*schema.Plan, error) {
	catalog := b.Registry.Catalog()
	if req.CatalogVersion != 0 {
		var err error
		if catalog, err = b.Registry.CatalogOf(ctx, req.CatalogVersion); err != nil {
			return nil, err
		}
	}
	if req.Model == "" {
		return catalog.ServicePlan(req.Service)
	}
	if req.Service != "" {
		return nil, schema.BadCommand.Errorf("the command names a feature service and a model; leave one of them out")
	}
	of, err := catalog.ModelPlan(req.Model, req.ModelVersion)
	if err != nil {
		return nil, err
	}
	return catalog.ServicePlan(of.Service.Name)
}

// A Reading reads the source rows of a view that have an event time in a window and
// have arrived by now.
type Reading struct {
	history *offline.Store
	view    *schema.View
	window  schema.Window
}

// View returns the view whose rows are read.
func (r *Reading) View() *schema.View { return r.view }

// HasHistory returns an error on a server without Postgres.
func (b *Builder) HasHistory() error {
	if b.Offline == nil {
		return noPostgres()
	}
	return nil
}

// Reading returns the reading of a view's rows in [from, to]. A nil from is the
// beginning of time; a nil to is now.
func (b *Builder) Reading(name string, from, to *time.Time) (*Reading, error) {
	if b.Offline == nil {
		return nil, noPostgres()
	}
	view, err := b.Registry.Catalog().View(name)
	if err != nil {
		return nil, err
	}
	now := time.Now().UnixMicro()
	w := schema.Window{Mode: schema.Range, From: schema.BeginningOfTime, To: now, Now: now}
	if from != nil {
		w.From = from.UnixMicro()
	}
	if to != nil {
		w.To = to.UnixMicro()
	}
	if w.From > w.To {
		return nil, schema.BadWindow.Errorf("the window ends before it begins; swap from and to")
	}
	return &Reading{b.Offline, view, w}, nil
}

// Columns returns the columns of the rows.
func (r *Reading) Columns(ctx context.Context) (*arrow.Schema, error) {
	return r.history.Schema(ctx, r.view)
}

// Run calls each with batches of rows, in no particular order, and with the rows that
// materialization would skip as bad. It needs a slot.
func (r *Reading) Run(ctx context.Context, each func(arrow.Record, []schema.BadRow) error) error {
	return r.history.Window(ctx, r.view, r.window, each)
}
