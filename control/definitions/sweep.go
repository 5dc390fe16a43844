package definitions

import (
	"context"
	"errors"
	"time"

	"larder/schema"
)

// sweepAfter is how long the rows of a view are kept after its last catalog has gone.
// It is far longer than any request on an older catalog takes.
const sweepAfter = time.Minute

// Sweep deletes the rows of views that are in no catalog, until ctx ends. It deletes
// nothing while nothing has been applied to the registry.
func (e *Editor) Sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepAfter)
	defer tick.Stop()
	gone := map[uint32]bool{} // views that were missing one tick ago
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		catalog := e.Registry.Catalog()
		if catalog.Version == 0 {
			continue
		}
		goneNow, err := e.goneViews(catalog)
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

func (e *Editor) goneViews(catalog *schema.Catalog) (map[uint32]bool, error) {
	ids, err := e.Online.ViewIDs()
	gone := map[uint32]bool{}
	for _, id := range ids {
		gone[id] = true
	}
	for _, v := range catalog.Views() {
		delete(gone, v.ID)
	}
	return gone, err
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
