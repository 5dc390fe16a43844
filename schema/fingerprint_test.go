package schema_test

import (
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
