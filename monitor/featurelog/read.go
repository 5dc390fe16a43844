package featurelog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/internal/arrowfile/parquetfile"
	"larder/monitor"
)

// A Query selects the rows of a log to read.
type Query struct {
	Model       string
	From, Until int64 // of the requests' clock readings, both included
	// Sent names join keys and request values, integers or strings, to return with the
	// rows as text.
	Sent []string
}

// A Scored is a row of a log without the model's inputs.
type Scored struct {
	RequestID    string
	Row          int32
	Role         monitor.Role
	ModelVersion int64
	At           int64 // microseconds since 1970 UTC
	Score        float64
	Sent         []string // as the query names them; nil if the request lacks one
}

// Read calls visit with the rows that a query selects, in any order. It reads the
// table if there is one, otherwise the folder's files, including those being written.
// The rows are valid until visit returns. Files that can't be read to their end don't
// keep it from reading the others; Read returns what is missing of them.
func (l *Log) Read(ctx context.Context, q Query, visit func(*Scored) error) ([]Damage, error) {
	if err := l.Flush(ctx); err != nil {
		return nil, err
	}
	if l.table == nil {
		return l.folder.read(ctx, q, visit)
	}
	return nil, l.table.to.ReadLogged(ctx, q.Model, q.From, q.Until, func(r *Row) error {
		sent, err := sentJSON(r.Keys, r.Request, q.Sent)
		if err != nil {
			return fmt.Errorf("request %q: %w", r.RequestID, err)
		}
		return visit(&Scored{r.RequestID, r.Row, monitor.Role(r.Role), r.ModelVersion, r.At, r.Score, sent})
	})
}

// sentJSON returns members of two objects as text; nil if one is missing.
func sentJSON(keys, request []byte, names []string) ([]string, error) {
	var objects [2]map[string]json.RawMessage
	for i, raw := range [][]byte{keys, request} {
		if err := json.Unmarshal(raw, &objects[i]); err != nil {
			return nil, err
		}
	}
	sent := make([]string, 0, len(names))
	for _, name := range names {
		raw, found := objects[0][name]
		if !found {
			raw = objects[1][name]
		}
		var text string
		switch {
		case len(raw) == 0 || string(raw) == "null":
			return nil, nil
		case raw[0] != '"':
			text = string(raw) // an integer
		default:
			if err := json.Unmarshal(raw, &text); err != nil {
				return nil, err
			}
		}
		sent = append(sent, text)
	}
	return sent, nil
}

// read reads the finished files of a model. A file that is moved away meanwhile is
// skipped.
func (d *folder) read(ctx context.Context, q Query, visit func(*Scored) error) ([]Damage, error) {
	paths, err := filepath.Glob(filepath.Join(d.dir, FolderOf(q.Model), "*.parquet"))
	if err != nil {
		return nil, err
	}
	var damaged []Damage
	for _, path := range paths {
		var stop error // the visitor's
		left, err := readFile(ctx, path, q, func(s *Scored) error {
			stop = visit(s)
			return stop
		})
		switch {
		case stop != nil:
			return damaged, stop
		case ctx.Err() != nil:
			return damaged, ctx.Err()
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			damaged = append(damaged, Damage{Path: filepath.Join(FolderOf(q.Model), filepath.Base(path)), Err: err, Rows: left})
		}
	}
	return damaged, nil
}

// The columns that every query reads.
var scoredColumns = []string{"log:time", "log:request_id", "log:row", "log:role", "log:score", "log:model_version"}

// readFile reads a file, and returns how many of its rows it didn't; -1 when the
// file doesn't say.
func readFile(ctx context.Context, path string, q Query, visit func(*Scored) error) (left int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return -1, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return -1, err
	}
	in, err := parquetfile.Open(f, info.Size())
	if err != nil {
		return -1, err
	}
	if err := checkColumns(in.Schema); err != nil {
		return in.Rows, err
	}
	groups := groupsOf(in, q)
	for _, g := range groups {
		left += in.GroupRows(g)
	}
	records, err := in.Read(ctx, slices.Concat(scoredColumns, q.Sent), groups)
	if err != nil {
		return left, err
	}
	for records.Next() {
		if err := readRecord(records.Record(), q, visit); err != nil {
			return left, err
		}
		left -= records.Record().NumRows()
	}
	return left, records.Err()
}

// groupsOf returns the row groups that may have rows in the query's time.
func groupsOf(in *parquetfile.File, q Query) []int {
	groups := []int{}
	for i := range in.Groups() {
		if least, greatest, known := in.Int64Range(i, scoredColumns[0]); !known || greatest >= q.From && least <= q.Until {
			groups = append(groups, i)
		}
	}
	return groups
}

func readRecord(rec arrow.Record, q Query, visit func(*Scored) error) error {
	b, err := NewBatch(rec)
	if err != nil {
		return err
	}
	sent := make([]arrow.Array, len(q.Sent))
	for i, name := range q.Sent {
		sent[i] = columnOf(rec, name)
	}
	for i := range int(rec.NumRows()) {
		at := int64(b.At.Value(i))
		if at < q.From || at > q.Until {
			continue
		}
		s := &Scored{b.RequestID.Value(i), b.Row.Value(i), monitor.Role(b.Role.Value(i)), b.ModelVersion.Value(i), at, b.ScoreAt(i), sentTexts(sent, i)}
		if err := visit(s); err != nil {
			return err
		}
	}
	return nil
}

func sentTexts(columns []arrow.Array, row int) []string {
	texts := make([]string, len(columns))
	for i, c := range columns {
		if c == nil || c.IsNull(row) {
			return nil
		}
		switch c := c.(type) {
		case *array.Int32:
			texts[i] = strconv.FormatInt(int64(c.Value(row)), 10)
		case *array.Int64:
			texts[i] = strconv.FormatInt(c.Value(row), 10)
		case *array.String:
			texts[i] = c.Value(row)
		default:
			return nil
		}
	}
	return texts
}
