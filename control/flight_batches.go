package control

import (
	"errors"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/flight"

	"larder/internal/arrowflight"
	"larder/schema"
)

// A batchWriter writes record batches in messages that a client can take.
type batchWriter struct {
	*arrowflight.Writer
	message int // the most bytes of a message
}

func newBatchWriter(stream flight.DataStreamWriter, columns *arrow.Schema, message int) *batchWriter {
	return &batchWriter{Writer: arrowflight.NewWriter(stream, columns, message), message: message}
}

func (w *batchWriter) writeBatch(rec arrow.Record) error {
	err := w.WriteBatch(rec)
	if errors.Is(err, arrowflight.ErrRowTooLarge) {
		return schema.Errorf(schema.Exhausted, "ROW_TOO_LARGE", "a row takes more than the %d bytes that a message may have; leave large columns out, or start the server with larger --max-message-bytes", w.message)
	}
	return err
}
