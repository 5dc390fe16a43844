package store

import (
	"context"
	"math"
)

// MaxRowBytes bounds the bytes of a row.
const MaxRowBytes = 1<<20 - 1<<10

// NoEventTime is the newest event time of a view without rows.
const NoEventTime = math.MinInt64

// A Watermark is the time up to which all rows of a view are in the store.
type Watermark struct {
	Time           int64 // microseconds: where the next window begins
	CatalogVersion int64 // the version of the catalog that the window was read with

	// Of a view of a stream's events: the number of the last batch that is in the store, and
	// its stamp in microseconds, which tells a log from an older one that was restored.
	Batch, Stamp int64
	// Rebuilding says of such a view that it is being made again from its log, and is not
	// complete.
	Rebuilding bool
}

// WriterOptions configure a Writer.
type WriterOptions struct {
	// Ties says that the view's source has an ingest time. Of two rows with the same event
	// time, the one with the larger ingest time then wins. Without an ingest time, or if
	// those are equal too, the row that arrives last wins.
	Ties bool
	// Replace, when it is not empty, makes the rows that are added the only ones of the view,
	// whatever the times of those that are stored. Their keys must come in ascending order,
	// each once. Replace is a tombstone: it takes the place of the rows of other keys, of
	// those before a key once that key's row is written, and of all once Commit has ended.
	Replace []byte
}

// A commit is atomic if it has fewer rows than CommitRows, and fewer bytes of rows and
// keys than CommitBytes.
const (
	CommitRows  = 32 << 10
	CommitBytes = 8 << 20
)

// A Writer writes rows of one view. Not safe for concurrent use, except Written and
// Superseded.
//
// After an error every later call returns the same error: close the writer and open a
// new one. Rows added since the last Flush or Commit may be stored or not; adding them
// again is harmless.
type Writer interface {
	// Add takes a row; key and row are copied. It blocks while the store is slower
	// than the caller.
	Add(ctx context.Context, key []byte, eventTime int64, row []byte) error
	// Flush writes all added rows and returns when they are durable and visible to reads.
	Flush(ctx context.Context) error
	// Commit does what Flush does and moves the view's watermark, in one step. Fewer than
	// [CommitRows] rows with fewer than [CommitBytes] since the last Flush or Commit
	// become durable together with the watermark: a crash leaves all or nothing. More rows
	// are written as they are added, and the watermark moves together with the last of
	// them.
	Commit(ctx context.Context, at Watermark) error
	// Written returns how many rows have been written so far.
	Written() int64
	// Superseded returns how many rows changed nothing so far: their key had a newer row,
	// or the same one.
	Superseded() int64
	// Close discards rows that were not flushed. Another writer of the view waits
	// for it.
	Close()
}

// A position of an aggregate view has the number of a batch of its stream in its low bits.
// Above them is a generation, which goes up when the view is built anew from the log:
// states of an earlier generation have seen no batch of the present one.
const (
	batchBits     = 40
	MaxGeneration = 1<<17 - 1
)

// Position returns the position of a batch in a generation.
func Position(generation, batch int64) int64 { return generation<<batchBits | batch }

// BatchOf returns the number of the batch of a position.
func BatchOf(position int64) int64 { return position & (1<<batchBits - 1) }

// Generation returns the generation of a position.
func Generation(position int64) int64 { return position >> batchBits }
