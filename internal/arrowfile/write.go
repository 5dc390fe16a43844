package arrowfile

import (
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"larder/internal/arrowfile/parquetfile"
	"larder/internal/wholefile"
)

// rowGroupRows is how many rows a row group of Parquet has at most.
const rowGroupRows = 128 << 10

// A Writer writes a file. The file appears when Commit returns. Close without Commit
// leaves nothing.
type Writer struct {
	path  string
	file  *wholefile.File
	write func(arrow.Record) error
	end   func() error // ends the format
}

// Create begins a file with the columns of a schema.
func Create(path string, columns *arrow.Schema) (*Writer, error) {
	kind, err := formatOf(path)
	if err != nil {
		return nil, err
	}
	file, err := wholefile.Create(path, 0o644)
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, file: file}
	if err := w.begin(kind, columns); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", path, err), w.Close())
	}
	return w, nil
}

func (w *Writer) begin(kind format, columns *arrow.Schema) error {
	switch kind {
	case parquetFile:
		out, err := parquetfile.NewWriter(w.file, columns, parquetfile.Options{GroupRows: rowGroupRows})
		if err != nil {
			return err
		}
		w.write, w.end = out.Write, out.Close
	case ipcFile:
		out, err := ipc.NewFileWriter(w.file, ipc.WithSchema(columns))
		if err != nil {
			return err
		}
		w.write, w.end = out.Write, out.Close
	case ipcStream:
		out := ipc.NewWriter(w.file, ipc.WithSchema(columns))
		w.write, w.end = out.Write, out.Close
	case csvFile:
		out, err := newCSVWriter(w.file, columns)
		if err != nil {
			return err
		}
		w.write, w.end = out.write, out.close
	}
	return nil
}

// Write appends a batch.
func (w *Writer) Write(rec arrow.Record) error {
	if err := w.write(rec); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// Commit ends the file and gives it its name.
func (w *Writer) Commit() error {
	if err := w.end(); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", w.path, err), w.Close())
	}
	if err := w.file.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// Close removes the file unless it was committed.
func (w *Writer) Close() error { return w.file.Close() }
