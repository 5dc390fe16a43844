package schema_test

import (
	"strings"
	"testing"
)

// TestPlanFingerprint: it changes only with what decides a value of the plan.
func TestPlanFingerprint(t *testing.T) {
	fingerprint := func(text string) string {
		t.Helper()
		p, err := catalog(t, text).ServicePlan("fraud_v1")
		if err != nil {
			t.Fatal(err)
		}
		return p.Fingerprint()
	}
	before := fingerprint(base)
	f := func(wantSame bool, oldnew ...string) {
		t.Helper()
		if same := fingerprint(changed(t, oldnew...)) == before; same != wantSame {
			t.Errorf("with %q for %q, the same fingerprint: %v, want %v", oldnew[1], oldnew[0], same, wantSame)
		}
	}
	f(true, `"ttl": "30d"`, `"ttl": "30d", "schedule": "5m", "owner": "risk"`)
	f(true, `"serve": 1`, `"serve": 2`)
	f(true, `"request": [{"name": "amount",`, `"request": [{"name": "amount", "description": "in cents",`)
	f(true, `"feature_services": [`, `"feature_services": [{"name": "other", "features": ["pair:*"]},`)

	f(false, `"ttl": "30d"`, `"ttl": "31d"`)
	f(false, `"default": 0`, `"default": 1`)
	f(false, `"default": 1}`, `"default": 2}`)
	f(false, `"created_timestamp_column": "arrived"`, `"deleted_column": "gone"`)
	f(false, `"query": "SELECT 1"`, `"query": "SELECT 2"`)
	f(false, `"mean", "type": "float64"`, `"mean", "type": "float32"`)
	f(false, `"customer_id", "type": "int64"`, `"customer_id", "type": "int32"`)
	f(false, `["spend:*", "pair:seen", "request:amount"]`, `["pair:seen", "spend:*", "request:amount"]`)
	f(false, `["spend:*", "pair:seen", "request:amount"]`, `["spend:*", "pair:seen"]`)
}

// TestPlanFingerprintOfExpressions: the fingerprint covers an on-demand feature's
// expression and what it reads, even if the vector doesn't have those inputs.
func TestPlanFingerprintOfExpressions(t *testing.T) {
	const onDemand = `"on_demand_views": [{"name": "ratio", "sources": ["spend"], "features": [
		{"name": "of_mean", "type": "float64", "expr": "spend.mean / 2.0"}]}],
"feature_services": [{"name": "computed", "features": ["ratio:*"]},`
	fingerprint := func(oldnew ...string) string {
		t.Helper()
		p, err := catalog(t, changed(t, oldnew...)).ServicePlan("computed")
		if err != nil {
			t.Fatal(err)
		}
		return p.Fingerprint()
	}
	const at = `"feature_services": [`
	before := fingerprint(at, onDemand)
	if fingerprint(at, onDemand, "spend.mean / 2.0", "spend.mean / 3.0") == before {
		t.Error("another expression has the same fingerprint")
	}
	if fingerprint(at, onDemand, `"ttl": "30d"`, `"ttl": "31d"`) == before {
		t.Error("another TTL of a view that is read has the same fingerprint")
	}
	if fingerprint(at, onDemand, `"n", "type": "int64"`, `"n", "type": "int32"`) != before {
		t.Error("the type of a feature that isn't read changes the fingerprint")
	}
}

// TestPlanFingerprintOfAggregates: it covers what each window that is read computes, and
// of which events.
func TestPlanFingerprintOfAggregates(t *testing.T) {
	const definitions = `{
		"entities": [{"name": "card", "join_keys": [{"name": "card_id", "type": "int64"}]}],
		"streams": [{"name": "payments", "push": {}, "log": {"table": "payments"}, "timestamp_field": "happened", "linger": "20ms", "fields": [
			{"name": "card_id", "type": "int64"}, {"name": "amount", "type": "float64"}, {"name": "fee", "type": "float64"}, {"name": "happened", "type": "timestamp"}]}],
		"aggregate_views": [{"name": "activity", "entities": ["card"], "stream": "payments", "where": "amount > 0.0", "windows": ["1h", {"length": "24h", "hop": "15m"}], "features": [
			{"name": "n", "count": "*"}, {"name": "spent", "sum": "amount"}, {"name": "p", "percentiles": "amount", "at": [0.5], "range": [0.01, 1000]},
			{"name": "unread", "max": "amount"}]}],
		"feature_views": [{"name": "newest", "entities": ["card"], "stream": "payments", "features": [{"name": "amount", "type": "float64"}]}],
		"feature_services": [{"name": "read", "features": ["activity:n_1h", "activity:spent_1d", "activity:p50_1h", "newest:*"]}]}`
	fingerprint := func(text string) string {
		t.Helper()
		p, err := catalog(t, text).ServicePlan("read")
		if err != nil {
			t.Fatal(err)
		}
		return p.Fingerprint()
	}
	before := fingerprint(definitions)
	f := func(wantSame bool, old, new string) {
		t.Helper()
		if strings.Count(definitions, old) != 1 {
			t.Fatalf("%q is not there once", old)
		}
		if same := fingerprint(strings.Replace(definitions, old, new, 1)) == before; same != wantSame {
			t.Errorf("with %q for %q, the same fingerprint: %v, want %v", new, old, same, wantSame)
		}
	}
	f(true, `"linger": "20ms"`, `"linger": "30ms"`)
	f(true, `"unread", "max": "amount"`, `"unread", "min": "amount"`)
	f(false, `"amount > 0.0"`, `"amount > 1.0"`)
	f(false, `"sum": "amount"`, `"sum": "fee"`)
	f(false, `"sum": "amount"`, `"max": "amount"`)
	f(false, `"hop": "15m"`, `"hop": "5m"`)
	f(false, `[0.01, 1000]`, `[0.01, 100]`)
	f(false, `"log": {"table": "payments"}`, `"log": {"table": "others"}`)
}
