package registry

import "github.com/prometheus/client_golang/prometheus"

// register adds the metrics of a registry with Postgres. They say what State says.
func (r *Registry) register(registerer prometheus.Registerer) {
	gauge := func(name, help string, is func(State) bool) {
		registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "larder_registry_" + name, Help: help}, func() float64 {
			if is(r.State()) {
				return 1
			}
			return 0
		}))
	}
	gauge("postgres_answers", "1 while the registry's Postgres answers.", func(s State) bool {
		return s.PostgresError == nil && !s.AnsweredAt.IsZero()
	})
	gauge("catalog_refused", "1 while the newest version of the definitions can't be served, and an older one is.", func(s State) bool {
		return s.CatalogError != nil
	})
}
