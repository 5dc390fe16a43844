package bench

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"larder/internal/onnxmodel"
	"larder/schema"
)

// DefaultDuration is how long a run loads each of its targets.
const DefaultDuration = 10 * time.Second

// A Scenario says what is measured.
type Scenario struct {
	Views       int           // feature views read by a request; defaults to 5
	Features    int           // features of each view, float64; defaults to 10
	Rows        int           // rows of a request; defaults to 1
	Entities    int           // keys in the store; defaults to 1,000,000
	Model       string        // trees, mlp or none; defaults to trees
	Trees       int           // of the model trees; defaults to 100
	Concurrency int           // requests in flight, or at most so with a rate; defaults to 1
	Rate        float64       // requests a second that arrive; 0 sends the next when one is answered
	Duration    time.Duration // of the load on the server, as long again on the echo; defaults to 10s
	// WhileMaterializing keeps the server materializing from a private Postgres.
	WhileMaterializing bool
	// Profiles is a folder for CPU and heap profiles of the server; empty: none.
	Profiles string
}

func (s Scenario) withDefaults() Scenario {
	s.Views, s.Features = cmp.Or(s.Views, 5), cmp.Or(s.Features, 10)
	s.Rows, s.Entities = cmp.Or(s.Rows, 1), cmp.Or(s.Entities, 1_000_000)
	s.Model, s.Trees = cmp.Or(s.Model, "trees"), cmp.Or(s.Trees, 100)
	s.Concurrency, s.Duration = cmp.Or(s.Concurrency, 1), cmp.Or(s.Duration, DefaultDuration)
	return s
}

func (s Scenario) validate() error {
	within := func(name string, value, lowest, highest int) error {
		if value < lowest || value > highest {
			return fmt.Errorf("%s is %d; it can be %d to %d", name, value, lowest, highest)
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
		err = errors.Join(err, fmt.Errorf("--model is trees, mlp or none, not %q", s.Model))
	}
	if s.Rate < 0 {
		err = errors.Join(err, fmt.Errorf("--rate is %v; it can't be negative", s.Rate))
	}
	if s.Duration < time.Second {
		err = errors.Join(err, fmt.Errorf("--duration is %s; at least 1s", s.Duration))
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
