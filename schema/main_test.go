package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"larder/schema"
)

// base is definitions in JSON; the tests change it by replacing text.
const base = `{
"entities": [
  {"name": "customer", "join_keys": [{"name": "customer_id", "type": "int64"}]},
  {"name": "terminal", "join_keys": [{"name": "terminal_id", "type": "string"}]}],
"sources": [
  {"name": "daily", "table": "daily", "timestamp_field": "at", "created_timestamp_column": "arrived"},
  {"name": "pairs", "query": "SELECT 1", "timestamp_field": "at"}],
"feature_views": [
  {"name": "spend", "entities": ["customer"], "source": "daily", "ttl": "30d", "features": [
    {"name": "n", "type": "int64", "default": 0},
    {"name": "mean", "type": "float64"}]},
  {"name": "pair", "entities": ["customer", "terminal"], "source": "pairs", "features": [{"name": "seen", "type": "bool"}]}],
"feature_services": [
  {"name": "fraud_v1", "request": [{"name": "amount", "type": "float64", "default": 1}], "features": ["spend:*", "pair:seen", "request:amount"]}],
"models": [
  {"name": "fraud", "feature_service": "fraud_v1", "serve": 1, "versions": [
    {"version": 1, "onnx": "one.onnx", "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    {"version": 2, "onnx": "two.onnx", "sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}]}]
}`

// dropMean is the text to replace with ] to remove the second feature of spend.
const dropMean = ",\n    {\"name\": \"mean\", \"type\": \"float64\"}]"

// changed is base with pairs of texts replaced; each old text must be in base.
func changed(t *testing.T, oldnew ...string) string {
	t.Helper()
	text := base
	for i := 0; i < len(oldnew); i += 2 {
		if strings.Count(text, oldnew[i]) != 1 {
			t.Fatalf("%q is %d times in the definitions", oldnew[i], strings.Count(text, oldnew[i]))
		}
		text = strings.Replace(text, oldnew[i], oldnew[i+1], 1)
	}
	return text
}

func read(t testing.TB, text string) *schema.Definitions {
	t.Helper()
	defs := new(schema.Definitions)
	if err := json.Unmarshal([]byte(text), defs); err != nil {
		t.Fatal(err)
	}
	if err := defs.Validate(); err != nil {
		t.Fatal(err)
	}
	return defs
}

func catalog(t testing.TB, text string) *schema.Catalog {
	t.Helper()
	defs := read(t, text)
	c, err := schema.Compile(7, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
