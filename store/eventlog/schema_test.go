package eventlog_test

import (
	"errors"
	"strings"
	"testing"

	"larder/internal/pgtest"
	"larder/migrations"
	"larder/store/eventlog"
)

// TestLogsAreInAllowedSchemas: a definition can't have a table made, changed or written to in
// another schema, whatever its name is resolved to. For a user named larder the schema of
// that name is no default.
func TestLogsAreInAllowedSchemas(t *testing.T) {
	db := pgtest.New(t)
	if _, err := migrations.Up(t.Context(), db.DSN); err != nil {
		t.Fatal(err)
	}
	name := db.Pool.Config().ConnConfig.Database
	if _, err := db.Pool.Exec(t.Context(), `ALTER DATABASE `+name+` RESET search_path; CREATE SCHEMA "Odd name"; CREATE TABLE public.victim (id text)`); err != nil {
		t.Fatal(err)
	}
	allowed := func(schema string) error {
		if schema == "public" || schema == "Odd name" {
			return nil
		}
		return errors.New("only public is allowed")
	}
	store, err := eventlog.Open(t.Context(), db.DSN, eventlog.Options{Allowed: allowed})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	create := func(want, table string) {
		t.Helper()
		s := payments()
		s.Log.Table = table
		err := store.Log(s).Create(t.Context(), nil)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", table, err, want)
		}
	}
	create("it is in the schema larder, and only public is allowed", "larder.runs")
	create("it is in the schema elsewhere", "elsewhere.payments")
	create("it is in the schema pg_catalog", "pg_class")
	create("", "public.payments")
	create("", "Odd name.payments")
	create("", "taps")
	create("", "runs") // not larder.runs
	var places string
	if err := db.Pool.QueryRow(t.Context(), `SELECT string_agg(n.nspname, ' ' ORDER BY n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname IN ('taps', 'runs')`).Scan(&places); err != nil || places != "larder public public" {
		t.Errorf("taps and runs are in %s, %v", places, err)
	}
}
