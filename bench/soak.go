package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/internal/onnxmodel"
	"larder/schema"
)

// A Soak is the result of a long mixed load on a server. The server materialized the
// whole time. Every few seconds other definitions were applied, and the other version
// of the model began to serve. The soak ends if a request fails, or if another version
// scored it than its response names.
type Soak struct {
	Took    time.Duration `json:"took_ns"`
	Loads   []SoakLoad    `json:"loads"`
	Applies int           `json:"applies"` // each swaps the version that serves
	Rows    int64         `json:"rows_materialized"`
	// Memory is what the server held, file mappings apart, at each tenth of the time.
	Memory []int64 `json:"memory_bytes"`
}

// A SoakLoad is one kind of requests.
type SoakLoad struct {
	Name     string  `json:"name"`
	InFlight int     `json:"in_flight"`
	Figures  Figures `json:"figures"`
}

const (
	soakEntities = 200_000
	applyEvery   = 3 * time.Second
	memoryParts  = 10
	soakChecks   = 64 // requests whose scores are known
)

// soaking is a soak that goes on.
type soaking struct {
	Soak
	server  *served
	client  *larder.Client
	defs    *schema.Definitions
	version int64
	scores  [2][soakChecks]float64 // of each version of the model
}

// RunSoak soaks a server for a time.
func RunSoak(ctx context.Context, duration time.Duration, opts Options) (*Soak, error) {
	s := &suite{opts: opts, base: DefaultScenario()}
	s.base.Entities, s.base.WhileMaterializing = soakEntities, true
	var out *Soak
	err := s.inFolder(func(dir string) error {
		server, err := start(ctx, s.base, opts, dir)
		if err != nil {
			return err
		}
		defer server.stop()
		client, err := server.dial()
		if err != nil {
			return err
		}
		defer client.Close()
		k := &soaking{server: server, client: client, version: 1}
		if err := k.prepare(ctx, s.base); err != nil {
			return err
		}
		opts.Progress(fmt.Sprintf("soaking for %s", duration))
		err = k.run(ctx, duration, opts)
		out = &k.Soak
		return err
	})
	return out, err
}

// prepare adds a second version of the model, and learns how both score.
func (k *soaking) prepare(ctx context.Context, base Scenario) error {
	var err error
	k.defs, _ = base.definitions()
	second := onnxmodel.Trees(onnxmodel.TreesOptions{Trees: base.Trees, Depth: 6, Features: base.Views * base.Features, Seed: 2})
	sum := sha256.Sum256(second)
	model := &k.defs.Models[0]
	model.Versions = append(model.Versions, schema.ModelVersion{Version: 2, ONNX: "bench-2.onnx", SHA256: hex.EncodeToString(sum[:])})
	if err := putModel(ctx, k.client, model.Versions[1].SHA256, second); err != nil {
		return err
	}
	if err := k.apply(ctx, 1); err != nil {
		return err
	}
	for version := range k.scores {
		for n := range soakChecks {
			req := k.request(n)
			req.ModelVersion = int64(version + 1)
			var answer *larderv1.GetFeaturesAndScoreResponse
			if answer, err = k.client.Serving.GetFeaturesAndScore(ctx, req); err != nil {
				return err
			}
			k.scores[version][n] = answer.GetScores()[0]
		}
	}
	return nil
}

func (k *soaking) request(n int) *larderv1.GetFeaturesAndScoreRequest {
	one := Scenario{Rows: 1, Entities: soakEntities}
	return &larderv1.GetFeaturesAndScoreRequest{Model: modelName, Entities: one.keys(n % soakChecks)}
}

// apply makes a version serve, under another description.
func (k *soaking) apply(ctx context.Context, serve int64) error {
	k.defs.Models[0].Serve = serve
	k.defs.Models[0].Description = fmt.Sprint("apply ", k.Applies)
	raw, err := json.Marshal(k.defs)
	if err != nil {
		return err
	}
	answer, err := k.client.Control.Apply(ctx, &larderv1.ApplyRequest{
		What: &larderv1.ApplyRequest_Definitions{Definitions: raw}, BaseVersion: k.version, AppliedBy: "larder bench", AllowDelete: []string{"*"}, // the server is its own
	})
	if err == nil {
		k.version = answer.GetVersion()
	}
	return err
}

// run loads the server with everything at once.
func (k *soaking) run(ctx context.Context, duration time.Duration, opts Options) error {
	began := time.Now()
	soak, stop := context.WithTimeout(ctx, duration)
	defer stop()
	loads := k.loads()
	g, load := errgroup.WithContext(ctx)
	for i := range loads {
		l := &loads[i]
		g.Go(func() error {
			if err := l.target.load(load, Scenario{Concurrency: l.inFlight}, duration); err != nil {
				stop()
				return fmt.Errorf("%s: %w", l.name, err)
			}
			return nil
		})
	}
	g.Go(func() error { return ended(soak, k.server.materializeUntil(soak, &k.Rows)) })
	g.Go(func() error { return ended(soak, k.swap(soak)) })
	g.Go(func() error { return k.watch(soak, duration, opts) })
	err := g.Wait()
	k.Took = time.Since(began)
	for _, l := range loads {
		k.Loads = append(k.Loads, SoakLoad{Name: l.name, InFlight: l.inFlight, Figures: l.target.rec.figures(l.rows)})
	}
	return err
}

// ended is the error of something that ctx has ended, or that failed before.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

type soakLoad struct {
	name           string
	inFlight, rows int
	target         *target
}

func (k *soaking) loads() []soakLoad {
	client := k.client.Serving
	hundred := Scenario{Rows: 100, Entities: soakEntities}
	return []soakLoad{
		{"score 1 row", 4, 1, &target{rec: newRecording(), do: k.checked(client)}},
		{"score 100 rows", 2, 100, &target{rec: newRecording(), do: func(ctx context.Context, n int) error {
			_, err := client.GetFeaturesAndScore(ctx, &larderv1.GetFeaturesAndScoreRequest{Model: modelName, Entities: hundred.keys(n)})
			return err
		}}},
		{"read 100 rows", 1, 100, &target{rec: newRecording(), do: func(ctx context.Context, n int) error {
			_, err := client.GetFeatures(ctx, &larderv1.GetFeaturesRequest{
				What: &larderv1.GetFeaturesRequest_FeatureService{FeatureService: serviceName}, Entities: hundred.keys(n),
			})
			return err
		}}},
	}
}

// checked scores requests whose scores are known, and compares.
func (k *soaking) checked(client larderv1.ServingServiceClient) call {
	return func(ctx context.Context, n int) error {
		answer, err := client.GetFeaturesAndScore(ctx, k.request(n))
		if err != nil {
			return err
		}
		version := answer.GetModelVersion()
		if version < 1 || version > 2 {
			return fmt.Errorf("an unknown version %d answered", version)
		}
		if got, want := answer.GetScores()[0], k.scores[version-1][n%soakChecks]; math.Float64bits(got) != math.Float64bits(want) {
			return fmt.Errorf("version %d now scores %v; it scored %v before", version, got, want)
		}
		return nil
	}
}

// swap makes the other version serve, over and over.
func (k *soaking) swap(ctx context.Context) error {
	ticks := time.NewTicker(applyEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
		k.Applies++
		if err := k.apply(ctx, 1+int64(k.Applies%2)); err != nil {
			return fmt.Errorf("apply: %w", err)
		}
	}
}

// watch notes what the server holds in memory.
func (k *soaking) watch(ctx context.Context, duration time.Duration, opts Options) error {
	ticks := time.NewTicker(duration / (memoryParts + 1))
	defer ticks.Stop()
	for len(k.Memory) < memoryParts {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
		bytes, err := anonymous(k.server.Pid())
		if err != nil {
			return err
		}
		k.Memory = append(k.Memory, bytes)
		opts.Progress(fmt.Sprintf("%d of %d: %d MB in memory", len(k.Memory), memoryParts, bytes/1e6))
	}
	return nil
}

// growth is what the last three readings are of the three in the middle.
func (s *Soak) growth() (float64, error) {
	if len(s.Memory) < memoryParts {
		return 0, errors.New("the soak ended early")
	}
	sum := func(part []int64) (n int64) {
		for _, v := range part {
			n += v
		}
		return n
	}
	return float64(sum(s.Memory[memoryParts-3:])) / float64(sum(s.Memory[memoryParts-6:memoryParts-3])), nil
}

// maxGrowth is the growth of memory that does not count as a leak: the collector's
// state varies.
const maxGrowth = 1.1

// Check returns an error if the server did not hold up.
func (s *Soak) Check() error {
	growth, err := s.growth()
	if err == nil && growth > maxGrowth {
		err = fmt.Errorf("memory grew by a factor of %.2f: %v", growth, s.Memory)
	}
	return err
}

// Print writes what happened as a table.
func (s *Soak) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "LOAD\tIN FLIGHT\tREQUESTS\tP50 µs\tP99 µs\tP99.9 µs\tMAX µs\t")
	for _, l := range s.Loads {
		f := l.Figures
		fmt.Fprintf(t, "%s\t%d\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t\n", l.Name, l.InFlight, f.Requests, f.P50, f.P99, f.P999, f.Max)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	growth, err := s.growth()
	fmt.Fprintf(w, "\n%s, no errors; %d applies, each swapping the model's version; %d source rows materialized\n", s.Took.Round(time.Second), s.Applies, s.Rows)
	fmt.Fprintf(w, "memory at each tenth, MB:")
	for _, m := range s.Memory {
		fmt.Fprintf(w, " %d", m/1e6)
	}
	fmt.Fprintf(w, "; the last three readings are %.2f of the three before\n", growth)
	return err
}
