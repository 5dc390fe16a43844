package offline_test

import (
	"errors"
	"strings"
	"testing"

	"larder/internal/pgtest"
	"larder/schema"
	"larder/store/offline"
)

func TestForgetDeletesTheKeysAndNothingElse(t *testing.T) {
	db := pgtest.New(t)
	s, err := offline.Open(t.Context(), db.Sources, offline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	exec := func(sql string) {
		t.Helper()
		if _, err := db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE short (id varchar(3), num integer, u uuid);
		INSERT INTO short VALUES ('abc', 1, '00000000-0000-0000-0000-000000000001'), ('abc', 2, NULL), ('x''y', 3, NULL), (NULL, 4, NULL);
		CREATE SCHEMA larder; CREATE TABLE larder.keys (id text); INSERT INTO larder.keys VALUES ('abc');
		GRANT SELECT, DELETE ON short TO PUBLIC; GRANT USAGE ON SCHEMA larder TO PUBLIC; GRANT SELECT, DELETE ON larder.keys TO PUBLIC`)
	f := func(table string, columns []string, keys [][]string, want int64, left int) {
		t.Helper()
		found := int64(-1)
		err := s.Forget(t.Context(), &schema.Source{Name: "s", Table: table}, columns, keys, func(rows int64) error {
			found = rows
			return nil
		})
		if err != nil || found != want {
			t.Errorf("%v: %d rows (%v), want %d", keys, found, err, want)
		}
		var n int
		if err := db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM short").Scan(&n); err != nil || n != left {
			t.Errorf("%v: %d rows are left (%v), want %d", keys, n, err, left)
		}
	}
	f("short", []string{"id"}, [][]string{{"abcd"}}, 0, 4) // not the key abc
	f("short", []string{"id", "num"}, [][]string{{"abc", "2"}, {"abc", "9"}}, 1, 3)
	f("short", []string{"u"}, [][]string{{"00000000-0000-0000-0000-000000000002"}}, 0, 3)
	f("short", []string{"id"}, [][]string{{"x'y"}, {"nobody"}}, 1, 2)
	f("public.short", []string{"id"}, nil, 0, 2)

	refused := func(table, column, want string) {
		t.Helper()
		err := s.Forget(t.Context(), &schema.Source{Name: "s", Table: table}, []string{column}, [][]string{{"abc"}}, func(int64) error {
			t.Errorf("%s: rows are about to be deleted", table)
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", table, err, want)
		}
	}
	refused("larder.keys", "id", "Larder's own")
	refused("short", "nothing", "no column")

	// When what is to be deleted can't be recorded, nothing is.
	broken := errors.New("the record is away")
	err = s.Forget(t.Context(), &schema.Source{Name: "s", Table: "short"}, []string{"id"}, [][]string{{"abc"}}, func(int64) error { return broken })
	if err == nil {
		t.Error("rows were deleted without a record")
	}
	f("short", []string{"id"}, [][]string{{"nobody"}}, 0, 2)
}
