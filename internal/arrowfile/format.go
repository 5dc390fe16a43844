package arrowfile

import (
	"fmt"
	"path/filepath"
	"strings"
)

// batchRows is how many rows are read at once.
const batchRows = 8192

type format int

const (
	parquetFile format = iota + 1
	ipcFile
	ipcStream
	csvFile
)

var endings = map[string]format{
	".parquet": parquetFile, ".pq": parquetFile, ".arrow": ipcFile, ".feather": ipcFile, ".ipc": ipcFile, ".arrows": ipcStream, ".csv": csvFile,
}

// Check returns an error unless a path's extension is one that can be read and
// written.
func Check(path string) error {
	_, err := formatOf(path)
	return err
}

// IsCSV reports whether a path's extension is that of CSV, whose columns have no types.
func IsCSV(path string) bool {
	kind, err := formatOf(path)
	return err == nil && kind == csvFile
}

func formatOf(path string) (format, error) {
	if f := endings[strings.ToLower(filepath.Ext(path))]; f != 0 {
		return f, nil
	}
	return 0, fmt.Errorf("%s has an unknown file extension; use .parquet, .arrow, .arrows or .csv", path)
}
