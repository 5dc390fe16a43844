package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	larderv1 "larder/api/larder/v1"
	"larder/internal/launch"
	"larder/schema"
)

// A Peer is another system that answers the requests of a scenario.
type Peer struct {
	Name   string
	Config []string // its versions and settings, for people
	// Score returns the score of each entity. Safe for concurrent use. Required.
	Score func(ctx context.Context, ids []int64) ([]float64, error)
	// Tolerance is how much a score may differ from Larder's; 0: not at all. Less than 0:
	// the peer doesn't score.
	Tolerance float64
}

// A Ground is the data that peers are filled from.
type Ground struct {
	Scenario Scenario
	Dir      string // for the peers' files; removed at the end
	DSN      string // of a private Postgres
	HTTP     string // address of Larder's HTTP port
	JoinKey  string
	// Views are the names of the feature views, in the order of the model's
	// features. Each has a table bench.NAME of a row for each entity, with columns
	// of the join key, event_time, and f0, f1, ...
	Views       []string
	Model       string // name of the model
	ModelFile   string // in ONNX
	Definitions string // file of schema.Definitions in JSON
}

// A Join starts and fills peers; stop ends them.
type Join func(ctx context.Context, g Ground) (peers []Peer, stop func(), err error)

// A Load is the number of rows in a request and of requests in flight.
type Load struct {
	Rows     int `json:"rows"`
	InFlight int `json:"in_flight"`
}

// A Standing holds the results of all systems under one load.
type Standing struct {
	Load
	Entries []Entry `json:"entries"` // Larder, the peers, the echo
}

// An Entry holds the results of one of them.
type Entry struct {
	Name string `json:"name"`
	Figures
	// Success is the share of requests that were answered within the deadline.
	Success float64 `json:"success"`
	Error   string  `json:"error,omitempty"` // the first
}

// Against measures peers beside Larder and the echo, in turns in one run, for
// the scenario's duration each under each load. All rows come from a private
// Postgres, and Larder's are materialized from it. Before anything is measured
// every peer must answer as Larder does.
//
// A request that fails, or is answered later than the deadline, is not a success. Its
// response is still awaited, and its latency counts.
func Against(ctx context.Context, s Scenario, loads []Load, deadline time.Duration, opts Options, join Join) ([]Standing, error) {
	s.WhileMaterializing = true // fills the server from Postgres
	run := &suite{opts: opts, base: s}
	var all []Standing
	err := run.serve(ctx, s, func(server *served, echo *launch.Process) error {
		ground, err := prepareGround(s, server)
		if err != nil {
			return err
		}
		defer os.RemoveAll(ground.Dir)
		peers, stop, err := join(ctx, ground)
		if err != nil {
			return err
		}
		defer stop()
		for _, load := range loads {
			s.Rows, s.Concurrency = load.Rows, load.InFlight
			opts.Progress(fmt.Sprintf("%d rows, %d in flight", load.Rows, load.InFlight))
			standing, err := stand(ctx, s, deadline, server, echo, peers)
			if err != nil {
				return err
			}
			all = append(all, standing)
		}
		return nil
	})
	return all, err
}

func prepareGround(s Scenario, server *served) (g Ground, err error) {
	g = Ground{Scenario: s, DSN: server.postgres.DSN(), HTTP: server.HTTP, JoinKey: joinKey, Model: modelName}
	if g.Dir, err = os.MkdirTemp("", "larder-peers-*"); err != nil {
		return g, err
	}
	for i := range s.Views {
		g.Views = append(g.Views, viewName(i))
	}
	g.ModelFile, g.Definitions = filepath.Join(g.Dir, "model.onnx"), filepath.Join(g.Dir, "definitions.json")
	defs, model := s.definitions()
	raw, err := json.Marshal(defs)
	return g, errors.Join(err, os.WriteFile(g.ModelFile, model, 0o644), os.WriteFile(g.Definitions, raw, 0o644))
}

// ReadGround returns the catalog of a ground's definitions, for a peer in a
// process of its own.
func ReadGround(definitions string) (*schema.Catalog, error) {
	raw, err := os.ReadFile(definitions)
	if err != nil {
		return nil, err
	}
	defs := new(schema.Definitions)
	if err := json.Unmarshal(raw, defs); err != nil {
		return nil, fmt.Errorf("%s: %w", definitions, err)
	}
	return schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
}

// stand measures all systems under one load.
func stand(ctx context.Context, s Scenario, deadline time.Duration, server *served, echo *launch.Process, peers []Peer) (Standing, error) {
	standing := Standing{Load: Load{s.Rows, s.Concurrency}}
	conn, err := grpc.NewClient(server.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return standing, err
	}
	defer conn.Close()
	echoConn, err := grpc.NewClient(echo.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return standing, err
	}
	defer echoConn.Close()
	sizes := new(Report)
	larder, err := s.larderCall(ctx, conn, sizes)
	if err != nil {
		return standing, fmt.Errorf("a first request: %w", err)
	}
	for _, p := range peers {
		if err := s.agree(ctx, larderv1.NewServingServiceClient(conn), p); err != nil {
			return standing, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	all := []*counted{{name: "larder", call: larder}}
	for _, p := range peers {
		all = append(all, &counted{name: p.Name, call: p.call(s)})
	}
	all = append(all, &counted{name: "echo", call: echoCall(echoConn, sizes)})
	targets := make([]*target, len(all))
	for i, c := range all {
		c.deadline = deadline
		targets[i] = &target{do: c.do, rec: newRecording()}
	}
	if err := shuffle(ctx, s, warmUp, targets); err != nil {
		return standing, err
	}
	for i, t := range targets {
		t.rec, all[i].missed = newRecording(), atomic.Int64{}
	}
	if err := shuffle(ctx, s, s.Duration, targets); err != nil {
		return standing, err
	}
	for i, t := range targets {
		standing.Entries = append(standing.Entries, all[i].entry(t.rec.figures(s.Rows)))
	}
	return standing, nil
}

// shuffle loads the targets in turns, as interleave does, but each round in another
// order: a processor that the one before kept busy answers sooner.
func shuffle(ctx context.Context, s Scenario, duration time.Duration, targets []*target) error {
	random := rand.New(rand.NewPCG(1, 1))
	for elapsed := time.Duration(0); elapsed < duration; elapsed += slice {
		for _, i := range random.Perm(len(targets)) {
			if err := targets[i].load(ctx, s, min(slice, duration-elapsed)); err != nil {
				return err
			}
		}
	}
	return nil
}

// A counted call counts its successful requests.
type counted struct {
	name     string
	call     call
	deadline time.Duration
	missed   atomic.Int64
	first    atomic.Pointer[error] // why one failed
}

func (c *counted) do(ctx context.Context, n int) error {
	began := time.Now()
	err := c.call(ctx, n)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		c.first.CompareAndSwap(nil, &err)
	}
	if err != nil || time.Since(began) > c.deadline {
		c.missed.Add(1)
	}
	return nil
}

func (c *counted) entry(f Figures) Entry {
	e := Entry{Name: c.name, Figures: f, Success: 1 - float64(c.missed.Load())/float64(f.Requests)}
	if err := c.first.Load(); err != nil {
		e.Error = (*err).Error()
	}
	return e
}

func (p Peer) call(s Scenario) call {
	return func(ctx context.Context, n int) error {
		scores, err := p.Score(ctx, s.ids(n))
		if err == nil && p.Tolerance >= 0 && len(scores) != s.Rows {
			err = fmt.Errorf("got %d scores, want %d", len(scores), s.Rows)
		}
		return err
	}
}

// agree returns an error if a peer's answer differs from Larder's.
func (s Scenario) agree(ctx context.Context, larder larderv1.ServingServiceClient, p Peer) error {
	const requests = 100
	for n := range requests {
		answer, err := larder.GetFeaturesAndScore(ctx, &larderv1.GetFeaturesAndScoreRequest{Model: modelName, Entities: s.keys(n)})
		if err != nil {
			return err
		}
		scores, err := p.Score(ctx, s.ids(n))
		if err != nil {
			return err
		}
		if p.Tolerance < 0 {
			continue
		}
		if len(scores) != s.Rows {
			return fmt.Errorf("got %d scores, want %d", len(scores), s.Rows)
		}
		for i, want := range answer.GetScores() {
			if math.Float64bits(scores[i]) != math.Float64bits(want) && !(math.Abs(scores[i]-want) <= p.Tolerance) {
				return fmt.Errorf("entity %d has the score %v, and Larder's score is %v", s.ids(n)[i], scores[i], want)
			}
		}
	}
	return nil
}
