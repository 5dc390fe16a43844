package training

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/column/arrows"
	"larder/schema"
)

// ChunkRows is how many rows of a spine are looked up, made to vectors and given out
// together. Smaller batches of a spine are held until there are that many rows.
const ChunkRows = 8192

// The bounds of the part of a spine that is read ahead.
const (
	maxBlockRows  = 512 << 10 // rows that share a choice of the way to the history
	maxBlockBytes = 64 << 20
)

// A chunk is some rows of a spine, one after the other.
type chunk struct {
	first int64 // the number of its first row in the spine
	rec   arrow.Record
	times []int64
	own   []string // the ids of the events that the rows are about; nil where the spine has none
	// batches are, of each view, those that the rows were answered from; nil where the spine
	// doesn't say.
	batches [][]int64
}

// A block is a group of chunks that are read before the work on them begins.
type block struct {
	chunks []*chunk
	rows   int
	latest int64 // of all times
}

func (b *block) release() {
	for _, c := range b.chunks {
		c.rec.Release()
	}
}

// A reader splits a spine into chunks of ChunkRows rows, for any batch size, and
// hashes it.
type reader struct {
	spine    array.RecordReader
	columns  *spineColumns
	time     string
	joinable bool
	read     int64 // rows cut so far
	// blockRows is how many rows make a block at most.
	blockRows int

	waiting []arrow.Record // rows that don't make a whole chunk yet
	held    int64
	next    arrow.Record // what can't be joined to them: it has other dictionaries
	ended   bool

	digest *ipc.Writer
	sum    *digest
}

// A digest hashes bytes and counts them.
type digest struct {
	hash.Hash
	bytes int64
}

func (d *digest) Write(p []byte) (int, error) {
	d.bytes += int64(len(p))
	return d.Hash.Write(p)
}

func (s *Set) newReader(spine array.RecordReader) (*reader, error) {
	want := arrow.NewSchema(s.schema.Fields()[:len(spine.Schema().Fields())], nil)
	if got := arrow.NewSchema(spine.Schema().Fields(), nil); !got.Equal(want) {
		return nil, schema.SpineSchema.Errorf("the spine's columns differ from the announced ones")
	}
	r := &reader{spine: spine, columns: &s.spine, time: s.req.EventTimeColumn, joinable: true, blockRows: maxBlockRows, sum: &digest{Hash: sha256.New()}}
	for _, f := range want.Fields() {
		r.joinable = r.joinable && joinable(f.Type)
	}
	// Metadata is left out: it often names the program that wrote the spine.
	r.digest = ipc.NewWriter(r.sum, ipc.WithSchema(want))
	return r, nil
}

// joinable reports whether arrays of a type can be concatenated.
func joinable(t arrow.DataType) bool {
	return !holds(t, func(t arrow.DataType) bool { return t.ID() == arrow.EXTENSION })
}

// block reads the next rows. It returns no chunks at the end.
func (r *reader) block() (*block, error) {
	b := &block{latest: schema.BeginningOfTime}
	start := r.sum.bytes
	for b.rows+ChunkRows <= r.blockRows && r.sum.bytes-start < maxBlockBytes {
		c, err := r.chunk()
		if err != nil {
			b.release()
			return nil, err
		}
		if c == nil {
			break
		}
		b.chunks = append(b.chunks, c)
		b.rows += len(c.times)
		for _, t := range c.times {
			b.latest = max(b.latest, t)
		}
	}
	return b, nil
}

// chunk returns the next chunk, nil at the end.
func (r *reader) chunk() (*chunk, error) {
	if r.held == 0 && r.next != nil {
		r.waiting, r.held, r.next = append(r.waiting, r.next), r.next.NumRows(), nil
	}
	for r.held < ChunkRows && !r.ended && r.next == nil && (r.joinable || r.held == 0) {
		if !r.spine.Next() {
			if err := r.spine.Err(); err != nil {
				return nil, fmt.Errorf("read the spine: %w", err)
			}
			r.ended = true
			break
		}
		if rec := r.spine.Record(); rec.NumRows() > 0 {
			rec.Retain()
			if r.held > 0 && !arrows.SameDictionaries(r.waiting[len(r.waiting)-1], rec) {
				r.next = rec
				break
			}
			r.waiting, r.held = append(r.waiting, rec), r.held+rec.NumRows()
		}
	}
	if r.held == 0 {
		return nil, nil
	}
	rec, err := r.cut(min(r.held, ChunkRows))
	if err != nil {
		return nil, err
	}
	c := &chunk{first: r.read, rec: rec}
	r.read += rec.NumRows()
	if c.times, err = r.columns.times(rec, r.time, c.first); err == nil {
		err = r.columns.nullKeys(rec, c.first)
	}
	if err == nil {
		c.own, err = r.columns.events(rec)
	}
	if err == nil {
		c.batches, err = r.columns.batches(rec, c.first)
	}
	if err == nil {
		err = r.digest.Write(rec)
	}
	if err != nil {
		rec.Release()
		return nil, err
	}
	return c, nil
}

// cut takes the first n waiting rows.
func (r *reader) cut(n int64) (arrow.Record, error) {
	var parts []arrow.Record
	for left := n; left > 0; {
		head := r.waiting[0]
		take := min(left, head.NumRows())
		parts = append(parts, head.NewSlice(0, take))
		if take == head.NumRows() {
			r.waiting = r.waiting[1:]
		} else {
			r.waiting[0] = head.NewSlice(take, head.NumRows())
		}
		head.Release()
		left -= take
	}
	r.held -= n
	if len(parts) == 1 {
		return parts[0], nil
	}
	return join(parts)
}

// join concatenates records and releases them.
func join(parts []arrow.Record) (arrow.Record, error) {
	rows := int64(0)
	for _, p := range parts {
		defer p.Release()
		rows += p.NumRows()
	}
	columns := make([]arrow.Array, parts[0].NumCols())
	for i := range columns {
		pieces := make([]arrow.Array, len(parts))
		for k, p := range parts {
			pieces[k] = p.Column(i)
		}
		var err error
		if columns[i], err = array.Concatenate(pieces, memory.DefaultAllocator); err != nil {
			return nil, fmt.Errorf("join the spine's column %q: %w", parts[0].ColumnName(i), err)
		}
		defer columns[i].Release()
	}
	return array.NewRecord(parts[0].Schema(), columns, rows), nil
}

// close releases the unused rows, and returns the digest of the rows read.
func (r *reader) close() string {
	for _, rec := range r.waiting {
		rec.Release()
	}
	r.waiting = nil
	if r.next != nil {
		r.next.Release()
	}
	_ = r.digest.Close() // a hash never fails
	return hex.EncodeToString(r.sum.Sum(nil))
}
