package training_test

import (
	"context"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/internal/pgtest"
	"larder/schema"
	"larder/store/offline"
	"larder/training"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A world is a database of sources and the definitions over them.
type world struct {
	t       testing.TB
	db      *pgtest.DB
	store   *offline.Store
	catalog *schema.Catalog
}

func newWorld(t testing.TB, sql string, defs *schema.Definitions) *world {
	t.Helper()
	w := &world{t: t, db: pgtest.New(t)}
	w.exec(sql)
	var err error
	if w.catalog, err = schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0)); err != nil {
		t.Fatal(err)
	}
	if w.store, err = offline.Open(t.Context(), w.db.Sources, offline.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.store.Close)
	return w
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Pool.Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) plan(service string) *schema.Plan {
	w.t.Helper()
	plan, err := w.catalog.ServicePlan(service)
	if err != nil {
		w.t.Fatal(err)
	}
	return plan
}

// A spineOf builds a spine column by column.
type spineOf struct {
	fields  []arrow.Field
	columns []arrow.Array
}

func (s *spineOf) add(name string, a arrow.Array) *spineOf {
	s.fields = append(s.fields, arrow.Field{Name: name, Type: a.DataType(), Nullable: true})
	s.columns = append(s.columns, a)
	return s
}

func (s *spineOf) ints(name string, values ...int64) *spineOf {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues(values, nil)
	return s.add(name, b.NewArray())
}

// times adds a column of microseconds since 1970 UTC.
func (s *spineOf) times(name string, micros ...int64) *spineOf {
	b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"})
	for _, t := range micros {
		b.Append(arrow.Timestamp(t))
	}
	return s.add(name, b.NewArray())
}

func (s *spineOf) strings(name string, values ...string) *spineOf {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.AppendValues(values, nil)
	return s.add(name, b.NewArray())
}

// floats adds a column of numbers; nil is null.
func (s *spineOf) floats(name string, values ...*float64) *spineOf {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	for _, v := range values {
		if v == nil {
			b.AppendNull()
		} else {
			b.Append(*v)
		}
	}
	return s.add(name, b.NewArray())
}

func (s *spineOf) record() arrow.Record {
	return array.NewRecord(arrow.NewSchema(s.fields, nil), s.columns, int64(s.columns[0].Len()))
}

// reader returns a spine in batches of some rows.
func reader(t testing.TB, rec arrow.Record, batch int64) array.RecordReader {
	t.Helper()
	var parts []arrow.Record
	for at := int64(0); at < rec.NumRows(); at += batch {
		parts = append(parts, rec.NewSlice(at, min(at+batch, rec.NumRows())))
	}
	r, err := array.NewRecordReader(rec.Schema(), parts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// build returns the batches of a set and its manifest.
func (w *world) build(req training.Request, spine arrow.Record, batch int64) ([]arrow.Record, *training.Manifest) {
	w.t.Helper()
	set, err := training.New(w.store, spine.Schema(), req)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.run(set, spine, batch)
}

func (w *world) run(set *training.Set, spine arrow.Record, batch int64) (out []arrow.Record, m *training.Manifest) {
	w.t.Helper()
	m, err := set.Run(w.t.Context(), reader(w.t, spine, batch), func(rec arrow.Record) error {
		rec.Retain()
		out = append(out, rec)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out, m
}

// splitStatements splits SQL that has no semicolons but between statements.
func splitStatements(sql string) []string { return strings.Split(sql, ";\n") }
