package control

import (
	"errors"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/internal/arrowflight"
	"larder/schema"
)

// A batchWriter writes record batches in messages no larger than a client accepts.
type batchWriter struct {
	*arrowflight.Writer
	message int // the most bytes of a message
}

func newBatchWriter(stream arrowflight.Sender, columns *arrow.Schema, message int) *batchWriter {
	return &batchWriter{Writer: arrowflight.NewWriter(stream, columns, message), message: message}
}

func (w *batchWriter) writeBatch(rec arrow.Record) error {
	err := w.WriteBatch(rec)
	if errors.Is(err, arrowflight.ErrRowTooLarge) {
		return schema.RowTooLarge.Errorf("a row is larger than a message may be (limit %d bytes); leave out large columns, or raise --max-message-bytes on the server", w.message)
	}
	return err
}
