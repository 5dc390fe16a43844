package stream_test

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"

	"larder/column"
	"larder/internal/pgtest"
	"larder/migrations"
	"larder/schema"
	"larder/schema/definitions"
	"larder/store/eventlog"
	"larder/store/forgotten"
	"larder/store/offline"
	"larder/store/online"
	"larder/stream"
	"larder/stream/source"
	"larder/vector"
)

// A world is a database and its definitions; servers come and go.
type world struct {
	t        testing.TB
	db       *pgtest.DB
	logs     *eventlog.Store
	offline  *offline.Store
	catalog  atomic.Pointer[schema.Catalog]
	building atomic.Pointer[schema.Catalog]
	storage  schema.Storage
	sweep    time.Duration // Options.SweepEvery of servers that start

	forgotten func() *forgotten.List // Options.Forgotten of servers that start

	// Of servers that are started: what is around their stores, and their way to the logs; nil
	// for none, and for the tests' own.
	wrap       func(stream.Store) stream.Store
	serverLogs *eventlog.Store
}

func newWorld(t testing.TB, yaml string) *world {
	t.Helper()
	w := &world{t: t, db: pgtest.New(t)}
	if _, err := migrations.Up(t.Context(), w.db.DSN); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.logs, err = eventlog.Open(t.Context(), w.db.DSN, eventlog.Options{MaxConns: 16}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.logs.Close)
	if w.offline, err = offline.Open(t.Context(), w.db.Sources, offline.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.offline.Close)
	w.apply(yaml)
	return w
}

// compile returns the catalog of definitions, and makes the logs.
func (w *world) compile(yaml string) *schema.Catalog {
	w.t.Helper()
	defs, err := definitions.Parse([]definitions.File{{Name: "a.yaml", Data: []byte(yaml)}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.storage = w.storage.Evolve(defs, time.Now().UnixMicro())
	version := int64(1)
	if c := w.catalog.Load(); c != nil {
		version = c.Version + 1
	}
	c, err := schema.Compile(version, defs, w.storage)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range c.Definitions.Streams {
		s := &c.Definitions.Streams[i]
		if err := w.logs.Log(s).Create(w.t.Context(), c.StreamViews(s.Name)); err != nil {
			w.t.Fatal(err)
		}
	}
	return c
}

func (w *world) apply(yaml string) { w.catalog.Store(w.compile(yaml)) }

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	w.execAt(w.db.DSN, sql, args...)
}

// count returns the number that a query gives.
func (w *world) count(sql string) (n int) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.db.DSN)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(w.t.Context())
	if err := conn.QueryRow(w.t.Context(), sql).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) execAt(dsn, sql string, args ...any) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), dsn)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(w.t.Context())
	if _, err := conn.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// A server is a process: an online store and a runner.
type server struct {
	*world
	dir     string
	online  *online.Store
	runner  *stream.Runner
	metrics *prometheus.Registry
	stop    context.CancelFunc
	ended   sync.WaitGroup
}

// counter returns the value of a counter or a gauge that has some labels; 0 when there is none.
func (s *server) counter(name string, labels map[string]string) float64 {
	s.t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			same := family.GetName() == name
			for _, l := range m.GetLabel() {
				same = same && labels[l.GetName()] == l.GetValue()
			}
			if same {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

type foldingStore struct{ *online.Store }

func (s foldingStore) Folder(ctx context.Context, viewID uint32) (stream.Folder, error) {
	return s.NewFolder(ctx, viewID)
}

// open opens the source of streams that have one.
type open func(ctx context.Context, s *schema.Stream, from []source.Position) (stream.Source, error)

// start starts a server over a folder.
func (w *world) start(dir string, sources open) *server {
	return w.startWith(dir, sources, time.Second)
}

// startWith is start with leases of some length.
func (w *world) startWith(dir string, sources open, lease time.Duration) *server {
	w.t.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	store, err := online.Open(dir, online.Options{CacheBytes: 32 << 20, WriteBufferBytes: 8 << 20, MinFreeBytes: 1 << 20, Logger: quiet})
	if err != nil {
		w.t.Fatal(err)
	}
	s := &server{world: w, dir: dir, online: store, metrics: prometheus.NewRegistry()}
	var kept stream.Store = foldingStore{store}
	if w.wrap != nil {
		kept = w.wrap(kept)
	}
	s.runner = stream.New(stream.Options{
		Catalog: w.catalog.Load, Building: w.building.Load, Logs: cmp.Or(w.serverLogs, w.logs), Registerer: s.metrics, Store: kept, Open: sources,
		Secrets: func(string) (string, bool) { return "", false }, Server: "test", Lease: lease, SweepEvery: w.sweep, Forgotten: w.forgotten, Logger: quiet,
	})
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.ended.Go(func() {
		if err := s.runner.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(s.close)
	return s
}

// awaitState waits until a server says that a stream has a problem, or none.
func (s *server) awaitState(name, words string) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		state, problem := s.runner.State(name)
		if strings.Contains(problem, words) && (words == "") == (problem == "") {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the stream is %s: %q; want %q", state, problem, words)
		}
	}
}

// close stops a server; closing twice is harmless.
func (s *server) close() {
	if s.online == nil {
		return
	}
	s.stop()
	s.ended.Wait()
	if err := s.online.Close(); err != nil {
		s.t.Error(err)
	}
	s.online = nil
}

// push appends events, and waits until the server serves them.
func (s *server) push(name string, events ...string) eventlog.Added {
	s.t.Helper()
	messages := make([][]byte, len(events))
	for i, e := range events {
		messages[i] = []byte(e)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	added, err := s.runner.Push(ctx, &stream.Pushed{Stream: name, Messages: messages, Served: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return added
}

// get returns the vectors of a service for some keys of one int64 join key, at a time.
func (s *server) get(program *vector.Program, key string, ids []int64, at int64, exact bool) []column.Column {
	s.t.Helper()
	b := program.NewBatch()
	b.Reset(len(ids), at)
	if exact {
		b.Exact()
	}
	if err := b.BindKeys(keyColumn(key, ids)); err != nil {
		s.t.Fatal(err)
	}
	if err := b.BindRequest(keyColumn("", nil)); err != nil {
		s.t.Fatal(err)
	}
	b.WantColumns()
	if err := s.online.Read(s.t.Context(), b.Keys(), len(ids), b.Visit); err != nil {
		s.t.Fatal(err)
	}
	if err := b.Finish(); err != nil {
		s.t.Fatal(err)
	}
	out := make([]column.Column, len(b.Columns()))
	for i, c := range b.Columns() {
		out[i] = c.Clone()
		out[i].Statuses = append([]schema.Status{}, c.Statuses...)
	}
	return out
}

// program returns the program of a feature service.
func (w *world) program(service string) *vector.Program {
	w.t.Helper()
	plan, err := w.catalog.Load().ServicePlan(service)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := vector.Compile(plan)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// keyColumn returns the column of one join key; none for no name.
func keyColumn(name string, ids []int64) (c column.Columns) {
	if name != "" {
		c.Add(name, column.Column{Type: schema.Int64, Int64s: ids})
	}
	return c
}

// ordersTopic starts Kafka in this process, with the topic orders, and returns its address.
func ordersTopic(t testing.TB, partitions int32) string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}
