package schema_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/schema"
)

// TestDiff: the text of each change of a definition, and its effect.
func TestDiff(t *testing.T) {
	f := func(want []string, oldnew ...string) {
		t.Helper()
		before, after := read(t, base), read(t, changed(t, oldnew...))
		storage := schema.Storage{}.Evolve(before, 0)
		var got []string
		for _, c := range schema.Diff(before, after, storage, storage.Evolve(after, 0)) {
			line := fmt.Sprintf("%c %s %s", "?+-~"[c.Action], c.Noun, c.Name)
			if c.Field != "" {
				line += fmt.Sprintf(" %s: %s -> %s", c.Field, c.Before, c.After)
			}
			if c.Effect != "" {
				line += " (" + c.Effect + ")"
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", oldnew, diff)
		}
	}
	const (
		reread  = "larder materialize --full spend reads all rows again"
		retrain = "the vector changes: models trained on the old one must be retrained"
	)
	f(nil)
	f([]string{
		"+ feature view more (NOT_FOUND until it is materialized)",
		"- feature view pair (its rows are kept for 1h and then deleted)",
		`- feature service fraud_v1 features.pair:seen: "pair:seen" ->  (` + retrain + ")",
	}, `"pair", "entities"`, `"more", "entities"`, `"pair:seen", `, "")
	f([]string{"~ feature view spend ttl: \"30d\" -> \"7d\" (applies to stored rows at once)"}, `"30d"`, `"7d"`)
	f([]string{"- feature view spend ttl: \"30d\" ->  (applies to stored rows at once)"}, `"30d"`, `"0"`)
	f([]string{`+ feature view spend expect:  -> {"rows":{"min":5},"features":[{"name":"n","min":0}]} (is checked from the next run on)`},
		`"30d"`, `"30d", "expect": {"rows": {"min": 5}, "features": [{"name": "n", "min": 0}]}`)
	f([]string{"+ feature view spend schedule:  -> \"5m\""}, `"30d"`, `"30d", "schedule": "5m"`)
	f([]string{"~ feature view spend features.n.default: 0 -> 7 (answers change at once)"}, `"default": 0`, `"default": 7`)
	f([]string{"- feature view spend features.n.default: 0 ->  (answers change at once)"}, `, "default": 0`, "")
	f([]string{"+ feature view spend features.n.description:  -> \"count\""}, `, "default": 0`, `, "default": 0, "description": "count"`)
	f([]string{"~ feature view spend features.n.type: \"int64\" -> \"int32\" (feature view spend is filled again beside its old rows, which answer until then; model fraud scores from them; then all changes of this version take effect at once)"}, `"n", "type": "int64"`, `"n", "type": "int32"`)
	f([]string{
		`+ feature view spend features.most:  -> {"name":"most","type":"float64"} (null in stored rows until they are materialized again; ` + reread + ")",
		`~ feature service fraud_v1 features.spend:*: ["n","mean"] -> ["n","most","mean"] (` + retrain + ")",
	}, `{"name": "mean"`, `{"name": "most", "type": "float64"}, {"name": "mean"`)
	f([]string{
		`- feature view spend features.mean: {"name":"mean","type":"float64"} ->  (its stored values are no longer read)`,
		`~ feature service fraud_v1 features.spend:*: ["n","mean"] -> ["n"] (` + retrain + ")",
	}, dropMean, "]")
	f([]string{"~ entity customer join_keys.customer_id.type: \"int64\" -> \"string\" (feature views spend, pair are filled again beside their old rows, which answer until then; model fraud scores from them; then all changes of this version take effect at once)"},
		`"customer_id", "type": "int64"`, `"customer_id", "type": "string"`)
	f([]string{"~ entity terminal join_keys.terminal_id.type: \"string\" -> \"int64\" (feature view pair is filled again beside its old rows, which answer until then; model fraud scores from them; then all changes of this version take effect at once)"},
		`"terminal_id", "type": "string"`, `"terminal_id", "type": "int64"`)
	f([]string{"~ source daily table: \"daily\" -> \"hourly\" (stored rows stay until their keys are materialized again; " + reread + ")"}, `"table": "daily"`, `"table": "hourly"`)
	f([]string{"~ source daily created_timestamp_column: \"arrived\" -> \"loaded\" (feature view spend is filled again beside its old rows, which answer until then; model fraud scores from them; then all changes of this version take effect at once)"},
		`"arrived"`, `"loaded"`)
	f([]string{"+ source daily lateness:  -> \"1h\""}, `"arrived"`, `"arrived", "lateness": "1h"`)
	f([]string{"~ feature view pair entities: [\"customer\",\"terminal\"] -> [\"terminal\",\"customer\"] (feature view pair is filled again beside its old rows, which answer until then; model fraud scores from them; then all changes of this version take effect at once)"},
		`["customer", "terminal"]`, `["terminal", "customer"]`)
	f([]string{`~ feature service fraud_v1 features: ["spend:*","pair:seen","request:amount"] -> ["pair:seen","spend:*","request:amount"] (the order of the vector changes: models trained on the old order must be retrained)`},
		`"spend:*", "pair:seen"`, `"pair:seen", "spend:*"`)
	f([]string{"~ feature service fraud_v1 request.amount.type: \"float64\" -> \"float32\" (" + retrain + ")"}, `"amount", "type": "float64"`, `"amount", "type": "float32"`)
	f([]string{"~ feature service fraud_v1 request.amount.default: 1 -> 2 (answers change at once)"}, `"default": 1`, `"default": 2`)
	f([]string{`+ feature service fraud_v1 request.place:  -> {"name":"place","type":"string"} (requests must send it)`}, `"default": 1}`, `"default": 1}, {"name": "place", "type": "string"}`)
	f([]string{"~ model fraud serve: 1 -> 2 (requests that name no version are scored by version 2 at once)"}, `"serve": 1`, `"serve": 2`)
	f([]string{`- model fraud versions.2: {"version":2,"onnx":"two.onnx","sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"} ->  (requests that name it are refused)`, "- model fraud serve: 1 ->  (version 1 still scores requests that name no version)"},
		",\n    {\"version\": 2, \"onnx\": \"two.onnx\", \"sha256\": \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"}", "", `, "serve": 1`, "")
	f([]string{"+ model fraud on_missing:  -> \"fail\" (answers change at once)"}, `"serve": 1`, `"serve": 1, "on_missing": "fail"`)
	f([]string{`- model fraud versions.2: {"version":2,"onnx":"two.onnx","sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"} ->  (requests that name it are refused)`},
		",\n    {\"version\": 2, \"onnx\": \"two.onnx\", \"sha256\": \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"}", "")
	f(nil, "two.onnx", "zwei.onnx")
	f([]string{"+ model fraud versions.2.column:  -> 1 (scores change at once)"}, `"two.onnx"`, `"two.onnx", "column": 1`)
	f(nil, `{"name": "customer", "join_keys": [{"name": "customer_id", "type": "int64"}]},`, "",
		`{"name": "terminal", "join_keys": [{"name": "terminal_id", "type": "string"}]}`,
		`{"name": "terminal", "join_keys": [{"name": "terminal_id", "type": "string"}]}, {"name": "customer", "join_keys": [{"name": "customer_id", "type": "int64"}]}`)
}

// TestDiffOfAFeatureThatReturns: stored rows may still hold its old values.
func TestDiffOfAFeatureThatReturns(t *testing.T) {
	with, without := read(t, base), read(t, changed(t, dropMean, "]"))
	storage := schema.Storage{}.Evolve(with, 0).Evolve(without, 0)
	changes := schema.Diff(without, with, storage, storage.Evolve(with, 0))
	const want = "rows stored while the view had this feature return its old values; larder materialize --full spend reads all rows again"
	if len(changes) == 0 || changes[0].Field != "features.mean" || changes[0].Effect != want {
		t.Errorf("%+v", changes)
	}
}

// TestDiffOfRoles: what a role allows has no names, and is compared as a whole.
func TestDiffOfRoles(t *testing.T) {
	role := func(actions ...string) *schema.Definitions {
		r := schema.Role{Name: "r"}
		for _, a := range actions {
			r.Allow = append(r.Allow, schema.Allowance{Actions: []string{a}, Resources: []string{"model:" + a}})
		}
		return &schema.Definitions{Roles: []schema.Role{r}}
	}
	f := func(before, after *schema.Definitions, want ...string) {
		t.Helper()
		var got []string
		for _, c := range schema.Diff(before, after, schema.Storage{}, schema.Storage{}) {
			got = append(got, fmt.Sprintf("%s %s: %s -> %s", c.Name, c.Field, c.Before, c.After))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(role("score", "read", "push"), role("score", "read", "push"))
	f(role("score", "read"), role("score"), `r allow: [{"actions":["score"],"resources":["model:score"]},{"actions":["read"],"resources":["model:read"]}] -> [{"actions":["score"],"resources":["model:score"]}]`)
}
