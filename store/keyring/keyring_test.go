package keyring_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/access"
	"larder/internal/pgtest"
	"larder/migrations"
	"larder/schema"
	"larder/store/keyring"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func database(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.New(t)
	if _, err := migrations.Up(t.Context(), db.DSN); err != nil {
		t.Fatal(err)
	}
	return db
}

// open opens a ring that follows Postgres, as a server has one.
func open(t *testing.T, dsn, dir string) *keyring.Ring {
	t.Helper()
	// Long enough that only a notification can be in time.
	r, err := keyring.Open(dsn, dir, keyring.Options{PollInterval: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		r.Close()
	})
	return r
}

func within(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("after %s: not yet %s", limit, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Keys that one server makes and revokes are so on the others, by notification.
func TestKeysAreKnownEverywhere(t *testing.T) {
	db := database(t)
	a, b, c := open(t, db.DSN, t.TempDir()), open(t, db.DSN, t.TempDir()), open(t, db.DSN, t.TempDir())
	known := func(r *keyring.Ring, id string) bool { return r.State().Keys[id] != nil }
	for range 5 {
		k, text, err := a.Create(t.Context(), access.Key{Name: "checkout", Roles: []string{"scorer"}, Owner: "payments", CreatedBy: "key:admin"})
		if err != nil {
			t.Fatal(err)
		}
		if !known(a, k.ID) {
			t.Fatal("the server that made a key doesn't know it")
		}
		within(t, 10*time.Second, "known on the others", func() bool { return known(b, k.ID) && known(c, k.ID) })
		id, secret, ok := access.SplitKey(text)
		if got := b.State().Keys[id]; !ok || got == nil || !got.Matches(secret) || got.Name != "checkout" || got.Roles[0] != "scorer" {
			t.Fatalf("another server has %+v", got)
		}
		if _, err := c.Revoke(t.Context(), "checkout", "key:admin"); err != nil {
			t.Fatal(err)
		}
		within(t, 10*time.Second, "revoked on the others", func() bool { return !known(a, k.ID) && !known(b, k.ID) })
	}
	all, err := a.List(t.Context(), true)
	if err != nil || len(all) != 5 || all[4].RevokedBy != "key:admin" || all[4].RevokedAt.IsZero() {
		t.Fatalf("%d keys, %v: %+v", len(all), err, all)
	}
	if live, err := a.List(t.Context(), false); err != nil || len(live) != 0 {
		t.Fatalf("live keys: %+v, %v", live, err)
	}
}

// The database, the folder and the answers have no secret.
func TestSecretsAreNotKept(t *testing.T) {
	db := database(t)
	dir := t.TempDir()
	r := open(t, db.DSN, dir)
	k, text, err := r.Create(t.Context(), access.Key{Name: "k", Roles: []string{"admin"}})
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := access.SplitKey(text)
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var row string
	if err := conn.QueryRow(t.Context(), "SELECT k::text FROM larder.keys k WHERE id = $1", k.ID).Scan(&row); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "access.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), k.ID) || !strings.Contains(row, k.ID) {
		t.Fatal("the key is not where it is looked for")
	}
	if strings.Contains(row, secret) || strings.Contains(string(raw), secret) {
		t.Fatal("the secret is kept")
	}
	if info, err := os.Stat(filepath.Join(dir, "access.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file has mode %v, %v", info.Mode(), err)
	}
}

// A server that starts without Postgres has the keys, roles and bindings that it knew last.
func TestStateIsKept(t *testing.T) {
	db := database(t)
	dir := t.TempDir()
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	r := open(t, db.DSN, dir)
	k, _, err := r.Create(t.Context(), access.Key{Name: "k"})
	if err != nil {
		t.Fatal(err)
	}
	definitions := `{"roles": [{"name": "own", "allow": [{"actions": ["score"], "resources": ["model:m*"]}]}], "bindings": [{"name": "b", "role": "own", "keys": ["k"]}]}`
	if _, err := conn.Exec(t.Context(), `INSERT INTO larder.versions (version, definitions, storage, fingerprint, applied_by) VALUES (1, $1, '{}', '', '')`, definitions); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT pg_notify('larder_versions', '1')"); err != nil {
		t.Fatal(err)
	}
	allowed := func(r *keyring.Ring) bool {
		return r.State().Policy.Grants(access.Identity{Method: access.ByKey, Name: "k"}).Allow(access.Score, access.Resource{Kind: access.Model, Name: "mx"})
	}
	within(t, 10*time.Second, "the binding holds", func() bool { return allowed(r) })
	within(t, 5*time.Second, "kept", func() bool {
		raw, err := os.ReadFile(filepath.Join(dir, "access.json"))
		return err == nil && strings.Contains(string(raw), `"own"`)
	})
	for _, dsn := range []string{"", "postgres://nobody@127.0.0.1:1/none"} {
		later, err := keyring.Open(dsn, dir, keyring.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := later.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if later.State().Keys[k.ID] == nil || !allowed(later) {
			t.Errorf("with Postgres %q: %+v", dsn, later.State())
		}
		if _, _, err := later.Create(t.Context(), access.Key{Name: "new"}); err == nil {
			t.Error("a key was made without Postgres")
		}
		later.Close()
	}
	if err := os.WriteFile(filepath.Join(dir, "access.json"), []byte(`{"format": 1, "keys": [`), 0o600); err != nil {
		t.Fatal(err)
	}
	damaged, err := keyring.Open("", dir, keyring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := damaged.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "access.json") {
		t.Fatalf("a damaged file: %v", err)
	}
}

func TestBadKeysAreRefused(t *testing.T) {
	r := open(t, database(t).DSN, t.TempDir())
	if _, _, err := r.Create(t.Context(), access.Key{Name: "taken"}); err != nil {
		t.Fatal(err)
	}
	for reason, keys := range map[schema.Reason][]access.Key{
		schema.KeyExists: {{Name: "taken"}},
		schema.BadKey: {
			{Name: ""},
			{Name: "a b"},
			{Name: "-a"},
			{Name: "a\nb"},
			{Name: strings.Repeat("a", 129)},
			{Name: "é"},
			{Name: "a", Roles: []string{"nope"}},
			{Name: "a", ExpiresAt: time.Now()},
			{Name: "a", ExpiresAt: time.Now().AddDate(11, 0, 0)},
			{Name: "a", Owner: strings.Repeat("x", 257)},
		},
	} {
		for _, k := range keys {
			_, text, err := r.Create(t.Context(), k)
			var said *schema.Error
			if !errors.As(err, &said) || said.Reason != reason || text != "" {
				t.Errorf("%+v: %v", k, err)
			}
		}
	}
	if _, err := r.Revoke(t.Context(), "unknown", "x"); err == nil {
		t.Error("a key that isn't there was revoked")
	}
}

// When a key was used last is written, on any server.
func TestLastUse(t *testing.T) {
	db := database(t)
	r, err := keyring.Open(db.DSN, t.TempDir(), keyring.Options{PollInterval: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k, _, err := r.Create(t.Context(), access.Key{Name: "k"})
	if err != nil {
		t.Fatal(err)
	}
	r.Used(k.ID)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	within(t, 5*time.Second, "the use is written", func() bool {
		all, err := r.List(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		return time.Since(all[0].LastUsedAt) < time.Minute
	})
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
