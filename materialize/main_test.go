package materialize_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"larder/internal/pgtest"
	"larder/materialize"
	"larder/schema"
	"larder/store/offline"
	"larder/store/online"
	"larder/store/row"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A world is a Postgres, an online store, and a runner between them.
type world struct {
	t       testing.TB
	db      *pgtest.DB
	offline *offline.Store
	online  *online.Store
	runner  *materialize.Runner
	metrics *prometheus.Registry
	catalog atomic.Pointer[schema.Catalog]

	last struct { // run of an earlier process; set before runs start
		rows  int64
		found bool
		err   error
	}
}

// newWorld starts a runner of the views that defs declares. wrap, when it is not
// nil, stands between the runner and Postgres.
func newWorld(t testing.TB, sql string, defs *schema.Definitions, wrap func(materialize.Source) materialize.Source) *world {
	t.Helper()
	w := &world{t: t, db: pgtest.New(t), metrics: prometheus.NewRegistry()}
	w.apply(defs)
	w.exec(sql)
	var err error
	if w.offline, err = offline.Open(t.Context(), w.db.Sources, offline.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.offline.Close)
	var source materialize.Source = w.offline
	if wrap != nil {
		source = wrap(source)
	}
	w.start(source)
	return w
}

// start opens an online store and runs a runner of source until the test ends.
func (w *world) start(source materialize.Source) {
	w.t.Helper()
	w.openStore()
	w.runner = w.newRunner(source)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.runner.Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
}

func (w *world) openStore() {
	w.t.Helper()
	var err error
	if w.online, err = online.Open(w.t.TempDir(), online.Options{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := w.online.Close(); err != nil {
			w.t.Error(err)
		}
	})
}

func (w *world) newRunner(source materialize.Source) *materialize.Runner {
	w.t.Helper()
	runner, err := materialize.New(materialize.Options{
		Catalog: w.catalog.Load, Source: source, Store: w.online, Logger: slog.New(slog.DiscardHandler), Registerer: w.metrics,
		LastRows: func(context.Context, string) (int64, bool, error) { return w.last.rows, w.last.found, w.last.err },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return runner
}

// apply makes defs the next version of the definitions.
func (w *world) apply(defs *schema.Definitions) {
	w.t.Helper()
	version, storage := int64(1), schema.Storage{}
	if last := w.catalog.Load(); last != nil {
		version, storage = last.Version+1, last.Storage
	}
	catalog, err := schema.Compile(version, defs, storage.Evolve(defs, 0))
	if err != nil {
		w.t.Fatal(err)
	}
	w.catalog.Store(catalog)
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Pool.Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// run starts a run and waits until it has ended.
func (w *world) run(req materialize.Request) materialize.Run {
	w.t.Helper()
	started, err := w.runner.Start(req)
	if err != nil {
		w.t.Fatal(err)
	}
	run, err := w.runner.Wait(w.t.Context(), started.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

func (w *world) view(name string) *schema.View {
	w.t.Helper()
	v, err := w.catalog.Load().View(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// stored is a row as the online store has it.
type stored struct {
	Event, Ingest int64
	Deleted       bool
	Values        []any
}

// rows returns all rows of a view by their first join key.
func (w *world) rows(name string) map[any]stored {
	w.t.Helper()
	view, all := w.view(name), map[any]stored{}
	err := w.online.EachRow(context.Background(), view.ID, func(key []byte, eventTime int64, bytes []byte) error {
		_, keys, err := row.DecodeKey(key, view.Keys)
		if err != nil {
			return err
		}
		header, err := row.ParseHeader(bytes)
		if err != nil {
			return err
		}
		s := stored{Event: eventTime, Ingest: header.Ingest, Deleted: header.Tombstone}
		layout := row.NewLayout(view.Layouts[header.Layout])
		for i := range layout.Columns {
			if s.Deleted {
				break
			}
			v, err := layout.Value(bytes, i)
			if err != nil {
				return err
			}
			s.Values = append(s.Values, v)
		}
		all[keys[0]] = s
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// keys returns the keys of a view.
func (w *world) keys(name string) (all [][]any) {
	w.t.Helper()
	view := w.view(name)
	err := w.online.EachRow(context.Background(), view.ID, func(key []byte, _ int64, _ []byte) error {
		_, values, err := row.DecodeKey(key, view.Keys)
		all = append(all, values)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// spend declares one view, spend, of customers, from table daily.
func spend() *schema.Definitions {
	return &schema.Definitions{
		Entities:     []schema.Entity{{Name: "customer", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}}},
		Sources:      []schema.Source{{Name: "daily", Table: "daily", TimestampField: "at", CreatedTimestampColumn: "loaded", DeletedColumn: "gone"}},
		FeatureViews: []schema.FeatureView{{Name: "spend", Entities: []string{"customer"}, Source: "daily", Features: []schema.Feature{{Name: "n", Type: schema.Int64}}}},
	}
}

const dailyTable = "CREATE TABLE daily (id bigint, at timestamptz, loaded timestamptz, gone boolean, n bigint); "
