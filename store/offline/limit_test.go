package offline_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/schema"
)

// TestASourceThatNeverAnswers ends at the caller's deadline, here and in Postgres.
func TestASourceThatNeverAnswers(t *testing.T) {
	w := newWorld(t, "", schema.Source{Query: "SELECT 1::bigint AS id, now() - interval '1 hour' AS at, 1.5::float8 AS x FROM pg_sleep(600)", TimestampField: "at"}, idKey, schema.Feature{Name: "x", Type: schema.Float64})
	tooLong := errors.New("it took too long")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, tooLong)
	defer cancel()
	began := time.Now()
	err := w.store.Window(ctx, w.view, everything(), func(arrow.Record, []schema.BadRow) error { return nil })
	if took := time.Since(began); !errors.Is(err, tooLong) || took > 20*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for left := 1; left > 0; {
		if err := w.db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()").Scan(&left); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d queries go on in Postgres", left)
		}
	}
}

// TestPostgresBoundsStatements by the deadline of the caller, and in any case.
func TestPostgresBoundsStatements(t *testing.T) {
	w := newWorld(t, "CREATE VIEW limits AS SELECT 1::bigint AS id, now() - interval '1 hour' AS at, current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock",
		schema.Source{Table: "limits", TimestampField: "at"}, idKey, schema.Feature{Name: "statement", Type: schema.String}, schema.Feature{Name: "lock", Type: schema.String})
	read := func(ctx context.Context) (statement, lock string) {
		t.Helper()
		err := w.store.Window(ctx, w.view, everything(), func(rec arrow.Record, _ []schema.BadRow) error {
			statement, lock = rec.Column(4).ValueStr(0), rec.Column(5).ValueStr(0)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return statement, lock
	}
	if statement, lock := read(t.Context()); statement != "1h" || lock != "1min" {
		t.Errorf("without a deadline: %q, %q", statement, lock)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	statement, _ := read(ctx)
	if limit, err := time.ParseDuration(statement); err != nil || limit > 61*time.Second || limit < 50*time.Second {
		t.Errorf("with a deadline in a minute: %q", statement)
	}
}

// TestALockedTable names the source, and not for ever.
func TestALockedTable(t *testing.T) {
	w := newWorld(t, "CREATE TABLE s (id bigint, at timestamptz, x float8)", schema.Source{Table: "s", TimestampField: "at"}, idKey, schema.Feature{Name: "x", Type: schema.Float64})
	w.exec("ALTER DATABASE " + strings.Split(w.db.Pool.Config().ConnConfig.Database, "?")[0] + " SET lock_timeout = '200ms'") // shorter settings stay
	tx, err := w.db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	if _, err := tx.Exec(t.Context(), "LOCK TABLE s IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	err = w.store.Window(t.Context(), w.view, everything(), func(arrow.Record, []schema.BadRow) error { return nil })
	if err == nil || !strings.Contains(err.Error(), `source "s"`) || !strings.Contains(err.Error(), "locked") {
		t.Errorf("a locked table: %v", err)
	}
}
