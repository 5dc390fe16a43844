package registry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/internal/pgtest"
	"larder/migrations"
	"larder/schema"
	"larder/store/registry"
)

// TestALostNotificationIsMadeUpFor applies behind the back of every listener.
func TestALostNotificationIsMadeUpFor(t *testing.T) {
	db := database(t)
	n := start(t, db.DSN)
	n.await(t, n.apply(t, definitions(1), "ann"))
	if _, err := db.Pool.Exec(ctx(), `INSERT INTO larder.versions (version, definitions, storage, fingerprint, applied_by)
		SELECT 2, definitions, storage, fingerprint, 'bob' FROM larder.versions`); err != nil {
		t.Fatal(err)
	}
	n.await(t, 2)
	// A listener that was cut off listens again.
	if _, err := db.Pool.Exec(ctx(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	var version int64
	eventually(t, "apply after the connections were cut", func() bool {
		p, err := n.Propose(ctx(), definitions(2))
		if err == nil {
			version, err = n.Commit(ctx(), p, p.Base, "ann")
		}
		return err == nil
	})
	n.await(t, version)
}

func TestACatalogThatIsRefused(t *testing.T) {
	n := start(t, database(t).DSN)
	n.await(t, n.apply(t, definitions(1), "ann"))
	broken := errors.New("no model file")
	n.setRefusal(broken)
	version := n.apply(t, definitions(2), "ann")
	if err := n.Await(ctx(), version); !errors.Is(err, broken) {
		t.Fatalf("%v, want %v", err, broken)
	}
	if got := n.Catalog().Version; got != 1 {
		t.Errorf("version %d is served, want 1", got)
	}
	if st := n.State(); st.NewestVersion != 2 || !errors.Is(st.CatalogError, broken) || st.PostgresError != nil {
		t.Errorf("state %+v", st)
	}
	n.setRefusal(errPanic)
	eventually(t, "a panic", func() bool { return strings.Contains(fmt.Sprint(n.State().CatalogError), errPanic.Error()) })
	if text := n.State().CatalogError.Error(); strings.Contains(text, "goroutine") || n.Catalog().Version != 1 {
		t.Errorf("version %d is served, and %q shown", n.Catalog().Version, text)
	}
	n.setRefusal(nil)
	eventually(t, "another try", func() bool { return n.Catalog().Version == 2 && n.State().CatalogError == nil })
}

// TestTheLastGoodCatalogIsKept starts from the folder while Postgres is away.
func TestTheLastGoodCatalogIsKept(t *testing.T) {
	cluster := pgtest.Cluster(t)
	if _, err := migrations.Up(ctx(), cluster.DSN()); err != nil {
		t.Fatal(err)
	}
	dir, stored := t.TempDir(), new(rows)
	n, err := newNode(t, cluster.DSN(), dir, stored)
	if err != nil {
		t.Fatal(err)
	}
	n.run(t)
	n.await(t, n.apply(t, definitions(2), "ann"))
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	_, err = n.Propose(ctx(), definitions(1))
	refused(t, err, schema.Unavailable, "try again")
	again, err := newNode(t, cluster.DSN(), dir, stored)
	if err != nil || again.Catalog().Version != 1 || len(again.Catalog().Definitions.FeatureViews) != 2 {
		t.Fatalf("from the folder: %v %v", again.Catalog(), err)
	}
	again.run(t)
	eventually(t, "word that Postgres is away", func() bool { return again.State().PostgresError != nil })
	without, err := newNode(t, "", dir, stored)
	if err != nil || without.Catalog().Version != 1 {
		t.Errorf("without an address: %v", err)
	}
	_, err = without.Propose(ctx(), definitions(1))
	refused(t, err, schema.FailedPrecondition, "restart the server with Postgres")
	if err := cluster.Restart(ctx()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Postgres again", func() bool { return again.State().PostgresError == nil })
	again.await(t, again.apply(t, definitions(1), "ann"))
}

func TestAKeptCatalogThatIsDamaged(t *testing.T) {
	c, err := schema.Compile(4, definitions(2), schema.Storage{}.Evolve(definitions(2), 0))
	if err != nil {
		t.Fatal(err)
	}
	f := func(want string, spoil func([]byte) []byte) {
		t.Helper()
		dir := t.TempDir()
		if err := registry.Keep(dir, c, nil); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "catalog.json")
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, spoil(raw), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := newNode(t, "", dir, new(rows)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "start with Postgres reachable") {
			t.Errorf("%v; want %q and the remedy", err, want)
		}
	}
	f("is damaged", func(raw []byte) []byte { return raw[:len(raw)/2] })
	f("is damaged", func([]byte) []byte { return nil })
	f("is damaged: it has no definitions", func([]byte) []byte { return []byte("{}") })
	f("its fingerprint is", func(raw []byte) []byte { return bytes.Replace(raw, []byte("view_1"), []byte("view_7"), 1) })
	f("has format 9, and this larder reads 1", func(raw []byte) []byte { return bytes.Replace(raw, []byte(`"format": 1`), []byte(`"format": 9`), 1) })
	_, err = newNode(t, "", t.TempDir(), new(rows))
	refused(t, err, schema.FailedPrecondition, "set --postgres, or --dev")
}

// TestRowsOfOthers: rows are served with the definitions that they were written
// with, or not at all.
func TestRowsOfOthers(t *testing.T) {
	db := database(t)
	stored := new(rows)
	n, err := newNode(t, db.DSN, t.TempDir(), stored)
	if err != nil {
		t.Fatal(err)
	}
	n.run(t)
	n.await(t, n.apply(t, definitions(1), "ann"))
	eventually(t, "note with the rows", func() bool { note, _ := stored.Note(); return strings.Contains(note, `"version":1`) })

	_, err = newNode(t, database(t).DSN, t.TempDir(), stored)
	refused(t, err, schema.FailedPrecondition, "belong to another registry", "it refills from Postgres")
	if _, err := db.Pool.Exec(ctx(), "UPDATE larder.versions SET id = 'another'"); err != nil {
		t.Fatal(err)
	}
	_, err = newNode(t, db.DSN, t.TempDir(), stored)
	refused(t, err, schema.FailedPrecondition, "belong to version 1, which Postgres does not have", "it refills from Postgres")
	eventually(t, "word of it on the server that runs", func() bool { return n.State().CatalogError != nil })
	if n.Catalog().Version != 1 {
		t.Error("it serves no longer what it served")
	}
}

func TestModelFiles(t *testing.T) {
	n := start(t, database(t).DSN)
	file := bytes.Repeat([]byte("model"), 1<<20)
	hash := sha256.Sum256(file)
	sum := hex.EncodeToString(hash[:])
	chunks := func(file []byte) func() ([]byte, error) {
		return func() ([]byte, error) {
			k := min(len(file), 1<<20)
			chunk := file[:k]
			file = file[k:]
			return chunk, nil
		}
	}
	f := func(want, sum string, size int64, file []byte) {
		t.Helper()
		refused(t, n.PutModel(ctx(), sum, size, chunks(file)), schema.Invalid, want)
	}
	f(`"abc" is not a SHA-256`, "abc", 3, file)
	f("the model file has 0 bytes", sum, 0, nil)
	f("SHA-256 "+sum+" was announced", sum, int64(len(file)), append([]byte("x"), file[1:]...))
	if missing, err := n.MissingModels(ctx(), []string{sum}); err != nil || len(missing) != 1 {
		t.Errorf("missing %v (%v): none was stored yet", missing, err)
	}
	_, err := n.ModelFile(ctx(), sum)
	refused(t, err, schema.FailedPrecondition, "is not in the registry; send it with `larder apply DIR`")
	for range 2 { // the second time it is there
		if err := n.PutModel(ctx(), sum, int64(len(file)), chunks(file)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := n.ModelFile(ctx(), sum)
	if err != nil || !bytes.Equal(got, file) {
		t.Errorf("%d bytes came back of %d (%v)", len(got), len(file), err)
	}
}
