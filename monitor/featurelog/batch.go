package featurelog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/internal/arrowfile"
)

// Files returns the files of the log in a folder, of one model or, when model is
// empty, of all. It is an error when there are none.
func Files(dir, model string) ([]string, error) {
	files, err := filesIn(dir, model, extension)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no folder %s; name the one that the server was given with --feature-log", dir)
	}
	if err != nil || len(files) > 0 {
		return files, err
	}
	begun, err := filesIn(dir, model, unfinished)
	if err != nil {
		return nil, err
	}
	if len(begun) > 0 {
		return nil, fmt.Errorf("the server has not finished the first files of the feature log in %s yet, which takes about a minute; "+
			"try again then, or set --addr to the server that writes them, which finishes them at once", dir)
	}
	return nil, fmt.Errorf("there are no feature log files in %s; a model gets some after its first request, if it has log: and the server has --feature-log", dir)
}

// filesIn returns the files with a suffix, of one model or of any.
func filesIn(dir, model, suffix string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) == suffix && (model == "" || ModelOf(path) == model) {
			files = append(files, path)
		}
		return err
	})
	return files, err
}

// FolderOf returns the name of the folder of a model's files: the model's, with %2F for the
// slash after its project.
func FolderOf(model string) string { return url.PathEscape(model) }

// ModelOf returns the model of the requests in a file.
func ModelOf(path string) string {
	folder := filepath.Base(filepath.Dir(path))
	if model, err := url.PathUnescape(folder); err == nil {
		return model
	}
	return folder
}

// ShownPath returns a file's path below the folder of its log.
func ShownPath(path string) string {
	return filepath.Join(filepath.Base(filepath.Dir(path)), filepath.Base(path))
}

var errNoName = errors.New("not a file of a feature log: its name does not begin with the version of a model and that of the definitions")

// A File is a file of a log that is read batch by batch. The caller closes it. It
// ends where the file can't be read, and Damage then says what is missing.
type File struct {
	*arrowfile.Reader
	Model        string
	ModelVersion int64
	// CatalogVersion is the version of the definitions that served the rows.
	CatalogVersion int64
	SHA256         string // of the model file that scored; empty in older files without it

	path string
	left int64 // rows that were not read yet
}

// OpenFile opens a file of a log by its path, which names the model, its version and
// that of the definitions. It returns either the file or what is missing.
func OpenFile(ctx context.Context, path string) (*File, *Damage) {
	f, err := openFile(ctx, path)
	if err != nil {
		return nil, &Damage{Path: path, Err: err, Rows: -1}
	}
	return f, nil
}

func openFile(ctx context.Context, path string) (*File, error) {
	var versions [2]int64
	rest := filepath.Base(path)
	for i := range versions {
		number, after, found := strings.Cut(rest, "-")
		version, err := strconv.ParseInt(number, 10, 64)
		if !found || err != nil {
			return nil, errNoName
		}
		versions[i], rest = version, after
	}
	in, err := arrowfile.Open(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	if err := checkColumns(in.Schema()); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return &File{Reader: in, Model: ModelOf(path), ModelVersion: versions[0], CatalogVersion: versions[1], SHA256: in.Metadata[SHA256Key], path: path, left: in.Rows}, nil
}

// Next reads the next batch and reports whether there is one.
func (f *File) Next() bool {
	if !f.Reader.Next() {
		return false
	}
	f.left -= f.Record().NumRows()
	return true
}

// Err returns why reading ended before the end, unless it is the file's fault.
func (f *File) Err() error {
	if err := f.Reader.Err(); errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// Damage returns what is missing because the file can't be read to its end; nil when it
// can.
func (f *File) Damage() *Damage {
	if err := f.Reader.Err(); err != nil && f.Err() == nil {
		return &Damage{Path: f.path, Err: err, Rows: f.left}
	}
	return nil
}

// checkColumns returns an error unless a file has the columns that every file of a log
// has.
func checkColumns(columns *arrow.Schema) error {
	b := array.NewRecordBuilder(memory.DefaultAllocator, columns)
	defer b.Release()
	rec := b.NewRecord()
	defer rec.Release()
	_, err := NewBatch(rec)
	return err
}

// A RowID names a row of a request.
type RowID struct {
	RequestID string
	Row       int32
}

// Follows reports whether a row belongs to the same request as the row logged
// before it. Callers may give several requests one id; the rows of each are in order.
func (r RowID) Follows(before RowID) bool {
	return r.RequestID == before.RequestID && r.Row > before.Row
}

// A Batch is a record of a log's file, with the columns that every file has. It
// aliases the record.
type Batch struct {
	arrow.Record
	At           *array.Timestamp
	RequestID    *array.String
	Row          *array.Int32
	Role         *array.String
	Score        *array.Float64
	ModelVersion *array.Int64
}

// NewBatch finds the columns of a record.
func NewBatch(rec arrow.Record) (*Batch, error) {
	b := &Batch{Record: rec}
	var found [6]bool
	b.At, found[0] = columnOf(rec, "log:time").(*array.Timestamp)
	b.RequestID, found[1] = columnOf(rec, "log:request_id").(*array.String)
	b.Row, found[2] = columnOf(rec, "log:row").(*array.Int32)
	b.Role, found[3] = columnOf(rec, "log:role").(*array.String)
	b.Score, found[4] = columnOf(rec, "log:score").(*array.Float64)
	b.ModelVersion, found[5] = columnOf(rec, "log:model_version").(*array.Int64)
	if found != [6]bool{true, true, true, true, true, true} {
		return nil, errNoLog
	}
	return b, nil
}

// ID returns the name of a row. It is the caller's own.
func (b *Batch) ID(row int) RowID {
	return RowID{strings.Clone(b.RequestID.Value(row)), b.Row.Value(row)}
}

// Vector returns the features that the model saw, in order, with their columns.
func (b *Batch) Vector() iter.Seq2[string, arrow.Array] {
	return func(yield func(string, arrow.Array) bool) {
		for i, c := range b.Columns() {
			if feature, isVector := strings.CutPrefix(b.ColumnName(i), vectorPrefix); isVector && !yield(feature, c) {
				return
			}
		}
	}
}

// Outputs returns the outputs of the model, with their columns: null in the rows that it
// was not asked for.
func (b *Batch) Outputs() iter.Seq2[string, arrow.Array] {
	return func(yield func(string, arrow.Array) bool) {
		for i, c := range b.Columns() {
			if name, isOutput := strings.CutPrefix(b.ColumnName(i), outputPrefix); isOutput && !yield(name, c) {
				return
			}
		}
	}
}

// ScoreAt returns the score of a row; NaN where the model has none.
func (b *Batch) ScoreAt(row int) float64 {
	if b.Score.IsNull(row) {
		return math.NaN()
	}
	return b.Score.Value(row)
}

// Sent returns the join keys and request values of a row that labels may find it
// by: integers and strings, as text.
func (b *Batch) Sent(row int) (names, texts []string) {
	for i, c := range b.Columns() {
		switch c.(type) {
		case *array.Int32, *array.Int64, *array.String:
			if name := b.ColumnName(i); !strings.Contains(name, ":") {
				names, texts = append(names, name), append(texts, c.ValueStr(row))
			}
		}
	}
	return names, texts
}
