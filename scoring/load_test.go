package scoring_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"larder/schema"
	"larder/scoring"
)

// files answers a Set's requests for model files.
type files map[string][]byte

func filesOf(all ...[]byte) files {
	f := files{}
	for _, file := range all {
		f[sum(file)] = file
	}
	return f
}

func (f files) fetch(_ context.Context, sha256 string) ([]byte, error) {
	if file, found := f[sha256]; found {
		return file, nil
	}
	return nil, fmt.Errorf("no file %s", sha256)
}

// newSet returns a set that is closed when the test ends.
func newSet(t testing.TB) *scoring.Set {
	s := scoring.NewSet(library, scoring.SetOptions{})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// load returns a model over these features, ready to score.
func load(t testing.TB, features []schema.Feature, file []byte) *scoring.Model {
	t.Helper()
	return loadCatalog(t, catalog(t, features, file), file)
}

// loadBoth returns a model that walks its trees, and another of the same file that
// ONNX Runtime scores.
func loadBoth(t testing.TB, cat *schema.Catalog, file []byte) (walked, session *scoring.Model) {
	t.Helper()
	set, p := newSet(t), plan(t, cat, 1)
	walked = prepared(t, set, cat, filesOf(file)).Model(p)
	other := newSet(t)
	session = prepared(t, other, cat, filesOf(file)).Model(p)
	if err := scoring.UseONNXRuntime(session, other, p, file); err != nil {
		t.Fatal(err)
	}
	return walked, session
}

// loadCatalog loads version 1 of the model "m" of a catalog.
func loadCatalog(t testing.TB, cat *schema.Catalog, file []byte) *scoring.Model {
	t.Helper()
	set := newSet(t)
	m := prepared(t, set, cat, filesOf(file)).Model(plan(t, cat, 1))
	return m
}

// prepared returns the models of a catalog, which are released when the test ends.
func prepared(t testing.TB, set *scoring.Set, cat *schema.Catalog, f files) *scoring.Models {
	t.Helper()
	models, err := set.Prepare(t.Context(), cat, f.fetch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(models.Release)
	return models
}

func acquire(t testing.TB, m *scoring.Model, rows int) *scoring.Run {
	t.Helper()
	r, err := m.Acquire(rows)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// countedSet returns a set, and the value of a counter of its metrics, of the series
// with this value of a label if one is given.
func countedSet(t *testing.T) (*scoring.Set, func(name string, label ...string) float64) {
	t.Helper()
	metrics := prometheus.NewRegistry()
	set := scoring.NewSet(library, scoring.SetOptions{Registerer: metrics})
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return set, func(name string, label ...string) float64 {
		t.Helper()
		families, err := metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, metric := range f.GetMetric() {
				var values []string
				for _, l := range metric.GetLabel() {
					values = append(values, l.GetValue())
				}
				if f.GetName() == name && (len(label) == 0 || slices.Contains(values, label[0])) {
					return metric.GetCounter().GetValue()
				}
			}
		}
		return 0
	}
}
