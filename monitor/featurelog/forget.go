package featurelog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/internal/arrowfile/parquetfile"
	"larder/store/forgotten"
)

// Forget removes the rows of forgotten keys from the finished files of the log's folder; Flush
// finishes the others. It writes each file that has such rows anew: a file
// changes as a whole or not at all, and one without other rows goes. before is called with
// the rows that are about to go from a file, which is named below the folder; after a crash
// it may be called with them again. It reads the join keys of all files.
//
// Files that can't be read stay as they are, and are returned.
func (l *Log) Forget(ctx context.Context, list *forgotten.List, before func(file string, gone []forgotten.Record) error) ([]Damage, error) {
	paths, err := l.Files("")
	if err != nil {
		return nil, fmt.Errorf("feature log: %w", err)
	}
	var damaged []Damage
	for _, path := range paths {
		shrunk, damage, err := forgetIn(ctx, path, list, func(gone []forgotten.Record) error {
			return before(ShownPath(path), gone)
		})
		if err != nil {
			return damaged, fmt.Errorf("feature log: %s: %w", path, err)
		}
		if damage != nil {
			damaged = append(damaged, *damage)
		}
		l.folder.shrunk.Add(shrunk)
	}
	return damaged, nil
}

// forgetIn removes rows from a file, and returns by how many bytes it is smaller now.
func forgetIn(ctx context.Context, path string, list *forgotten.List, before func([]forgotten.Record) error) (shrunk int64, damage *Damage, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) { // it was moved away meanwhile
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, nil, err
	}
	in, err := parquetfile.Open(f, info.Size())
	if err != nil {
		return 0, &Damage{Path: path, Err: err, Rows: -1}, nil
	}
	rows := newFileMatcher(in.Schema, list)
	if rows == nil {
		return 0, nil, nil
	}
	found, err := rows.any(ctx, in)
	if ctx.Err() != nil {
		return 0, nil, ctx.Err()
	}
	if err != nil {
		return 0, &Damage{Path: path, Err: err, Rows: in.Rows}, nil
	}
	if !found {
		return 0, nil, nil
	}
	size, err := rows.rewrite(ctx, in, path, before)
	return info.Size() - size, nil, err
}

// A fileMatcher finds the rows of forgotten keys in a file.
type fileMatcher struct {
	*forgotten.Matcher
	names []string // of all columns
}

func newFileMatcher(columns *arrow.Schema, list *forgotten.List) *fileMatcher {
	var names []string
	for _, f := range columns.Fields() {
		names = append(names, f.Name)
	}
	m := list.Columns(names)
	if m == nil {
		return nil
	}
	return &fileMatcher{m, names}
}

// timeColumn is the request's clock reading.
const timeColumn = "log:time"

// any reports whether a file has a row of a forgotten key. It reads the keys.
func (m *fileMatcher) any(ctx context.Context, in *parquetfile.File) (bool, error) {
	read := []string{timeColumn}
	for i, name := range m.names {
		if m.Reads(i) {
			read = append(read, name)
		}
	}
	records, err := in.Read(ctx, read, nil)
	if err != nil {
		return false, err
	}
	for records.Next() {
		if _, gone := m.split(records.Record()); len(gone) > 0 {
			return true, nil
		}
	}
	return false, records.Err()
}

// split returns the runs of rows that stay, as first and end, and the records of the rows
// that go.
func (m *fileMatcher) split(rec arrow.Record) (stay [][2]int64, gone []forgotten.Record) {
	columns := make([]arrow.Array, len(m.names))
	for i, name := range m.names {
		if m.Reads(i) {
			columns[i] = columnOf(rec, name)
		}
	}
	times, _ := columnOf(rec, timeColumn).(*array.Timestamp)
	row := 0
	value := func(column int) any { return keyValue(columns[column], row) }
	for ; row < int(rec.NumRows()); row++ {
		r, found := m.Find(value)
		if found && (times == nil || int64(times.Value(row)) <= r.Until) {
			gone = append(gone, r)
			continue
		}
		at := int64(row)
		if n := len(stay); n > 0 && stay[n-1][1] == at {
			stay[n-1][1]++
		} else {
			stay = append(stay, [2]int64{at, at + 1})
		}
	}
	return stay, gone
}

// keyValue returns a value as a join key has it; nil when it is null, or can't be one.
func keyValue(a arrow.Array, row int) any {
	if a == nil || a.IsNull(row) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(row)
	case *array.Int32:
		return a.Value(row)
	case *array.Int64:
		return a.Value(row)
	case *array.String:
		return a.Value(row)
	case *array.Binary:
		return a.Value(row)
	case *array.Timestamp:
		return time.UnixMicro(int64(a.Value(row)))
	}
	return nil
}

// rewrite puts a file without the rows in the place of a file, and returns its size; 0 when
// no row is left, and the file goes.
func (m *fileMatcher) rewrite(ctx context.Context, in *parquetfile.File, path string, before func([]forgotten.Record) error) (size int64, err error) {
	temp, err := os.OpenFile(path+unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(path+unfinished))
		}
	}()
	rows, gone, size, err := m.copyTo(ctx, in, temp)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return 0, err
	}
	if err := before(gone); err != nil {
		return 0, err
	}
	if rows > 0 {
		err = os.Rename(path+unfinished, path)
	} else {
		err = errors.Join(os.Remove(path), os.Remove(path+unfinished))
		size = 0
	}
	if err != nil {
		return 0, err
	}
	return size, syncFolders(filepath.Dir(path))
}

// copyTo writes the rows that stay.
func (m *fileMatcher) copyTo(ctx context.Context, in *parquetfile.File, to *os.File) (rows int64, gone []forgotten.Record, size int64, err error) {
	written := countingWriter{f: to}
	out, err := parquetfile.NewWriter(&written, in.Schema, parquetfile.Options{NoDictionaries: true})
	if err != nil {
		return 0, nil, 0, err
	}
	records, err := in.Read(ctx, nil, nil)
	if err != nil {
		return 0, nil, 0, err
	}
	for records.Next() {
		rec := records.Record()
		stay, left := m.split(rec)
		gone = append(gone, left...)
		if rec, err = joined(rec, stay); err != nil {
			return 0, nil, 0, err
		}
		if rec.NumRows() == 0 {
			continue
		}
		rows += rec.NumRows()
		if err := out.Write(rec); err != nil {
			return 0, nil, 0, err
		}
	}
	if err := errors.Join(records.Err(), out.Close()); err != nil {
		return 0, nil, 0, err
	}
	return rows, gone, written.n, nil
}

// joined returns the runs of a record as one.
func joined(rec arrow.Record, runs [][2]int64) (arrow.Record, error) {
	var rows int64
	columns := make([]arrow.Array, rec.NumCols())
	for c := range columns {
		var parts []arrow.Array
		rows = 0
		for _, r := range runs {
			parts = append(parts, array.NewSlice(rec.Column(c), r[0], r[1]))
			rows += r[1] - r[0]
		}
		if len(parts) == 0 {
			columns[c] = array.NewSlice(rec.Column(c), 0, 0)
			continue
		}
		var err error
		if columns[c], err = array.Concatenate(parts, memory.DefaultAllocator); err != nil {
			return nil, err
		}
	}
	return array.NewRecord(rec.Schema(), columns, rows), nil
}

// forget returns which rows of an entry are not logged, nil when all are, and how many
// are.
func (o Options) forget(e *entry) (skip []bool, left int) {
	if o.Forgotten == nil {
		return nil, e.Rows
	}
	list := o.Forgotten()
	if len(list.Records) == 0 {
		return nil, e.Rows
	}
	m := list.Columns(slices.Concat(e.Keys.Names, e.Request.Names))
	if e.At > m.Newest() {
		return nil, e.Rows
	}
	row := 0
	value := func(column int) any {
		if n := len(e.Keys.Names); column >= n {
			return e.Request.Values[column-n].Value(row)
		}
		return e.Keys.Values[column].Value(row)
	}
	left = e.Rows
	for ; row < e.Rows; row++ {
		if r, found := m.Find(value); found && e.At <= r.Until {
			if skip == nil {
				skip = make([]bool, e.Rows)
			}
			skip[row] = true
			left--
		}
	}
	return skip, left
}
