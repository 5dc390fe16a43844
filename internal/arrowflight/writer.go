package arrowflight

import (
	"errors"
	"math"

	flightv1 "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// batchBytes limits the body of a message with several rows. With its header the
// message stays below 4 MiB, the limit of gRPC where none is set.
const batchBytes = 3 << 20

// ErrRowTooLarge means that one row alone is larger than a message may be.
var ErrRowTooLarge = errors.New("a row is larger than a message may be")

var errTooLarge = errors.New("a batch is larger than a message may be")

// A Writer writes record batches, each in as many messages as it needs. Not safe
// for concurrent use.
type Writer struct {
	*ipc.Writer
	payloads *payloads
	bodies   *bodies
	message  int
}

// NewWriter returns a writer of batches with the given columns. A message of one
// row has at most message bytes; one of several rows has at most batchBytes.
func NewWriter(stream Sender, columns *arrow.Schema, message int) *Writer {
	b := &bodies{Sender: stream}
	p := &payloads{to: b}
	return &Writer{Writer: ipc.NewWriterWithPayloadWriter(p, ipc.WithSchema(columns)), payloads: p, bodies: b, message: message}
}

// SetFlightDescriptor puts a descriptor into the next message.
func (w *Writer) SetFlightDescriptor(d *flightv1.FlightDescriptor) {
	w.payloads.message.FlightDescriptor = d
}

// WriteMetadata writes a message that has application metadata and no batch.
func (w *Writer) WriteMetadata(raw []byte) error {
	return w.bodies.Send(&flightv1.FlightData{AppMetadata: raw})
}

// WriteBatch writes a batch. It returns ErrRowTooLarge for a row that no message
// can hold.
func (w *Writer) WriteBatch(rec arrow.Record) error {
	n := rec.NumRows()
	w.bodies.most = w.message
	if n > 1 {
		w.bodies.most = min(batchBytes, w.message/2)
	}
	err := w.Write(rec)
	w.bodies.most = math.MaxInt
	if !errors.Is(err, errTooLarge) {
		return err
	}
	if n <= 1 {
		return ErrRowTooLarge
	}
	for _, half := range [][2]int64{{0, n / 2}, {n / 2, n}} {
		part := rec.NewSlice(half[0], half[1])
		err := w.WriteBatch(part)
		part.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// Ended reports whether the stream ended: its receiver knows why. Errors of a Writer
// whose stream goes on are about what was to be written.
func (w *Writer) Ended() bool { return w.bodies.ended }

// bodies refuses to send a message whose body has more than most bytes.
type bodies struct {
	Sender
	most  int
	ended bool
}

func (b *bodies) Send(d *flightv1.FlightData) error {
	if len(d.GetDataBody()) > b.most {
		return errTooLarge
	}
	err := b.Sender.Send(d)
	b.ended = b.ended || err != nil
	return err
}
