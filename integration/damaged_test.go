package integration_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// TestDamagedLog: with a damaged file in a log, replay, skew and experiments answer for
// the other rows, say what is missing and exit with 1. The server goes on.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	if _, err := db.Pool.Exec(t.Context(), "CREATE TABLE outcomes (request_id text, n int, user_id bigint, known_at timestamptz, written_at timestamptz, withdrawn bool, fraud bool, loss float8)"); err != nil {
		t.Fatal(err)
	}
	m.base = strings.Replace(m.base, "sources: [{name: spend, table: spend, timestamp_field: event_time}]", "", 1)
	m.base = strings.TrimRight(m.base, "\n") + "\nsources:\n  - {name: spend, table: spend, timestamp_field: event_time}"
	m.judged("request_id: request_id, row: n")
	log := t.TempDir()
	s := startServer(t, db.DSN, "--feature-log", log)
	s.apply(m.dir)
	s.mustMaterialize()
	for _, users := range [][]int64{{1, 2, 3}, {7}} {
		if _, err := s.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: []*larderv1.Column{int64Column("user_id", users...)}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.control.FlushFeatureLog(t.Context(), &larderv1.FlushFeatureLogRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	checked := func(code int, want []string, command ...string) {
		t.Helper()
		stdout, stderr, got := s.client(command...)
		if got != code {
			t.Errorf("%s: exit code %d, want %d", command, got, code)
		}
		wantWords(t, stdout+stderr, want...)
	}
	replay, skew, experiment := []string{"replay", "--log", log}, []string{"skew", "--log", log}, []string{"experiment", "spend"}
	checked(0, nil, replay...)
	checked(0, nil, experiment...)

	files, err := filepath.Glob(filepath.Join(log, "spend", "*.parquet"))
	if err != nil || len(files) < 2 {
		t.Fatalf("files %q, %v", files, err)
	}
	victim := files[0]
	whole, err := os.ReadFile(victim)
	if err != nil {
		t.Fatal(err)
	}
	damage := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(victim, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	page := bytes.Index(whole, []byte{0x28, 0xb5, 0x2f, 0xfd}) // what zstd begins with
	last := bytes.LastIndex(whole, []byte{0x28, 0xb5, 0x2f, 0xfd})
	for _, at := range []int{page, last + 5, len(whole) - 200} {
		data := append([]byte{}, whole...)
		data[at] ^= 0xff
		damage(data)
		name := filepath.Base(victim)
		checked(1, []string{"EQUAL", "can't be read to their end", name}, replay...)
		checked(1, []string{"SKEWED", "can't be read to their end", name}, skew...)
		checked(1, []string{"EQUAL", "can't be read to their end", name}, "replay") // by the server itself
		checked(1, []string{"SKEWED", "can't be read to their end", name}, "skew")
		out := filepath.Join(t.TempDir(), "set.parquet")
		checked(1, []string{"larder: "}, "dataset", "--service", "spend", "--spine", victim, "--event-time-column", "log:time", "--out", out)
		if _, err := os.Stat(out); err == nil {
			t.Errorf("a set of a damaged file was written")
		}
	}
	damage(whole[:len(whole)-20])
	checked(1, []string{"VERSION", "can't be read to their end", filepath.Base(victim), "its rows are missing"}, experiment...)
	damage(whole)
	checked(0, nil, experiment...)
	checked(0, nil, replay...)
}
