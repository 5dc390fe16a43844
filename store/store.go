package store

import (
	"context"
	"math"
)

// MaxRowBytes bounds the bytes of a row.
const MaxRowBytes = 1<<20 - 1<<10

// NoEventTime is the newest event time of a view without rows.
const NoEventTime = math.MinInt64

// A Watermark says up to when the rows of a view are in the store.
type Watermark struct {
	Time           int64 // microseconds: where the next window begins
	CatalogVersion int64 // that the window was read with
}

// WriterOptions configure a Writer.
type WriterOptions struct {
	// Ties says that the view's source has an ingest time: of two rows of one
	// event time the one with the larger ingest time wins. Otherwise, and where
	// the ingest times are equal too, the one that arrives last does.
	Ties bool
}

// A commit of fewer rows than CommitRows, of fewer bytes than CommitBytes with
// their keys, is atomic.
const (
	CommitRows  = 32 << 10
	CommitBytes = 8 << 20
)

// A Writer writes rows of one view. It is for one goroutine, except for Written
// and Superseded.
//
// After an error every call that follows returns it: close the writer and go on
// with a new one. Rows that were added since the last Flush or Commit may then be
// stored or not; adding them again is harmless.
type Writer interface {
	// Add takes a row; key and row are copied. It blocks while the store is slower
	// than the caller.
	Add(ctx context.Context, key []byte, eventTime int64, row []byte) error
	// Flush writes all rows that were added and returns when they are durable and
	// answered.
	Flush(ctx context.Context) error
	// Commit does what Flush does and moves the view's watermark, in one step. Fewer
	// than [CommitRows] rows of fewer than [CommitBytes] since the last Flush or
	// Commit become durable together with the watermark: a crash leaves all or
	// nothing. Of more, rows are written as they come, before the watermark, which
	// moves together with the last of them.
	Commit(ctx context.Context, at Watermark) error
	// Written returns how many rows have been written so far.
	Written() int64
	// Superseded returns how many rows have changed nothing so far: a newer row of
	// their key was there, or the very same.
	Superseded() int64
	// Close discards rows that were not flushed. Another writer of the view waits
	// for it.
	Close()
}
