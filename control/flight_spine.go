package control

import (
	"errors"

	flightv1 "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/internal/arrowflight"
	"larder/schema"
	"larder/training"
)

// spineMiB bounds the memory for a client's spine: for one batch, because a few
// compressed bytes can unpack to any size, and for the rows that package training
// collects.
const spineMiB = 256

// A spineReader reads a spine batch by batch, in bounded memory.
type spineReader struct {
	*arrowflight.Reader
	memory *allowance
	recent []batchSize // the newest batches, of training.ChunkRows rows and more
	held   batchSize   // their sum
	err    error
}

type batchSize struct{ rows, bytes int64 }

func newSpineReader(stream arrowflight.Receiver) (*spineReader, error) {
	memory := &allowance{Allocator: memory.DefaultAllocator, left: spineMiB << 20}
	first := &firstHeader{Receiver: stream}
	in, err := arrowflight.NewReader(first, ipc.WithAllocator(memory))
	if err != nil {
		if column, kind := arrowflight.Unsupported(first.header); kind != "" {
			return nil, schema.SpineColumnType.Errorf("cast the spine's column %q to decimal128, or leave it out and join it to the set by an id: its type %s is unknown to Arrow's Go library", column, kind)
		}
		return nil, err
	}
	return &spineReader{Reader: in, memory: memory}, nil
}

// firstHeader keeps the header of the first message, which has the schema.
type firstHeader struct {
	arrowflight.Receiver
	header []byte
}

func (f *firstHeader) Recv() (*flightv1.FlightData, error) {
	data, err := f.Receiver.Recv()
	if f.header == nil && err == nil {
		f.header = data.GetDataHeader()
	}
	return data, err
}

// Next reads the next batch and reports whether there is one.
func (r *spineReader) Next() bool {
	r.memory.left = spineMiB << 20
	return r.err == nil && r.Reader.Next() && r.hold()
}

// hold adds a batch to the rows that are held.
func (r *spineReader) hold() bool {
	rec := r.Record()
	b := batchSize{rows: rec.NumRows()}
	for _, column := range rec.Columns() {
		b.bytes += dataBytes(column.Data())
	}
	r.recent = append(r.recent, b)
	r.held.rows, r.held.bytes = r.held.rows+b.rows, r.held.bytes+b.bytes
	for r.held.rows-r.recent[0].rows >= training.ChunkRows {
		r.held.rows, r.held.bytes = r.held.rows-r.recent[0].rows, r.held.bytes-r.recent[0].bytes
		r.recent = r.recent[1:]
	}
	if len(r.recent) > 1 && r.held.bytes > spineMiB<<20 {
		r.err = schema.SpineRowsTooLarge.Errorf("%d consecutive rows of the spine take more than %d MiB; leave out large columns, and join them to the training set by an id", r.held.rows, spineMiB)
	}
	return r.err == nil
}

// dataBytes returns the size of the values of a column. It doesn't count a
// dictionary, because batches share it.
func dataBytes(data arrow.ArrayData) int64 {
	sum := int64(0)
	for _, b := range data.Buffers() {
		if b != nil {
			sum += int64(b.Len())
		}
	}
	for _, child := range data.Children() {
		sum += dataBytes(child)
	}
	return sum
}

// Err returns why reading stopped before the end.
func (r *spineReader) Err() error {
	if r.err != nil {
		return r.err
	}
	err := r.Reader.Err()
	var said *schema.Error
	if errors.As(err, &said) {
		return said
	}
	return err
}

// An allowance is an allocator with a limit in bytes. Beyond the limit it panics, and
// the reader of Arrow streams turns the panic into an error.
type allowance struct {
	memory.Allocator
	left int
}

func (a *allowance) Allocate(size int) []byte {
	a.take(size)
	return a.Allocator.Allocate(size)
}

func (a *allowance) Reallocate(size int, old []byte) []byte {
	a.take(size - len(old))
	return a.Allocator.Reallocate(size, old)
}

func (a *allowance) take(size int) {
	if size > a.left {
		panic(schema.BatchTooLarge.Errorf("a batch of the spine takes more than %d MiB; send smaller batches", spineMiB))
	}
	a.left -= max(size, 0)
}
