package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"larder/internal/launch"
)

// A Bar is one promise of speed, and its measurement.
type Bar struct {
	Name   string  `json:"name"`
	Figure float64 `json:"figure"`
	Unit   string  `json:"unit"`
	// Baseline is the figure to compare with, in the same unit and run; 0 for a bar
	// without a baseline.
	Baseline float64 `json:"baseline,omitempty"`
	Against  string  `json:"against,omitempty"` // what the baseline is of
	Ratio    float64 `json:"ratio,omitempty"`
	Bar      float64 `json:"bar"` // for Ratio, or for Figure without a baseline
	AtLeast  bool    `json:"at_least"`
	Pass     bool    `json:"pass"`
	// Beside are figures of the same run to compare with where the bar itself is absolute.
	Beside []Beside `json:"beside,omitempty"`
	// Skipped says why there is no figure; empty when there is one.
	Skipped string `json:"skipped,omitempty"`
}

// A Beside is a figure of something else, in the unit of its bar unless it has another.
type Beside struct {
	Figure float64 `json:"figure"`
	Unit   string  `json:"unit,omitempty"`
	Of     string  `json:"of"`
}

// Missed reports whether a bar was measured and not reached.
func (b Bar) Missed() bool { return !b.Pass && b.Skipped == "" }

// compare completes a bar.
func (b Bar) compare() Bar {
	measured := b.Figure
	if b.Baseline != 0 {
		b.Ratio = b.Figure / b.Baseline
		measured = b.Ratio
	}
	b.Pass = measured <= b.Bar
	if b.AtLeast {
		b.Pass = measured >= b.Bar
	}
	return b
}

const (
	microseconds = "µs"
	milliseconds = "ms"
	echo         = "echo"
)

// The bars of requests, of the report of their scenario.
func p50Bar(name string, r *Report, most float64) Bar {
	return Bar{Name: name + ": p50", Figure: r.Larder.P50, Unit: microseconds, Baseline: r.Echo.P50, Against: echo, Bar: most}.compare()
}

func p99Bar(name string, r *Report, most float64) Bar {
	return Bar{Name: name + ": p99", Figure: r.Larder.P99, Unit: microseconds, Baseline: r.Echo.P99, Against: echo, Bar: most}.compare()
}

// A suite measures the bars one by one.
type suite struct {
	opts Options
	base Scenario
	bars []Bar
}

func (s *suite) add(b Bar) {
	s.bars = append(s.bars, b)
	s.opts.Progress(b.String())
}

// String returns one line with the result of a bar.
func (b Bar) String() string {
	verdict, most := "passes", "at most"
	if !b.Pass {
		verdict = "FAILS"
	}
	if b.AtLeast {
		most = "at least"
	}
	switch {
	case b.Skipped != "":
		return b.Name + ": " + b.Skipped
	case b.Baseline == 0:
		return fmt.Sprintf("%s: %s %s, %s %g: %s", b.Name, number(b.Figure), b.Unit, most, b.Bar, verdict)
	}
	return fmt.Sprintf("%s: %s %s, %.2f of %s, %s %g: %s", b.Name, number(b.Figure), b.Unit, b.Ratio, b.Against, most, b.Bar, verdict)
}

// Bars measures every bar that the project has, for as long as duration each. It
// takes some minutes, and some gigabytes of the temporary folder.
func Bars(ctx context.Context, duration time.Duration, opts Options) ([]Bar, error) {
	s := &suite{opts: opts, base: DefaultScenario()}
	s.base.Duration = duration
	for _, part := range []func(context.Context) error{s.requests, s.access, s.wide, s.postgres, s.open} {
		if err := part(ctx); err != nil {
			return s.bars, err
		}
	}
	return s.bars, nil
}

// requests measures requests to one store of a million entities.
func (s *suite) requests(ctx context.Context) error {
	return s.serve(ctx, s.base, func(server *served, echo *launch.Process) error {
		run := func(rows, inFlight int) (*Report, error) {
			scenario := s.base
			scenario.Rows, scenario.Concurrency = rows, inFlight
			s.opts.Progress(fmt.Sprintf("%d rows, %d in flight", rows, inFlight))
			return measure(ctx, scenario, s.quiet(), server, echo)
		}
		one, err := run(1, 1)
		if err != nil {
			return err
		}
		s.add(p50Bar("1 row, 50 features of 5 views, 100 trees", one, 1.4))
		s.add(p99Bar("1 row, 50 features of 5 views, 100 trees", one, 1.5))
		many, err := run(1, 32)
		if err != nil {
			return err
		}
		s.add(Bar{
			Name: "requests of 1 row, 32 in flight", Figure: many.Larder.RequestsPerSecond, Unit: "requests/s", Baseline: many.Echo.RequestsPerSecond,
			Against: "the echo", Bar: 0.6, AtLeast: true,
		}.compare())
		hundred, err := run(100, 1)
		if err != nil {
			return err
		}
		s.add(p50Bar("100 rows × 50 features", hundred, 5))
		full, err := run(100, 32)
		if err != nil {
			return err
		}
		s.add(Bar{Name: "100 rows × 50 features, 32 in flight", Figure: full.Larder.RowsPerSecond, Unit: "rows/s", Bar: 300_000, AtLeast: true}.compare())
		return nil
	})
}

// wide measures requests for many views.
func (s *suite) wide(ctx context.Context) error {
	scenario := s.base
	scenario.Views, scenario.Rows, scenario.Entities = 25, 100, 200_000
	return s.serve(ctx, scenario, func(server *served, echo *launch.Process) error {
		r, err := measure(ctx, scenario, s.quiet(), server, echo)
		if err == nil {
			s.add(p50Bar("100 rows × 250 features of 25 views", r, 10))
		}
		return err
	})
}

// postgres measures what needs a database: materialization, requests beside it,
// and a training set.
func (s *suite) postgres(ctx context.Context) error {
	scenario := s.base
	scenario.Entities, scenario.WhileMaterializing = 200_000, true
	return s.serve(ctx, scenario, func(server *served, echo *launch.Process) error {
		s.add(Bar{
			Name: "materialize, 10 features, Postgres to answerable", Figure: float64(server.materialized) / server.took.Seconds(), Unit: "source rows/s",
			Bar: 200_000, AtLeast: true,
		}.compare())
		r, err := measure(ctx, scenario, s.quiet(), server, echo)
		if err != nil {
			return err
		}
		s.add(Bar{
			Name: "1 row while materializing: p99", Figure: r.Larder.P99, Unit: microseconds, Baseline: r.Idle.P99, Against: "the same server before", Bar: 2,
		}.compare())
		s.opts.Progress("a training set of 100,000 rows from a history of 1,000,000")
		took, err := server.trainingSet(ctx)
		if err == nil {
			s.add(Bar{Name: "training set, 100,000 spine rows × 1,000,000 history rows", Figure: took.Seconds(), Unit: "s", Bar: 0.7}.compare())
		}
		return err
	})
}

// open measures a start on ten million rows, to the first answer.
func (s *suite) open(ctx context.Context) error {
	scenario := s.base
	scenario.Views, scenario.Entities = 1, 10_000_000
	return s.inFolder(func(dir string) error {
		if err := fill(ctx, scenario, s.opts, dir); err != nil {
			return err
		}
		began := time.Now()
		server, err := launchServer(ctx, scenario, s.opts, dir)
		if err != nil {
			return err
		}
		defer server.Stop()
		if err := firstAnswer(ctx, scenario, server); err != nil {
			return err
		}
		s.add(Bar{Name: "start on 10,000,000 rows, to the first answer", Figure: time.Since(began).Seconds(), Unit: "s", Bar: 2}.compare())
		return nil
	})
}

// firstAnswer asks for a row, and checks the answer.
func firstAnswer(ctx context.Context, s Scenario, server *launch.Process) error {
	conn, err := grpc.NewClient(server.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = s.larderCall(ctx, conn, new(Report))
	return err
}

// quiet is for steps that the suite reports itself.
func (s *suite) quiet() Options {
	opts := s.opts
	opts.Progress = func(string) {}
	return opts
}

func (s *suite) inFolder(do func(dir string) error) error {
	dir, err := os.MkdirTemp("", "larder-bench-*")
	if err != nil {
		return err
	}
	return errors.Join(do(dir), os.RemoveAll(dir))
}

// serve starts a server for a scenario, and an echo.
func (s *suite) serve(ctx context.Context, scenario Scenario, do func(*served, *launch.Process) error) error {
	return s.inFolder(func(dir string) error {
		server, err := start(ctx, scenario, s.opts, dir)
		if err != nil {
			return err
		}
		defer server.stop()
		echo, err := launch.Start(ctx, s.opts.Larder, []string{"bench", "echo-server"}, filepath.Join(dir, "echo.log"))
		if err != nil {
			return err
		}
		defer echo.Stop()
		return do(server, echo)
	})
}

// PrintBars writes bars as a table, or as JSON.
func PrintBars(w io.Writer, bars []Bar, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(bars)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "BAR\tFIGURE\tBASELINE\tRATIO\tBAR\tPASS")
	for _, b := range bars {
		c := b.cells()
		fmt.Fprintln(t, strings.Join(c[:], "\t"))
	}
	return t.Flush()
}

// number writes a figure in four digits, or all that are before the point.
func number(x float64) string {
	if math.Abs(x) >= 1000 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.4g", x)
}

// cells are the cells of a bar in a table.
func (b Bar) cells() [6]string {
	figure, ratio, sign, pass := number(b.Figure)+" "+b.Unit, "", "≤", "yes"
	var baselines []string
	if b.Baseline != 0 {
		baselines, ratio = append(baselines, fmt.Sprintf("%s %s (%s)", number(b.Baseline), b.Unit, b.Against)), fmt.Sprintf("%.2f", b.Ratio)
	}
	for _, o := range b.Beside {
		baselines = append(baselines, fmt.Sprintf("%s %s (%s)", number(o.Figure), cmp.Or(o.Unit, b.Unit), o.Of))
	}
	if b.AtLeast {
		sign = "≥"
	}
	if !b.Pass {
		pass = "no"
	}
	if b.Skipped != "" {
		figure, pass = b.Skipped, ""
	}
	return [6]string{b.Name, figure, strings.Join(baselines, "; "), ratio, fmt.Sprintf("%s %g", sign, b.Bar), pass}
}
