package checks

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/models/experiment"
	"larder/schema"
)

// figures are the metrics of models with labels.
type figures struct {
	figure   *prometheus.GaugeVec // by model, version, role and metric
	rows     *prometheus.GaugeVec // by model, version and role
	labelled *prometheus.GaugeVec // by model, version and role
	damaged  *prometheus.GaugeVec // by model
	failures *prometheus.CounterVec
}

func newFigures(registerer prometheus.Registerer) *figures {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, append([]string{"model", "version", "role"}, labels...))
	}
	f := &figures{
		figure:   gauge("larder_experiment_figure", "A metric of a model version over the window of its labels, by the name that larder experiment uses.", "metric"),
		rows:     gauge("larder_experiment_rows", "Logged rows that a model version scored in the window of its labels."),
		labelled: gauge("larder_experiment_labelled_rows", "Logged rows with a label that a model version scored in the window of its labels."),
		damaged: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "larder_experiment_damaged_files", Help: "Files of a model's feature log that the last scheduled update of its larder_experiment metrics could not read to their end.",
		}, []string{"model"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_experiment_failures_total", Help: "Scheduled updates of the larder_experiment metrics of a model that failed.",
		}, []string{"model"}),
	}
	registerer.MustRegister(f.figure, f.rows, f.labelled, f.damaged, f.failures)
	return f
}

// forget deletes the figures of a model.
func (f *figures) forget(model string) {
	for _, gauge := range []*prometheus.GaugeVec{f.figure, f.rows, f.labelled, f.damaged} {
		gauge.DeletePartialMatch(prometheus.Labels{"model": model})
	}
}

func (f *figures) set(model, metric string, r *experiment.Report) {
	for _, v := range r.Versions {
		version, role := strconv.FormatInt(v.Version, 10), string(v.Role)
		f.rows.WithLabelValues(model, version, role).Set(float64(v.Rows))
		f.labelled.WithLabelValues(model, version, role).Set(float64(v.Labelled))
		f.figure.WithLabelValues(model, version, role, metric).Set(v.Figure.Value) // NaN when the rows don't determine it
	}
}

// lookForDue is how often TakeFigures checks whether figures are due.
const lookForDue = time.Second

// TakeFigures updates the figures of every model that has labels with a schedule,
// when they are due, until ctx ends.
func (c *Checker) TakeFigures(ctx context.Context) error {
	if c.Offline == nil || c.FeatureLog == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(lookForDue)
	defer tick.Stop()
	taken := map[string]time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		scheduled := map[string]bool{}
		models := c.Registry.Catalog().Definitions.Models
		for i := range models {
			m := &models[i]
			if m.Labels == nil || m.Labels.Schedule == 0 {
				continue
			}
			scheduled[m.Name] = true
			if time.Since(taken[m.Name]) < time.Duration(m.Labels.Schedule) {
				continue
			}
			taken[m.Name] = time.Now()
			if err := c.takeFiguresOf(ctx, m); err != nil && ctx.Err() == nil {
				c.figures.failures.WithLabelValues(m.Name).Inc()
				c.Logger.Warn("cannot update the experiment metrics of a model", "model", m.Name, "error", err)
			}
		}
		for name := range taken {
			if !scheduled[name] {
				c.figures.forget(name)
				delete(taken, name)
			}
		}
	}
}

// takeFiguresOf updates the figures of one model over the newest window of its labels.
func (c *Checker) takeFiguresOf(ctx context.Context, m *schema.Model) error {
	since := time.Now().Add(-time.Duration(m.Labels.LookBack())).UnixMicro()
	t, err := c.newTrial(ctx, ExperimentRequest{Model: m.Name, Since: &since})
	if err != nil {
		return err
	}
	if _, err := t.run(ctx, func(int, int) error { return ctx.Err() }); err != nil {
		return err
	}
	c.figures.forget(m.Name)
	c.figures.damaged.WithLabelValues(m.Name).Set(float64(len(t.damaged)))
	for _, d := range t.damaged {
		c.Logger.Warn("a file of the feature log is damaged; the experiment metrics leave its missing rows out", "model", m.Name, "file", d.Path, "rows", d.Rows, "error", d.Err)
	}
	for _, name := range t.metrics() {
		question := t.question
		if question.Metric, err = experiment.ParseMetric(name, m.Labels.DecidesAt(), t.values()); err != nil {
			return err
		}
		c.figures.set(m.Name, name, t.data.Report(question))
	}
	return nil
}
