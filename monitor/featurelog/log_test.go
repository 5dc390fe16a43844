package featurelog_test

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/google/go-cmp/cmp"

	"larder/column"
	"larder/internal/arrowfile"
	"larder/monitor/featurelog"
	"larder/schema"
)

// TestRoundTrip: what was offered is in the files, the vector bit for bit.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	r := start(t, dir, featurelog.Options{})
	e := entry(plan, 7, 3)
	bits := []uint32{0x7fc00001, 0xff800000, 0x80000000, 0x7f800001, 1, 0, 0x3f800000, 0xffc12345, 0x00800000}
	for i, b := range bits {
		e.Dense[i] = math.Float32frombits(b)
	}
	e.Keys.Values[0] = column.Column{Type: schema.Int32, Int32s: []int32{1, -2, 3}} // as a client may send them
	e.Request.Names = append(e.Request.Names, "spend:n")
	e.Request.Values[0].Valid = []bool{true, false, true}
	e.Request.Values = append(e.Request.Values, column.Column{Type: schema.Int64, Int64s: []int64{4, 5, 6}})
	e.Statuses = []schema.Status{schema.StatusPresent, schema.StatusNotFound, schema.StatusOutsideMaxAge}
	r.Offer(e)
	r.end()
	names := files(t, dir)
	if len(names) != 1 || filepath.Dir(names[0]) != filepath.Join(dir, "fraud") || !strings.HasPrefix(filepath.Base(names[0]), "3-5-") {
		t.Fatalf("files %q", names)
	}
	checkOrigin(t, names[0], plan)
	all, rows := read(t, dir)
	if rows != 3 || len(all) != 1 {
		t.Fatalf("%d rows in %d batches", rows, len(all))
	}
	got := map[string]string{}
	for i, c := range all[0].Columns() {
		text := ""
		for row := range 3 {
			text += c.ValueStr(row) + " "
		}
		got[all[0].ColumnName(i)] = strings.TrimSpace(text)
	}
	var vectorBits []uint32
	for row := range 3 {
		for _, name := range []string{"vector:spend:n", "vector:spend:mean", "vector:request:amount"} {
			at := all[0].Schema().FieldIndices(name)
			vectorBits = append(vectorBits, math.Float32bits(all[0].Column(at[0]).(*array.Float32).Value(row)))
			delete(got, name)
		}
	}
	if diff := cmp.Diff(bits, vectorBits); diff != "" {
		t.Errorf("the vector's bits (-want +got):\n%s", diff)
	}
	at := "2026-01-01 12:00:00.000007Z"
	want := map[string]string{
		"customer_id": "1 -2 3", "amount": "0 (null) 0.5", "log:time": at + " " + at + " " + at, "log:request_id": "7 7 7", "log:row": "0 1 2", "log:role": "serve serve serve",
		"log:overridden": `["spend:n"] ["spend:n"] ["spend:n"]`, "log:score": "0 0.14285714285714285 0.2857142857142857", "log:latency_us": "250 250 250",
		"log:model_version": "3 3 3", "log:catalog_version": "5 5 5", "status:spend": "1 3 4", "age_us:spend": "0 1 2",
	}
	want["status:spend"] = strings.Join([]string{digit(schema.StatusPresent), digit(schema.StatusNotFound), digit(schema.StatusOutsideMaxAge)}, " ")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// checkOrigin checks that a file says which model file and definitions it is of.
func checkOrigin(t *testing.T, name string, plan *schema.Plan) {
	t.Helper()
	r, err := arrowfile.Open(t.Context(), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if sum, definitions := r.Metadata[featurelog.SHA256Key], r.Metadata[featurelog.FingerprintKey]; sum != plan.ModelVersion.SHA256 || definitions != plan.Catalog.Fingerprint {
		t.Errorf("the file is of model file %q and definitions %q", sum, definitions)
	}
}

func digit(s schema.Status) string { return string('0' + rune(s)) }

// TestRolling: files end by size and by age, and none is lost.
func TestRolling(t *testing.T) {
	dir := t.TempDir()
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	r := start(t, dir, featurelog.Options{MaxFileBytes: 20_000, MaxFileAge: time.Hour})
	for i := range 40 {
		r.Offer(entry(plan, uint64(i), 1000))
	}
	r.end()
	if _, rows := read(t, dir); rows != 40_000 || len(files(t, dir)) < 2 {
		t.Errorf("%d rows in %d files", rows, len(files(t, dir)))
	}
	r = start(t, dir, featurelog.Options{MaxFileAge: 20 * time.Millisecond})
	before := len(files(t, dir))
	r.Offer(entry(plan, 41, 1))
	for deadline := time.Now().Add(20 * time.Second); ; {
		if names := files(t, dir); len(names) == before+1 && !strings.HasSuffix(names[len(names)-1], ".unfinished") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no file was finished by its age: %q", files(t, dir))
		}
	}
}

// TestNothingWaits: without a writer, offers return at once, and what doesn't fit is
// counted.
func TestNothingWaits(t *testing.T) {
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	r := opened(t, t.TempDir(), featurelog.Options{MaxQueued: 100_000})
	for i := range 1000 {
		r.Offer(entry(plan, uint64(i), 10))
	}
	dropped := r.dropped(t, "queue")
	if dropped < 5000 || dropped > 9990 {
		t.Errorf("%v of 10000 rows were dropped", dropped)
	}
}

// TestFlush: what was offered before can be read, and what comes later too.
func TestFlush(t *testing.T) {
	dir := t.TempDir()
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	r := start(t, dir, featurelog.Options{})
	for i := range 3 {
		r.Offer(entry(plan, uint64(i), 5))
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, rows := read(t, dir); rows != int64(5*(i+1)) {
			t.Errorf("%d rows; want %d", rows, 5*(i+1))
		}
	}
	r.end()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Flush(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a log that nobody runs: %v", err)
	}
}

// TestLeftovers: what a killed process left is removed, and finished files stay.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, featurelog.Options{})
	r.Offer(entry(modelPlan(t, &schema.ModelLog{Rate: 1}), 1, 5))
	r.end()
	left := filepath.Join(dir, "fraud", "3-5-x.parquet.unfinished")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir, featurelog.Options{}).end()
	if _, rows := read(t, dir); rows != 5 || len(files(t, dir)) != 1 {
		t.Errorf("%d rows in %q", rows, files(t, dir))
	}
}

// TestFolderOfAnother: a folder belongs to one log at a time, and the next may have
// it when that has ended.
func TestFolderOfAnother(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir, featurelog.Options{})
	_, err := featurelog.Open(dir, featurelog.Options{})
	if err == nil || !strings.Contains(err.Error(), "another server writes its feature log to "+dir) {
		t.Errorf("%v", err)
	}
	first.end()
	start(t, dir, featurelog.Options{}).end()
}

// TestShareOfTheDisk: with its share of the disk used the log drops, and goes on
// when files were moved away.
func TestShareOfTheDisk(t *testing.T) {
	dir := t.TempDir()
	plan := modelPlan(t, &schema.ModelLog{Rate: 1})
	if err := os.WriteFile(filepath.Join(dir, "old.parquet"), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, dir, featurelog.Options{MaxBytes: 1000})
	r.Offer(entry(plan, 1, 5))
	r.end()
	if n := r.dropped(t, "disk"); n != 5 {
		t.Errorf("%v rows were dropped, want 5", n)
	}
	if err := os.Remove(filepath.Join(dir, "old.parquet")); err != nil {
		t.Fatal(err)
	}
	r = start(t, dir, featurelog.Options{MaxBytes: 1000})
	r.Offer(entry(plan, 1, 5))
	r.end()
	if _, rows := read(t, dir); rows != 5 {
		t.Errorf("%d rows", rows)
	}
}

// TestOnlyTheGroupReadsLogs: vectors are nobody else's business, also on one machine.
func TestOnlyTheGroupReadsLogs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	log := start(t, dir, featurelog.Options{})
	log.Offer(entry(modelPlan(t, &schema.ModelLog{Rate: 1}), 1, 5))
	if err := log.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s has the mode %s", path, info.Mode())
		}
		seen++
		return err
	})
	if err != nil || seen < 4 { // two folders, a lock, a file
		t.Errorf("%d files and folders, %v", seen, err)
	}
}
