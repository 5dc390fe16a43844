package arrowfile

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"
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
		if err := tryColumn(filepath.Join(dir, "column"+filepath.Ext(path)), f); err != nil {
			return fmt.Errorf("write %s: the format has no values of type %s; cast the column %q, leave it out, or write another format: %w", path, f.Type, f.Name, err)
		}
	}
	return nil
}

// tryColumn begins a file with one column.
func tryColumn(path string, f arrow.Field) (err error) {
	defer func() {
		if p := recover(); p != nil { // Arrow's writers panic for some types
			err = fmt.Errorf("%v", p)
		}
	}()
	w, err := Create(path, arrow.NewSchema([]arrow.Field{f}, nil))
	if err != nil {
		return err
	}
	return w.Close()
}
