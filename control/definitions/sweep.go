package definitions

import (
	"context"
	"errors"
	"math"
	"time"

	"larder/schema"
)

// sweepInterval is how often rows are looked for that nothing uses. They are deleted at
// the second look at the earliest: far longer than any request on an older catalog takes.
const sweepInterval = time.Minute

// sweepSlack is how much longer rows stay than the registry promises, so that no version
// can take them back while they are deleted.
const sweepSlack = time.Minute

// Sweep deletes the rows of views that no catalog uses and that the registry doesn't
// keep any more, until ctx ends. It deletes nothing while nothing has been applied to
// the registry, and nothing without Postgres, which knows what is kept.
func (e *Editor) Sweep(ctx context.Context) error {
	if e.Offline == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	gone := map[uint32]bool{} // views that were missing one tick ago
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		goneNow, err := e.goneViews(ctx)
		for id := range goneNow {
			if !gone[id] {
				continue
			}
			dropErr := e.Online.DropView(ctx, id)
			err = errors.Join(err, dropErr)
			if dropErr == nil {
				e.Logger.Info("deleted the rows of a removed view", "view_id", id)
				delete(goneNow, id)
			}
		}
		if err != nil && ctx.Err() == nil {
			e.Logger.Error("cannot delete the rows of removed views", "error", err)
		}
		gone = goneNow
	}
}

// goneViews returns the views in the store whose rows nothing uses or keeps.
func (e *Editor) goneViews(ctx context.Context) (map[uint32]bool, error) {
	catalogs := []*schema.Catalog{e.Registry.Building(), e.Registry.Catalog()} // in this order: a catalog becomes the serving one before it stops being the next
	if catalogs[1].Version == 0 {
		return nil, nil
	}
	ids, err := e.Online.ViewIDs()
	if err != nil {
		return nil, err
	}
	gone := map[uint32]bool{}
	for _, id := range ids {
		gone[id] = true
	}
	for _, c := range catalogs {
		if c != nil {
			for _, v := range c.Views() {
				delete(gone, v.ID)
			}
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	until, now, err := e.Registry.StoredViews(ctx)
	if err != nil {
		return nil, err
	}
	for id, end := range until {
		if end == math.MaxInt64 || end+sweepSlack.Microseconds() > now {
			delete(gone, id)
		}
	}
	return gone, nil
}

// SweepModels deletes model files that no version of the definitions uses, a few
// every hour, until ctx ends.
func (e *Editor) SweepModels(ctx context.Context) error {
	if e.Offline == nil {
		return nil
	}
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		dropped, err := e.Registry.DropUnwantedModels(ctx)
		if err != nil && ctx.Err() == nil {
			e.Logger.Warn("cannot delete unused model files", "error", err)
		}
		if dropped > 0 {
			e.Logger.Info("deleted unused model files", "files", dropped)
		}
	}
}
