package integration_test

import (
	"regexp"
	"strings"
	"testing"

	"larder/internal/pgtest"
)

// TestMaterializeTwice: the second run has nothing to read, and says how many rows are there.
func TestMaterializeTwice(t *testing.T) {
	db := pgtest.New(t)
	s := startServer(t, db.DSN)
	s.apply(spend(t, db.DSN, 1000))
	s.mustMaterialize()
	stdout, stderr, code := s.client("materialize")
	if code != 0 || !regexp.MustCompile(`^spend: up to date \(1,000 rows at [0-9T:-]*Z\)\n$`).MatchString(stdout) {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if stdout, _, _ := s.client("materialize", "--full"); !strings.Contains(singleSpaced(stdout), "succeeded 1,000 0 1,000") {
		t.Errorf("in full:\n%s", stdout)
	}
}
