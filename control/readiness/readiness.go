// Package readiness decides when a server is ready: when the rows that its catalog reads
// are there, and not already when the catalog is. A server with an empty data folder
// would otherwise answer NOT_FOUND, and score with defaults, after each scale-out.
//
// # Promises
//
//   - A server is ready when each view of the catalog that has a schedule, or that any
//     server of the registry has ever materialized, has a watermark, and that of a view
//     with a schedule is as fresh as the schedule says, or a run has moved it since the
//     server started.
//   - While Postgres can't be reached, any watermark is fresh enough: what is stored is
//     the best there is, and a start must not depend on the database.
//   - After Options.After it is ready in any case, and the log says what is missing.
//   - Once ready, it stays so: rows that get old later are a matter of freshness.
//   - A view without a schedule that others have materialized is materialized at the
//     start if it has no rows.
package readiness

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"larder/materialize"
	"larder/schema"
	"larder/store"
	"larder/store/registry"
)

// Options configure a Gate. Every field is required unless its comment says otherwise.
type Options struct {
	Registry *registry.Registry
	Online   interface {
		Watermark(viewID uint32) (store.Watermark, bool, error)
	}
	Runner *materialize.Runner // nil on a server without Postgres
	Server string              // the server's name in the record of runs
	After  time.Duration       // when the server is ready in any case
	Logger *slog.Logger
}

// A Gate knows whether the rows of the catalog are there. It is safe for concurrent use.
type Gate struct {
	Options
	started time.Time
	open    atomic.Bool
	awaited atomic.Pointer[[]string]
	fleet   map[string]bool      // views that some server has materialized; nil until that is known
	asked   map[string]time.Time // when the materialization of a view was started here
}

// New returns a gate. It is closed until Run finds that the rows are there.
func New(opts Options) *Gate {
	return &Gate{Options: opts, started: time.Now(), asked: map[string]time.Time{}}
}

// Ready returns nil when the server is ready, or else what it waits for.
func (g *Gate) Ready() error {
	if g.open.Load() {
		return nil
	}
	said := "the rows of feature views are being looked for"
	if awaited := g.awaited.Load(); awaited != nil {
		said = strings.Join(*awaited, "; ")
	}
	return schema.NotReady.Errorf("the server is not ready yet: %s", said)
}

// Awaited returns what the server waits for before it is ready; nothing when it is.
func (g *Gate) Awaited() []string {
	if awaited := g.awaited.Load(); awaited != nil && !g.open.Load() {
		return *awaited
	}
	return nil
}

// interval is how often the watermarks are looked at until the server is ready.
const interval = 100 * time.Millisecond

// Run opens the gate when the rows are there, and returns when ctx ends.
func (g *Gate) Run(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for !g.open.Load() {
		awaited, err := g.look(ctx)
		switch waited := time.Since(g.started); {
		case err != nil && waited < g.After:
			awaited = []string{err.Error()}
			g.awaited.Store(&awaited)
		case err == nil && len(awaited) == 0:
			g.open.Store(true)
			g.Logger.Info("ready: the rows of all feature views are there", "after", waited.Round(time.Millisecond))
		case waited >= g.After:
			g.open.Store(true)
			g.Logger.Error("ready although rows are missing: the server has waited long enough; requests get NOT_FOUND or old values", "waited", g.After, "missing", awaited, "error", err)
		default:
			g.awaited.Store(&awaited)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	<-ctx.Done()
	return nil
}

// look returns what the server waits for.
func (g *Gate) look(ctx context.Context) ([]string, error) {
	reachable := g.Runner != nil && g.Registry.State().PostgresError == nil
	if reachable && g.fleet == nil {
		if err := g.learn(ctx); err != nil {
			return nil, err
		}
	}
	var awaited []string
	for _, view := range g.Registry.Catalog().Views() {
		if view.Schedule == 0 && !g.fleet[view.Name] && view.Stream == nil {
			continue
		}
		said, err := g.missing(view, reachable)
		if err != nil {
			return nil, err
		}
		if said != "" {
			awaited = append(awaited, said)
		}
	}
	return awaited, nil
}

// learn reads which views the fleet has materialized, and warns of those that this
// server has lost.
func (g *Gate) learn(ctx context.Context) error {
	servers, err := g.Registry.Materialized(ctx)
	if err != nil {
		return err
	}
	g.fleet = map[string]bool{}
	var lost []string
	for _, view := range g.Registry.Catalog().Views() {
		g.fleet[view.Name] = len(servers[view.Name]) > 0
		_, found, err := g.Online.Watermark(view.ID)
		if err != nil {
			return err
		}
		if !found && slices.Contains(servers[view.Name], g.Server) {
			lost = append(lost, view.Name)
		}
	}
	if len(lost) > 0 {
		g.Logger.Error("the online store has lost the rows of views that this server had materialized; they are stored again (was the data folder removed or damaged?)", "views", lost)
	}
	return nil
}

// missing returns what a view lacks; empty when its rows are there.
func (g *Gate) missing(view *schema.View, reachable bool) (string, error) {
	mark, found, err := g.Online.Watermark(view.ID)
	if err != nil {
		return "", err
	}
	if !found {
		return fmt.Sprintf("feature view %q has no rows yet%s", view.Name, g.fill(view, reachable)), nil
	}
	if view.Schedule == 0 || !reachable {
		return "", nil
	}
	age := time.Since(time.UnixMicro(mark.Time))
	if age <= view.Schedule.Std() || g.movedHere(view) {
		return "", nil
	}
	return fmt.Sprintf("feature view %q is %s old, and its schedule is %s", view.Name, age.Round(time.Second), view.Schedule), nil
}

// movedHere reports whether a run has moved the watermark of a view since the start.
func (g *Gate) movedHere(view *schema.View) bool {
	run, found := g.Runner.Last(view.Name)
	return found && run.State == materialize.Succeeded && run.Mode != schema.Range
}

// retryAfter is how long after a materialization was started here another one is, if
// it failed.
const retryAfter = 10 * time.Second

// fill starts the materialization of a view that has no schedule, and says what is
// going on.
func (g *Gate) fill(view *schema.View, reachable bool) string {
	if g.Runner == nil {
		return ", and this server has no Postgres to read them from"
	}
	if !reachable {
		return ", and Postgres can't be reached"
	}
	run, found := g.Runner.Last(view.Name)
	if view.Schedule == 0 && (!found || run.Ended()) && time.Since(g.asked[view.Name]) > retryAfter {
		if _, err := g.Runner.Start(materialize.Request{View: view.Name}); err == nil {
			g.asked[view.Name] = time.Now()
		}
	}
	switch {
	case !found:
		return ""
	case run.State == materialize.Failed:
		return ": " + run.Error
	}
	return fmt.Sprintf(" (%d rows read)", run.RowsRead)
}
