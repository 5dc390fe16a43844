package verify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"larder/internal/pgtest"
	"larder/materialize"
	"larder/monitor/verify"
	"larder/schema"
	"larder/store/offline"
	"larder/store/online"
	"larder/store/row"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// table is the source of the view that is verified; its times are hours of one day.
const table = `CREATE TABLE spend (id bigint, shop text, at timestamptz, loaded timestamptz, gone boolean, n int, x float8, s text, l bigint[])`

// A world is a source, and a store that is materialized from it.
type world struct {
	t       testing.TB
	db      *pgtest.DB
	history *offline.Store
	online  *online.Store
	runner  *materialize.Runner
	view    *schema.View
	catalog atomic.Pointer[schema.Catalog] // that is materialized by
}

func newWorld(t testing.TB, ttl time.Duration) *world {
	t.Helper()
	defs := &schema.Definitions{
		Entities: []schema.Entity{{Name: "account", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}, {Name: "shop", Type: schema.String}}}},
		Sources:  []schema.Source{{Name: "spend", Table: "spend", TimestampField: "at", CreatedTimestampColumn: "loaded", DeletedColumn: "gone"}},
		FeatureViews: []schema.FeatureView{{
			Name: "spend", Entities: []string{"account"}, Source: "spend", TTL: schema.Duration(ttl), Features: []schema.Feature{
				{Name: "n", Type: schema.Int32, Default: int32(-1)}, {Name: "x", Type: schema.Float64}, {Name: "s", Type: schema.String}, {Name: "l", Type: schema.List(schema.Int64)},
			},
		}},
	}
	catalog, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: pgtest.New(t)}
	w.exec(table)
	w.catalog.Store(catalog)
	if w.view, err = catalog.View("spend"); err != nil {
		t.Fatal(err)
	}
	if w.history, err = offline.Open(t.Context(), w.db.Sources, offline.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.history.Close)
	t.Cleanup(w.start())
	return w
}

// start opens an empty store and runs a runner, until stop is called.
func (w *world) start() (stop func()) {
	w.t.Helper()
	var err error
	quiet := slog.New(slog.DiscardHandler)
	if w.online, err = online.Open(w.t.TempDir(), online.Options{Logger: quiet}); err != nil {
		w.t.Fatal(err)
	}
	w.runner, err = materialize.New(materialize.Options{Catalog: w.catalog.Load, Source: w.history, Store: w.online, Logger: quiet})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	store, runner := w.online, w.runner
	go func() { done <- runner.Run(ctx) }()
	return func() {
		cancel()
		if err := errors.Join(<-done, store.Close()); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Pool.Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// hour is the time of an hour of the day that all is about.
func hour(h int) time.Time { return time.Date(2026, 1, 5, h, 0, 0, 0, time.UTC) }

// insert adds rows of accounts first to last, of an hour, which arrive ten
// minutes later.
func (w *world) insert(first, last, h int) {
	w.t.Helper()
	w.exec(`INSERT INTO spend SELECT i, 'shop ' || i % 3, $3::timestamptz, $3::timestamptz + interval '10 minutes', false, CASE WHEN i % 5 > 0 THEN i END, CASE WHEN i % 7 = 0 THEN 'NaN' ELSE i / 3.0 END, 'größe ' || i, ARRAY[i, $4::bigint]
		FROM generate_series($1::bigint, $2) AS i`, first, last, hour(h), h)
}

// materialize moves what is visible at an hour.
func (w *world) materialize(h int) {
	w.t.Helper()
	w.run(materialize.Request{View: "spend", To: hour(h).UnixMicro()})
}

func (w *world) run(req materialize.Request) {
	w.t.Helper()
	run, err := w.runner.Start(req)
	if err == nil {
		run, err = w.runner.Wait(context.Background(), run.ID)
	}
	if err != nil || run.State != materialize.Succeeded {
		w.t.Fatalf("%+v %v", run, err)
	}
}

func (w *world) verify(sample int) *verify.Report {
	w.t.Helper()
	r, err := verify.View(w.t.Context(), verify.Options{Online: w.online, Offline: w.history}, verify.Request{View: w.view, Sample: sample})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// plant writes a row to the store past all rules: of account id, an hour, and n.
func (w *world) plant(id int64, shop string, h int, n int32) {
	w.t.Helper()
	w.put(w.key(id, shop), h, w.build(false, func(b *row.Builder) { b.SetInt32(0, n) }))
}

// counts are those of a report, as in "equal 7 stale 1".
func counts(r *verify.Report) string {
	text := ""
	for _, kind := range []verify.Kind{verify.Equal, verify.Mismatched, verify.Missing, verify.Extra, verify.Stale} {
		if n := r.Counts[kind]; n > 0 {
			text += fmt.Sprintf("%s %d ", kind, n)
		}
	}
	return text
}
