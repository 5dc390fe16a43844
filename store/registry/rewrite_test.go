package registry_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestRewriteSaysWhatASnapshotKeeps: while a transaction can see deleted rows, Postgres keeps
// their bytes, and so it is said; once it has ended they go.
func TestRewriteSaysWhatASnapshotKeeps(t *testing.T) {
	t.Parallel()
	dsn := database(t).DSN
	n := start(t, dsn)
	exec := func(conn *pgx.Conn, sql string) {
		t.Helper()
		if _, err := conn.Exec(ctx(), sql); err != nil {
			t.Fatal(err)
		}
	}
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(ctx(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(ctx()) })
		return conn
	}
	writer, reader := connect(), connect()
	exec(writer, "CREATE TABLE kept AS SELECT 'secret' AS text")
	exec(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM larder.versions")
	exec(writer, "DELETE FROM kept")
	size := func() (bytes int) {
		if err := writer.QueryRow(ctx(), "SELECT pg_relation_size('kept')").Scan(&bytes); err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	const want = "a transaction that began before the rows were deleted is still open, so their bytes are left; once it has ended, run VACUUM FULL kept"
	if note, err := n.Rewrite(ctx(), "kept"); err != nil || note != want || size() == 0 {
		t.Errorf("%q, %v, %d bytes; want %q", note, err, size(), want)
	}
	exec(reader, "ROLLBACK")
	if note, err := n.Rewrite(ctx(), "kept"); err != nil || note != "" || size() != 0 {
		t.Errorf("%q, %v, %d bytes", note, err, size())
	}
}
