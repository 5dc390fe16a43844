package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"syscall"
	"text/tabwriter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/launch"
	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/store/registry"
)

// An Overloaded is what a server did with more requests than it can answer.
type Overloaded struct {
	Loads []*Arrivals `json:"loads"`
	Bars  []Bar       `json:"bars"`
	// Generator is the share of the machine's cores that the requests' sender took, by load.
	Generator map[string]float64 `json:"generator_share"`
}

// The loads of the suite. Its requests take a few milliseconds, so that sending them and refusing
// them takes little beside answering them: all of it shares the cores.
const (
	overloadTrees  = 3000
	overloadRows   = 100
	quickModel     = "quick"
	quickTrees     = 20
	criticalShare  = 0.1
	callersConns   = 4
	saturating     = 12 // requests in flight that keep the cores busy
	settling       = time.Second
	overloadedRows = 100_000
)

// overloading is a suite that goes on.
type overloading struct {
	*suite
	Overloaded
	scenario Scenario
	server   *served
	conns    []*grpc.ClientConn
	peak     float64 // requests a second
	sender   float64 // the share of the cores that sending took meanwhile
	usual    float64 // p99 at 80 %
}

// Overload measures what a server does with more requests than it can answer: each load
// for as long as duration.
func Overload(ctx context.Context, duration time.Duration, opts Options) (*Overloaded, error) {
	o := &overloading{suite: &suite{opts: opts, base: DefaultScenario()}}
	o.Generator = map[string]float64{}
	o.base.Duration, o.base.Rows, o.base.Trees, o.base.Entities = duration, overloadRows, overloadTrees, overloadedRows
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the rest of the cores is the server's
	err := o.inFolder(func(dir string) error { return o.loads(ctx, dir) })
	if err == nil {
		err = o.besideTraining(ctx)
	}
	o.Bars = o.bars
	return &o.Overloaded, err
}

// loads measures a server without a database.
func (o *overloading) loads(ctx context.Context, dir string) error {
	o.scenario = o.base
	if err := o.fill(ctx, dir); err != nil {
		return err
	}
	if err := o.serveIn(ctx, dir); err != nil {
		return err
	}
	defer o.stop()
	for _, part := range []func(context.Context) error{o.steps, o.noisy, o.slow} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (o *overloading) stop() {
	for _, c := range o.conns {
		_ = c.Close()
	}
	o.server.stop()
}

// fill makes the folder of a server that has a second, quick model.
func (o *overloading) fill(ctx context.Context, dir string) error {
	s := o.scenario
	o.opts.Progress(fmt.Sprintf("filling a store with %d rows", s.Entities*s.Views))
	defs, slow := s.definitions()
	quick := onnxmodel.Trees(onnxmodel.TreesOptions{Trees: quickTrees, Depth: 6, Features: s.Views * s.Features, Seed: 2})
	sum := sha256.Sum256(quick)
	model := defs.Models[0]
	model.Name, model.Versions = quickModel, []schema.ModelVersion{{Version: 1, ONNX: "quick.onnx", SHA256: hex.EncodeToString(sum[:])}}
	defs.Models = append(defs.Models, model)
	catalog, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		return err
	}
	files := map[string][]byte{defs.Models[0].Versions[0].SHA256: slow, model.Versions[0].SHA256: quick}
	return errors.Join(fillStore(ctx, s, catalog, dir), registry.Keep(filepath.Join(dir, "registry"), catalog, files))
}

func (o *overloading) serveIn(ctx context.Context, dir string) error {
	process, err := behind(func() (*launch.Process, error) { return launchServer(ctx, o.scenario, o.opts, dir) })
	if err != nil {
		return err
	}
	o.server = &served{Process: process}
	err = o.connect(process)
	if err == nil {
		err = o.server.untilWarm(ctx)
	}
	if err != nil {
		o.stop()
	}
	return err
}

// behind starts a process that gives way to this one, which only takes a little of the cores: what it
// measures is the server's delay, not its own.
func behind[T any](start func() (T, error)) (process T, err error) {
	const niceness = 5
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // which ends with the goroutine; a child has its thread's niceness
		if err = syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness); err == nil {
			process, err = start()
		}
	}()
	<-done
	return process, err
}

func (o *overloading) connect(process *launch.Process) error {
	o.conns = nil
	for range callersConns + 1 {
		conn, err := grpc.NewClient(process.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return err
		}
		o.conns = append(o.conns, conn)
	}
	return nil
}

// score returns a call to a model, over connections in turns.
func (o *overloading) score(model string, rows int, conns []*grpc.ClientConn) call {
	s := o.scenario
	s.Rows = rows
	return func(ctx context.Context, n int) error {
		_, err := larderv1.NewServingServiceClient(conns[n%len(conns)]).GetFeaturesAndScore(ctx, &larderv1.GetFeaturesAndScoreRequest{Model: model, Entities: s.keys(n)})
		return err
	}
}

// callers are the connections of those who ask most; quiet is another's.
func (o *overloading) callers() []*grpc.ClientConn { return o.conns[:callersConns] }

func (o *overloading) quiet() []*grpc.ClientConn { return o.conns[callersConns:] }

// measurePeak finds how many requests a second the server answers at most.
func (o *overloading) measurePeak(ctx context.Context) error {
	do := o.score(modelName, overloadRows, o.callers())
	answered := &target{rec: newRecording(), do: func(ctx context.Context, n int) error {
		for {
			if err := do(ctx, n); status.Code(err) != codes.ResourceExhausted {
				return err
			}
		}
	}}
	span := max(o.base.Duration/3, 2*time.Second)
	if err := answered.load(ctx, Scenario{Concurrency: saturating}, settling); err != nil {
		return err
	}
	answered.rec = newRecording()
	share := senderShare()
	err := answered.load(ctx, Scenario{Concurrency: saturating}, span)
	o.sender = share()
	o.peak = answered.rec.requestsPerSecond()
	return err
}

// load measures arrivals, and how much of the cores the generator took.
func (o *overloading) load(ctx context.Context, a arriving, span time.Duration) *Arrivals {
	o.opts.Progress(fmt.Sprintf("%s: %.0f requests/s for %s", a.name, a.rate, span))
	share := senderShare()
	out := a.arrive(ctx, settling, span)
	o.Generator[a.name] = share()
	o.Loads = append(o.Loads, out)
	return out
}

// steps measures 80, 150 and 300 % of what the server can do.
func (o *overloading) steps(ctx context.Context) error {
	for _, step := range []struct{ load, slower, goodput float64 }{{0.8, 0, 0}, {1.5, 1.5, 0.95}, {3, 2, 0.9}} {
		if err := o.measurePeak(ctx); err != nil {
			return err
		}
		peak, sender := o.peak, o.sender
		name := fmt.Sprintf("%.0f %% of the peak", 100*step.load)
		refused, err := o.refusals(ctx)
		if err != nil {
			return err
		}
		watch := o.watch(ctx)
		got := o.load(ctx, arriving{name: name, rate: step.load * peak, do: o.score(modelName, overloadRows, o.callers()), critical: criticalShare, seed: 1}, o.base.Duration)
		seen, err := watch()
		if err != nil {
			return err
		}
		if step.slower == 0 {
			o.usual = got.P99
			o.add(Bar{Name: name + ": answered", Figure: 100 * got.Share, Unit: "%", Bar: 99.5, AtLeast: true}.compare())
			continue
		}
		if err := o.recovery(ctx, name, peak); err != nil {
			return err
		}
		if err := o.measurePeak(ctx); err != nil { // neighbours on the machine come and go
			return err
		}
		o.add(Bar{Name: name + ": p99 of those answered", Figure: got.P99, Unit: microseconds, Baseline: o.usual, Against: "at 80 %", Bar: step.slower}.compare())
		// Sending more takes more of the cores, which the server would have from other machines' callers.
		left := (1 - o.Generator[name]) / (1 - (sender+o.sender)/2)
		o.add(Bar{Name: name + ": goodput", Figure: got.Answered, Unit: "requests/s", Baseline: (peak + o.peak) / 2 * left, Against: "the peak, on what sending leaves of the cores", Bar: step.goodput, AtLeast: true}.compare())
		o.add(Bar{Name: name + ": critical requests answered", Figure: 100 * got.Critical, Unit: "%", Bar: 99.9, AtLeast: true}.compare())
		o.add(Bar{Name: name + ": slowest health check", Figure: seen.slowest.Seconds() * 1e3, Unit: milliseconds, Bar: 250}.compare())
		o.add(Bar{Name: name + ": health checks that failed", Figure: float64(seen.failed), Bar: 0}.compare())
		first, last := seen.memoryGrowth()
		o.add(Bar{Name: name + ": memory in the last quarter", Figure: last, Unit: "MB", Baseline: first, Against: "in the second", Bar: 1.25}.compare())
		if err := o.refusalBars(ctx, name, refused); err != nil {
			return err
		}
	}
	return nil
}

func (o *overloading) refusalBars(ctx context.Context, name string, before map[float64]float64) error {
	after, err := o.refusals(ctx)
	if err != nil {
		return err
	}
	o.add(Bar{
		Name: name + ": p50 of refusals, in the server, at most", Figure: 1e6 * quantileOf(before, after, 0.5), Unit: microseconds, Bar: 200,
		Beside: []Beside{{Figure: 1e6 * quantileOf(before, after, 0.99), Of: "p99, of those that waited in line"}},
	}.compare())
	return nil
}

// recovery measures how long after an overload requests are still refused.
func (o *overloading) recovery(ctx context.Context, name string, peak float64) error {
	a := arriving{name: "after " + name, rate: 0.5 * peak, do: o.score(modelName, overloadRows, o.callers()), seed: 3}
	overload, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		arriving{rate: 3 * peak, do: a.do, seed: 4}.arrive(overload, 0, settling)
	}()
	<-ended
	end()
	after := a.arrive(ctx, 0, 2*time.Second)
	o.add(Bar{Name: name + ": last refusal after it ended", Figure: after.LastRefusal.Seconds() * 1e3, Unit: milliseconds, Bar: 1000}.compare())
	return nil
}

// noisy measures a caller who sends few requests beside one who sends three times as many
// as can be answered.
func (o *overloading) noisy(ctx context.Context) error {
	if err := o.measurePeak(ctx); err != nil {
		return err
	}
	_, quiet := o.beside(ctx,
		arriving{name: "noisy caller", rate: 3 * o.peak, do: o.score(modelName, overloadRows, o.callers()), seed: 5},
		arriving{name: "quiet caller", rate: 0.1 * o.peak, do: o.score(modelName, overloadRows, o.quiet()), seed: 6})
	o.add(Bar{Name: "a quiet caller beside a noisy one: answered", Figure: 100 * quiet.Share, Unit: "%", Bar: 95, AtLeast: true}.compare())
	return nil
}

// slow measures requests of a quick model beside three times as many of a slow one as can
// be answered.
func (o *overloading) slow(ctx context.Context) error {
	alone := o.load(ctx, arriving{name: "quick model alone", rate: 300, do: o.score(quickModel, 1, o.quiet()), seed: 7}, o.base.Duration/2)
	_, quick := o.beside(ctx,
		arriving{name: "slow model", rate: 3 * o.peak, do: o.score(modelName, overloadRows, o.callers()), seed: 8},
		arriving{name: "quick model", rate: 300, do: o.score(quickModel, 1, o.quiet()), seed: 9})
	o.add(Bar{Name: "a quick model beside a slow one: answered", Figure: 100 * quick.Share, Unit: "%", Bar: 99, AtLeast: true}.compare())
	o.add(Bar{Name: "the same: p99", Figure: quick.P99 / 1e3, Unit: milliseconds, Bar: 25, Beside: []Beside{{Figure: alone.P99 / 1e3, Of: "alone"}}}.compare())
	return nil
}

// beside measures two loads at once.
func (o *overloading) beside(ctx context.Context, a, b arriving) (first, second *Arrivals) {
	o.opts.Progress(fmt.Sprintf("%s: %.0f requests/s, beside %s: %.0f requests/s", a.name, a.rate, b.name, b.rate))
	done := make(chan *Arrivals)
	go func() { done <- a.arrive(ctx, settling, o.base.Duration) }()
	second = b.arrive(ctx, settling, o.base.Duration)
	first = <-done
	o.Loads = append(o.Loads, first, second)
	return first, second
}

// besideTraining measures requests while training sets are built.
func (o *overloading) besideTraining(ctx context.Context) error {
	o.scenario = o.base
	o.scenario.WhileMaterializing = true
	return o.inFolder(func(dir string) error {
		server, err := behind(func() (*served, error) { return start(ctx, o.scenario, o.opts, dir) })
		if err != nil {
			return err
		}
		defer server.stop()

		o.server = server
		if err := o.connect(server.Process); err != nil {
			return err
		}
		defer func() {
			for _, c := range o.conns {
				_ = c.Close()
			}
		}()
		if err := o.measurePeak(ctx); err != nil {
			return err
		}
		a := arriving{rate: 0.5 * o.peak, do: o.score(modelName, overloadRows, o.callers()), seed: 10}
		a.name = "50 %, nothing beside"
		alone := o.load(ctx, a, o.base.Duration)
		defs, _ := o.scenario.definitions()
		client, err := server.withHistory(ctx, defs)
		if err != nil {
			return err
		}
		defer client.Close()
		spine := historySpine()
		defer spine.Release()
		built := make(chan error, 1)
		go func() {
			for until := time.Now().Add(settling + o.base.Duration); time.Now().Before(until); {
				if _, err := buildSet(ctx, client, spine); err != nil {
					built <- err
					return
				}
			}
			built <- nil
		}()
		a.name = "50 %, beside training sets"
		got := o.load(ctx, a, o.base.Duration)
		if err := <-built; err != nil {
			return fmt.Errorf("build a training set: %w", err)
		}
		o.add(Bar{Name: "beside training sets: answered", Figure: 100 * got.Share, Unit: "%", Bar: 99, AtLeast: true}.compare())
		o.add(Bar{Name: "the same: p99", Figure: got.P99, Unit: microseconds, Baseline: alone.P99, Against: "without", Bar: 2}.compare())
		return nil
	})
}

// Print writes loads and bars as tables, or as JSON.
func (o *Overloaded) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(o)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "LOAD\tCOME/S\tANSWERED/S\tANSWERED\tP50 µs\tP99 µs\tREFUSED P50 µs\tREFUSED P99 µs\tOTHER\tGENERATOR")
	for _, a := range o.Loads {
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.1f %%\t%.0f\t%.0f\t%.0f\t%.0f\t%d\t%.0f %%\n", a.Name, a.Rate, a.Answered, 100*a.Share, a.P50, a.P99, a.RefusedP50, a.RefusedP99, a.Failed, 100*o.Generator[a.Name])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, a := range o.Loads {
		if len(a.Refusals) > 0 || a.Failed > 0 {
			fmt.Fprintf(w, "\n%s: refused %v; failed %d %s", a.Name, a.Refusals, a.Failed, a.Failure)
		}
	}
	fmt.Fprintln(w, "\n\nGenerator: the share of the cores that sending took; requests that came later than they were due count from then.")
	fmt.Fprintln(w)
	return PrintBars(w, o.Bars, false)
}
