package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"larder/internal/onnxmodel"
	"larder/schema"
)

// A Scenario describes what is measured.
type Scenario struct {
	Views       int           `json:"views"`       // feature views read by a request
	Features    int           `json:"features"`    // features of each view, float64
	Rows        int           `json:"rows"`        // rows of a request
	Entities    int           `json:"entities"`    // keys in the store
	Keys        string        `json:"keys"`        // uniform or zipf: which of them are asked for
	Model       string        `json:"model"`       // trees, mlp or none
	Trees       int           `json:"trees"`       // of the model trees
	Concurrency int           `json:"concurrency"` // requests in flight, or at most so with a rate
	Rate        float64       `json:"rate"`        // requests a second that arrive; 0 sends the next when one is answered
	Duration    time.Duration `json:"duration_ns"` // of the load on the server, as long again on the echo
	// WhileMaterializing keeps the server materializing from a private Postgres.
	WhileMaterializing bool `json:"while_materializing"`
	// Cold keeps no rows in memory: all come from Badger.
	Cold bool `json:"cold"`
	// Profiles is a folder for CPU and heap profiles of the server; empty: none.
	Profiles string `json:"profiles,omitempty"`
}

// DefaultScenario returns the scenario of the project's bar for latency.
func DefaultScenario() Scenario {
	return Scenario{
		Views: 5, Features: 10, Rows: 1, Entities: 1_000_000, Keys: "uniform", Model: "trees", Trees: 100, Concurrency: 1, Duration: 10 * time.Second,
	}
}

// Validate returns all faults of a scenario, by the names of the flags.
func (s Scenario) Validate() error {
	within := func(name string, value, lowest, highest int) error {
		if value < lowest || value > highest {
			return fmt.Errorf("%s is %d; it must be %d to %d", name, value, lowest, highest)
		}
		return nil
	}
	err := errors.Join(
		within("--views", s.Views, 1, 100), within("--features", s.Features, 1, 1000), within("--rows", s.Rows, 1, 10_000),
		within("--entities", s.Entities, 1, 100_000_000), within("--trees", s.Trees, 1, 5000), within("--concurrency", s.Concurrency, 1, 1024),
	)
	if s.Views*s.Features > schema.MaxFeatures {
		err = errors.Join(err, fmt.Errorf("--views times --features is %d; at most %d fit one model", s.Views*s.Features, schema.MaxFeatures))
	}
	if s.Model != "trees" && s.Model != "mlp" && s.Model != "none" {
		err = errors.Join(err, fmt.Errorf("--model must be trees, mlp or none, not %q", s.Model))
	}
	if s.Keys != "uniform" && s.Keys != "zipf" {
		err = errors.Join(err, fmt.Errorf("--keys must be uniform or zipf, not %q", s.Keys))
	}
	if !(s.Rate >= 0 && s.Rate <= 1e6) {
		err = errors.Join(err, fmt.Errorf("--rate is %v; it must be 0 to 1,000,000", s.Rate))
	}
	if s.Duration < time.Second {
		err = errors.Join(err, fmt.Errorf("--duration is %s; it must be at least 1s", s.Duration))
	}
	return err
}

// The names in the definitions of a scenario.
const (
	joinKey     = "entity_id"
	serviceName = "bench"
	modelName   = "bench"
)

func viewName(i int) string { return fmt.Sprintf("view_%d", i) }

// definitions returns the definitions of a scenario and its model file, which
// is nil without a model.
func (s Scenario) definitions() (*schema.Definitions, []byte) {
	d := &schema.Definitions{
		Entities:        []schema.Entity{{Name: "entity", JoinKeys: []schema.JoinKey{{Name: joinKey, Type: schema.Int64}}}},
		FeatureServices: []schema.FeatureService{{Name: serviceName}},
	}
	for i := range s.Views {
		d.Sources = append(d.Sources, schema.Source{Name: viewName(i), Table: "bench." + viewName(i), TimestampField: "event_time"})
		view := schema.FeatureView{Name: viewName(i), Entities: []string{"entity"}, Source: viewName(i), TTL: schema.Duration(365 * 24 * time.Hour)}
		for j := range s.Features {
			view.Features = append(view.Features, schema.Feature{Name: fmt.Sprintf("f%d", j), Type: schema.Float64})
		}
		d.FeatureViews = append(d.FeatureViews, view)
		d.FeatureServices[0].Features = append(d.FeatureServices[0].Features, view.Name+":*")
	}
	file := s.model()
	if file == nil {
		return d, nil
	}
	sum := sha256.Sum256(file)
	d.Models = []schema.Model{{
		Name: modelName, FeatureService: serviceName,
		Versions: []schema.ModelVersion{{Version: 1, ONNX: "bench.onnx", SHA256: hex.EncodeToString(sum[:])}},
	}}
	return d, file
}

func (s Scenario) model() []byte {
	const seed = 1
	width := s.Views * s.Features
	switch s.Model {
	case "trees":
		return onnxmodel.Trees(onnxmodel.TreesOptions{Trees: s.Trees, Depth: 6, Features: width, Seed: seed})
	case "mlp":
		return onnxmodel.MLP(onnxmodel.MLPOptions{Features: width, Hidden: []int{64, 32}, Seed: seed})
	}
	return nil
}
