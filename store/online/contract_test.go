package online_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"larder/store/online"
	"larder/store/storetest"
)

// A maintained store compacts its tables the first times that it is asked to, and
// then warms its cache.
type maintained struct {
	*online.Store
	asked *atomic.Int64
}

func (m maintained) Maintain(ctx context.Context) error {
	if m.asked.Add(1) <= flattens {
		return m.Flatten()
	}
	return m.Warm(ctx)
}

// flattens is how often a store is flattened, which writers wait for.
const flattens = 20

// TestContract: the store keeps what package store promises, without a cache and
// with a small one.
func TestContract(t *testing.T) {
	for _, cache := range []int64{-1, 20 << 10} {
		t.Run(fmt.Sprint("cache=", cache), func(t *testing.T) {
			opts, dirs := small, map[string]string{}
			var asked atomic.Int64
			opts.CacheBytes = cache
			storetest.Run(t, func(t *testing.T) storetest.Store {
				if dirs[t.Name()] == "" {
					dirs[t.Name()] = t.TempDir()
				}
				return maintained{open(t, dirs[t.Name()], opts), &asked}
			})
		})
	}
}
