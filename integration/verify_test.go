package integration_test

import (
	"encoding/json"
	"strings"
	"testing"

	"larder/internal/pgtest"
)

// TestVerify: a healthy store is equal. Planted faults are reported with exit code 1,
// and the schedule counts them too.
func TestVerify(t *testing.T) {
	db := pgtest.New(t)
	dir := spend(t, db.DSN, 1000)
	s := startServer(t, db.DSN, "--verify-every", "100ms", "--verify-sample", "1000")
	if _, stderr, code := s.client("verify"); code != 1 || !strings.Contains(stderr, "there are no feature views to verify") {
		t.Errorf("without views: exit code %d, %s", code, stderr)
	}
	s.apply(dir)
	if _, stderr, code := s.client("verify"); code != 1 || !strings.Contains(stderr, "was never materialized on this server") {
		t.Errorf("before a run: exit code %d, %s", code, stderr)
	}
	s.mustMaterialize()
	for _, args := range [][]string{{"--all"}, {"spend"}, {"--service", "spend", "--sample", "100"}} {
		if stdout, stderr, code := s.client(append([]string{"verify"}, args...)...); code != 0 || !strings.Contains(stdout, "spend") {
			t.Errorf("%q: exit code %d\n%s%s", args, code, stdout, stderr)
		}
	}
	if _, err := db.Pool.Exec(t.Context(), "UPDATE spend SET amount = -1 WHERE user_id = 7; DELETE FROM spend WHERE user_id = 8"); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := s.client("verify", "--all")
	for _, want := range []string{"mismatched user_id=7 spend:amount 7", "extra user_id=8 spend", "spend:amount 1"} {
		if !strings.Contains(singleSpaced(stdout), want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	if code != 1 || !strings.Contains(stderr, "2 keys differ from the source; larder materialize --full reads the source again") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	stdout, _, code = s.client("verify", "--all", "--json")
	var report struct {
		Views []struct{ Keys, Equal, Mismatched, Extra json.Number }
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != 1 || len(report.Views) != 1 || report.Views[0].Equal != "998" || report.Views[0].Extra != "1" {
		t.Errorf("exit code %d, %v\n%s", code, err, stdout)
	}
	eventually(t, "the schedule's count and log of faults", func() bool {
		return strings.Contains(s.httpText("/metrics"), `larder_verify_keys_total{result="mismatched",view="spend"}`) && strings.Contains(s.logText(), "the online store differs from the source")
	})
	f := func(want string, args ...string) {
		t.Helper()
		if _, stderr, code := s.client(append([]string{"verify"}, args...)...); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit code %d, %s", args, code, stderr)
		}
	}
	f(`no feature view "spned"; did you mean "spend"?`, "spned")
	f(`no feature service "spent"; did you mean "spend"?`, "--service", "spent")
	f("give feature views or --service, not both", "spend", "--service", "spend")
	f("--sample must be 1 or more", "--sample", "0")
}
