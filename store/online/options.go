package online

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// Options configure a Store. The zero value is fit for use.
type Options struct {
	// CacheBytes bounds the memory of the cache of rows in front of Badger.
	// Negative: no cache. Defaults to an eighth of the memory that the process may
	// use, at least 256 MiB. It is taken as rows come.
	CacheBytes int64

	// WriteBufferBytes is how many bytes of rows gather in memory before they
	// become a file. About four times as much is used while rows are written.
	// At least 8 MiB; defaults to 64 MiB.
	WriteBufferBytes int64

	// MinFreeBytes is how much of the disk must be free beside what the rows
	// take once more: with less, writes are refused and reads go on. Badger maps
	// its files into memory, so a disk that fills up under it kills the process;
	// this is the room that it needs to finish what it has begun. A store that is
	// opened with less only answers until it is opened again; with less than a
	// quarter it isn't opened. Defaults to 10 times WriteBufferBytes.
	MinFreeBytes int64

	// Logger defaults to slog.Default().
	Logger *slog.Logger

	// Registerer takes the metrics larder_online_*. Nil: none are registered.
	Registerer prometheus.Registerer
}

const (
	defaultWriteBufferBytes = 64 << 20
	leastWriteBufferBytes   = 8 << 20
	freeBuffers             = 10 // MinFreeBytes in write buffers
)

func (o Options) withDefaults() Options {
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCacheBytes()
	}
	o.WriteBufferBytes = cmp.Or(o.WriteBufferBytes, defaultWriteBufferBytes)
	o.MinFreeBytes = cmp.Or(o.MinFreeBytes, freeBuffers*o.WriteBufferBytes)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return o
}

func (o Options) validate() error {
	var errs []error
	if o.WriteBufferBytes < leastWriteBufferBytes || o.WriteBufferBytes > 1<<30 {
		errs = append(errs, fmt.Errorf("a write buffer of %d bytes; it must have 8 MiB to 1 GiB", o.WriteBufferBytes))
	}
	if o.MinFreeBytes < 0 {
		errs = append(errs, fmt.Errorf("%d bytes to be left free on the disk; it must be 0 or more", o.MinFreeBytes))
	}
	return errors.Join(errs...)
}
