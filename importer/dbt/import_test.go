package dbt_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/importer/dbt"
	"larder/schema"
)

// TestEveryVersionOfManifests: what dbt 1.3 to 1.11 left of one project becomes the same.
func TestEveryVersionOfManifests(t *testing.T) {
	want, err := os.ReadFile("testdata/shop.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"v7", "v8", "v9", "v10", "v11", "v12"} {
		m, err := dbt.ReadManifest(filepath.Join("testdata", version, "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := dbt.ReadCatalog(filepath.Join("testdata", version, "catalog.json"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := dbt.Import(m, dbt.Options{Catalog: c})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), check(t, r)+lines(r)+"\n"); diff != "" {
			t.Errorf("%s (-want +got):\n%s", version, diff)
		}
	}
}

// TestWithoutACatalog: the columns of a YAML file that have a data_type.
func TestWithoutACatalog(t *testing.T) {
	m, err := dbt.ReadManifest("testdata/v12/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := dbt.Import(m, dbt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Definitions.FeatureViews) > 0 || !strings.Contains(lines(r), `model customer_daily: the type of the join key "customer_id" is not known; run dbt docs generate`) ||
		!strings.Contains(lines(r), "snapshot tiers: its columns are not known; run dbt docs generate") {
		t.Errorf("got %s\n%s", check(t, r), lines(r))
	}
	r, err = imported(t, project(model("daily", `{"entity": "user", "join_keys": "user_id", "timestamp_field": "at"}`, []string{"user_id varchar(20)", "at timestamptz", "n int", "rest"})), dbt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Definitions.FeatureViews[0].Features; len(got) != 1 || got[0].Name != "n" || lines(r) != "model daily: 1 of its columns have no known type and are left out; run dbt docs generate after dbt run, or give the columns a data_type" {
		t.Errorf("got %v\n%s", got, lines(r))
	}
}

// TestKeysOfMeta: what each key of meta.larder becomes.
func TestKeysOfMeta(t *testing.T) {
	r, err := imported(t, project(
		model("a", `{"view": "v", "source": "src", "entities": ["user", {"name": "shop", "join_keys": "shop_id"}], "ttl": 0, "schedule": "5m", "max_run": "2h", "keep_old": "1d",
			"timestamp_field": "at", "created_timestamp_column": "seen", "deleted_column": "gone", "time_zone": "Asia/Tokyo", "lateness": "1d", "on_bad_row": "fail", "max_bad_share": 0.5,
			"features": ["n", "s"], "owner": "me", "tags": {"pii": false, "level": 3}}`,
			[]string{
				"user_id bigint | " + `"meta": {"larder": {"join_key": "user"}}`, "shop_id uuid", "at timestamp", "seen timestamptz", "gone boolean",
				"n numeric(18,0) | " + `"meta": {"larder": {"type": "float32", "default": 1.5, "tags": {"unit": "km"}}}, "description": "kilo\nmetres ", "tags": ["x", "larder"]`, "s citext", "left text",
			}, `"tags": ["larder", "hot"]`, `"group": "g"`),
		model("b", `{"entity": {"name": "user"}}`, []string{"user_id int", "when date | " + `"config": {"meta": {"larder": {"timestamp_field": true}}}`, "f real"}, `"config": {"meta": {"owner": "team", "larder": {"entity": {"name": "user"}, "time_zone": "UTC"}}}`),
	), dbt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hour, day, share := schema.Duration(3600e9), schema.Duration(24*3600e9), 0.5
	want := schema.Definitions{
		Entities: []schema.Entity{
			{Name: "user", JoinKeys: []schema.JoinKey{{Name: "user_id", Type: schema.Int64}}},
			{Name: "shop", JoinKeys: []schema.JoinKey{{Name: "shop_id", Type: schema.String}}},
		},
		Sources: []schema.Source{
			{
				Name: "src", Table: "s.a", TimestampField: "at", CreatedTimestampColumn: "seen", DeletedColumn: "gone", TimeZone: "Asia/Tokyo",
				Lateness: &day, OnBadRow: schema.FailBadRow, MaxBadShare: &share,
			},
			{Name: "b", Table: "s.b", TimestampField: "when", TimeZone: "UTC"},
		},
		FeatureViews: []schema.FeatureView{
			{
				Name: "v", Entities: []string{"user", "shop"}, Source: "src", Schedule: hour / 12, MaxRun: 2 * hour, KeepOld: &day, Owner: "me",
				Tags: map[string]string{"hot": "true", "pii": "false", "level": "3"},
				Features: []schema.Feature{
					{Name: "n", Type: schema.Float32, Default: float32(1.5), Description: "kilo\nmetres", Tags: map[string]string{"x": "true", "unit": "km"}},
					{Name: "s", Type: schema.String},
				},
			},
			{Name: "b", Entities: []string{"user"}, Source: "b", Owner: "team", Features: []schema.Feature{{Name: "f", Type: schema.Float32}}},
		},
	}
	if diff := cmp.Diff(want, r.Definitions); diff != "" || len(r.Report) > 0 {
		t.Errorf("(-want +got):\n%s%s", diff, lines(r))
	}
}

// TestWrongMeta: each key that doesn't exist and each value that it can't have, all at once.
func TestWrongMeta(t *testing.T) {
	f := func(meta, want string, columns ...string) {
		t.Helper()
		_, err := imported(t, project(model("daily", meta, append([]string{"id bigint", "at timestamptz", "n int"}, columns...))), dbt.Options{})
		if err == nil || !strings.Contains(err.Error(), "models/m.yml: model daily: "+want) {
			t.Errorf("%s: got %v, want %s", meta, err, want)
		}
	}
	column := func(meta string) string { return "c int | " + `"meta": {"larder": ` + meta + `}` }
	good := `{"entity": "user", "join_keys": ["id"], "timestamp_field": "at"}`
	f(`{"entitiy": "user"}`, `meta.larder.entitiy: there is no such key; did you mean "entity"?`)
	f(`{"entity": "user", "ttll": "1d", "x": 1}`, `meta.larder.ttll: there is no such key; did you mean "ttl"?`+"\nmodels/m.yml: model daily: meta.larder.x: there is no such key; ")
	f(`{"ttl": "1 day"}`, `meta.larder.ttl: "1 day" is not a duration; write`)
	f(`{"ttl": 30}`, "meta.larder.ttl: it must be a duration, as in 30s")
	f(`{"lateness": null}`, "meta.larder.lateness: it must be a duration")
	f(`{"view": 1}`, "meta.larder.view: it must be a text")
	f(`{"view": ""}`, "meta.larder.view: it must be a text")
	f(`{"join_keys": ["id"]}`, "meta.larder.join_keys: it belongs to one entity; write entity: NAME beside it")
	f(`{"entity": {"name": "user", "join_keys": ["id"]}, "join_keys": ["id"]}`, "meta.larder.join_keys: the entity has join keys of its own")
	f(`{"entities": ["a", "b"], "join_keys": ["id"]}`, "meta.larder.join_keys: it belongs to one entity")
	f(`{"entity": []}`, "meta.larder.entity: it must be a name, or {name: NAME")
	f(`{"entity": {"join_keys": ["id"]}}`, "meta.larder.entity: it has no name")
	f(`{"entity": {"name": "user", "keys": ["id"]}}`, `meta.larder.entity.keys: there is no such key; did you mean "join_keys"?`)
	f(`{"entities": ["a", 7]}`, "meta.larder.entities[1]: it must be a name")
	f(`{"entities": "a"}`, "meta.larder.entities: it must be a list of entities")
	f(`{"skip": []}`, "meta.larder.skip: it must be a list of columns")
	f(`{"skip": ["a", "a"]}`, "meta.larder.skip: it must be a list of columns, each once")
	f(`{"skip": [null]}`, "meta.larder.skip: it must be a list of columns")
	f(`{"max_bad_share": "much"}`, "meta.larder.max_bad_share: it must be a number from 0 to 1")
	f(`{"tags": {"a": []}}`, `meta.larder.tags: the value of "a" must be a text`)
	f(`{"tags": ["a"]}`, "meta.larder.tags: it must be an object of texts")
	f(`{"view": "a", "view": "b"}`, "meta.larder.view: it is there twice; keep one")
	f(`"yes"`, "meta.larder: it must be an object of keys, or true")
	f(`[]`, "meta.larder: it must be an object of keys, or true")
	f(good, `column c: meta.larder.typ: there is no such key; did you mean "type"?`, column(`{"typ": "int64"}`))
	f(good, `column c: meta.larder.type: no type "bigint"; did you mean "int64"?`, column(`{"type": "bigint"}`))
	f(good, `column c: meta.larder.default: "x" is not`, column(`{"default": "x"}`))
	f(good, "column c: meta.larder.skip: it must be true or false", column(`{"skip": "yes"}`))
	f(good, "column c: meta.larder.join_key: it must be true, or the name of the entity", column(`{"join_key": 1}`))
	f(good, "column c: meta.larder: it must be an object of keys", column(`7`))
}

// TestWhatIsLeftOut: a line for each, with what to do.
func TestWhatIsLeftOut(t *testing.T) {
	columns := []string{"id bigint", "at timestamptz", "n int"}
	f := func(want string, nodes ...string) {
		t.Helper()
		r, err := imported(t, project(nodes...), dbt.Options{})
		if err != nil {
			t.Errorf("%s: %v", want, err)
			return
		}
		if got := lines(r); !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	const good = `{"entity": "user", "join_keys": ["id"], "timestamp_field": "at"}`
	f("model m: nothing says whose features it has; add entity: NAME and join_keys: [COLUMN] to its meta.larder", model("m", "true", columns))
	f("model m: nothing says when its rows were true; add timestamp_field: COLUMN to its meta.larder, such as at", model("m", "{}", columns))
	f(`model m: the entity "user" has no join keys in any node; add join_keys: [COLUMN]`, model("m", `{"entity": "user", "timestamp_field": "at"}`, columns))
	f(`model m: it has no column "idd", the join key of user; did you mean "id"?`, model("m", `{"entity": "user", "join_keys": ["idd"], "timestamp_field": "at"}`, columns))
	f(`model m: the join key "id" has the type real, and keys are`, model("m", good, []string{"id real", "at timestamptz", "n int"}))
	f(`model m: the join key "id" has the type bigint[], and keys are`, model("m", good, []string{"id bigint[]", "at timestamptz", "n int"}))
	f(`model m: the join key "id" has no time zone; add time_zone: UTC`, model("m", good, []string{"id date", "at timestamptz", "n int"}))
	f(`model m: timestamp_field is "at", which has no time zone; add time_zone: UTC`, model("m", good, []string{"id bigint", "at timestamp", "n int"}))
	f(`model m: timestamp_field is "at", which has the type text; name a column that is a timestamptz`, model("m", good, []string{"id bigint", "at text", "n int"}))
	f(`model m: deleted_column is "n", which has the type int; name a column that is a boolean`, model("m", `{"entity": "user", "join_keys": ["id"], "timestamp_field": "at", "deleted_column": "n"}`, columns))
	f(`model m: no column of it is left to be a feature`, model("m", good, columns[:2]))
	f(`model m: the column "x" is left out: it has the type interval, which Larder doesn't know; cast it`, model("m", good, append(columns, "x interval")))
	f(`model m: the column "x" is left out: it has the type timestamp, without a time zone; add time_zone`, model("m", good, append(columns, "x timestamp")))
	f(`model m: the column "a-b" is left out: its name is not of letters, digits and _ alone; rename it`, model("m", good, append(columns, "a-b int")))
	f(`model m: no time zone "Mars"; write an IANA name`, model("m", `{"entity": "user", "join_keys": ["id"], "timestamp_field": "at", "time_zone": "Mars"}`, columns))
	f(`model m: feature view "m": schedule must be 1s or longer`, model("m", `{"entity": "user", "join_keys": ["id"], "timestamp_field": "at", "schedule": "1ms"}`, columns))
	f(`model m: feature view name "1-m": use letters`, model("m", `{"view": "1-m", "entity": "user", "join_keys": ["id"], "timestamp_field": "at"}`, columns))
	f(`model b: its view "v" has the name of that of model a; add view: NAME`,
		model("a", `{"view": "v", "entity": "user", "join_keys": ["id"], "timestamp_field": "at"}`, columns), model("b", `{"view": "v", "entity": "user", "timestamp_field": "at"}`, columns))
	f(`model b: its source "s" has the name of another; add source: NAME`,
		model("a", `{"source": "s", "entity": "user", "join_keys": ["id"], "timestamp_field": "at"}`, columns), model("b", `{"source": "s", "entity": "user", "timestamp_field": "at"}`, columns))
	f(`model b: its entity "user" has the join keys n, and id in model a; name the columns alike`, model("a", good, columns), model("b", `{"entity": "user", "join_keys": ["n"], "timestamp_field": "at"}`, columns))
	f(`model b: the join key "id" is string in it, and int64 in another node; cast it`, model("a", good, columns), model("b", good, []string{"id text", "at timestamptz", "n int"}))
	f("model m: it is ephemeral, and has no table; materialize it", `"model.shop.m": {"resource_type": "model", "name": "m", "tags": "larder", "config": {"materialized": "ephemeral"}}`)
	f("model m: its columns are not known; run dbt docs generate", `"model.shop.m": {"resource_type": "model", "name": "m", "config": {"tags": ["larder"]}}`)

	other := strings.Replace(project(model("m", good, columns)), `"adapter_type": "postgres"`, `"adapter_type": "snowflake"`, 1)
	r, err := imported(t, other, dbt.Options{})
	if err != nil || lines(r) != "model m: its table is in snowflake, and Larder reads Postgres; copy it to a Postgres: as a Parquet file with larder load, or with dbt-postgres" {
		t.Errorf("another adapter: %v\n%s", err, lines(r))
	}
	off := strings.TrimSuffix(project(), "}") + `, "disabled": {"model.shop.m": [{"resource_type": "model", "name": "m", "tags": ["larder"]}], "test.shop.t": [{"resource_type": "test", "name": "t", "tags": ["larder"]}]}}`
	r, err = imported(t, off, dbt.Options{})
	if err != nil || lines(r) != "model m: it is disabled, and dbt makes no table of it; enable it in dbt, or take the mark away" {
		t.Errorf("a disabled node: %v\n%s", err, lines(r))
	}
}

// TestMarks: who is imported.
func TestMarks(t *testing.T) {
	columns := []string{"id bigint", "at timestamptz", "n int"}
	const good = `{"entity": "user", "join_keys": ["id"], "timestamp_field": "at"}`
	f := func(opts dbt.Options, want, node string) {
		t.Helper()
		r, err := imported(t, project(node), opts)
		got := "no"
		switch {
		case err != nil:
			got = err.Error()
		case len(r.Definitions.FeatureViews) == 1:
			got = "yes"
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", node, got, want)
		}
	}
	f(dbt.Options{}, "yes", model("m", good, columns))
	f(dbt.Options{Tag: "other"}, "yes", model("m", good, columns))
	f(dbt.Options{}, "yes", model("m", "true", []string{"n int", `id int | "meta": {"larder": {"join_key": "user"}}`, `at timestamptz | "meta": {"larder": {"timestamp_field": true}}`}))
	f(dbt.Options{}, `no model, snapshot, seed or source of the project carries the tag "larder"`, model("m", "null", columns))
	f(dbt.Options{}, "no model", model("m", "null", columns, `"tags": ["other"]`))
	f(dbt.Options{Tag: "other"}, "no", model("m", "null", columns, `"tags": ["other"]`))
	f(dbt.Options{}, "no model", model("m", "false", columns, `"tags": ["larder"]`))
}

// TestSnapshots: the columns that dbt adds are no features, and its validity is the time.
func TestSnapshots(t *testing.T) {
	names := `"snapshot_meta_column_names": {"dbt_valid_from": "since", "dbt_valid_to": null}`
	columns := `"columns": {"id": {"data_type": "integer"}, "tier": {"data_type": "text"}, "dbt_scd_id": {"data_type": "text"}, "since": {"data_type": "timestamptz"}, "dbt_valid_to": {"data_type": "timestamptz"}, "dbt_updated_at": {"data_type": "timestamptz"}}`
	r, err := imported(t, project(`"snapshot.shop.tiers": {"resource_type": "snapshot", "name": "tiers", "relation_name": "shop.\"Ti\"\"ers\"", "config": {"unique_key": "id", "meta": {"larder": {"entity": "user"}}, `+names+`}, `+columns+`}`), dbt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := schema.Definitions{
		Entities:     []schema.Entity{{Name: "user", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}}},
		Sources:      []schema.Source{{Name: "tiers", Table: `shop.Ti"ers`, TimestampField: "since"}},
		FeatureViews: []schema.FeatureView{{Name: "tiers", Entities: []string{"user"}, Source: "tiers", Features: []schema.Feature{{Name: "tier", Type: schema.String}}}},
	}
	if diff := cmp.Diff(want, r.Definitions); diff != "" || len(r.Report) > 0 {
		t.Errorf("(-want +got):\n%s%s", diff, lines(r))
	}
}

// TestTables: which table a node has.
func TestTables(t *testing.T) {
	columns := []string{"id bigint", "at timestamptz", "n int"}
	f := func(wantTable, wantQuery, more string) {
		t.Helper()
		r, err := imported(t, project(model("m", `{"entity": "user", "join_keys": ["id"], "timestamp_field": "at"}`, columns, more)), dbt.Options{})
		if err != nil || len(r.Definitions.Sources) != 1 {
			t.Errorf("%s: %v", more, err)
			return
		}
		if s := r.Definitions.Sources[0]; s.Table != wantTable || s.Query != wantQuery {
			t.Errorf("%s: got table %q, query %q", more, s.Table, s.Query)
		}
	}
	f("s.m", "", `"version": null`)
	f("shop.Daily", "", `"relation_name": "\"db\".\"shop\".\"Daily\""`)
	f("shop.daily", "", `"relation_name": "DB.Shop.Daily"`)
	f("s.other", "", `"alias": "other"`)
	f("s.m", "", `"relation_name": "\"db"`)
	f("s.m", "", `"relation_name": "\"db\"x"`)
	f("", `SELECT * FROM "s"."a.b"`, `"relation_name": "\"db\".\"s\".\"a.b\""`)
	f("", `SELECT * FROM "m"`, `"schema": null`)
}

func TestVersionsOfModelsHaveNamesOfTheirOwn(t *testing.T) {
	columns := []string{"id bigint", "at timestamptz", "n int"}
	const good = `{"entity": "user", "join_keys": ["id"], "timestamp_field": "at"}`
	two := strings.Replace(model("m", good, columns, `"version": 2, "alias": "m_v2"`), "model.shop.m", "model.shop.m.v2", 1)
	r, err := imported(t, project(model("m", good, columns), two), dbt.Options{})
	if err != nil || len(r.Definitions.FeatureViews) != 2 || r.Definitions.FeatureViews[1].Name != "m_v2" || r.Definitions.Sources[1].Table != "s.m_v2" {
		t.Errorf("%v: %+v\n%s", err, r, lines(r))
	}
}

func TestTypesOfPostgres(t *testing.T) {
	f := func(pg, want string) {
		t.Helper()
		r, err := imported(t, project(model("m", `{"entity": "user", "join_keys": ["id"], "timestamp_field": "at", "time_zone": "UTC"}`, []string{"id bigint", "at timestamptz", "ok bool", "x " + pg})), dbt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		if features := r.Definitions.FeatureViews[0].Features; len(features) == 2 {
			got = features[1].Type.String()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", pg, got, want)
		}
	}
	for pg, want := range map[string]string{
		"boolean": "bool", "BOOL": "bool", "smallint": "int64", "integer": "int64", "bigint": "int64", "serial": "int64", "real": "float32", "double precision": "float64", "Double  Precision": "float64",
		"float8": "float64", "numeric": "float64", "numeric(10,2)": "float64", "numeric(18, 0)": "int64", "numeric(18)": "int64", "numeric(19)": "float64", "decimal(3,0)": "int64",
		"text": "string", "character varying(256)": "string", "character varying": "string", "varchar(3)": "string", "character(1)": "string", "char": "string", "citext": "string", "uuid": "string", "jsonb": "string",
		"bytea": "bytes", "timestamp with time zone": "timestamp", "timestamp(3) with time zone": "timestamp", "timestamp(3) without time zone": "timestamp", "timestamptz": "timestamp", "date": "timestamp",
		"integer[]": "list<int64>", "text[]": "list<string>", "character varying(10)[]": "list<string>", "numeric(10,2)[]": "list<float64>", "timestamp with time zone[]": "list<timestamp>",
		"vector(3)": "vector<float32, 3>", "vector": "list<float32>", "halfvec(2)": "vector<float32, 2>", "vector(0)": "list<float32>", "vector(99999999)": "list<float32>",
		"interval": "none", "inet": "none", "mood": "none", "integer[][]": "none", "time without time zone": "none", "vector(3)[]": "none", "()": "none", "[]": "none",
	} {
		f(pg, want)
	}
}

// TestExpectations: what dbt tests, in words.
func TestExpectations(t *testing.T) {
	f := func(want, test string) {
		t.Helper()
		nodes := []string{
			model("m", `{"entity": "user", "join_keys": ["id"], "timestamp_field": "at"}`, []string{"id bigint", "at timestamptz", "n int"}),
			`"test.shop.t": {"resource_type": "test", ` + test + `, "depends_on": {"nodes": ["model.shop.m"]}}`,
		}
		r, err := imported(t, project(nodes...), dbt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if text := check(t, r); !strings.Contains(text, want) {
			t.Errorf("%s: got %s", test, text)
		}
	}
	f("      # expect: not null\n      - name: \"n\"", `"column_name": "n", "test_metadata": {"name": "not_null"}`)
	f("# expect: unique", `"column_name": "N", "test_metadata": {"name": "unique"}, "attached_node": "model.shop.m"`)
	f("# expect: one of 1, 2.50, a, null", `"column_name": "n", "test_metadata": {"name": "accepted_values", "kwargs": {"values": [1, 2.50, "a", null]}}`)
	f("# expect: found in users.id", `"column_name": "n", "test_metadata": {"name": "relationships", "kwargs": {"to": "ref('users')", "field": "id"}}`)
	f("# expect: >= 0\n", `"column_name": "n", "test_metadata": {"name": "accepted_range", "namespace": "dbt_utils", "kwargs": {"min_value": 0}}`)
	f("# expect: > 0 and < 1\n", `"column_name": "n", "test_metadata": {"name": "expect_column_values_to_be_between", "namespace": "dbt_expectations", "kwargs": {"min_value": 0, "max_value": 1, "strictly": true}}`)
	f("# expect: dbt_utils.not_null_proportion(at_least: 0.95, by: [a, b])\n", `"column_name": "n", "test_metadata": {"name": "not_null_proportion", "namespace": "dbt_utils", "kwargs": {"at_least": 0.95, "by": ["a", "b"], "model": "x"}}`)
	f("# expect: not null where n > 0 (dbt warns only)\n", `"column_name": "n", "test_metadata": {"name": "not_null"}, "config": {"where": "n > 0", "severity": "warn"}`)
	f("  # expect id: unique\n  - name: m", `"column_name": "id", "test_metadata": {"name": "unique"}`)
	f("  # expect: unique by id, at\n  - name: m", `"test_metadata": {"name": "unique_combination_of_columns", "kwargs": {"combination_of_columns": ["id", "at"]}}`)
	f("# expect: one of a\n      # sources: []", `"column_name": "n", "test_metadata": {"name": "accepted_values", "kwargs": {"values": ["a\nsources: []"]}}`)
	f("# expect: accepted_values(values: x)", `"column_name": "n", "test_metadata": {"name": "accepted_values", "kwargs": {"values": "x"}}`)
}

func TestFilesThatAreNoManifest(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := read(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %s", text, err, want)
		}
	}
	f("", "it is not a manifest of dbt, or a damaged one")
	f("[]", "an object was expected")
	f("{}", "it has no metadata with a dbt_schema_version; name target/manifest.json")
	f(project()[:200], "a damaged one")
	f(strings.Replace(project(), "v12", "v6", 1), "its schema is v6, of dbt 1.11.0, and v7 to v12 are read; make it with dbt 1.3 or newer")
	f(strings.Replace(project(), "v12", "v13", 1), "its schema is v13, of dbt 1.11.0, and v7 to v12 are read")
	f(strings.Replace(project(), "manifest/v12", "catalog/v1", 1), "it is not a manifest of dbt")
	f(project(`"model.shop.m": []`), "model.shop.m: ")
	f(project(`"model.shop.m": {"resource_type": "model", "columns": []}`), "model.shop.m: ")
	f(strings.Repeat(`{"nodes":`, 20_000), "a damaged one")

	big := filepath.Join(t.TempDir(), "big.json")
	if err := os.WriteFile(big, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, dbt.MaxBytes+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{big: "at most 536870912 are read", t.TempDir(): "is a folder; name the file"} {
		if _, err := dbt.ReadManifest(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, err := dbt.ReadCatalog(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := dbt.ReadCatalog("testdata/v12/manifest.json"); err == nil || !strings.Contains(err.Error(), "it is not a catalog of dbt") {
		t.Errorf("a manifest as the catalog: %v", err)
	}
}

// FuzzImport: whatever a manifest and a catalog say, what is written is valid.
func FuzzImport(f *testing.F) {
	const good = `{"entity": "user", "join_keys": ["id"], "timestamp_field": "at", "tags": {"a: b": 1}, "time_zone": "UTC"}`
	const catalog = `{"metadata": {"dbt_schema_version": "/catalog/v1"}, "nodes": {"model.shop.m": {"metadata": {"schema": "s", "name": "m"},
		"columns": {"id": {"type": "bigint"}, "at": {"type": "date"}, "n": {"type": "text[]", "index": 7}}}}}`
	f.Add(project(model("m", good, []string{"id bigint", "at timestamptz", `n int | "meta": {"larder": {"default": 1}}, "description": " \u0000\n# x"`})), "")
	f.Add(project(model("m", good, []string{"n"}), `"test.t": {"resource_type": "test", "column_name": "n", "attached_node": "model.shop.m", "test_metadata": {"name": "unique"}}`), catalog)
	f.Add(project(`"snapshot.s": {"resource_type": "snapshot", "name": "s", "relation_name": "\"a\".b", "config": {"unique_key": ["id"], "meta": {"larder": {"entity": "e"}}}, "columns": {"id": {"data_type": "int"}, "x": {"data_type": "real"}}}`), "")
	f.Fuzz(func(t *testing.T, manifest, catalog string) {
		m, err := dbt.ParseManifest(manifest)
		if err != nil {
			return
		}
		var opts dbt.Options
		if c, err := dbt.ParseCatalog(catalog); err == nil {
			opts.Catalog = c
		}
		if r, err := dbt.Import(m, opts); err == nil {
			check(t, r)
		}
	})
}

// FuzzTexts: the same of what people write into a project.
func FuzzTexts(f *testing.F) {
	f.Add(`{"entity": "user", "join_keys": ["id"], "timestamp_field": "at"}`, "m", "n", "int", "text")
	f.Add(`{"entity": "user", "join_keys": ["id"], "timestamp_field": "at", "ttl": "1d", "tags": {"a": true}, "view": "x"}`, "a.b", "N", "date", "a: b\n# c")
	f.Add(`{"entities": [{"name": "user", "join_keys": ["id"]}], "timestamp_field": "at", "time_zone": "UTC", "skip": "n"}`, `"`, "select", "vector(3)", "\u0085- |")
	f.Fuzz(func(t *testing.T, meta, name, column, typ, said string) {
		if !json.Valid([]byte(meta)) {
			return
		}
		text := func(s string) string {
			raw, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			return string(raw)
		}
		node := `"model.x": {"resource_type": "model", "name": ` + text(name) + `, "schema": "s", "description": ` + text(said) + `, "tags": [` + text(said) + `],
			"config": {"meta": {"larder": ` + meta + `, "owner": ` + text(said) + `}}, "columns": {"id": {"data_type": "bigint"}, "at": {"data_type": "timestamptz"},
			` + text(column) + `: {"data_type": ` + text(typ) + `, "description": ` + text(said) + `, "tags": ` + text(said) + `}}},
			"test.x": {"resource_type": "test", "column_name": ` + text(column) + `, "attached_node": "model.x", "test_metadata": {"name": ` + text(said) + `, "kwargs": {` + text(said) + `: ` + text(said) + `}}}`
		m, err := dbt.ParseManifest(project(node))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := dbt.Import(m, dbt.Options{}); err == nil {
			check(t, r)
		}
	})
}
