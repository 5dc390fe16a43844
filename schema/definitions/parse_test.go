package definitions_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/schema"
	"larder/schema/definitions"
)

// good is a complete set of definitions that uses every field.
const good = `# Card transactions.
entities:
  - name: customer
    description: Holder of a card
    join_keys: [{name: customer_id, type: int64}]
    owner: risk@example.com
    tags: {team: risk}
  - {name: terminal, join_keys: [{name: terminal_id, type: string}]}
sources:
  - name: customer_daily
    table: fraud.customer_daily
    timestamp_field: event_time
    created_timestamp_column: loaded_at
    time_zone: Europe/Berlin
    deleted_column: gone
    lateness: 1h30m
    on_bad_row: skip
    max_bad_share: 0.05
  - name: terminal_daily
    query: |
      SELECT *
      FROM fraud.terminal_daily
    timestamp_field: event_time
feature_views:
  - name: customer_spend
    entities: [customer]
    source: customer_daily
    ttl: 30d
    schedule: 5m
    features:
      - {name: txn_count_7d, type: int64, default: 0}
      - {name: avg_amount_7d, type: float64, default: .nan}
      - {name: favourites, type: list<string>, default: [a, "7"]}
      - {name: since, type: timestamp, default: 2026-01-31T10:00:00Z}
      - name: embedding
        type: vector<float32, 3>
        default: [0, 0.5, -1]
      - {name: counts, type: "vector<int64,2>"}
  - name: pair
    entities: [customer, terminal]
    source: terminal_daily
    ttl: 0
    features: [{name: seen, type: bool, default: false}]
feature_services:
  - name: fraud_v1
    request: [{name: amount, type: float32, default: 1}]
    features: ["request:amount", "customer_spend:*", "pair:seen"]
models:
  - name: fraud
    feature_service: fraud_v1
    versions:
      - {version: 1, onnx: models/fraud-1.onnx, sha256: 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a, output: probabilities, column: 1}
    serve: 1
    on_missing: fail
`

func source(text string) []definitions.File {
	return []definitions.File{{Name: "a.yaml", Data: []byte(text)}}
}

func TestParseReadsEveryField(t *testing.T) {
	defs, err := definitions.Parse(source(good))
	if err != nil {
		t.Fatal(err)
	}
	view, s := defs.FeatureViews[0], defs.Sources[0]
	if got, want := view.TTL.String(), "30d"; got != want {
		t.Errorf("ttl %s, want %s", got, want)
	}
	if s.Lateness.String() != "1h30m" || *s.MaxBadShare != 0.05 || s.OnBadRow != schema.SkipBadRow {
		t.Errorf("source %+v", s)
	}
	if got, want := defs.Sources[1].Query, "SELECT *\nFROM fraud.terminal_daily\n"; got != want {
		t.Errorf("query %q, want %q", got, want)
	}
	if got, want := view.Features[2].Default, []any{"a", "7"}; !cmp.Equal(got, any(want)) {
		t.Errorf("default %v, want %v", got, want)
	}
	if got := defs.FeatureServices[0].Request[0].Default; got != float32(1) {
		t.Errorf("default %v (%T), want float32 1", got, got)
	}
	if v := defs.Models[0].Versions[0]; *v.Column != 1 || v.Output != "probabilities" || v.Version != 1 {
		t.Errorf("version %+v", v)
	}
	if _, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0)); err != nil {
		t.Error(err)
	}
}

func TestParseMergesFilesAndDocuments(t *testing.T) {
	defs, err := definitions.Parse([]definitions.File{
		{Name: "a.yaml", Data: []byte("entities: [{name: a, join_keys: [{name: k, type: int64}]}]\n---\n# nothing\n---\nentities: [{name: b, join_keys: [{name: k, type: int64}]}]\n")},
		{Name: "b.yaml", Data: nil},
		{Name: "c.yaml", Data: []byte("\uFEFFentities:\r\n  - name: c\r\n    join_keys: [{name: k, type: int64}]\r\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range defs.Entities {
		got = append(got, e.Name)
	}
	if want := []string{"a", "b", "c"}; !cmp.Equal(got, want) {
		t.Errorf("entities %v, want %v", got, want)
	}
}
