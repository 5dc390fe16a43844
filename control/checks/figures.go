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
	labelled *prometheus.GaugeVec // alike
	failures *prometheus.CounterVec
}

func newFigures(registerer prometheus.Registerer) *figures {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, append([]string{"model", "version", "role"}, labels...))
	}
	f := &figures{
		figure:   gauge("larder_experiment_figure", "How well a version of a model did by its labels, in the window of these: a metric as larder experiment names it.", "metric"),
		rows:     gauge("larder_experiment_rows", "Logged rows that a version of a model scored in the window of its labels."),
		labelled: gauge("larder_experiment_labelled_rows", "Logged rows that a version of a model scored in the window of its labels and that have one."),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "larder_experiment_failures_total", Help: "Times that the figures of a model could not be taken on schedule.",
		}, []string{"model"}),
	}
	registerer.MustRegister(f.figure, f.rows, f.labelled, f.failures)
	return f
}

// forget drops the figures of a model.
func (f *figures) forget(model string) {
	for _, gauge := range []*prometheus.GaugeVec{f.figure, f.rows, f.labelled} {
		gauge.DeletePartialMatch(prometheus.Labels{"model": model})
	}
}

func (f *figures) set(model, metric string, r *experiment.Report) {
	for _, v := range r.Versions {
		version, role := strconv.FormatInt(v.Version, 10), string(v.Role)
		f.rows.WithLabelValues(model, version, role).Set(float64(v.Rows))
		f.labelled.WithLabelValues(model, version, role).Set(float64(v.Labelled))
		f.figure.WithLabelValues(model, version, role, metric).Set(v.Figure.Value) // NaN where the rows determine none
	}
}

// lookForDue is how often it is looked whether figures are due.
const lookForDue = time.Second

// TakeFigures takes the figures of every model whose labels have a schedule, when it
// is time to, until ctx ends.
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
				c.Logger.Warn("the figures of a model can't be taken", "model", m.Name, "error", err)
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

// takeFiguresOf takes those of the newest window of a model's labels.
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
	for _, name := range t.metrics() {
		question := t.question
		if question.Metric, err = experiment.ParseMetric(name, m.Labels.DecidesAt(), t.values()); err != nil {
			return err
		}
		c.figures.set(m.Name, name, t.data.Report(question))
	}
	return nil
}
