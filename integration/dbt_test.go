package integration_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"larder/internal/pgtest"
)

// dbtTables are those that dbt makes of the project in importer/dbt/testdata/shop.
const dbtTables = `
CREATE SCHEMA shop;
CREATE TABLE shop.customer_daily (customer_id bigint, event_time timestamptz, loaded_at timestamptz, orders bigint, amount double precision,
	largest real, merchants text[], last_status text, span interval, note text);
INSERT INTO shop.customer_daily VALUES (7, now() - interval '1 day', now() - interval '23 hours', 2, 52.5, 40, '{books,games}', 'paid', '1 day', 'x'),
	(8, now() - interval '1 day', now() - interval '23 hours', 1, 7.25, 7.25, '{books}', 'returned', '1 day', 'x');
CREATE TABLE shop.merchant_customer (customer_id bigint, merchant text, last_order timestamp, orders integer, returned boolean);
INSERT INTO shop.merchant_customer VALUES (7, 'books', now() - interval '2 days', 2, false);
CREATE TABLE shop.tiers (customer_id integer, tier text, changed_at timestamp, dbt_scd_id text, dbt_updated_at timestamp, dbt_valid_from timestamp, dbt_valid_to timestamp);
INSERT INTO shop.tiers VALUES (7, 'gold', '2025-01-01', 'a', '2025-01-01', '2025-01-01', NULL);
CREATE TABLE shop.customers (customer_id integer, name text, tier text, changed_at timestamp);
INSERT INTO shop.customers VALUES (7, 'Ada', 'gold', '2025-01-01'), (9, 'Cleo', 'silver', '2025-01-02')`

// TestDBTModelsAreServed: what dbt left is imported, applied, materialized and read.
func TestDBTModelsAreServed(t *testing.T) {
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(t.Context(), dbtTables); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN)
	manifest, out := "../importer/dbt/testdata/v12/manifest.json", filepath.Join(t.TempDir(), "defs")
	said, stderr, code := runLarder(t, "import", "dbt", manifest, "--out", out)
	if code != 0 || !strings.Contains(said, "wrote 3 files to "+out+": 4 feature views of 2 entities\n\n5 things to look at:") || !strings.Contains(said, "larder apply "+out) {
		t.Fatalf("exit code %d\n%s%s", code, said, stderr)
	}
	s.apply(out)
	if _, stderr, code := s.client("materialize", "--full"); code != 0 {
		t.Fatal(stderr)
	}
	answer, err := json.Marshal(s.postJSON("/v1/features", `{"features": ["customer_spend:orders", "customer_spend:merchants", "merchant_customer:returned", "customer_tier:tier", "customer_profile:name"],
		"entities": {"customer_id": [7, 9], "merchant": ["books", "books"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`[["books","games"],null]`, `[false,null]`, `["gold",null]`, `["Ada","Cleo"]`} {
		if !strings.Contains(string(answer), want) {
			t.Errorf("served %s, want %s", answer, want)
		}
	}

	for _, f := range []struct {
		want string
		code int
		args []string
	}{
		{"is not empty; name a new one with --out, or replace an import before with --force", 1, []string{manifest, "--out", out}},
		{"wrote 3 files", 0, []string{manifest, "--out", out, "--force"}},
		{`"feature_views": 4`, 0, []string{manifest, "--json", "--dry-run"}},
		{"# expect: >= 1 and <= 1000", 0, []string{manifest, "--dry-run"}},
		{"missing MANIFEST", 2, nil},
		{"no such file", 1, []string{"no/manifest.json"}},
		{"no such file", 1, []string{manifest, "--catalog", "no/catalog.json"}},
		{"is a folder; name the file", 1, []string{filepath.Dir(manifest)}},
	} {
		said, stderr, code := runLarder(t, append([]string{"import", "dbt"}, f.args...)...)
		if code != f.code || !strings.Contains(said+stderr, f.want) {
			t.Errorf("larder import dbt %v: exit code %d\n%s%s", f.args, code, said, stderr)
		}
	}
}
