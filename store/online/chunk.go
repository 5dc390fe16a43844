package online

import (
	"bytes"
	"cmp"
	"slices"

	"larder/schema"
	"larder/store/row"
)

// A chunk is the rows that a writer gathers and then writes at once.
type chunk struct {
	bytes []byte // keys and rows
	rows  []chunkRow
	done  chan<- error // where the writer's Flush waits; nil while it doesn't
}

type chunkRow struct {
	key       int // in bytes; the row follows
	row, end  int
	eventTime int64
	ingest    int64 // of rows whose ties it decides

	// Found when the row is compared with what is stored.
	version uint64 // to write it as; 0: it isn't written
	value   []byte // of an entry whose version was raised; nil otherwise
	isNew   bool   // its key had no row
}

const (
	chunkRows  = 32 << 10
	chunkBytes = 8 << 20
)

func (c *chunk) add(key []byte, eventTime int64, rowBytes []byte, ingest int64) {
	r := chunkRow{key: len(c.bytes), eventTime: eventTime, ingest: ingest}
	c.bytes = append(c.bytes, key...)
	r.row = len(c.bytes)
	c.bytes = append(c.bytes, rowBytes...)
	r.end = len(c.bytes)
	c.rows = append(c.rows, r)
}

func (c *chunk) full() bool { return len(c.rows) >= chunkRows || len(c.bytes) >= chunkBytes }

func (c *chunk) reset() { c.bytes, c.rows, c.done = c.bytes[:0], c.rows[:0], nil }

func (c *chunk) keyOf(r *chunkRow) []byte { return c.bytes[r.key:r.row:r.row] }

func (c *chunk) rowOf(r *chunkRow) []byte { return c.bytes[r.row:r.end:r.end] }

// winners sorts the rows by key and leaves the newest of each. Sorted keys are
// read and written much faster than shuffled ones.
func (c *chunk) winners() {
	slices.SortFunc(c.rows, func(a, b chunkRow) int {
		return cmp.Or(
			bytes.Compare(c.keyOf(&a), c.keyOf(&b)),
			cmp.Compare(a.eventTime, b.eventTime),
			cmp.Compare(a.ingest, b.ingest),
			cmp.Compare(a.key, b.key), // the order of arrival
		)
	})
	all := len(c.rows)
	kept := c.rows[:0]
	for i := range c.rows {
		if i+1 < all && bytes.Equal(c.keyOf(&c.rows[i]), c.keyOf(&c.rows[i+1])) {
			continue
		}
		kept = append(kept, c.rows[i])
	}
	c.rows = kept
}

// ingestOf returns the time that decides ties: the row's ingest time where the
// source has one, the same for all rows where it hasn't.
func ingestOf(ties bool, rowBytes []byte) (int64, error) {
	if !ties {
		return schema.NoIngestTime, nil
	}
	header, err := row.ParseHeader(rowBytes)
	return header.Ingest, err
}
