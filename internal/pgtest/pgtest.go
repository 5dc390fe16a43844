// Package pgtest gives each test its own database in a real Postgres: on the server
// that LARDER_TEST_POSTGRES names, or else on a private cluster of the test process.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"larder/internal/pgdev"
)

// ServerVariable is the environment variable with the address of a Postgres
// that tests may make databases on.
const ServerVariable = "LARDER_TEST_POSTGRES"

// A DB is a database of one test.
type DB struct {
	DSN     string // of a superuser
	Sources string // of a role that may read and write all tables, for sources
	Pool    *pgxpool.Pool
}

// The private cluster of this process, and its folder.
var (
	shared struct {
		sync.Mutex
		cluster *pgdev.Cluster
		dir     string
		err     error
	}
	databases atomic.Int64
)

// Main runs the tests of a package and stops the cluster that they used. It is
// the body of TestMain, and leaves the exit code to the caller's return.
func Main(m *testing.M) {
	defer func() {
		if shared.cluster != nil {
			defer os.RemoveAll(shared.cluster.Dir())
			if err := shared.cluster.Stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
		if shared.dir != "" {
			os.RemoveAll(shared.dir)
		}
	}()
	m.Run()
}

// New returns an empty database, dropped when the test ends.
func New(t testing.TB) *DB {
	t.Helper()
	ctx := context.Background()
	server := server(t)
	admin, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("connect to the tests' Postgres: %v", err)
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	// The user's name is also that of Larder's schema, which "$user" would put first.
	if _, err := admin.Exec(ctx, "ALTER DATABASE "+name+" SET search_path = public"); err != nil {
		t.Fatal(err)
	}
	db := &DB{DSN: withDatabase(t, server, name)}
	db.Sources = Sources(t, db.DSN)
	if db.Pool, err = pgxpool.New(ctx, db.DSN); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db.Pool.Close()
		if _, err := admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
		admin.Close(ctx)
	})
	return db
}

// The role of sources. It is one for all databases of a server.
const sourcesUser = "larder_test_sources"

// makeSources makes the role unless another test process does.
const makeSources = `
DO $$ BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '` + sourcesUser + `') THEN
		CREATE ROLE ` + sourcesUser + ` LOGIN PASSWORD '` + sourcesUser + `';
	END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
	NULL;
END $$`

// letSources lets the role use all schemas and tables of a database that its superuser makes
// from now on, and those that are there.
const letSources = `
DO $$ DECLARE folder name; BEGIN
	ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT ON TABLES TO ` + sourcesUser + `;
	ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO ` + sourcesUser + `;
	FOR folder IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
		EXECUTE format('GRANT USAGE ON SCHEMA %I TO ` + sourcesUser + `', folder);
		EXECUTE format('GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA %I TO ` + sourcesUser + `', folder);
	END LOOP;
END $$`

// Sources returns the address of a database for a role that may read and write all tables
// of its superuser, whose address dsn is.
func Sources(t testing.TB, dsn string) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, sql := range []string{makeSources, letSources} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("make the role of sources: %v", err)
		}
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(sourcesUser, sourcesUser)
	return u.String()
}

// Cluster returns a cluster that belongs to the test. The test may stop and start it.
func Cluster(t testing.TB) *pgdev.Cluster {
	t.Helper()
	dir := tempDir(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	c, err := pgdev.Start(context.Background(), pgdev.Options{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		os.RemoveAll(c.Dir())
	})
	return c
}

func server(t testing.TB) string {
	t.Helper()
	if dsn := os.Getenv(ServerVariable); dsn != "" {
		return dsn
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		shared.dir = tempDir(t)
		shared.cluster, shared.err = pgdev.Start(context.Background(), pgdev.Options{Dir: shared.dir, Fast: true})
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster.DSN()
}

// tempDir makes a folder that the user whom Postgres runs as can enter, which
// t.TempDir's are not.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "larder-pgtest-*")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Clean(dir)
}

func withDatabase(t testing.TB, dsn, name string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		t.Fatalf("%s must be written as postgres://USER:PASSWORD@HOST:PORT/DATABASE", ServerVariable)
	}
	u.Path = "/" + name
	return u.String()
}
