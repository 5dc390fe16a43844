package online

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/dgraph-io/badger/v4/pb"

	"larder/schema"
	"larder/store"
	"larder/store/row"
)

// A chunk is the rows that a writer gathers and then writes at once.
type chunk struct {
	bytes []byte // keys and rows
	rows  []chunkRow
	mark  *store.Watermark // the view's watermark once the rows are stored; nil if it doesn't move
	done  chan<- error     // the writer's Flush waits on it; nil if none waits
}

type chunkRow struct {
	key       int // in bytes; the row follows
	row, end  int
	eventTime int64
	ingest    int64 // the ingest time, where it decides ties

	// Set when the row is compared with the stored one.
	version uint64 // the version to write; 0: the row isn't written
	value   []byte // the value of an entry with a raised version; nil otherwise
	isNew   bool   // its key had no row
}

func (c *chunk) add(key []byte, eventTime int64, rowBytes []byte, ingest int64) {
	r := chunkRow{key: len(c.bytes), eventTime: eventTime, ingest: ingest}
	c.bytes = append(c.bytes, key...)
	r.row = len(c.bytes)
	c.bytes = append(c.bytes, rowBytes...)
	r.end = len(c.bytes)
	c.rows = append(c.rows, r)
}

// full reports whether a chunk must be written. A chunk that is not full can be
// committed.
func (c *chunk) full() bool {
	return len(c.rows) >= store.CommitRows || len(c.bytes) >= store.CommitBytes
}

func (c *chunk) reset() { c.bytes, c.rows, c.mark, c.done = c.bytes[:0], c.rows[:0], nil, nil }

func (c *chunk) keyOf(r *chunkRow) []byte { return c.bytes[r.key:r.row:r.row] }

func (c *chunk) rowOf(r *chunkRow) []byte { return c.bytes[r.row:r.end:r.end] }

// eachEntry calls visit with the entry of each row. The next call has the same kv.
func (c *chunk) eachEntry(visit func(kv *pb.KV) error) error {
	var kv pb.KV
	raisedMeta := []byte{raised}
	for i := range c.rows {
		r := &c.rows[i]
		kv.Key, kv.Value, kv.UserMeta, kv.Version = c.keyOf(r), c.rowOf(r), nil, r.version
		if r.value != nil {
			kv.Value, kv.UserMeta = r.value, raisedMeta
		}
		if err := visit(&kv); err != nil {
			return err
		}
	}
	return nil
}

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

// ingestOf returns the time that decides ties: the row's ingest time if the source has
// one, otherwise the same time for all rows.
func ingestOf(ties bool, rowBytes []byte) (int64, error) {
	if !ties {
		return schema.NoIngestTime, nil
	}
	header, err := row.ParseHeader(rowBytes)
	return header.Ingest, err
}
