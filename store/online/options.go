package online

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// Options configure a Store. The zero value is ready to use.
type Options struct {
	// CacheBytes bounds the memory of the cache of rows in front of Badger. Negative: no
	// cache. Defaults to an eighth of the memory that the process may use, at least 256
	// MiB. It is allocated as rows are added.
	CacheBytes int64

	// WriteBufferBytes is how many bytes of rows gather in memory before they
	// become a file. About four times as much is used while rows are written.
	// At least 8 MiB; defaults to 64 MiB.
	WriteBufferBytes int64

	// MinFreeBytes is how much of the disk must be free in addition to the current size of
	// the rows: with less, writes are refused and reads continue. Badger maps its files
	// into memory, so a full disk kills the process; this is the room that Badger needs to
	// finish its current work. A store that is opened with less is read-only until it is
	// opened again; with less than a quarter it isn't opened. Defaults to 10 times
	// WriteBufferBytes.
	MinFreeBytes int64

	// Refuse says of a row that a writer must not store it. ingest is schema.NoIngestTime
	// where the view's source has none. It is called for each row, by several goroutines at
	// once, and is asked about rows of writers only, not about states. Nil lets all rows in.
	Refuse func(viewID uint32, key []byte, eventTime, ingest int64) bool

	// Logger defaults to slog.Default().
	Logger *slog.Logger

	// Registerer takes the metrics larder_online_*. Nil: none are registered.
	Registerer prometheus.Registerer
}

const (
	defaultWriteBufferBytes = 64 << 20
	leastWriteBufferBytes   = 8 << 20
	freeBuffers             = 10 // the default of MinFreeBytes, in write buffers
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
		errs = append(errs, fmt.Errorf("the write buffer has %d bytes; it must have 8 MiB to 1 GiB", o.WriteBufferBytes))
	}
	if o.MinFreeBytes < 0 {
		errs = append(errs, fmt.Errorf("the least free space of the disk is %d bytes; it must be 0 or more", o.MinFreeBytes))
	}
	return errors.Join(errs...)
}
