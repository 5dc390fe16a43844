package integration_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// total is the definition of a view over the table orders, with a type and a query that
// may take its time.
func total(typ, query, more string) string {
	return `
entities: [{name: e, join_keys: [{name: id, type: int64}]}]
sources: [{name: s, query: "` + query + `", timestamp_field: at}]
feature_views: [{name: total, entities: [e], source: s, ` + more + `features: [{name: n, type: ` + typ + `, default: -1}]}]
feature_services: [{name: svc, features: ["total:n"]}]`
}

const orders = "CREATE TABLE orders AS SELECT g AS id, now() - interval '1 hour' AS at, g AS n FROM generate_series(1::bigint, 2000) g; CREATE TABLE gate (open boolean)"

// gatedOrders is a query of orders that does not end before the table gate has a row.
const gatedOrders = "SELECT id, at, n FROM orders WHERE (SELECT pg_sleep(CASE WHEN EXISTS (SELECT FROM gate) THEN 0 ELSE 3 END)) IS NOT NULL AND (EXISTS (SELECT FROM gate) OR 1 / (id - id) > 0)"

func (s *server) get(id int64) (value any, st larderv1.Status, version int64) {
	s.t.Helper()
	answer, err := s.serving.GetFeatures(context.Background(), &larderv1.GetFeaturesRequest{
		What:     &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "svc"},
		Entities: []*larderv1.Column{int64Column("id", id)},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	f := answer.GetFeatures()[0]
	switch v := f.GetValues().(type) {
	case *larderv1.Column_Int64S:
		value = v.Int64S.GetValues()[0]
	case *larderv1.Column_Doubles:
		value = v.Doubles.GetValues()[0]
	}
	return value, f.GetStatuses()[0], answer.GetCatalogVersion()
}

// TestAChangedViewIsBuiltThenSwitched: a change of a feature's type leaves the live view
// as it is until the new one is filled beside it. A restart in between changes nothing,
// and going back finds the rows of before.
func TestAChangedViewIsBuiltThenSwitched(t *testing.T) {
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(t.Context(), orders); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN)
	before := definitionsFolder(t, total("int64", "SELECT id, at, n FROM orders", ""))
	s.apply(before)
	s.mustMaterialize()
	want := func(value any, version int64) {
		t.Helper()
		if got, st, v := s.get(7); got != value || st != larderv1.Status_STATUS_PRESENT || v != version {
			t.Errorf("got %v (%T), %s, of version %d; want %v (%T) of version %d", got, got, st, v, value, value, version)
		}
	}
	want(int64(7), 1)

	out, stderr, code := s.client("apply", "--yes", definitionsFolder(t, total("float64", gatedOrders, "")))
	if code != 0 || !strings.Contains(out, "version 1 serves until feature view total is filled") {
		t.Fatalf("exit code %d\n%s%s", code, out, stderr)
	}
	want(int64(7), 1)
	eventually(t, "the build", func() bool {
		out, _, _ := s.client("status")
		return strings.Contains(out, "version 2 is being built") && strings.Contains(out, "    total: ")
	})
	s.kill()
	s.start()
	want(int64(7), 1)
	s.mustMaterialize() // the live view goes on
	want(int64(7), 1)

	if _, err := db.Pool.Exec(t.Context(), "INSERT INTO gate VALUES (true)"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the switch", func() bool {
		_, st, v := s.get(7)
		if st != larderv1.Status_STATUS_PRESENT {
			t.Fatalf("version %d answers %s", v, st)
		}
		return v == 2
	})
	want(float64(7), 2)

	if out, stderr, code := s.client("apply", "--yes", "--to-version", "1"); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out, stderr)
	}
	eventually(t, "the way back", func() bool { _, _, v := s.get(7); return v == 3 })
	want(int64(7), 3)
	status, err := s.control.GetStatus(t.Context(), &larderv1.GetStatusRequest{})
	if err != nil || status.GetBuilding() != nil || status.GetViews()[0].GetRows() != 2000 {
		t.Errorf("%v, %v", status, err)
	}
}

// TestTheSwitchIsBounded: a view that can't be filled in time doesn't hold a version up
// for ever.
func TestTheSwitchIsBounded(t *testing.T) {
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(t.Context(), orders); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN, "--switch-after", "2s")
	s.apply(definitionsFolder(t, total("int64", "SELECT id, at, n FROM orders", "")))
	s.mustMaterialize()
	s.apply(definitionsFolder(t, total("float64", gatedOrders, "")))
	if _, _, v := s.get(7); v != 1 {
		t.Errorf("version %d serves at once", v)
	}
	eventually(t, "the switch", func() bool { _, _, v := s.get(7); return v == 2 })
	if !strings.Contains(s.logText(), "they took too long") {
		t.Error("the log doesn't tell")
	}
}

func (s *server) readyz() (ready bool, said string) {
	s.t.Helper()
	said = s.httpText("/readyz")
	return said == "ready\n", said
}

// TestReadyMeansFilled: a new server of a fleet is ready when it has the rows of the
// views that are scheduled or that others have materialized, and says what it awaits.
func TestReadyMeansFilled(t *testing.T) {
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(t.Context(), orders+"; INSERT INTO gate VALUES (true)"); err != nil {
		t.Fatal(err)
	}
	for name, more := range map[string]string{"scheduled": "schedule: 1h, ", "on request": ""} {
		t.Run(name, func(t *testing.T) {
			first := startServer(t, db.DSN, "--name", "first "+name)
			first.apply(definitionsFolder(t, total("int64", gatedOrders, more+"ttl: "+map[string]string{"": "2d", "schedule: 1h, ": "3d"}[more]+", ")))
			first.mustMaterialize()
			eventually(t, "the first server", func() bool { ready, _ := first.readyz(); return ready })
			if _, err := db.Pool.Exec(t.Context(), "DELETE FROM gate"); err != nil {
				t.Fatal(err)
			}
			second := startServer(t, db.DSN, "--name", "second "+name)
			if ready, said := second.readyz(); ready {
				t.Errorf("a server without rows says %q", said)
			}
			eventually(t, "what is awaited", func() bool {
				_, said := second.readyz()
				out, _, _ := second.client("status")
				return strings.Contains(said, `feature view "total" has no rows yet`) && strings.Contains(out, "not ready yet: feature view")
			})
			eager := startServer(t, db.DSN, "--ready-when", "catalog")
			eventually(t, "--ready-when catalog", func() bool { ready, _ := eager.readyz(); return ready })
			hasty := startServer(t, db.DSN, "--ready-after", "1s")
			eventually(t, "--ready-after", func() bool { ready, _ := hasty.readyz(); return ready })
			if !strings.Contains(hasty.logText(), "ready although rows are missing") {
				t.Error("the log doesn't tell")
			}
			if _, err := db.Pool.Exec(t.Context(), "INSERT INTO gate VALUES (true)"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the second server", func() bool { ready, _ := second.readyz(); return ready })
			if got, st, _ := second.get(7); got != int64(7) || st != larderv1.Status_STATUS_PRESENT {
				t.Errorf("a ready server answers %v, %s", got, st)
			}
		})
	}
}

// TestAStartWithoutPostgresIsReady: rows that are old don't keep a server from being
// ready while Postgres is gone.
func TestAStartWithoutPostgresIsReady(t *testing.T) {
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(t.Context(), orders+"; INSERT INTO gate VALUES (true)"); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN)
	s.apply(definitionsFolder(t, total("int64", gatedOrders, "schedule: 1s, ")))
	s.mustMaterialize()
	s.terminate()
	time.Sleep(1100 * time.Millisecond) // the watermark is older than the schedule
	gone := startServerIn(t, s.data, "--postgres", "postgres://nobody@127.0.0.1:1/none")
	eventually(t, "a start without Postgres", func() bool { ready, _ := gone.readyz(); return ready })
	if got, _, _ := gone.get(7); got != int64(7) {
		t.Errorf("got %v", got)
	}
}

// TestALostManifest: after a kill and half a MANIFEST the store is empty. The server says
// that it has lost its rows, and is ready when it has read them again.
func TestALostManifest(t *testing.T) {
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(t.Context(), orders+"; INSERT INTO gate VALUES (true)"); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN, "--name", "steady")
	s.apply(definitionsFolder(t, total("int64", gatedOrders, "")))
	s.mustMaterialize()
	if code := s.terminate(); code != 0 { // the rows are in tables, which the MANIFEST lists
		t.Fatalf("exit code %d", code)
	}
	s.start()
	s.kill()
	found, err := filepath.Glob(filepath.Join(s.data, "rows", "*", "MANIFEST"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q, %v", found, err)
	}
	manifest := found[0]
	info, err := os.Stat(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(manifest, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	s.start()
	eventually(t, "a ready server", func() bool { ready, _ := s.readyz(); return ready })
	if got, st, _ := s.get(7); got != int64(7) || st != larderv1.Status_STATUS_PRESENT {
		t.Errorf("a ready server answers %v, %s", got, st)
	}
	if !strings.Contains(s.logText(), "the online store has lost the rows of views") {
		t.Error("the log doesn't tell")
	}
}
