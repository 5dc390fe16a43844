package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/access"
	"larder/access/audit"
	"larder/internal/pgtest"
	"larder/migrations"
	"larder/schema"
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

// start opens a log and runs it; end stops it, as a server does.
func start(t *testing.T, dsn, dir string) (l *audit.Log, end func()) {
	t.Helper()
	l, err := audit.Open(audit.Options{DSN: dsn, Dir: dir, Server: "s", Keep: time.Hour, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	var once sync.Once
	end = func() {
		once.Do(func() {
			stop()
			if err := errors.Join(<-ended, l.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(end)
	return l, end
}

func entry(i int) audit.Entry {
	return audit.Entry{Caller: "key:k", Action: "apply", Resources: []string{"definitions:risk"}, Method: "/m", From: "10.0.0.1", RequestID: fmt.Sprint(i), Outcome: access.Allowed}
}

// files returns what the files of a folder have, and checks them.
func files(t *testing.T, dir string) (records []*audit.Record, faults []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	c := audit.NewChecker()
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.ReadFile(bytes.NewReader(raw), name, func(r *audit.Record) bool {
			records = append(records, r)
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	return records, c.Faults()
}

// What Before has taken is in the table and in the file when it returns; both are whole.
func TestBefore(t *testing.T) {
	db, dir := database(t), t.TempDir()
	const runs, callers, each = 2, 8, 25
	for run := range runs {
		l, end := start(t, db.DSN, dir)
		var all sync.WaitGroup
		for c := range callers {
			all.Go(func() {
				for i := range each {
					id := run*1000000 + c*1000 + i
					if err := l.Before(t.Context(), entry(id)); err != nil {
						t.Error(err)
						return
					}
					raw, err := os.ReadFile(filepath.Join(dir, time.Now().UTC().Format("2006-01-02")+".jsonl"))
					if err == nil && !bytes.Contains(raw, []byte(fmt.Sprintf(`"request_id":"%d"`, id))) {
						t.Errorf("%d is not in the file", id)
					}
				}
			})
		}
		all.Wait()
		if run == 1 {
			seen := 0
			c, err := l.Read(t.Context(), time.Unix(0, 0), time.Now().Add(time.Minute), func(*audit.Record) bool {
				seen++
				return true
			})
			if err != nil || len(c.Faults()) > 0 || c.Chains() != runs || seen != runs*(callers*each+1) {
				t.Fatalf("%d records in %d chains: %v, %v", seen, c.Chains(), c.Faults(), err)
			}
		}
		end()
	}
	records, faults := files(t, dir)
	if len(records) != runs*(callers*each+1) || len(faults) > 0 {
		t.Fatalf("%d records: %v", len(records), faults)
	}
	// The second chain names the end of the first.
	var second *audit.Record
	for _, r := range records {
		if r.Seq == 1 && r.Chain != records[0].Chain {
			second = r
		}
	}
	if second == nil || len(second.After) != 64 || records[0].After != "" {
		t.Fatalf("the chains are not tied: %+v", second)
	}
}

// A record that is changed, or taken out, is found in the table and in the file.
func TestTampering(t *testing.T) {
	db, dir := database(t), t.TempDir()
	l, _ := start(t, db.DSN, dir)
	for i := range 20 {
		if err := l.Before(t.Context(), entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for what, sql := range map[string]string{
		"changed":                "UPDATE larder.audit SET record = replace(record, 'key:k', 'key:x') WHERE seq = 5",
		"changed with its hash":  "UPDATE larder.audit SET record = replace(record, 'key:k', 'key:x'), hash = sha256(hash) WHERE seq = 5",
		"taken out":              "DELETE FROM larder.audit WHERE seq = 5",
		"two exchanged":          "UPDATE larder.audit a SET record = b.record, hash = b.hash FROM larder.audit b WHERE a.seq + b.seq = 11 AND a.seq IN (5, 6)",
		"not JSON":               "UPDATE larder.audit SET record = '{' WHERE seq = 5",
		"its beginning replaced": "UPDATE larder.audit SET record = replace(record, 'started', 'stopped') WHERE seq = 1",
	} {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "CREATE TABLE larder.kept AS SELECT * FROM larder.audit"); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		c, err := l.Read(t.Context(), time.Unix(0, 0), time.Now().Add(time.Minute), func(*audit.Record) bool { return true })
		if err != nil || len(c.Faults()) == 0 {
			t.Errorf("%s: not found, %v", what, err)
		}
		if _, err := conn.Exec(t.Context(), "TRUNCATE larder.audit; INSERT INTO larder.audit SELECT * FROM larder.kept; DROP TABLE larder.kept"); err != nil {
			t.Fatal(err)
		}
	}
	c, err := l.Read(t.Context(), time.Unix(0, 0), time.Now().Add(time.Minute), func(*audit.Record) bool { return true })
	if err != nil || len(c.Faults()) > 0 {
		t.Fatalf("the restored trail: %v, %v", c.Faults(), err)
	}

	name := filepath.Join(dir, time.Now().UTC().Format("2006-01-02")+".jsonl")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for what, changed := range map[string][]byte{
		"changed":   bytes.Replace(whole, []byte("10.0.0.1"), []byte("10.0.0.2"), 1),
		"taken out": bytes.Join(append(append([][]byte{}, lines[:5]...), lines[6:]...), nil),
		"cut":       whole[:len(whole)-10],
		"no hash":   append(bytes.Clone(whole), "{}\n"...),
	} {
		c := audit.NewChecker()
		if err := c.ReadFile(bytes.NewReader(changed), name, func(*audit.Record) bool { return true }); err != nil || len(c.Faults()) == 0 {
			t.Errorf("the file, %s: not found, %v", what, err)
		}
	}
	if _, faults := files(t, dir); len(faults) > 0 {
		t.Errorf("the file: %v", faults)
	}
}

// Without the table, and without the file, nothing may be done.
func TestNothingWithoutTheTrail(t *testing.T) {
	db := database(t)
	l, _ := start(t, db.DSN, t.TempDir())
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	run := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(what string, l *audit.Log) {
		t.Helper()
		var said *schema.Error
		if err := l.Before(t.Context(), entry(0)); !errors.As(err, &said) || said.Reason != schema.AuditUnavailable {
			t.Errorf("%s: %v", what, err)
		}
	}
	run("ALTER TABLE larder.audit RENAME TO gone")
	refused("no table", l)
	run("ALTER TABLE larder.gone RENAME TO audit")
	if err := l.Before(t.Context(), entry(1)); err != nil {
		t.Errorf("the table is back: %v", err)
	}
	dir := t.TempDir()
	alone, _ := start(t, "", dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	refused("no folder", alone)
}

// Refusals that are alike are one record with a count; floods of different ones are bounded.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	l, end := start(t, "", dir)
	for range 1000 {
		l.Note(audit.Entry{Caller: "key:k", Method: "/m", Outcome: access.Refused, Code: "PERMISSION_DENIED"})
	}
	for i := range 30_000 {
		l.Note(audit.Entry{Method: "/m", From: fmt.Sprint(i), Outcome: access.Refused, Code: "UNAUTHENTICATED"})
	}
	l.Note(audit.Entry{RequestID: "r", Outcome: access.Ended, Code: "OK"})
	end()
	records, faults := files(t, dir)
	if len(faults) > 0 || len(records) > 1_010 {
		t.Fatalf("%d records, %v", len(records), faults)
	}
	counts := map[string]int64{}
	for _, r := range records {
		counts[string(r.Outcome)+" "+r.Code+" "+r.Caller] += max(r.Count, 1)
	}
	if counts["refused PERMISSION_DENIED key:k"] != 1000 || counts["ended OK "] != 1 {
		t.Errorf("%v", counts)
	}
	if n := counts["refused UNAUTHENTICATED "]; n != 30_000 {
		t.Errorf("%d of 30,000 refusals", n)
	}
}

// What comes from outside can't make a line of its own.
func TestInjection(t *testing.T) {
	dir := t.TempDir()
	l, end := start(t, "", dir)
	e := entry(1)
	e.Caller, e.Resources = "key:a\n{\"seq\":9}", []string{"model:\",\"hash\":\"" + strings.Repeat("0", 64), "\u2028\x1b[2J"}
	if err := l.Before(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	end()
	records, faults := files(t, dir)
	if len(records) != 2 || len(faults) > 0 || records[1].Caller != e.Caller || records[1].Resources[0] != e.Resources[0] {
		t.Fatalf("%+v, %v", records, faults)
	}
}

// With Postgres, a full disk stops nothing: the file gets its records when there is room.
func TestTheFileComesLater(t *testing.T) {
	db, dir := database(t), t.TempDir()
	l, end := start(t, db.DSN, dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := l.Before(t.Context(), entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Before(t.Context(), entry(3)); err != nil {
		t.Fatal(err)
	}
	end()
	if records, faults := files(t, dir); len(records) != 5 || len(faults) > 0 {
		t.Fatalf("%d records, %v", len(records), faults)
	}
}

// A command that needs no server leaves its records beside those of servers that write at the
// same time, and without the trail it does nothing.
func TestAround(t *testing.T) {
	db := database(t)
	l, _ := start(t, db.DSN, t.TempDir())
	const commands = 8
	command := func(i int, effect func(context.Context) error) error {
		return audit.Around(t.Context(), audit.Options{DSN: db.DSN, Server: "a command", Logger: slog.New(slog.DiscardHandler)},
			access.Event{Caller: "postgres:ann@here", Action: access.Admin, Resources: []string{fmt.Sprint("key:", i)}, Method: "larder keys create"}, effect)
	}
	var all sync.WaitGroup
	for i := range commands {
		all.Go(func() {
			if err := l.Before(t.Context(), entry(i)); err != nil {
				t.Error(err)
			}
			err := command(i, func(ctx context.Context) error {
				known := 0
				_, err := l.Read(ctx, time.Unix(0, 0), time.Now().Add(time.Minute), func(r *audit.Record) bool {
					if r.Outcome == access.Allowed && len(r.Resources) == 1 && r.Resources[0] == fmt.Sprint("key:", i) {
						known++
					}
					return true
				})
				if known != 1 {
					t.Errorf("before the effect of %d there are %d records of it", i, known)
				}
				if i == 0 {
					err = schema.BadKey.Errorf("no")
				}
				return err
			})
			if (err == nil) != (i > 0) {
				t.Errorf("command %d: %v", i, err)
			}
		})
	}
	all.Wait()
	ends := map[string]int{}
	c, err := l.Read(t.Context(), time.Unix(0, 0), time.Now().Add(time.Minute), func(r *audit.Record) bool {
		if r.Outcome == access.Ended && r.RequestID != "" {
			ends[r.Code]++
		}
		if r.Seq == 1 && r.Outcome != access.Started {
			t.Errorf("the first record of a chain is %+v", r)
		}
		return true
	})
	if err != nil || len(c.Faults()) > 0 || c.Chains() != 1+commands || ends["OK"] != commands-1 || ends["BAD_KEY"] != 1 {
		t.Errorf("%d chains, ends %v: %v, %v", c.Chains(), ends, c.Faults(), err)
	}
	if _, err := db.Pool.Exec(t.Context(), "ALTER TABLE larder.audit RENAME TO gone"); err != nil {
		t.Fatal(err)
	}
	var said *schema.Error
	err = command(0, func(context.Context) error {
		t.Error("done without a record")
		return nil
	})
	if !errors.As(err, &said) || said.Reason != schema.AuditUnavailable {
		t.Errorf("no table: %v", err)
	}
}
