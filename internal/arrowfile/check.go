package arrowfile

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/internal/arrowflight"
)

// CheckColumns returns an error that names a column which the format of a path can't
// hold. It writes nothing there.
func CheckColumns(path string, columns *arrow.Schema) error {
	kind, err := formatOf(path)
	if err != nil {
		return err
	}
	if kind == csvFile {
		if err := csvHolds(columns); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		return nil
	}
	dir, err := os.MkdirTemp("", "larder-columns-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, f := range columns.Fields() {
		if !canHold(filepath.Join(dir, "column"+filepath.Ext(path)), f) {
			return fmt.Errorf("write %s: the format has no values of type %s; cast the column %q, leave it out, or write another format", path, f.Type, f.Name)
		}
	}
	return nil
}

// canHold reports whether a file with one column can be begun.
func canHold(path string, f arrow.Field) (can bool) {
	defer func() {
		if recover() != nil { // Arrow's writers panic for some types
			can = false
		}
	}()
	w, err := Create(path, arrow.NewSchema([]arrow.Field{f}, nil))
	return err == nil && w.Close() == nil
}

// Explain adds to an error of Open the column of an Arrow file that it is about, if that
// has a type which Arrow's Go library doesn't know.
func Explain(path string, err error) error {
	f, openErr := os.Open(path)
	if openErr != nil {
		return err
	}
	defer f.Close()
	start := make([]byte, 1<<20)
	n, _ := io.ReadFull(f, start)
	start = bytes.TrimPrefix(start[:n], []byte("ARROW1\x00\x00")) // a file begins as a stream does
	if len(start) < 8 {
		return err
	}
	if column, kind := arrowflight.Unsupported(start[8:]); kind != "" {
		return fmt.Errorf("read %s: cast the column %q to decimal128: its type %s is unknown to Arrow's Go library", path, column, kind)
	}
	return err
}
