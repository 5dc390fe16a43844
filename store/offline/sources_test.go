package offline_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/column"
	"larder/internal/pgtest"
	"larder/schema"
	"larder/store/offline"
)

// A fenced is a database whose schema features sources may read, and whose schema hidden
// they may not.
type fenced struct {
	*world
	role string // of sources, a login
	dsn  string // for it
}

func newFenced(t *testing.T, opts offline.Options) *fenced {
	t.Helper()
	f := &fenced{world: &world{t: t, db: pgtest.New(t)}}
	f.role = f.db.Pool.Config().ConnConfig.Database + "_reader"
	f.exec("CREATE ROLE " + f.role + " LOGIN PASSWORD 'reader'")
	t.Cleanup(func() {
		f.exec("DROP OWNED BY " + f.role)
		f.exec("DROP ROLE " + f.role)
	})
	for _, sql := range []string{
		"CREATE SCHEMA features", "CREATE SCHEMA hidden",
		"CREATE TABLE features.spend (id bigint, at timestamptz, x float8)",
		"INSERT INTO features.spend VALUES (1, now() - interval '1 hour', 1.5)",
		"CREATE TABLE hidden.pay AS SELECT * FROM features.spend",
		"CREATE TABLE hidden.open AS SELECT * FROM features.spend",
		"CREATE VIEW features.of_pay AS SELECT * FROM hidden.pay",
		"CREATE VIEW features.of_open AS SELECT * FROM hidden.open",
		"CREATE SEQUENCE features.counter",
		"CREATE TABLE features.traces (said text)",
		`CREATE FUNCTION features.leave_trace() RETURNS float8 LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO features.traces VALUES ('here'); RETURN 1; END $$`,
		"GRANT USAGE ON SCHEMA features, hidden TO " + f.role,
		"GRANT ALL ON ALL TABLES IN SCHEMA features TO " + f.role,
		"GRANT ALL ON ALL SEQUENCES IN SCHEMA features TO " + f.role,
		"GRANT SELECT ON hidden.open TO " + f.role,
	} {
		f.exec(sql)
	}
	u, err := url.Parse(f.db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(f.role, "reader")
	f.dsn = u.String()
	f.open(f.dsn, opts)
	return f
}

func (f *fenced) open(dsn string, opts offline.Options) {
	f.t.Helper()
	store, err := offline.Open(f.t.Context(), dsn, opts)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(store.Close)
	f.store = store
}

// try checks a source and reads it, in each way that reads sources, and returns the first
// error. x is an expression for the feature x.
func (f *fenced) try(source schema.Source) error {
	f.t.Helper()
	source.TimestampField = "at"
	v := view(f.t, source, idKey, schema.Feature{Name: "x", Type: schema.Float64})
	nothing := func(arrow.Record, []schema.BadRow) error { return nil }
	ctx := f.t.Context()
	if _, err := f.store.Check(ctx, v); err != nil {
		return err
	}
	if _, err := f.store.Try(ctx, v); err != nil {
		return err
	}
	if err := f.store.Window(ctx, v, everything(), nothing); err != nil {
		return err
	}
	moment, err := f.store.Moment(ctx, []*schema.View{v})
	if err != nil {
		return err
	}
	defer moment.Close()
	session, err := moment.Session(ctx)
	if err != nil {
		return err
	}
	defer session.Close()
	return session.History(ctx, 0, time.Now().UnixMicro(), nothing)
}

func (f *fenced) count(sql string) (n int) {
	f.t.Helper()
	if err := f.db.Pool.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// row is a query with an expression in the place of x.
func row(x string) schema.Source {
	return schema.Source{Query: "SELECT id, at, (" + x + ")::float8 AS x FROM features.spend"}
}

// TestSourcesThatAttack tries what a source must not do.
func TestSourcesThatAttack(t *testing.T) {
	f := newFenced(t, offline.Options{Schemas: []string{"features"}})
	if err := f.try(row("1")); err != nil {
		t.Fatal(err)
	}
	refused := func(want string, source schema.Source) {
		t.Helper()
		if err := f.try(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", source, err, want)
		}
	}
	// More than one statement, and other statements.
	refused("multiple commands", schema.Source{Query: "SELECT id, at, x FROM features.spend; DROP TABLE features.spend"})
	refused("syntax error", schema.Source{Query: "SELECT id, at, x FROM features.spend) AS source; DROP TABLE features.spend; --"})
	refused("syntax error", schema.Source{Query: "SELECT id, at, x FROM features.spend) AS source, (SELECT 1"})
	refused("unterminated", schema.Source{Query: "SELECT id, at, x FROM features.spend /*"})
	refused("syntax error", schema.Source{Query: "COPY (SELECT 1) TO PROGRAM 'id'"})
	refused("syntax error", schema.Source{Query: "DELETE FROM features.spend RETURNING *"})
	refused("data-modifying", schema.Source{Query: "WITH gone AS (DELETE FROM features.spend RETURNING *) SELECT * FROM gone"})
	refused("read-only", schema.Source{Query: "SELECT id, at, x FROM features.spend FOR UPDATE"})
	// Files, programs, other servers, large objects.
	refused("permission denied", row("length(pg_read_file('/etc/passwd'))"))
	refused("permission denied", row("(SELECT count(*) FROM pg_ls_dir('/'))"))
	refused("permission denied", row("lo_import('/etc/passwd')::int"))
	refused("permission denied", row("length(query_to_xml('SELECT pg_read_file(''/etc/passwd'')', true, true, '')::text)"))
	// Effects.
	refused("read-only", row("nextval('features.counter')"))
	refused("read-only", row("features.leave_trace()"))
	refused("read-write mode", row("length(set_config('transaction_read_only', 'off', true))"))
	refused("before any query", row("length(set_config('transaction_isolation', 'read committed', true))"))
	// Other schemas: directly, by a view whose owner didn't open it, by dynamic SQL.
	refused("hidden.open", schema.Source{Query: "SELECT * FROM hidden.open"})
	refused("hidden.open", schema.Source{Table: "hidden.open"})
	refused("hidden.open", schema.Source{Query: "SELECT s.* FROM features.spend s WHERE EXISTS (SELECT FROM hidden.open)"})
	refused("hidden.open", schema.Source{Table: "features.of_open"})
	refused("pg_catalog.pg_stat_activity", row("(SELECT count(*) FROM pg_stat_activity)"))
	refused("permission denied for table pay", schema.Source{Table: "hidden.pay"})
	refused("permission denied for table pay", row("length(query_to_xml('SELECT * FROM hidden.pay', true, true, '')::text)"))
	// Another role.
	refused("permission denied", row("length(set_config('role', 'larder', true))"))
	refused("permission denied", row("length(set_config('session_authorization', 'larder', true))"))
	if err := f.try(schema.Source{Table: "features.of_pay"}); err != nil {
		t.Errorf("a view of its owner: %v", err)
	}
	if n := f.count("SELECT count(*) FROM features.traces"); n > 0 {
		t.Errorf("%d traces", n)
	}
	if n := f.count("SELECT count(*) FROM features.spend"); n != 1 {
		t.Errorf("%d rows are left", n)
	}
}

// TestWhatAQueryLeavesIsRolledBack: a setting, a lock, a large object, a notification.
func TestWhatAQueryLeavesIsRolledBack(t *testing.T) {
	f := newFenced(t, offline.Options{MaxConns: 1})
	listener, err := f.db.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Release()
	if _, err := listener.Exec(t.Context(), "LISTEN larder_catalog"); err != nil {
		t.Fatal(err)
	}
	for _, x := range []string{
		"length(set_config('application_name', 'mallory', false))", "length(set_config('statement_timeout', '0', false))",
		"length(pg_advisory_lock(4711)::text)", "lo_create(0)::int", "length(pg_notify('larder_catalog', 'x')::text)",
	} {
		if err := f.try(row(x)); err != nil && !strings.Contains(err.Error(), "read-only") {
			t.Fatalf("%s: %v", x, err)
		}
	}
	v := view(t, schema.Source{Query: "SELECT 1::bigint AS id, now() - interval '1 hour' AS at, current_setting('application_name') || ' ' || current_setting('statement_timeout') AS x", TimestampField: "at"}, idKey, schema.Feature{Name: "x", Type: schema.String})
	err = f.store.Window(t.Context(), v, everything(), func(rec arrow.Record, _ []schema.BadRow) error {
		if got := rec.Column(4).ValueStr(0); got != "larder 1h" {
			t.Errorf("the settings of the next query: %q", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := f.count("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"); n > 0 {
		t.Errorf("%d advisory locks", n)
	}
	if n := f.count("SELECT count(*) FROM pg_largeobject_metadata"); n > 0 {
		t.Errorf("%d large objects", n)
	}
	// Notifications come in the order of commits: ours shows that none came before it.
	f.exec("SELECT pg_notify('larder_catalog', 'ours')")
	n, err := listener.Conn().WaitForNotification(t.Context())
	if err != nil || n.Payload != "ours" {
		t.Errorf("notified of %+v, %v", n, err)
	}
}

// TestASourceThatSleeps ends at the limit that the role has.
func TestASourceThatSleeps(t *testing.T) {
	f := newFenced(t, offline.Options{})
	f.exec("ALTER ROLE " + f.role + " SET statement_timeout = '300ms'")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a later deadline doesn't stretch it
	defer cancel()
	source := schema.Source{Query: "SELECT id, at, x FROM features.spend, pg_sleep(600)", TimestampField: "at"}
	v := view(t, source, idKey, schema.Feature{Name: "x", Type: schema.Float64})
	began := time.Now()
	err := f.store.Window(ctx, v, everything(), func(arrow.Record, []schema.BadRow) error { return nil })
	if took := time.Since(began); err == nil || !strings.Contains(err.Error(), "statement timeout") || took > 20*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
}

// TestNamesThatNeedQuotes are read as they are.
func TestNamesThatNeedQuotes(t *testing.T) {
	f := newFenced(t, offline.Options{Schemas: []string{`od"d`}})
	f.exec(`CREATE SCHEMA "od""d"; CREATE TABLE "od""d"."t; DROP" ("i""d" bigint, "a t" timestamptz, "x'; --" float8);
		INSERT INTO "od""d"."t; DROP" VALUES (1, now() - interval '1 hour', 2); GRANT USAGE ON SCHEMA "od""d" TO ` + f.role + `; GRANT SELECT ON "od""d"."t; DROP" TO ` + f.role)
	v := view(t, schema.Source{Query: `SELECT "i""d" AS id, "a t" AS at, "x'; --" AS x FROM "od""d"."t; DROP"`, TimestampField: "at"}, idKey, schema.Feature{Name: "x", Type: schema.Float64})
	v.Origin = &schema.Source{Name: "s", Table: `od"d.t; DROP`, TimestampField: "a t"}
	v.Keys = []schema.JoinKey{{Name: `i"d`, Type: schema.Int64}}
	v.Features = []schema.Feature{{Name: "x'; --", Type: schema.Float64}}
	rows := 0
	err := f.store.Window(t.Context(), v, everything(), func(rec arrow.Record, bad []schema.BadRow) error {
		rows += int(rec.NumRows())
		return nil
	})
	if err != nil || rows != 1 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// TestRightsOfTheRoleOfSources: a role that could do more than read tables is refused, when
// the server starts and when a source is checked.
func TestRightsOfTheRoleOfSources(t *testing.T) {
	f := newFenced(t, offline.Options{})
	refused := func(dsn string, opts offline.Options, want ...string) {
		t.Helper()
		f.open(dsn, opts)
		atStart, atCheck := f.store.Rights(t.Context()), f.try(row("1"))
		for _, err := range []error{atStart, atCheck} {
			var said *schema.Error
			if !errors.As(err, &said) || said.Reason != schema.SourceUnsafe {
				t.Errorf("got %v", err)
				continue
			}
			for _, part := range want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want %q", err, part)
				}
			}
		}
	}
	if err := f.store.Rights(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(f.db.DSN, offline.Options{}, "is a superuser", "CREATE ROLE larder_sources LOGIN", "--source-postgres")
	refused(f.db.DSN, offline.Options{Role: f.role}, `role "larder" is a superuser`, "a query can undo SET ROLE")
	for _, group := range []string{"pg_read_server_files", "pg_write_server_files", "pg_execute_server_program", "pg_read_all_data"} {
		f.exec("GRANT " + group + " TO " + f.role)
		refused(f.dsn, offline.Options{}, fmt.Sprintf("role %q is a member of %s", f.role, group))
		f.exec("REVOKE " + group + " FROM " + f.role)
	}
	// By SET ROLE only, and by way of another role.
	between := f.role + "_between"
	f.exec("CREATE ROLE " + between + " IN ROLE pg_read_server_files; GRANT " + between + " TO " + f.role + "; ALTER ROLE " + f.role + " NOINHERIT")
	refused(f.dsn, offline.Options{}, "is a member of pg_read_server_files")
	f.exec("DROP ROLE " + between)
	f.exec("GRANT EXECUTE ON FUNCTION pg_read_file(text) TO " + f.role)
	refused(f.dsn, offline.Options{}, "may call pg_read_file(text)")
	f.exec("REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM " + f.role)
	refused(f.dsn, offline.Options{Role: "no_such_role"}, `can't have the role "no_such_role"`, "--source-role")
	f.open(f.dsn, offline.Options{})
	if err := f.try(row("1")); err != nil {
		t.Errorf("without those rights: %v", err)
	}
}

// TestFunctionsOfDblinkAreRefused, since they reach other servers.
func TestFunctionsOfDblinkAreRefused(t *testing.T) {
	f := newFenced(t, offline.Options{})
	if n := f.count("SELECT count(*) FROM pg_available_extensions WHERE name = 'dblink'"); n == 0 {
		t.Skip("this Postgres has no extension dblink")
	}
	f.exec("CREATE EXTENSION dblink SCHEMA features")
	if err := f.store.Rights(t.Context()); err == nil || !strings.Contains(err.Error(), "may call features.dblink") {
		t.Errorf("got %v", err)
	}
	f.exec("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA features FROM PUBLIC")
	if err := f.store.Rights(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.try(row("(SELECT n FROM features.dblink('dbname=postgres', 'SELECT 1') AS a (n int))")); err == nil || !strings.Contains(err.Error(), "permission denied for function dblink") {
		t.Errorf("got %v", err)
	}
}

// TestSetRoleCanBeUndone shows what docs/security.md says of --source-role: a query returns
// to the user of the connection. It has that user's rights then, which are checked too, and
// still writes nothing.
func TestSetRoleCanBeUndone(t *testing.T) {
	f := newFenced(t, offline.Options{})
	narrow := f.role + "_narrow"
	f.exec("CREATE ROLE " + narrow + "; GRANT USAGE ON SCHEMA features TO " + narrow + "; GRANT SELECT ON features.spend TO " + narrow + "; GRANT " + narrow + " TO " + f.role)
	t.Cleanup(func() { f.exec("DROP OWNED BY " + narrow + "; DROP ROLE " + narrow) })
	f.open(f.dsn, offline.Options{Role: narrow, MaxConns: 1})
	if err := f.try(row("length(query_to_xml('SELECT * FROM features.traces', true, true, '')::text)")); err == nil || !strings.Contains(err.Error(), "permission denied for table traces") {
		t.Errorf("with the role: %v", err)
	}
	undo := "SELECT id, at, x FROM (SELECT id, at, length(set_config('role', 'none', true)) + length(query_to_xml('SELECT * FROM features.%s', true, true, '')::text) AS x FROM features.spend) AS s"
	if err := f.try(schema.Source{Query: fmt.Sprintf(undo, "traces")}); err != nil {
		t.Errorf("SET ROLE can't be undone any more (%v); correct docs/security.md", err)
	}
	if err := f.try(row("length(set_config('role', 'none', true)) + nextval('features.counter')")); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a write after it: %v", err)
	}
	// The next user of the connection has the role again.
	if err := f.try(schema.Source{Query: "SELECT id, at, (current_user = '" + narrow + "')::int / 0.5 AS x FROM features.spend WHERE current_user = '" + narrow + "'"}); err != nil {
		t.Error(err)
	}
	if err := f.try(row("length(query_to_xml('SELECT * FROM features.traces', true, true, '')::text)")); err == nil {
		t.Error("the connection kept the rights of its user")
	}
}

// TestThePastIsFencedToo.
func TestThePastIsFencedToo(t *testing.T) {
	f := newFenced(t, offline.Options{Schemas: []string{"features"}})
	stream := &schema.Stream{Name: "past", TimestampField: "at", Fields: []schema.StreamField{{Name: "at", Type: schema.Timestamp}, {Name: "x", Type: schema.Float64}}}
	refused := func(want, query string) {
		t.Helper()
		err := f.store.Past(t.Context(), &offline.Past{Stream: stream, Query: query}, func([]column.Column, []offline.Unreadable) error { return nil })
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", query, err, want)
		}
	}
	refused("", "SELECT at, x FROM features.spend")
	refused("hidden.open", "SELECT at, x FROM hidden.open")
	refused("multiple commands", "SELECT at, x FROM features.spend; DROP TABLE features.spend")
	refused("read-only", "SELECT at, nextval('features.counter')::float8 AS x FROM features.spend")
	refused("permission denied", "SELECT at, length(pg_read_file('/etc/passwd'))::float8 AS x FROM features.spend")
}

// TestRowsAreAppendedInAllowedSchemasOnly.
func TestRowsAreAppendedInAllowedSchemasOnly(t *testing.T) {
	f := newFenced(t, offline.Options{Schemas: []string{"features"}})
	f.exec("GRANT INSERT ON hidden.open TO " + f.role)
	rows := []byte(`[{"id": 2, "at": "2026-01-01T00:00:00Z", "x": 1}]`)
	columns := []string{"id", "at", "x"}
	if err := f.store.Append(t.Context(), &schema.Source{Name: "s", Table: "hidden.open"}, columns, rows); err == nil || !strings.Contains(err.Error(), "schema hidden") {
		t.Errorf("got %v", err)
	}
	if err := f.store.Append(t.Context(), &schema.Source{Name: "s", Table: "features.spend"}, columns, rows); err != nil {
		t.Error(err)
	}
}

// TestMayRead is what readers with connections of their own ask.
func TestMayRead(t *testing.T) {
	f := newFenced(t, offline.Options{Schemas: []string{"features"}})
	check := func(want, table string) {
		t.Helper()
		err := f.store.MayRead(t.Context(), `stream "s"`, table)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", table, err, want)
		}
	}
	check("", "features.spend")
	check("hidden.open", "hidden.open")
	check("permission denied", "hidden.pay")
	check("pg_catalog.pg_roles", "pg_catalog.pg_roles")
}

// TestRolesOfProjects: the sources of a project read what its role may read, also beside those
// of others in one snapshot, and no query takes the role of another project.
func TestRolesOfProjects(t *testing.T) {
	f := newFenced(t, offline.Options{})
	mine, theirs := f.role+"_mine", f.role+"_theirs"
	for _, role := range []string{mine, theirs} {
		f.exec("CREATE ROLE " + role + "; GRANT USAGE ON SCHEMA features TO " + role + "; GRANT " + role + " TO " + f.role)
		t.Cleanup(func() { f.exec("DROP OWNED BY " + role + "; DROP ROLE " + role) })
	}
	f.exec("ALTER ROLE " + f.role + " NOINHERIT; CREATE TABLE features.my AS TABLE features.spend; CREATE TABLE features.their AS TABLE features.spend")
	f.exec("GRANT SELECT ON features.my TO " + mine + "; GRANT SELECT, INSERT ON features.their TO " + theirs)
	opts := offline.Options{Roles: map[string]string{"risk": mine, "core": theirs}, MaxConns: 3}
	f.open(f.dsn, opts)
	if err := f.store.Rights(t.Context()); err == nil || !strings.Contains(err.Error(), "REVOKE EXECUTE ON FUNCTION set_config(text, text, boolean) FROM PUBLIC") {
		t.Fatalf("roles that can be changed: %v", err)
	}
	f.exec("REVOKE EXECUTE ON FUNCTION set_config(text, text, boolean) FROM PUBLIC; GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) TO " + f.role)
	f.open(f.dsn, opts)
	if err := f.store.Rights(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused := func(source schema.Source, want string) {
		t.Helper()
		if err := f.try(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", source.Name, err, want)
		}
	}
	for name, table := range map[string]string{"risk/s": "features.my", "core/s": "features.their"} {
		if err := f.try(schema.Source{Name: name, Table: table}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused(schema.Source{Name: "risk/s", Table: "features.their"}, "permission denied for table their")
	refused(schema.Source{Name: "core/s", Table: "features.my"}, "permission denied for table my")
	refused(schema.Source{Name: "other/s", Table: "features.my"}, "the sources of project other have no role in Postgres; the operator names one with --source-role other=ROLE")
	refused(schema.Source{Name: "s", Table: "features.my"}, "the sources of project default have no role")
	const read = " + length(query_to_xml('SELECT * FROM features.their', true, true, '')::text) AS x FROM features.my"
	for _, undo := range []string{
		"length(set_config('role', '" + theirs + "', true))",
		"length(set_config('role', 'none', true))",
		"length(query_to_xml('SET ROLE " + theirs + "', true, true, '')::text)",
		"length(query_to_xml('SELECT set_config(''role'', ''" + theirs + "'', true)', true, true, '')::text)",
		"0",
	} {
		if err := f.try(schema.Source{Name: "risk/s", Query: "SELECT id, at, " + undo + read}); err == nil {
			t.Errorf("%s reads another project's table", undo)
		}
	}
	if err := f.store.Append(t.Context(), &schema.Source{Name: "risk/s", Table: "features.their", TimestampField: "at"}, []string{"id"}, []byte(`[{"id": 1}]`)); err == nil {
		t.Error("rows were added to another project's table")
	}
	if err := f.store.Append(t.Context(), &schema.Source{Name: "core/s", Table: "features.their", TimestampField: "at"}, []string{"id"}, []byte(`[{"id": 1}]`)); err != nil {
		t.Error(err)
	}
	f.exec("DELETE FROM features.their WHERE at IS NULL")

	// One snapshot with sources of both, read in turn by two sessions.
	var views []*schema.View
	for name, table := range map[string]string{"risk/s": "features.my", "core/s": "features.their"} {
		views = append(views, view(t, schema.Source{Name: name, Table: table, TimestampField: "at"}, idKey, schema.Feature{Name: "x", Type: schema.Float64}))
	}
	moment, err := f.store.Moment(t.Context(), views)
	if err != nil {
		t.Fatal(err)
	}
	defer moment.Close()
	for range 2 {
		session, err := moment.Session(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		for _, at := range []int{0, 1, 1, 0} {
			rows := int64(0)
			err := session.History(t.Context(), at, time.Now().UnixMicro(), func(rec arrow.Record, _ []schema.BadRow) error {
				rows += rec.NumRows()
				return nil
			})
			if err != nil || rows != 1 {
				t.Errorf("%s: %d rows, %v", views[at].Origin.Name, rows, err)
			}
		}
	}
}
