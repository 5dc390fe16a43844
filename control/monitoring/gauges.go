package monitoring

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/schema"
)

// Gauges are the metrics of what drifts.
type Gauges struct {
	store      Store
	importance *prometheus.GaugeVec
	logger     *slog.Logger
}

// NewGauges registers the metrics.
func NewGauges(store Store, registerer prometheus.Registerer, logger *slog.Logger) *Gauges {
	g := &Gauges{store: store, logger: logger, importance: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "larder_drift_importance",
		Help: "The share of rows that changed beyond chance, of each column of a model that drifts, over the last day; larder drift says more.",
	}, []string{"model", "version", "column"})}
	registerer.MustRegister(g.importance)
	return g
}

// measureWithin bounds how long one look at all models takes.
const measureWithin = time.Minute

// Run looks at the last day of every version that serves, every so often, until ctx ends.
func (g *Gauges) Run(ctx context.Context, catalog func() *schema.Catalog, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := g.measure(ctx, catalog()); err != nil && ctx.Err() == nil {
			g.logger.Warn("the drift of models can't be measured now; its metrics stay as they were", "error", err)
		}
	}
}

func (g *Gauges) measure(ctx context.Context, c *schema.Catalog) error {
	ctx, cancel := context.WithTimeout(ctx, measureWithin)
	defer cancel()
	now := time.Now()
	type drift struct {
		labels     prometheus.Labels
		importance float64
	}
	var all []drift
	for _, p := range c.ModelPlans() {
		if !p.Model.Watches() || !serves(c, p) {
			continue
		}
		report, err := g.store.Report(ctx, p, now.Add(-24*time.Hour), now)
		if err != nil {
			return err
		}
		for i := range report.Columns {
			if column := &report.Columns[i]; column.Open != nil {
				all = append(all, drift{prometheus.Labels{"model": p.Model.Name, "version": strconv.FormatInt(p.ModelVersion.Version, 10), "column": column.Name}, column.Open.Importance})
			}
		}
	}
	g.importance.Reset() // what drifts no more has no series
	for _, d := range all {
		g.importance.With(d.labels).Set(d.importance)
	}
	return nil
}

// serves reports whether requests that name no version may get a plan's.
func serves(c *schema.Catalog, p *schema.Plan) bool {
	return c.Serves(p) || slices.ContainsFunc(p.Model.Traffic, func(w schema.VersionWeight) bool { return w.Version == p.ModelVersion.Version })
}
