package registry

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"larder/schema"
)

// A Building is a version that is not served yet: the rows of some of its views are
// being stored beside the rows that the serving version reads.
type Building struct {
	Version int64
	Views   []string // that are not filled yet
	Since   time.Time
	Until   time.Time // when it is served in any case
}

// Building returns the catalog that is being built; nil when there is none. It costs one
// atomic load.
func (r *Registry) Building() *schema.Catalog { return r.building.Load() }

// buildPoll is how often a registry checks whether a version that is being built can be
// served.
const buildPoll = 500 * time.Millisecond

// next returns the catalog of a version, which may be one that is being built already.
func (r *Registry) next(ctx context.Context, version int64) (*schema.Catalog, error) {
	if c := r.building.Load(); c != nil && c.Version == version {
		return c, nil
	}
	return r.compileVersion(ctx, version)
}

// build reports whether a catalog has to wait for rows. Until it is served, the views
// that it lacks are known as those of [Registry.Building].
func (r *Registry) build(ctx context.Context, next *schema.Catalog) (waits bool, err error) {
	serving, err := r.predecessor(next)
	if err != nil || serving == nil || r.opts.Unfilled == nil {
		return false, err
	}
	views, err := r.opts.Unfilled(serving, next)
	if err != nil || len(views) == 0 {
		return false, err
	}
	if r.Catalog() == nil { // the server was restarted while it was building
		if err := r.publish(ctx, serving); err != nil {
			r.opts.Logger.Warn("the version that served before can't be served while the next one is being built", "version", serving.Version, "error", err)
			return false, nil
		}
	}
	now := r.State().Building
	if now == nil || now.Version != next.Version {
		began := time.Now()
		now = &Building{Version: next.Version, Since: began, Until: began.Add(r.opts.SwitchAfter)}
		r.opts.Logger.Info("building the next catalog; the previous one serves until its views are filled", "version", next.Version, "views", views, "until", now.Until)
	}
	if time.Now().After(now.Until) {
		r.opts.Logger.Error("the next catalog is served although its views are not filled: they took too long", "version", next.Version, "views", views, "waited", r.opts.SwitchAfter)
		return false, nil
	}
	r.setBuilding(next, &Building{Version: now.Version, Views: views, Since: now.Since, Until: now.Until})
	return true, nil
}

// predecessor returns the catalog whose rows a server has: the one that serves or, at
// the start, the one that served last. Nil when there is none.
func (r *Registry) predecessor(next *schema.Catalog) (*schema.Catalog, error) {
	if c := r.Catalog(); c != nil {
		return c, nil
	}
	kept, err := r.readKept()
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		r.opts.Logger.Warn("the kept catalog can't be read; the newest version in Postgres is served", "error", err)
		return nil, nil
	}
	if kept.Version >= next.Version {
		return nil, nil
	}
	return kept, nil
}

// setBuilding records what is being built; nil for nothing.
func (r *Registry) setBuilding(c *schema.Catalog, state *Building) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.building.Store(c)
	r.state.Building = state
}

// streamSlack is how much older the watermark of a stream's view may be that is built anew.
const streamSlack = 3 * time.Second

// Unfilled returns the views of next that are stored anew and hold fewer rows than the
// same views of serving: they have no watermark, or one that is older by more than the
// view's schedule. watermark returns that of a view, in microseconds since 1970 UTC, and
// false when it has none.
func Unfilled(serving, next *schema.Catalog, watermark func(viewID uint32) (int64, bool, error)) ([]string, error) {
	var views []string
	for _, v := range next.Views() {
		old, err := serving.View(v.Name)
		if err != nil || old.ID == v.ID {
			continue
		}
		before, marked, err := watermark(old.ID)
		if err != nil {
			return nil, err
		}
		if !marked {
			continue // nothing would be lost
		}
		after, marked, err := watermark(v.ID)
		if err != nil {
			return nil, err
		}
		slack := v.Schedule.Micros()
		if v.Stream != nil { // both views follow the log, each with watermarks of its own
			slack = streamSlack.Microseconds()
		}
		if !marked || after < before-slack {
			views = append(views, v.Name)
		}
	}
	slices.Sort(views)
	return views, nil
}
