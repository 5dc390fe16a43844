package forget

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"larder/monitor/featurelog"
	"larder/schema"
	"larder/store"
	"larder/store/forgotten"
	"larder/store/online"
	"larder/store/registry"
)

// FollowerOptions configure a Follower. Every field is required unless its comment says
// otherwise.
type FollowerOptions struct {
	Keys       *Keys // also of all that writes
	Registry   *registry.Registry
	Online     *online.Store
	FeatureLog *featurelog.Log // nil when nothing is logged
	// Rebuild has a view of a stream made again from its log, after states were removed that may
	// have had newer events too.
	Rebuild func(*schema.View) error
	Server  string
	Logger  *slog.Logger
}

// A Follower removes forgotten keys from one server.
type Follower struct {
	FollowerOptions
	version string       // of the list that was taken last
	done    atomic.Int64 // the number up to which all keys are removed
	problem atomic.Pointer[string]
	told    time.Time
	wake    chan struct{}
}

// The times between two signs of life, and between attempts.
const (
	tellEvery = 5 * time.Second
	// liveFor is how long a server counts as alive after its last sign of life.
	liveFor = 15 * time.Second
)

// NewFollower returns a follower.
func NewFollower(opts FollowerOptions) *Follower {
	opts.Keys.catalogs = func() (serving, building *schema.Catalog) {
		building = opts.Registry.Building() // in this order: it becomes the serving one
		return opts.Registry.Catalog(), building
	}
	f := &Follower{FollowerOptions: opts, wake: make(chan struct{}, 1)}
	f.problem.Store(new(string))
	return f
}

// Start removes what was forgotten while the server was down, or is in its store again
// because it was restored. It is called before anything writes to the store. The error is
// that of a Postgres that can't be reached: nothing is written then either.
func (f *Follower) Start(ctx context.Context) error {
	// Whoever forgets a key after this waits for this server, and what was forgotten before is
	// on the list that comes next.
	if err := f.Registry.TellForgotten(ctx, f.Server, 0, ""); err != nil {
		return err
	}
	list, version, err := f.newest(ctx)
	if err != nil {
		return err
	}
	return f.take(ctx, list, version, false)
}

func (f *Follower) newest(ctx context.Context) (*forgotten.List, string, error) {
	version, err := f.Registry.ForgottenVersion(ctx) // before the list, which may be newer
	if err != nil || version == f.version {
		return nil, version, err
	}
	list, err := f.Registry.ForgottenList(ctx)
	return list, version, err
}

// Run follows the list until ctx ends, and says every few seconds that this server lives.
// The feature log must be running.
func (f *Follower) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	running.Go(func() { f.listen(ctx) })
	running.Go(func() { f.live(ctx) })
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		list, version, err := f.newest(ctx)
		if err == nil {
			err = f.take(ctx, list, version, true)
		}
		if err != nil || list != nil || time.Since(f.told) >= tellEvery {
			f.tell(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-tick.C:
		}
	}
}

// listen wakes Run when the list changes.
func (f *Follower) listen(ctx context.Context) {
	for ctx.Err() == nil {
		_ = f.Registry.FollowForgotten(ctx, func() { // Run looks by itself meanwhile
			select {
			case f.wake <- struct{}{}:
			default:
			}
		})
		select {
		case <-ctx.Done():
		case <-time.After(tellEvery):
		}
	}
}

// live tells that this server lives, also while it removes keys.
func (f *Follower) live(ctx context.Context) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = f.Registry.TellForgotten(ctx, f.Server, f.done.Load(), *f.problem.Load()) // the next may arrive
		}
	}
}

// tell says how far this server is, and why it can't go on.
func (f *Follower) tell(ctx context.Context, err error) {
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	if was := f.problem.Swap(&problem); *was != problem && problem != "" && ctx.Err() == nil {
		f.Logger.Warn("forgotten keys can't be removed now; will retry", "error", err)
	}
	if f.Registry.TellForgotten(ctx, f.Server, f.done.Load(), problem) == nil {
		f.told = time.Now()
	}
}

// take makes a list that of this server, and removes the keys on it that were not removed
// yet. A nil list is the one that was taken last.
func (f *Follower) take(ctx context.Context, list *forgotten.List, version string, running bool) error {
	if list == nil {
		return nil
	}
	seq, id, err := f.Online.Forgotten()
	if err != nil {
		return err
	}
	if last := lastID(list, seq); seq > 0 && last != id { // the registry was restored from a backup
		f.Logger.Warn("the list of forgotten keys is another one than before; all keys on it are removed again", "server", f.Server)
		seq = 0
	}
	todo := list.After(seq)
	if len(todo.Records) > 0 {
		old, err := f.oldViews(ctx)
		if err != nil {
			return err
		}
		f.Keys.setOld(old)
	}
	f.Online.Exclusively(func() { f.Keys.set(list) })
	if len(todo.Records) > 0 {
		began := time.Now()
		if err := f.remove(ctx, todo, running); err != nil {
			return err
		}
		if running {
			if err := f.rebuild(ctx, todo); err != nil {
				return err
			}
		} else if slices.ContainsFunc(todo.Records, func(r forgotten.Record) bool { return r.View != "" }) {
			return nil // Run goes on, when streams run
		}
		if err := f.Online.SetForgotten(list.Seq, lastID(list, list.Seq)); err != nil {
			return err
		}
		f.Logger.Info("forgotten keys removed", "keys", len(todo.Records), "took", time.Since(began))
	}
	if err := f.Online.Checked(); err != nil {
		return err
	}
	f.done.Store(list.Seq)
	f.version = version
	return nil
}

// lastID returns the forgetting of the last key up to a number.
func lastID(list *forgotten.List, seq int64) (id string) {
	for _, r := range list.Records {
		if r.Seq <= seq {
			id = r.Forgetting
		}
	}
	return id
}

// oldViews returns the join keys of views in the store that no catalog has, as far as
// earlier versions of the definitions tell them.
func (f *Follower) oldViews(ctx context.Context) (map[uint32]*schema.View, error) {
	ids, err := f.Online.ViewIDs()
	if err != nil {
		return nil, err
	}
	serving, building := f.Keys.catalogs()
	known := viewsOf(serving, building)
	old := map[uint32]*schema.View{}
	for _, id := range ids {
		if known[id] != nil {
			continue
		}
		mark, found, err := f.Online.Watermark(id)
		if err != nil {
			return nil, err
		}
		if !found || mark.CatalogVersion == 0 {
			continue
		}
		c, err := f.Registry.CatalogOf(ctx, mark.CatalogVersion)
		var gone *schema.Error
		if errors.As(err, &gone) && gone.Kind == schema.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, v := range c.Views() {
			if v.ID == id {
				old[id] = v
			}
		}
	}
	return old, nil
}

// viewsOf returns the views of catalogs by their numbers.
func viewsOf(catalogs ...*schema.Catalog) map[uint32]*schema.View {
	all := map[uint32]*schema.View{}
	for _, c := range catalogs {
		if c == nil {
			continue
		}
		for _, v := range c.Views() {
			all[v.ID] = v
		}
	}
	return all
}

// rebuiltEvery is how often it is looked whether a view is made.
const rebuiltEvery = 50 * time.Millisecond

// rebuild makes views again whose states have events of forgotten keys under other keys, and
// rids the store of the states before.
func (f *Follower) rebuild(ctx context.Context, todo *forgotten.List) error {
	serving, building := f.Keys.catalogs()
	made := map[uint32]bool{}
	for _, r := range todo.Records {
		for id, v := range viewsOf(serving, building) {
			if r.View != v.Name || v.Stream == nil || made[id] {
				continue
			}
			made[id] = true
			if err := f.rebuildOne(ctx, v); err != nil {
				return err
			}
			p := registry.ForgottenPlace{Place: "server " + f.Server, What: "view " + v.Name, Note: "made again from the log of its stream"}
			if err := f.Registry.RecordForgotten(ctx, r.Forgetting, p); err != nil {
				return err
			}
		}
	}
	if len(made) == 0 {
		return nil
	}
	return f.Online.Compact(ctx)
}

func (f *Follower) rebuildOne(ctx context.Context, v *schema.View) error {
	before, found, err := f.Online.Watermark(v.ID)
	if err != nil || !found { // it will be made from the log as it is now
		return err
	}
	if err := f.Rebuild(v); err != nil {
		return err
	}
	tick := time.NewTicker(rebuiltEvery)
	defer tick.Stop()
	for {
		mark, _, err := f.Online.Watermark(v.ID)
		if err != nil {
			return err
		}
		if store.Generation(mark.Batch) > store.Generation(before.Batch) && !mark.Rebuilding {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// remove removes keys from the files of the feature log and from the store.
func (f *Follower) remove(ctx context.Context, todo *forgotten.List, running bool) error {
	place := "server " + f.Server
	if f.FeatureLog != nil {
		if running {
			if err := f.FeatureLog.Flush(ctx); err != nil {
				return err
			}
		}
		damaged, err := f.FeatureLog.Forget(ctx, todo, func(file string, gone []forgotten.Record) error {
			return f.record(ctx, place, "feature log file "+file, "", countOf(gone))
		})
		if err != nil {
			return err
		}
		for _, d := range damaged {
			for id := range countOf(todo.Records) {
				what := "feature log file " + featurelog.ShownPath(d.Path)
				p := registry.ForgottenPlace{Place: place, What: what, Note: "it can't be read, and may have rows of the key: restore it from a backup and forget again, or delete it"}
				if err := f.Registry.RecordForgotten(ctx, id, p); err != nil {
					return err
				}
			}
		}
	}
	return f.erase(ctx, todo, place, running)
}

// countOf returns how many records each forgetting has.
func countOf(records []forgotten.Record) map[string]int64 {
	counts := map[string]int64{}
	for _, r := range records {
		if r.View == "" {
			counts[r.Forgetting]++
		}
	}
	return counts
}

func (f *Follower) record(ctx context.Context, place, what, note string, counts map[string]int64) error {
	for id, n := range counts {
		if err := f.Registry.RecordForgotten(ctx, id, registry.ForgottenPlace{Place: place, What: what, Removed: n, Note: note}); err != nil {
			return err
		}
	}
	return nil
}

// outOfUse is what rows of views that nothing knows any more are called in the record.
const outOfUse = "views out of use"

// erase removes keys from the store. Views that no version of the definitions knows any
// more go as a whole.
func (f *Follower) erase(ctx context.Context, todo *forgotten.List, place string, running bool) error {
	old := f.Keys.oldViews()
	first, firstBuilding := f.Keys.catalogs()
	all := countOf(todo.Records)
	counts := map[string]map[string]int64{} // by what, and forgetting
	again := map[uint32]*schema.View{}
	judge := func(viewID uint32) online.Verdict {
		// Catalogs change meanwhile: a view that has rows now is in one of them, or was.
		serving, building := f.Keys.catalogs()
		v := viewsOf(first, firstBuilding, serving, building)[viewID]
		if v == nil {
			v = old[viewID]
		}
		if v == nil {
			counts[outOfUse] = map[string]int64{}
			return online.Verdict{Whole: true}
		}
		m := matchersOf(todo, map[uint32]*schema.View{viewID: v})[viewID]
		if m == nil {
			return online.Verdict{}
		}
		of := map[string]int64{}
		counts["view "+v.Name] = of
		return online.Verdict{
			States: m.states,
			Until: func(key []byte) (int64, bool) {
				r, found := m.find(key)
				return r.Until, found
			},
			Found: func(key []byte) {
				r, _ := m.find(key)
				of[r.Forgetting]++
				// A state may have newer events too.
				if m.states && r.Until != forgotten.Pending {
					again[viewID] = v
				}
			},
		}
	}
	_, err := f.Online.Erase(ctx, judge, func() error {
		for what, of := range counts {
			note := ""
			if what == outOfUse {
				note = "all their rows are removed, of other keys too; they are not counted"
			}
			for id := range all {
				if err := f.record(ctx, place, what, note, map[string]int64{id: of[id]}); err != nil {
					return err
				}
			}
		}
		if running {
			return nil
		}
		for id := range again {
			if err := f.Online.RebuildLater(id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || !running {
		return err
	}
	for _, v := range again {
		if err := f.Rebuild(v); err != nil {
			return err
		}
	}
	return nil
}
