package control

import (
	"errors"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"larder/schema"
)

// batchBytes is how large the body of a message with several rows may be. With
// its header it is below 4 MiB, which is what gRPC takes where nothing is set.
const batchBytes = 3 << 20

var errBatchBytes = errors.New("batch larger than a message may be")

// A batchWriter writes record batches, each in as many messages as it needs.
type batchWriter struct {
	*flight.Writer
	bodies  *bodies
	message int
}

// newBatchWriter returns a writer whose messages are to have fewer than some
// bytes. Those of one row may come near to that; others have batchBytes at most.
func newBatchWriter(stream flight.DataStreamWriter, columns *arrow.Schema, message int) *batchWriter {
	b := &bodies{DataStreamWriter: stream}
	return &batchWriter{Writer: flight.NewRecordWriter(b, ipc.WithSchema(columns)), bodies: b, message: message}
}

func (w *batchWriter) writeBatch(rec arrow.Record) error {
	n := rec.NumRows()
	w.bodies.most = w.message
	if n > 1 {
		w.bodies.most = min(batchBytes, w.message/2)
	}
	err := w.Write(rec)
	w.bodies.most = math.MaxInt
	if !errors.Is(err, errBatchBytes) {
		return err
	}
	if n <= 1 {
		return schema.Errorf(schema.Exhausted, "ROW_TOO_LARGE", "a row takes more than the %d bytes that a message may have; leave large columns out, or start the server with larger --max-message-bytes", w.message)
	}
	for _, half := range [][2]int64{{0, n / 2}, {n / 2, n}} {
		part := rec.NewSlice(half[0], half[1])
		err := w.writeBatch(part)
		part.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// bodies refuses to send a message whose body has more than most bytes.
type bodies struct {
	flight.DataStreamWriter
	most int
}

func (b *bodies) Send(d *flight.FlightData) error {
	if len(d.GetDataBody()) > b.most {
		return errBatchBytes
	}
	return b.DataStreamWriter.Send(d)
}
