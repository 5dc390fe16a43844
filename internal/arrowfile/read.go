package arrowfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/internal/arrowfile/parquetfile"
)

// A Reader reads a file batch by batch. The caller closes it.
type Reader struct {
	array.RecordReader
	Rows     int64             // of the whole file; -1 when only a full read can count them
	Metadata map[string]string // the metadata of a Parquet file; nil for other formats
	closers  []io.Closer
}

// Close releases what the reader holds.
func (r *Reader) Close() error {
	var err error
	if r.RecordReader != nil {
		r.RecordReader.Release()
	}
	for _, c := range r.closers {
		err = errors.Join(err, c.Close())
	}
	return err
}

// Open opens a file. csvTypes are the known types of the columns of a CSV file; other
// formats have their own types.
func Open(ctx context.Context, path string, csvTypes map[string]arrow.DataType) (*Reader, error) {
	kind, err := formatOf(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &Reader{Rows: -1, closers: []io.Closer{f}}
	switch kind {
	case parquetFile:
		err = r.parquet(ctx, f)
	case ipcFile:
		err = r.ipc(f)
	case ipcStream:
		err = r.stream(f)
	case csvFile:
		err = r.csv(f, csvTypes)
	}
	if err != nil {
		r.RecordReader = nil
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), r.Close())
	}
	return r, nil
}

func (r *Reader) parquet(ctx context.Context, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	in, err := parquetfile.Open(f, info.Size())
	if err != nil {
		return err
	}
	r.Rows, r.Metadata = in.Rows, in.Metadata
	r.RecordReader, err = in.Read(ctx, nil, nil)
	return err
}
