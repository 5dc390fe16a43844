package runs

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"larder/materialize"
	"larder/schema"
	"larder/store/registry"
)

// Options configure a Recorder. Every field is required unless its comment says otherwise.
type Options struct {
	Registry *registry.Registry
	Runner   *materialize.Runner // nil on a server without Postgres
	Server   string              // the server's name in the record of runs
	Logger   *slog.Logger
}

// A Recorder starts runs and keeps their record. It is safe for concurrent use.
type Recorder struct {
	Options
	started time.Time
}

// New returns a Recorder. Runs of this server that are recorded as running before now
// were cut off when it last stopped.
func New(opts Options) *Recorder { return &Recorder{Options: opts, started: time.Now()} }

// A Run is a run and the name of its server.
type Run struct {
	materialize.Run
	Server string
}

// A Request asks for a run of each of the named views.
type Request struct {
	Views    []string // none: all
	Full     bool     // from the beginning
	From, To *int64   // the window, in microseconds since 1970 UTC; without From, from the watermark
}

// Start starts a run for each view and returns the ids. The runs continue when the
// client goes away.
func (r *Recorder) Start(req Request) (ids []string, err error) {
	requests, err := r.requests(req)
	if err != nil {
		return nil, err
	}
	for _, one := range requests {
		run, err := r.Runner.Start(one)
		if err != nil {
			return nil, err
		}
		ids = append(ids, run.ID)
	}
	return ids, nil
}

// requests checks a request and names its views one by one.
func (r *Recorder) requests(req Request) ([]materialize.Request, error) {
	if r.Runner == nil {
		return nil, schema.NoPostgres.Errorf("this server runs without Postgres and has nothing to materialize from; start it with --postgres")
	}
	if req.Full && req.From != nil {
		return nil, schema.BadWindow.Errorf("a full run starts at the beginning; leave out either from or full")
	}
	if req.From != nil && req.To != nil && *req.From > *req.To {
		return nil, schema.BadWindow.Errorf("the window ends before it begins; swap from and to")
	}
	template := materialize.Request{Mode: schema.Incremental, From: valueOf(req.From), To: valueOf(req.To)}
	switch {
	case req.Full:
		template.Mode = schema.Full
	case req.From != nil:
		template.Mode = schema.Range
	}
	names, err := r.names(req.Views)
	if err != nil {
		return nil, err
	}
	requests := make([]materialize.Request, len(names))
	for i, name := range names {
		requests[i] = template
		requests[i].View = name
	}
	return requests, nil
}

func valueOf(micros *int64) int64 {
	if micros == nil {
		return 0
	}
	return *micros
}

// names checks that the named views exist. Without names it returns all views.
func (r *Recorder) names(asked []string) ([]string, error) {
	catalog := r.Registry.Catalog()
	for _, name := range asked {
		if _, err := catalog.View(name); err != nil {
			return nil, err
		}
	}
	if len(asked) > 0 {
		return asked, nil
	}
	var names []string
	for _, v := range catalog.Views() {
		if v.Stream == nil { // events are stored as they come
			names = append(names, v.Name)
		}
	}
	if len(names) == 0 && len(catalog.Views()) == 0 {
		return nil, schema.NoFeatureViews.Errorf("there are no feature views yet; `larder apply DIR` adds some")
	}
	return names, nil
}

// ByID returns runs of this server and whether all have ended. It leaves out runs that
// are too old for the runner to remember.
func (r *Recorder) ByID(ids []string) (found []Run, ended bool) {
	ended = true
	for _, id := range ids {
		run, ok := r.Runner.Get(id)
		if !ok {
			continue
		}
		found = append(found, Run{run, r.Server})
		ended = ended && run.Ended()
	}
	return found, ended
}

// Wait returns when runs of this server have ended: nil if all have succeeded. Runs
// continue when ctx ends.
func (r *Recorder) Wait(ctx context.Context, ids []string) error {
	for _, id := range ids {
		run, err := r.Runner.Wait(ctx, id)
		if err != nil {
			return fmt.Errorf("wait for run %s, which goes on: %w", id, err)
		}
		if run.State != materialize.Succeeded {
			return schema.RunFailed.Errorf("run %s of feature view %q: %s", id, run.View, cmp.Or(run.Error, string(run.State)))
		}
	}
	return nil
}

// Run returns one run: from memory if this server ran it, else from the record.
func (r *Recorder) Run(ctx context.Context, id string) (Run, error) {
	if r.Runner != nil {
		if run, found := r.Runner.Get(id); found {
			return Run{run, r.Server}, nil
		}
	}
	recorded, err := r.Registry.RunByID(ctx, id)
	if err != nil {
		return Run{}, err
	}
	if recorded == nil {
		return Run{}, Unknown(id)
	}
	return read(*recorded)
}

// Unknown is the error for a run that isn't there.
func Unknown(id string) error {
	return schema.UnknownRun.Errorf("no run %q; `larder status` shows the newest run of each view", id)
}

// Cancel cancels a run of this server and returns it when it has ended.
func (r *Recorder) Cancel(ctx context.Context, id string) (Run, error) {
	if r.Runner == nil {
		return Run{}, schema.NoPostgres.Errorf("this server runs without Postgres and has no runs; cancel the run on the server that started it")
	}
	if err := r.Runner.Cancel(id); err != nil {
		return Run{}, err
	}
	run, err := r.Runner.Wait(ctx, id)
	return Run{run, r.Server}, err
}

// Last returns the newest run of a view that this server remembers, and when the
// schedule starts the next one; 0 without a schedule.
func (r *Recorder) Last(view string) (last Run, found bool, next int64) {
	if r.Runner == nil {
		return Run{}, false, 0
	}
	run, found := r.Runner.Last(view)
	return Run{run, r.Server}, found, r.Runner.NextRun(view)
}

// LastBuilding returns the newest run that stores a view's rows for the next catalog.
func (r *Recorder) LastBuilding(view string) (Run, bool) {
	if r.Runner == nil {
		return Run{}, false
	}
	run, found := r.Runner.LastBuilding(view)
	return Run{run, r.Server}, found
}

// OfView returns the newest recorded runs of a view, on all servers, newest first. If it
// can't read the record, it logs the error and returns no runs.
func (r *Recorder) OfView(ctx context.Context, view string, limit int) []Run {
	recorded, err := r.Registry.RunsOf(ctx, view, limit)
	if err != nil {
		r.Logger.Warn("cannot read the record of runs", "view", view, "error", err)
		return nil
	}
	var out []Run
	for _, one := range recorded {
		if run, err := read(one); err == nil {
			out = append(out, run)
		}
	}
	return out
}

// Recorded returns the newest recorded run of each view. If it can't read the record,
// it logs the error and returns no runs.
func (r *Recorder) Recorded(ctx context.Context) map[string]Run {
	out := map[string]Run{}
	recorded, err := r.Registry.LastRuns(ctx, r.Server)
	if err != nil {
		r.Logger.Warn("cannot read the record of runs", "error", err)
		return out
	}
	for _, one := range recorded {
		if run, err := read(one); err == nil {
			out[one.FeatureView] = run
		}
	}
	return out
}
