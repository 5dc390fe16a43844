package featurelog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	parquetfile "github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

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
// The rows are valid until visit returns.
func (l *Log) Read(ctx context.Context, q Query, visit func(*Scored) error) error {
	if err := l.Flush(ctx); err != nil {
		return err
	}
	if l.table == nil {
		return l.folder.read(ctx, q, visit)
	}
	return l.table.to.ReadLogged(ctx, q.Model, q.From, q.Until, func(r *Row) error {
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
func (d *folder) read(ctx context.Context, q Query, visit func(*Scored) error) error {
	paths, err := filepath.Glob(filepath.Join(d.dir, q.Model, "*.parquet"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := readFile(ctx, path, q, visit); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	}
	return nil
}

// The columns that every query reads.
var scoredColumns = []string{"log:time", "log:request_id", "log:row", "log:role", "log:score", "log:model_version"}

func readFile(ctx context.Context, path string, q Query, visit func(*Scored) error) error {
	in, err := parquetfile.OpenParquetFile(path, false)
	if err != nil {
		return err
	}
	defer in.Close()
	names := slices.Concat(scoredColumns, q.Sent)
	var columns []int
	for _, name := range names {
		if at := in.MetaData().Schema.ColumnIndexByName(name); at >= 0 {
			columns = append(columns, at)
		}
	}
	if len(columns) < len(scoredColumns) {
		return errNoLog
	}
	reader, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{BatchSize: batchRows}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	groups := groupsOf(in, columns[0], q)
	if len(groups) == 0 {
		return nil
	}
	records, err := reader.GetRecordReader(ctx, columns, groups)
	if err != nil {
		return err
	}
	defer records.Release()
	for records.Next() {
		if err := readRecord(records.Record(), q, visit); err != nil {
			return err
		}
	}
	if err := records.Err(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// groupsOf returns the row groups that may have rows in the query's time.
func groupsOf(in *parquetfile.Reader, timeColumn int, q Query) []int {
	groups := []int{}
	for i := range in.NumRowGroups() {
		chunk, err := in.MetaData().RowGroup(i).ColumnChunk(timeColumn)
		if err == nil {
			stats, _ := chunk.Statistics()
			if times, known := stats.(*metadata.Int64Statistics); known && times.HasMinMax() && (times.Max() < q.From || times.Min() > q.Until) {
				continue
			}
		}
		groups = append(groups, i)
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
		s := &Scored{b.RequestID.Value(i), b.Row.Value(i), monitor.Role(b.Role.Value(i)), b.ModelVersion.Value(i), at, b.Score.Value(i), sentTexts(sent, i)}
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
