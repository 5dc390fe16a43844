package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"larder/internal/pgtest"
)

// A feastAnswer is what Feast's server answers.
type feastAnswer struct {
	Results []struct {
		Values   []any    `json:"values"`
		Statuses []string `json:"statuses"`
		Times    []string `json:"event_timestamps"`
	} `json:"results"`
	Metadata struct {
		Names []string `json:"feature_names"`
	} `json:"metadata"`
}

// otherFeast is a server that answers as Larder does with Feast's statuses, but for what
// change does to a cell of a driver.
func otherFeast(t *testing.T, s *server, change func(driver float64, feature string, value *any, status, at *string)) *httptest.Server {
	t.Helper()
	feast := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		resp, err := http.Post("http://"+s.http+r.URL.Path, "application/json", bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		var a feastAnswer
		raw, err := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK || err != nil || json.Unmarshal(raw, &a) != nil {
			w.WriteHeader(resp.StatusCode)
			_, _ = w.Write(raw)
			return
		}
		for i, name := range a.Metadata.Names {
			for row := range a.Results[i].Values {
				driver, _ := a.Results[0].Values[row].(float64)
				change(driver, name, &a.Results[i].Values[row], &a.Results[i].Statuses[row], &a.Results[i].Times[row])
			}
		}
		_ = json.NewEncoder(w).Encode(a)
	}))
	t.Cleanup(feast.Close)
	return feast
}

// TestCheckAgainstFeast: the command says that both answer the same, and where they don't,
// why not.
func TestCheckAgainstFeast(t *testing.T) {
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `CREATE TABLE drivers AS SELECT g::bigint AS driver_id, date_trunc('second', now()) - interval '1 hour' AS event_timestamp,
		date_trunc('second', now()) - interval '1 minute' AS created, CASE WHEN g <> 2 THEN g END AS trips, g / 8.0::real AS rating, now() AS seen FROM generate_series(1, 9) g`)
	if err == nil {
		_, err = conn.Exec(t.Context(), `UPDATE drivers SET event_timestamp = event_timestamp - interval '10 days' WHERE driver_id = 3;
			INSERT INTO drivers SELECT driver_id, event_timestamp, created - interval '1 minute', trips + 100, rating, seen FROM drivers WHERE driver_id = 4`)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := definitionsFolder(t, `
entities: [{name: driver, join_keys: [{name: driver_id, type: int64}]}]
sources: [{name: drivers, table: drivers, timestamp_field: event_timestamp, created_timestamp_column: created}]
feature_views:
  - {name: stats, entities: [driver], source: drivers, ttl: 7d, features: [{name: trips, type: int64}, {name: rating, type: float32}, {name: seen, type: timestamp}]}
on_demand_views:
  - {name: odv, request: [{name: km, type: float64}], sources: [stats], features: [{name: ratio, type: float64, expr: "request.km / (double(stats.rating) + 1.0)"}]}
feature_services:
  - {name: late_v1, request: [{name: km, type: float64}], features: ["stats:rating", "odv:ratio"]}
`)
	plain := startServer(t, db.DSN)
	plain.apply(dir)
	plain.mustMaterialize()
	feasts := startServer(t, db.DSN, "--feast-statuses")
	feasts.mustMaterialize()

	same := otherFeast(t, feasts, func(driver float64, feature string, value *any, _, _ *string) {
		if driver == 3 && strings.Contains(feature, "__") { // expired in both
			*value = nil
		}
	})
	out, errs, code := plain.client("import", "feast", "--check", "--feast", same.URL)
	if code != 0 || !strings.Contains(out, "\nequal: 45 values\n") || !strings.Contains(out, "stats       9      27     27          0") {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}

	other := otherFeast(t, feasts, func(driver float64, feature string, value *any, status, at *string) {
		if feature == "odv__ratio" && driver == 1 {
			*value = -1.0
		}
		if feature != "stats__trips" {
			return
		}
		switch driver {
		case 2:
			*value = int64(-9223372036854775808) // not of this type
		case 4, 5:
			*value = 77
		case 6:
			*value, *status, *at = nil, "NOT_FOUND", "1970-01-01T00:00:00Z"
		case 7:
			*value, *at = 77, "2100-01-01T00:00:00Z"
		case 8:
			*value, *at = 77, "2001-01-01T00:00:00Z"
		case 9:
			*value = "nine"
		}
	})
	out, errs, code = plain.client("import", "feast", "--check", "--json", "--feast", other.URL+"/")
	var report struct {
		Differences []struct {
			Part, Feature, Kind, Why, Key, Feast, Larder string
			Count                                        int
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 1 || !strings.Contains(errs, "values differ; each difference is named above") {
		t.Fatal(code, err, out, errs)
	}
	got := map[string]string{}
	for _, d := range report.Differences {
		if d.Why == "" || d.Count == 0 || d.Feast == "" {
			t.Errorf("a difference says too little: %+v", d)
		}
		key, _, _ := strings.Cut(d.Key, " km=")
		if d.Kind == "computed" {
			d.Larder = "" // of a request value that depends on the order of the source's rows
		}
		got[d.Part+" "+d.Feature+" "+d.Kind] = key + " " + d.Larder
	}
	want := map[string]string{
		"stats stats:trips changed":          `driver_id=2 null (NULL_VALUE)`,
		"stats stats:trips expired":          `driver_id=3 null (OUTSIDE_MAX_AGE)`,
		"stats stats:rating expired":         `driver_id=3 null (OUTSIDE_MAX_AGE)`,
		"stats stats:seen expired":           `driver_id=3 null (OUTSIDE_MAX_AGE)`,
		"stats stats:trips duplicates":       `driver_id=4 4 (PRESENT)`,
		"stats stats:trips missing in Feast": `driver_id=6 6 (PRESENT)`,
		"stats stats:trips older in Larder":  `driver_id=7 7 (PRESENT)`,
		"stats stats:trips older in Feast":   `driver_id=8 8 (PRESENT)`,
		"stats stats:trips type":             `driver_id=9 9 (PRESENT)`,
		"late_v1 stats:rating expired":       `driver_id=3 null (OUTSIDE_MAX_AGE)`,
		"late_v1 odv:ratio expired":          `driver_id=3 null (NULL_VALUE)`,
		"late_v1 odv:ratio computed":         `driver_id=1 `,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	if out, _, _ = plain.client("import", "feast", "--check", "--feast", other.URL); !strings.Contains(out, "\nduplicates: the source has several rows of this key with this event time") ||
		!strings.Contains(out, "  stats: 1 value of trips. driver_id=4: trips is 77 in Feast, 4 (PRESENT) in Larder.\n") {
		t.Error(out)
	}

	// Training sets, of a spine whose second row is before the value arrived.
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var late, early string
	if err := conn.QueryRow(t.Context(), `SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), to_char((now() - interval '10 minutes') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`).Scan(&late, &early); err != nil {
		t.Fatal(err)
	}
	spine := file("spine.csv", "driver_id,km,event_timestamp\n1,2.0,"+late+"\n5,2.0,"+early+"\n8,2.0,"+late+"\n")
	set := file("feast.csv", "driver_id,km,event_timestamp,stats__rating,odv__ratio\n5,2.0,"+early+",0.625,1.2307692307692308\n1,2.0,"+late+",0.125,1.7777777777777777\n8,2.0,"+late+",2.0,0.5\n")
	out, errs, code = plain.client("import", "feast", "--check", "--spine", spine, "--feast-set", set, "--service", "late_v1")
	for _, part := range []string{
		"training set of late_v1     3       6      2          4",
		"leaked correction: the value arrived after the row's time",
		"2 values of ratio, rating. driver_id=5 km=2 at=\"" + early + "\": ratio is 1.2307692307692308 in Feast, null in Larder.",
		"unexplained: ", "1 value of rating. driver_id=8", "computed: ", "1 value of ratio. driver_id=8",
	} {
		if code != 1 || !strings.Contains(out, part) {
			t.Errorf("code %d, no %q in\n%s%s", code, part, out, errs)
		}
	}

	for _, c := range [][]string{
		{"--feast", "localhost:6566"},
		{"--sample", "0"},
		{"--feast-set", set},
		{"--feast-set", set, "--spine", spine, "--service", "nope"},
		{"--feast", "http://127.0.0.1:1"},
		{"--keys", filepath.Join(folder, "nope.csv"), "--feast", other.URL},
		{"--feast", "http://" + plain.http + "/v1"},
	} {
		out, errs, code := plain.client(append([]string{"import", "feast", "--check"}, c...)...)
		if code == 0 || errs == "" || strings.Contains(errs, "internal") {
			t.Errorf("%q: code %d\n%s%s", c, code, out, errs)
		}
		t.Logf("%q: %s", c, errs)
	}
	keys := file("keys.csv", "driver_id,km\n1,5\n4711,6\n")
	if out, errs, code := plain.client("import", "feast", "--check", "--feast", same.URL, "--keys", keys); code != 0 || !strings.Contains(out, "equal: 10 values") {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
}
