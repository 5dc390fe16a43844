package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"larder/internal/pgtest"
)

// TestRowsFromFeastsClients pushes rows over Feast's HTTP API: they are in the table and
// served when the request is answered, training reads them, and none is stored of a request
// that is refused.
func TestRowsFromFeastsClients(t *testing.T) {
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE drivers (driver_id bigint, at timestamptz, loaded_at timestamptz, trips bigint CHECK (trips < 1000), rating real, tags text[], blob bytea, seen timestamp, note jsonb)`)
	exec(`CREATE VIEW sums AS SELECT driver_id, max(at) AS at, sum(trips)::bigint AS total FROM drivers GROUP BY 1`)
	exec(`CREATE TABLE guarded (driver_id bigint, at timestamptz, g bigint)`)
	exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'permission denied for table guarded' USING ERRCODE = '42501'; END $$`)
	exec(`CREATE TRIGGER refuse BEFORE INSERT ON guarded EXECUTE FUNCTION refuse()`)
	dir := definitionsFolder(t, `
entities: [{name: driver, join_keys: [{name: driver_id, type: int64}]}]
sources:
  - {name: driver_push, table: drivers, timestamp_field: at, created_timestamp_column: loaded_at, time_zone: UTC}
  - {name: sums, table: sums, timestamp_field: at}
  - {name: guarded, table: guarded, timestamp_field: at}
  - {name: own, query: "SELECT 1::bigint AS driver_id, now() - interval '1 second' AS at, 1::bigint AS o", timestamp_field: at}
feature_views:
  - {name: stats, entities: [driver], source: driver_push, features: [{name: trips, type: int64}, {name: rating, type: float32}, {name: tags, type: list<string>}, {name: blob, type: bytes}]}
  - {name: seen, entities: [driver], source: driver_push, features: [{name: seen, type: timestamp}]}
  - {name: sums, entities: [driver], source: sums, features: [{name: total, type: int64}]}
  - {name: guarded, entities: [driver], source: guarded, features: [{name: g, type: int64}]}
  - {name: own, entities: [driver], source: own, features: [{name: o, type: int64}]}
`)
	s := startServer(t, db.DSN)
	s.apply(dir)
	post := func(path, body string) (int, string) {
		status, _, answer := s.ask("POST", path, body, "Content-Type", "application/json")
		return status, answer
	}
	served := func(driver int64) string {
		_, answer := post("/get-online-features", fmt.Sprintf(`{"features": ["stats:trips", "stats:rating", "stats:tags", "stats:blob", "seen:seen"], "entities": {"driver_id": [%d]}}`, driver))
		var got struct {
			Results []struct{ Values []json.RawMessage }
		}
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatal(err, answer)
		}
		var all []string
		for _, column := range got.Results[1:] {
			all = append(all, string(column.Values[0]))
		}
		return strings.Join(all, " ")
	}
	row := func(driver int, trips, at string) string {
		return fmt.Sprintf(`{"driver_id": [%d], "trips": [%s], "rating": [0.5], "tags": [["a", "ü"]], "blob": ["AQI="], "seen": ["2026-01-01 10:00:00"], "event_timestamp": [%s], "note": [{"any": 1}]}`, driver, trips, at)
	}

	if status, answer := post("/push", `{"push_source_name": "driver_push", "df": `+row(1, `"7"`, `"2026-01-31 10:00:00"`)+`, "to": "online"}`); status != 200 || answer != "" {
		t.Fatal(status, answer)
	}
	if got := served(1); got != `7 0.5 ["a","ü"] "AQI=" 1767261600` {
		t.Errorf("after a push: %s", got)
	}
	// An older row is stored, and the newer one stays served; a newer one replaces it.
	if status, answer := post("/write-to-online-store", `{"feature_view_name": "seen", "df": `+row(1, `5`, `"2026-01-30T10:00:00Z"`)+`}`); status != 200 || answer != "null" {
		t.Fatal(status, answer)
	}
	if got := served(1); !strings.HasPrefix(got, "7 ") {
		t.Errorf("after an older row: %s", got)
	}
	if status, answer := post("/push", `{"push_source_name": "driver_push", "to": "offline", "df": `+row(1, `8`, `1769940000`)+`}`); status != 200 {
		t.Fatal(status, answer)
	}
	if got := served(1); !strings.HasPrefix(got, "7 ") {
		t.Errorf("after a row that is only stored: %s", got)
	}
	if status, answer := post("/materialize", `{"start_ts": "2026-01-01", "end_ts": "2026-03-01", "feature_views": ["stats", "seen"]}`); status != 200 || answer != "null" {
		t.Fatal(status, answer)
	}
	if got := served(1); !strings.HasPrefix(got, "8 ") {
		t.Errorf("after materialize: %s", got)
	}
	stored := `SELECT string_agg(trips || ' ' || extract(epoch FROM at) || ' ' || (note->>'any') || ' ' || (loaded_at > now() - interval '5 minutes'), ', ' ORDER BY at) FROM drivers`
	var table string
	if err := conn.QueryRow(t.Context(), stored).Scan(&table); err != nil {
		t.Fatal(err)
	}
	const want = "5 1769767200.000000 1 true, 7 1769853600.000000 1 true, 8 1769940000.000000 1 true"
	if table != want {
		t.Errorf("the table has %s", table)
	}

	for _, c := range []struct {
		path, body string
		status     int
		text       string
	}{
		{"/push", `{"push_source_name": "driver_pus", "df": ` + row(2, `1`, `0`) + `}`, 422, `did you mean \\\"driver_push\\\"?`},
		{"/push", `{"push_source_name": "own", "df": {"driver_id": [2]}}`, 409, `source \\\"own\\\" is a query, which can't take rows`},
		{"/push", `{"push_source_name": "sums", "df": {"driver_id": [2], "at": [0], "total": [1]}}`, 409, `cannot insert into view`},
		{"/push", `{"push_source_name": "guarded", "df": {"driver_id": [2], "at": [0], "g": [1]}}`, 409, `grant INSERT on it`},
		{"/push", `{"push_source_name": "driver_push", "df": {"driver_id": [2], "event_timestamp": [0]}}`, 400, `no column \\\"trips\\\"`},
		{"/push", `{"push_source_name": "driver_push", "df": {}}`, 400, `no column`},
		{"/push", `{"push_source_name": "driver_push", "df": ` + strings.Replace(row(2, `1`, `0`), `"note"`, `"nope"`, 1) + `}`, 400, `column \\\"nope\\\" of relation \\\"drivers\\\" does not exist`},
		{"/push", `{"push_source_name": "driver_push", "df": ` + row(2, `5000`, `0`) + `}`, 400, `violates check constraint`},
		{"/push", `{"push_source_name": "driver_push", "df": ` + row(2, `"x"`, `0`) + `}`, 400, `column \\\"trips\\\", row 0: \\\"x\\\" is not a valid int64 value`},
		{"/push", `{"push_source_name": "driver_push", "df": ` + row(2, `1`, `null`) + `}`, 400, `column \\\"at\\\", row 0: it is null`},
		{"/push", `{"push_source_name": "driver_push", "df": ` + row(2, `1, 2`, `0`) + `}`, 400, `send one for each row`},
		{"/push", `{"push_source_name": "driver_push", "df": ` + strings.Replace(row(2, `1`, `0`), `"note"`, `"at": [1], "note"`, 1) + `}`, 400, `column \\\"at\\\" comes twice`},
		{"/write-to-online-store", `{"feature_view_name": "stat", "df": {}}`, 404, `FeatureViewNotFoundException`},
		{"/materialize-incremental", `{"end_ts": "2026-01-31", "feature_views": ["nope"]}`, 404, `FeatureViewNotFoundException`},
	} {
		if status, answer := post(c.path, c.body); status != c.status || !strings.Contains(answer, c.text) {
			t.Errorf("%s %s: %d %s; want %d %s", c.path, c.body, status, answer, c.status, c.text)
		}
	}
	if err := conn.QueryRow(t.Context(), stored).Scan(&table); err != nil || table != want {
		t.Errorf("after refusals the table has %s, %v", table, err)
	}
	if status, answer := post("/materialize-incremental?async=true", `{"end_ts": "2026-01-31", "feature_views": ["stats"]}`); status != 202 || answer != `{"feature_views":["stats"],"status":"accepted"}` {
		t.Error(status, answer)
	}
	if status, _, answer := s.ask("GET", "/health", ""); status != 200 {
		t.Error(status, answer)
	}
}
