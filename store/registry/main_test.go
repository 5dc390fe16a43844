package registry_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/internal/pgtest"
	"larder/migrations"
	"larder/schema"
	"larder/store/registry"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func ctx() context.Context { return context.Background() }

// A rows is the note of stored rows, in memory: all that a registry sees of them.
type rows struct {
	mu   sync.Mutex
	note string
}

func (r *rows) Note() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.note, nil
}

func (r *rows) SetNote(note string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note = note
	return nil
}

// errPanic as a refusal makes Prepare panic.
var errPanic = errors.New("a nil pointer somewhere")

// A node is a registry as a server has one.
type node struct {
	*registry.Registry
	rows    *rows
	metrics *prometheus.Registry

	mu     sync.Mutex
	refuse error // of Prepare
	served []int64
}

// database returns a migrated database.
func database(t testing.TB) *pgtest.DB {
	t.Helper()
	db := pgtest.New(t)
	if _, err := migrations.Up(ctx(), db.DSN); err != nil {
		t.Fatal(err)
	}
	return db
}

// newNode opens a registry and loads its first catalog.
func newNode(t testing.TB, dsn, dir string, stored *rows) (*node, error) {
	t.Helper()
	return newPollingNode(t, dsn, dir, stored, 50*time.Millisecond)
}

// newPollingNode is newNode with a registry that asks Postgres at an interval.
func newPollingNode(t testing.TB, dsn, dir string, stored *rows, interval time.Duration) (*node, error) {
	t.Helper()
	n := &node{rows: stored, metrics: prometheus.NewRegistry()}
	var err error
	n.Registry, err = registry.Open(dsn, dir, registry.Options{
		Rows: stored, PollInterval: interval, Registerer: n.metrics,
		Prepare: func(_ context.Context, c *schema.Catalog) (func(), error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			if errors.Is(n.refuse, errPanic) {
				panic(errPanic)
			}
			return func() {
				n.mu.Lock()
				defer n.mu.Unlock()
				n.served = append(n.served, c.Version)
			}, n.refuse
		},
	})
	if err != nil {
		return nil, err
	}
	t.Cleanup(n.Close)
	return n, n.Load(ctx())
}

// start is newNode for those that load, and follows Postgres until the test ends.
func start(t testing.TB, dsn string) *node {
	t.Helper()
	return startPolling(t, dsn, 50*time.Millisecond)
}

func startPolling(t testing.TB, dsn string, interval time.Duration) *node {
	t.Helper()
	n, err := newPollingNode(t, dsn, t.TempDir(), new(rows), interval)
	if err != nil {
		t.Fatal(err)
	}
	n.run(t)
	return n
}

func (n *node) run(t testing.TB) {
	running, cancel := context.WithCancel(ctx())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(running) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func (n *node) setRefusal(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refuse = err
}

// definitions are of n views.
func definitions(n int) *schema.Definitions {
	d := &schema.Definitions{
		Entities: []schema.Entity{{Name: "user", JoinKeys: []schema.JoinKey{{Name: "user_id", Type: schema.Int64}}}},
		Sources:  []schema.Source{{Name: "facts", Table: "facts", TimestampField: "at"}},
	}
	for i := range n {
		d.FeatureViews = append(d.FeatureViews, schema.FeatureView{
			Name: fmt.Sprintf("view_%d", i), Entities: []string{"user"}, Source: "facts",
			Features: []schema.Feature{{Name: "x", Type: schema.Float64}},
		})
	}
	return d
}

// apply proposes and commits, and returns the version.
func (n *node) apply(t testing.TB, defs *schema.Definitions, by string) int64 {
	t.Helper()
	p, err := n.Propose(ctx(), defs)
	if err != nil {
		t.Fatal(err)
	}
	version, err := n.Commit(ctx(), p, p.Base, by)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// await waits until a version is served.
func (n *node) await(t testing.TB, version int64) {
	t.Helper()
	patient, cancel := context.WithTimeout(ctx(), time.Minute)
	defer cancel()
	if err := n.Await(patient, version); err != nil {
		t.Fatalf("version %d: %v", version, err)
	}
	if got := n.Catalog().Version; got < version {
		t.Fatalf("version %d is served; want %d", got, version)
	}
}

// eventually asks until the answer is yes, for a minute.
func eventually(t testing.TB, what string, ask func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-deadline:
			t.Fatalf("after a minute: no %s", what)
		case <-tick.C:
		}
	}
}
