package registry_test

import (
	"strings"
	"sync"
	"testing"

	"larder/internal/pgtest"
	"larder/migrations"
)

// TestUpAtOnce: of servers that start together each file is applied by one.
func TestMigrationsAtOnce(t *testing.T) {
	db := pgtest.New(t)
	var wg sync.WaitGroup
	applied := make([][]string, 4)
	errs := make([]error, len(applied))
	for i := range applied {
		wg.Go(func() { applied[i], errs[i] = migrations.Up(t.Context(), db.DSN) })
	}
	wg.Wait()
	files := 0
	for i := range applied {
		if errs[i] != nil {
			t.Error(errs[i])
		}
		files += len(applied[i])
	}
	again, err := migrations.Up(t.Context(), db.DSN)
	if files == 0 || len(again) != 0 || err != nil {
		t.Errorf("%d files were applied, then %v (%v)", files, again, err)
	}
	var tables int
	if err := db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM larder.registry").Scan(&tables); err != nil || tables != 1 {
		t.Errorf("%d rows in larder.registry (%v); want 1", tables, err)
	}
}

func TestADatabaseOfANewerLarderIsLeftAlone(t *testing.T) {
	db := pgtest.New(t)
	if _, err := migrations.Up(t.Context(), db.DSN); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Pool.Exec(t.Context(), "INSERT INTO larder.migrations (version_id, is_applied) VALUES (999, true)"); err != nil {
		t.Fatal(err)
	}
	_, err := migrations.Up(t.Context(), db.DSN)
	if err == nil || !strings.Contains(err.Error(), "migration 999") || !strings.Contains(err.Error(), "use the newer larder") {
		t.Errorf("%v", err)
	}
}

func TestADatabaseThatCantBeReached(t *testing.T) {
	if _, err := migrations.Up(t.Context(), "postgres://larder@127.0.0.1:1/larder"); err == nil || !strings.HasPrefix(err.Error(), "migrate: ") {
		t.Errorf("%v", err)
	}
}
