package offline_test

import (
	"cmp"
	"context"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/internal/pgtest"
	"larder/schema"
	"larder/store/offline"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A world is a database with one view of one source.
type world struct {
	t     testing.TB
	db    *pgtest.DB
	store *offline.Store
	view  *schema.View
}

// newWorld runs SQL in a database of the test's own and opens a store of it.
func newWorld(t testing.TB, sql string, source schema.Source, keys []schema.JoinKey, features ...schema.Feature) *world {
	t.Helper()
	w := &world{t: t, db: pgtest.New(t), view: view(t, source, keys, features...)}
	w.exec(sql)
	store, err := offline.Open(t.Context(), w.db.Sources, offline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	w.store = store
	return w
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Pool.Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// view compiles a view named v of entity e, from one source.
func view(t testing.TB, source schema.Source, keys []schema.JoinKey, features ...schema.Feature) *schema.View {
	t.Helper()
	source.Name = cmp.Or(source.Name, "s")
	defs := &schema.Definitions{
		Entities:     []schema.Entity{{Name: "e", JoinKeys: keys}},
		Sources:      []schema.Source{source},
		FeatureViews: []schema.FeatureView{{Name: "v", Entities: []string{"e"}, Source: source.Name, Features: features}},
	}
	catalog, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		t.Fatal(err)
	}
	v, err := catalog.View("v")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var idKey = []schema.JoinKey{{Name: "id", Type: schema.Int64}}

func everything() schema.Window {
	now := time.Now().UnixMicro()
	return schema.Window{Mode: schema.Full, From: schema.BeginningOfTime, To: now, Now: now}
}

// read returns the rows of a window by column, in the Go form of schema.ParseValue,
// except times, which are microseconds; and the bad rows.
func (w *world) read(window schema.Window) (rows [][]any, bad []schema.BadRow) {
	w.t.Helper()
	err := w.store.Window(context.Background(), w.view, window, func(rec arrow.Record, more []schema.BadRow) error {
		for i := range int(rec.NumRows()) {
			row := make([]any, rec.NumCols())
			for c := range row {
				row[c] = value(w.t, rec.Column(c), i)
			}
			rows = append(rows, row)
		}
		bad = append(bad, more...)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return rows, bad
}

func value(t testing.TB, a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int32:
		return a.Value(i)
	case *array.Int64:
		return a.Value(i)
	case *array.Float32:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return append([]byte{}, a.Value(i)...)
	case *array.Timestamp:
		return int64(a.Value(i))
	case *array.List:
		list := []any{}
		from, to := a.ValueOffsets(i)
		for at := from; at < to; at++ {
			list = append(list, value(t, a.ListValues(), int(at)))
		}
		return list
	}
	t.Fatalf("a column of %s", a.DataType())
	return nil
}
