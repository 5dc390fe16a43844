package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"larder/bench"
)

// Settings say what is measured, and where the peers' programs are.
type settings struct {
	scenario    bench.Scenario
	opts        bench.Options
	rows        []int
	inFlight    []int
	deadline    time.Duration
	only        []string
	redisServer string
	python      string
	feastFolder string
	asJSON      bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	s := settings{scenario: bench.DefaultScenario()}
	s.scenario.Entities, s.scenario.Duration = 100_000, 5*time.Second
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "Compare the speed of Larder with Redis, Postgres and Feast, which must give the same scores",
		Args:  cobra.NoArgs,

		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.opts.Larder, "larder", "bin/larder", "path of the larder binary to measure")
	f.StringVar(&s.opts.Library, "onnxruntime", os.Getenv("LARDER_ONNXRUNTIME"), "path of libonnxruntime")
	f.StringVar(&s.redisServer, "redis-server", "redis-server", "path of the redis-server binary to start")
	f.StringVar(&s.python, "python", ".larder/venv/peers/bin/python", "path of the Python with Feast, in its virtual environment")
	f.StringVar(&s.feastFolder, "feast", "bench/peers/feast", "folder with Feast's definitions and the scoring service")
	f.StringSliceVar(&s.only, "only", []string{redisName, postgresName, feastName}, "the peers to measure")
	f.IntSliceVar(&s.rows, "rows", []int{1, 10, 100}, "rows in a request")
	f.IntSliceVar(&s.inFlight, "in-flight", []int{1, 32}, "requests in flight")
	f.IntVar(&s.scenario.Entities, "entities", s.scenario.Entities, "entities in the stores")
	f.DurationVar(&s.scenario.Duration, "duration", s.scenario.Duration, "how long to load each peer, for each number of rows and of requests in flight")
	f.DurationVar(&s.deadline, "deadline", 100*time.Millisecond, "a later response does not count as a success")
	f.BoolVar(&s.asJSON, "json", false, "print JSON")
	cmd.AddCommand(newServeCommand())
	return cmd
}

func (s settings) run(ctx context.Context, out, log io.Writer) error {
	if err := s.scenario.Validate(); err != nil {
		return err
	}
	for _, name := range s.only {
		if !slices.Contains([]string{redisName, postgresName, feastName}, name) {
			return fmt.Errorf("there is no peer %q; choose from %s, %s and %s", name, redisName, postgresName, feastName)
		}
	}
	s.opts.Progress = func(step string) { fmt.Fprintln(log, step) }
	var loads []bench.Load
	for _, rows := range s.rows {
		for _, inFlight := range s.inFlight {
			loads = append(loads, bench.Load{Rows: rows, InFlight: inFlight})
		}
	}
	report := &report{Scenario: s.scenario, Deadline: s.deadline.String()}
	var err error
	report.Standings, err = bench.Against(ctx, s.scenario, loads, s.deadline, s.opts, func(ctx context.Context, g bench.Ground) ([]bench.Peer, func(), error) {
		peers, stop, err := s.join(ctx, g)
		for _, p := range peers {
			report.Peers = append(report.Peers, config{p.Name, p.Config})
		}
		return peers, stop, err
	})
	if err != nil {
		return err
	}
	if s.asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(report)
	}
	return report.print(out)
}

// join starts the peers that take part, and fills them.
func (s settings) join(ctx context.Context, g bench.Ground) (peers []bench.Peer, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, f := range slices.Backward(stops) {
			f()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	takes := func(name string) bool { return slices.Contains(s.only, name) }
	var redis *redisServer
	if takes(redisName) || takes(feastName) {
		if redis, err = startRedis(ctx, s.redisServer, g.Dir); err != nil {
			return nil, nil, err
		}
		stops = append(stops, redis.stop)
	}
	for _, p := range []struct {
		name string
		join func() ([]bench.Peer, func(), error)
	}{
		{redisName, func() ([]bench.Peer, func(), error) { return s.joinRedis(ctx, g, redis) }},
		{postgresName, func() ([]bench.Peer, func(), error) { return s.joinPostgres(ctx, g) }},
		{feastName, func() ([]bench.Peer, func(), error) { return s.joinFeast(ctx, g, redis) }},
	} {
		if !takes(p.name) {
			continue
		}
		s.opts.Progress("filling and starting " + strings.ToUpper(p.name[:1]) + p.name[1:])
		joined, leave, err := p.join()
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", p.name, err)
		}
		peers, stops = append(peers, joined...), append(stops, leave)
	}
	return peers, stop, nil
}
