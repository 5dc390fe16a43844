package verify

import (
	"context"
	"errors"
	"math/rand/v2"

	"larder/schema"
	"larder/store"
	"larder/store/eventlog"
	"larder/store/offline"
	"larder/store/row"
)

// A Store is the store that serves requests, by number of the view.
type Store interface {
	// Watermark returns the time up to which the rows of a view are stored; false when it
	// was never materialized.
	Watermark(viewID uint32) (store.Watermark, bool, error)
	// Read calls visit for each key that has a row, as online.Store.Read does.
	Read(ctx context.Context, keys *row.Keys, rows int, visit func(i int, eventTime int64, row []byte) error) error
	// EachRow calls visit for each row of a view; key and row are valid until visit
	// returns.
	EachRow(ctx context.Context, viewID uint32, visit func(key []byte, eventTime int64, row []byte) error) error
}

// Options name what is compared. Online and Offline are required.
type Options struct {
	Online  Store
	Offline *offline.Store
	Logs    *eventlog.Store // required for aggregate views
}

// A Request selects keys to compare.
type Request struct {
	View *schema.View
	// Sample is how many keys of the store are compared, and how many rows of the source
	// are searched for keys that the store lacks. 0 means all.
	Sample int
	// Progress, when set, is called with the number of keys compared so far.
	Progress func(done int64)
}

// View compares the answers for a view.
func View(ctx context.Context, opts Options, req Request) (*Report, error) {
	if req.View.Aggregates != nil {
		return events(ctx, opts, req)
	}
	c, err := newChecker(opts, req)
	if err != nil {
		return nil, err
	}
	if req.Sample > 0 {
		err = c.sample(ctx)
	} else {
		err = c.all(ctx)
	}
	if err == nil {
		err = c.lacking(ctx)
	}
	if err != nil {
		return nil, err
	}
	return c.report, nil
}

// all compares every key of the store.
func (c *checker) all(ctx context.Context) error {
	err := c.Online.EachRow(ctx, c.view.ID, func(key []byte, _ int64, stored []byte) error {
		return c.add(ctx, append([]byte(nil), key...), len(stored))
	})
	if err != nil {
		return err
	}
	return c.flush(ctx)
}

// sample compares some keys of the store, each as likely as any other.
func (c *checker) sample(ctx context.Context) error {
	type picked struct {
		key    []byte
		stored int
	}
	var some []picked
	seen := 0
	err := c.Online.EachRow(ctx, c.view.ID, func(key []byte, _ int64, stored []byte) error {
		seen++
		if len(some) < c.req.Sample {
			some = append(some, picked{append([]byte(nil), key...), len(stored)})
		} else if at := rand.IntN(seen); at < c.req.Sample {
			some[at] = picked{append(some[at].key[:0], key...), len(stored)}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range some {
		if err := c.add(ctx, p.key, p.stored); err != nil {
			return err
		}
	}
	return c.flush(ctx)
}

// errEnough ends the read of a source.
var errEnough = errors.New("enough")

// lacking searches the source for keys that have no row in the store.
func (c *checker) lacking(ctx context.Context) error {
	s := newSourceKeys(c)
	if err := s.read(ctx); err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if err := s.lookUp(ctx); err != nil {
		return err
	}
	return c.flush(ctx)
}
