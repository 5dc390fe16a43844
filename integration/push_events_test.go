package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPushCSV: the fields of a stream say what the texts of a CSV file are.
func TestPushCSV(t *testing.T) {
	t.Parallel()
	s := latenessServer(t)
	write := func(rows string) string {
		path := filepath.Join(t.TempDir(), "payments.csv")
		if err := os.WriteFile(path, []byte("id,card_id,amount,happened\n"+rows), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := write("007,42,12.5,2026-01-31T10:00:00.000001Z\n008,43,NaN,2026-01-31 11:00:00+01:00\n")
	stdout, stderr, code := s.client("stream", "backfill", "payments", file)
	if code != 0 || !strings.Contains(stdout, "2 events appended (batch 1)") {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	for rows, want := range map[string]string{
		"009,4.5,1,2026-01-31T10:00:00Z\n": "line 2, column 5: card_id: 4.5 is not a valid int64 value",
		"009,42,,2026-01-31T10:00:00Z\n":   `event 0: field "amount" is null; it is not nullable`,
	} {
		if stdout, stderr, code := s.client("stream", "backfill", "payments", write(rows)); code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit code %d: %s%s\nwant %s", rows, code, stdout, stderr, want)
		}
	}
}
