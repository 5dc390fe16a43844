package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"larder/bench"
)

func newBenchCommand() *cobra.Command {
	s := bench.DefaultScenario()
	var opts bench.Options
	var suite, page string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a server beside a bare gRPC echo",
		Long: `Fill a store, start a server on it, and load it over loopback gRPC from this
process, in turns with a bare gRPC echo of the same message sizes. To compare
machines, compare the ratios.

Everything lies in a temporary folder, which is removed at the end. Only
--while-materializing needs a database, and it starts a private Postgres.`,
		Example: `  larder bench
  larder bench --rows 100 --concurrency 32
  larder bench --rate 2000 --duration 30s --while-materializing
  larder bench --views 25 --rows 100 --json
  larder bench --suite bars
  larder bench --suite streams --kafka 127.0.0.1:9092`,
		Args: wrongArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.Validate(); err != nil {
				return usageError(strings.ReplaceAll(err.Error(), "\n", "; "))
			}
			var err error
			if opts.Larder, err = os.Executable(); err != nil {
				return err
			}
			opts.Progress = func(step string) { fmt.Fprintln(cmd.ErrOrStderr(), step) }
			if suite != "" {
				if page != "" && !slices.Contains([]string{"bars", "overload", "scenarios", "streams"}, suite) {
					return usageError("--write needs --suite bars, overload, scenarios or streams")
				}
				if opts.Events < 1000 || opts.Events > 1_000_000_000 {
					return usageError(fmt.Sprintf("--events is %d; it must be 1,000 to 1,000,000,000", opts.Events))
				}
				return runSuite(cmd, suite, page, s.Duration, asJSON, opts)
			}
			report, err := bench.Run(cmd.Context(), s, opts)
			if err != nil {
				return err
			}
			if asJSON {
				return encodeJSON(cmd.OutOrStdout(), report)
			}
			return report.Print(cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.IntVar(&s.Views, "views", s.Views, "feature views per request")
	f.IntVar(&s.Features, "features", s.Features, "features per view")
	f.IntVar(&s.Rows, "rows", s.Rows, "rows per request")
	f.IntVar(&s.Entities, "entities", s.Entities, "entities in the store")
	f.StringVar(&s.Keys, "keys", s.Keys, "which entities are requested: uniform (all equally often) or zipf (a few most of the time)")
	f.StringVar(&s.Model, "model", s.Model, "kind of model: trees, mlp or none")
	f.IntVar(&s.Trees, "trees", s.Trees, "number of trees, each of depth 6, for --model trees")
	f.IntVar(&s.Concurrency, "concurrency", s.Concurrency, "requests in flight; with --rate, the most at once")
	f.Float64Var(&s.Rate, "rate", s.Rate, "requests sent per second, however long responses take; 0 sends the next one after each response")
	f.DurationVar(&s.Duration, "duration", s.Duration, "how long to load each of the two")
	f.BoolVar(&s.Cold, "cold", s.Cold, "no row cache: read every row from Badger")
	f.BoolVar(&s.WhileMaterializing, "while-materializing", s.WhileMaterializing, "materialize at full speed at the same time, from a private Postgres")
	f.StringVar(&s.Profiles, "profile", s.Profiles, "write CPU and heap profiles of the server to this folder")
	f.StringVar(&opts.Library, "onnxruntime", os.Getenv("LARDER_ONNXRUNTIME"), "path of libonnxruntime")
	f.StringVar(&suite, "suite", "", "measure a suite instead: bars (what the project promises), overload (more requests than can be answered), streams (the same of streams and windows), scenarios, sizes (disk and memory of stores) or soak (ten minutes of mixed load, or --duration)")
	f.StringVar(&opts.Kafka, "kafka", "", "with --suite streams: HOST:PORT of a Kafka broker without a password; a topic is made there, and removed at the end")
	f.IntVar(&opts.Events, "events", bench.DefaultEvents, "with --suite streams: events of the log that a new server reads, and at most so many from Kafka; the bars are for the default")
	f.StringVar(&page, "write", "", "with --suite bars, overload, scenarios or streams: also write tables and plots into the section of that name of this Markdown page")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(newEchoServerCommand())
	return cmd
}

// runSuite measures a suite, and fails when a bar is not reached.
func runSuite(cmd *cobra.Command, suite, page string, duration time.Duration, asJSON bool, opts bench.Options) error {
	switch suite {
	case "bars", "streams":
	case "scenarios":
		reports, err := bench.Scenarios(cmd.Context(), duration, opts)
		if err == nil && page != "" {
			err = bench.WriteScenarios(page, version, reports)
		}
		return errors.Join(bench.PrintScenarios(cmd.OutOrStdout(), reports, asJSON), err)
	case "overload":
		overloaded, err := bench.Overload(cmd.Context(), duration, opts)
		if err != nil {
			return err
		}
		if err := overloaded.Print(cmd.OutOrStdout(), asJSON); err != nil {
			return err
		}
		if page != "" {
			err = bench.WriteOverload(page, version, overloaded)
		}
		return errors.Join(err, missedBars(overloaded.Bars))
	case "soak":
		if !cmd.Flags().Changed("duration") {
			duration = 10 * time.Minute
		}
		soak, err := bench.RunSoak(cmd.Context(), duration, opts)
		if err != nil {
			return err
		}
		if asJSON {
			return errors.Join(encodeJSON(cmd.OutOrStdout(), soak), soak.Check())
		}
		return errors.Join(soak.Print(cmd.OutOrStdout()), soak.Check())
	case "sizes":
		sizes, err := bench.Sizes(cmd.Context(), opts)
		if err != nil {
			return err
		}
		return bench.PrintSizes(cmd.OutOrStdout(), sizes, asJSON)
	default:
		return usageError(fmt.Sprintf("--suite is %q; it can be bars, overload, streams, scenarios, sizes or soak", suite))
	}
	measure := bench.Bars
	if suite == "streams" {
		measure = bench.Streams
	}
	bars, err := measure(cmd.Context(), duration, opts)
	if err != nil {
		return err
	}
	if err := bench.PrintBars(cmd.OutOrStdout(), bars, asJSON); err != nil {
		return err
	}
	if page != "" {
		if err := bench.WriteBars(page, suite, version, bars); err != nil {
			return err
		}
	}
	return missedBars(bars)
}

func missedBars(bars []bench.Bar) error {
	missed := 0
	for _, b := range bars {
		if b.Missed() {
			missed++
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d bars were not reached", missed, len(bars))
	}
	return nil
}

func newEchoServerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "echo-server",
		Short:  "Serve the echo that larder bench compares with",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return bench.ServeEcho(cmd.Context(), cmd.ErrOrStderr()) },
	}
}
