package featurelog_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/monitor/featurelog"
	"larder/schema"
)

// A readAll is what Read says of a log.
type readAll struct {
	rows    map[string]int // by request
	total   int64
	damaged []featurelog.Damage
}

func readLog(t testing.TB, log *running) *readAll {
	t.Helper()
	all := &readAll{rows: map[string]int{}}
	var err error
	all.damaged, err = log.Read(t.Context(), featurelog.Query{Model: "fraud", From: math.MinInt64, Until: math.MaxInt64}, func(s *featurelog.Scored) error {
		all.rows[s.RequestID]++
		all.total++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDamagedFiles: with any byte of a file changed, the other files are read, and what
// is missing of this one is said: the rows that are read and those that are missing make
// the log.
func TestDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	log := start(t, dir, featurelog.Options{})
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	log.Offer(entry(plan, 1, 9000)) // two row groups
	if err := log.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	victim := files(t, dir)[0]
	log.Offer(entry(plan, 2, 5))
	if whole := readLog(t, log); whole.total != 9005 || len(whole.damaged) != 0 {
		t.Fatalf("%d rows, and %v is missing", whole.total, whole.damaged)
	}
	data, err := os.ReadFile(victim)
	if err != nil {
		t.Fatal(err)
	}
	partly := 0
	for at := 0; at < len(data); at += 1 + len(data)/150 {
		damaged := append([]byte{}, data...)
		damaged[at] ^= 0xff
		if err := os.WriteFile(victim, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		got := readLog(t, log)
		if got.rows["2"] != 5 {
			t.Fatalf("byte %d: %d rows of the other file", at, got.rows["2"])
		}
		switch {
		case len(got.damaged) == 0 && got.total == 9005: // in a column that isn't read
		case len(got.damaged) == 1 && got.damaged[0].Rows == -1 && got.total == 5:
		case len(got.damaged) == 1 && got.damaged[0].Rows > 0 && got.total+got.damaged[0].Rows == 9005:
			if got.total > 5 {
				partly++
			}
		default:
			t.Fatalf("byte %d: %d rows, and %v is missing", at, got.total, got.damaged)
		}
	}
	if partly == 0 {
		t.Error("nothing was read of a file before its damage")
	}
}

// TestAFileOfALogSaysWhatIsMissing: so do those that read files themselves.
func TestAFileOfALogSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	log := start(t, dir, featurelog.Options{})
	log.Offer(entry(modelPlan(t, &schema.ModelLog{Rate: 1}), 1, 9000))
	log.end()
	path := files(t, dir)[0]
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := func(damaged []byte, rows int64, missing int64, why string) {
		t.Helper()
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		in, damage := featurelog.OpenFile(t.Context(), path)
		read := int64(0)
		if damage == nil {
			defer in.Close()
			for in.Next() {
				read += in.Record().NumRows()
			}
			if err := in.Err(); err != nil {
				t.Fatal(err)
			}
			damage = in.Damage()
		}
		if read != rows || damage == nil || damage.Rows != missing || !strings.Contains(damage.String(), why) {
			t.Errorf("%d rows, damage %v; want %d rows, %d missing, and %q", read, damage, rows, missing, why)
			return
		}
		if err := featurelog.Damaged([]featurelog.Damage{*damage}); err == nil || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("%v", err)
		}
	}
	first := append([]byte{}, data...)
	first[200] ^= 1
	f(first, 0, 9000, "row group 0, column ")
	late := append([]byte{}, data...)
	late[len(data)*19/20] ^= 1 // the second row group is a tenth of the first
	f(late, 8192, 808, "row group 1, column ")
	f(data[:len(data)/2], 0, -1, "cut short")
	footer := append([]byte{}, data...)
	footer[bytes.LastIndex(footer, []byte("log:row"))] ^= 1
	f(footer, 0, -1, "its footer has the checksum")
}
