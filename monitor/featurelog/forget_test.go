package featurelog_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/monitor/featurelog"
	"larder/store/forgotten"
)

var forgetSalt = []byte(strings.Repeat("s", 32))

// forgetting is the list with one customer.
func forgetting(t testing.TB, customer, until int64) *forgotten.List {
	t.Helper()
	hash, err := forgotten.HashOf(forgetSalt, []forgotten.Part{{Name: "customer_id", Value: customer}})
	if err != nil {
		t.Fatal(err)
	}
	return forgotten.NewList(forgetSalt, []forgotten.Record{{Seq: 1, Names: []string{"customer_id"}, Hash: hash, Until: until}})
}

// customers are the keys of all logged rows, with how many rows each has.
func customers(t testing.TB, dir string) map[int64]int {
	t.Helper()
	all, _ := read(t, dir)
	found := map[int64]int{}
	for _, rec := range all {
		ids := rec.Column(rec.Schema().FieldIndices("customer_id")[0]).(*array.Int64)
		for i := range ids.Len() {
			found[ids.Value(i)]++
		}
	}
	return found
}

// forget forgets as a server does.
func forget(t testing.TB, l *running, list *forgotten.List, before func(string, []forgotten.Record) error) ([]featurelog.Damage, error) {
	t.Helper()
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l.Forget(t.Context(), list, before)
}

// adds counts the rows that go.
func adds(n *int) func(string, []forgotten.Record) error {
	return func(_ string, gone []forgotten.Record) error {
		*n += len(gone)
		return nil
	}
}

func TestForgetRewritesFiles(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, featurelog.Options{})
	plan := modelPlan(t, nil)
	for id := range uint64(3) { // a file each; customers id*1000 and those after it
		l.Offer(entry(plan, id+1, 10_000))
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.Offer(entry(plan, 50, 1)) // customer 50000, alone in its file, which is being written
	before, _ := read(t, dir)
	removed := 0
	count := adds(&removed)
	damaged, err := forget(t, l, forgetting(t, 12_500, forgotten.Pending), count)
	if err != nil || len(damaged) > 0 || removed != 1 {
		t.Fatalf("removed %d rows, damaged %v (%v); want 1 row", removed, damaged, err)
	}
	got := customers(t, dir)
	if len(got) != 12_000 || got[12_500] != 0 { // 1,000 to 12,999, and 50,000
		t.Errorf("%d customers are left, and %d rows of the forgotten one", len(got), got[12_500])
	}
	// The rows that stay are the same, and so are the columns and the metadata.
	after, _ := read(t, dir)
	rowOf := func(all []arrow.Record, customer int64) (string, *arrow.Schema) {
		for _, rec := range all {
			ids := rec.Column(rec.Schema().FieldIndices("customer_id")[0]).(*array.Int64)
			for i := range ids.Len() {
				if ids.Value(i) == customer {
					raw, err := rec.NewSlice(int64(i), int64(i+1)).MarshalJSON()
					if err != nil {
						t.Fatal(err)
					}
					return string(raw), rec.Schema()
				}
			}
		}
		t.Fatalf("no row of customer %d", customer)
		return "", nil
	}
	for _, customer := range []int64{12_499, 12_501, 12_999, 1000, 3000} {
		was, wasSchema := rowOf(before, customer)
		is, isSchema := rowOf(after, customer)
		if was != is || !wasSchema.Equal(isSchema) || wasSchema.Metadata().String() != isSchema.Metadata().String() {
			t.Errorf("customer %d: the row was\n%s\nand is\n%s\n%v\n%v", customer, was, is, wasSchema, isSchema)
		}
	}
	// A file without rows goes.
	n := len(files(t, dir))
	if _, err := forget(t, l, forgetting(t, 50_000, forgotten.Pending), count); err != nil || removed != 2 {
		t.Fatalf("removed %d rows (%v)", removed, err)
	}
	if got := len(files(t, dir)); got != n-1 {
		t.Errorf("%d files are left of %d", got, n)
	}
	if _, err := forget(t, l, forgetting(t, 50_000, forgotten.Pending), count); err != nil || removed != 2 {
		t.Errorf("forgetting again removed %d rows (%v)", removed-2, err)
	}
}

func TestForgetKeepsNewerRows(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, featurelog.Options{})
	plan := modelPlan(t, nil)
	for at := range int64(3) {
		e := entry(plan, 1, 1)
		e.At = 100 + at
		l.Offer(e)
	}
	removed := 0
	if _, err := forget(t, l, forgetting(t, 1000, 101), adds(&removed)); err != nil || removed != 2 {
		t.Fatalf("removed %d rows (%v); want 2", removed, err)
	}
	if got := customers(t, dir); got[1000] != 1 {
		t.Errorf("%d rows are left; want the newer one", got[1000])
	}
}

// A file that can't be read is named, and the others are rewritten.
func TestForgetNamesDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir, featurelog.Options{})
	plan := modelPlan(t, nil)
	for range 2 {
		l.Offer(entry(plan, 1, 3))
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	broken := files(t, dir)[0]
	if err := os.WriteFile(broken, bytes.Repeat([]byte("x"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	removed := 0
	damaged, err := forget(t, l, forgetting(t, 1001, forgotten.Pending), adds(&removed))
	if err != nil || removed != 1 || len(damaged) != 1 || damaged[0].Path != broken {
		t.Fatalf("removed %d, damaged %v (%v); want 1 row, and %s", removed, damaged, err, broken)
	}
}

// Requests are logged all the time; after Forget no file ever has the key again.
func TestForgetWhileLogging(t *testing.T) {
	dir := t.TempDir()
	var list atomic.Pointer[forgotten.List]
	list.Store(forgotten.NewList(forgetSalt, nil))
	l := start(t, dir, featurelog.Options{Forgotten: list.Load, MaxFileBytes: 256 << 10})
	plan := modelPlan(t, nil)
	logging, stop := context.WithCancel(context.Background())
	defer stop()
	var offered atomic.Int64
	var running sync.WaitGroup
	running.Go(func() {
		for logging.Err() == nil {
			l.Offer(entry(plan, 1, 5))
			offered.Add(1)
			time.Sleep(100 * time.Microsecond)
		}
	})
	more := func(n int64) {
		for at := offered.Load(); offered.Load() < at+n; {
			time.Sleep(time.Millisecond)
		}
	}
	for round := range int64(5) {
		more(100)
		removed := 0
		list.Store(forgetting(t, 1000+round, forgotten.Pending))
		if _, err := forget(t, l, list.Load(), adds(&removed)); err != nil || removed == 0 {
			t.Fatalf("removed %d rows (%v)", removed, err)
		}
		more(50)
		removed = 0
		if _, err := forget(t, l, list.Load(), adds(&removed)); err != nil || removed != 0 {
			t.Fatalf("%d rows came after the forgetting (%v)", removed, err)
		}
	}
	stop()
	running.Wait()
	l.end()
	if got := customers(t, dir); got[1004] != 0 || got[1000] == 0 {
		t.Errorf("%d rows of the last forgotten customer, %d of an earlier one that is no longer on the list", got[1004], got[1000])
	}
}

// The table gets no rows of forgotten keys, and all others of the same request.
func TestTheTableGetsNoForgottenRows(t *testing.T) {
	table := new(keptTable)
	l := start(t, "", featurelog.Options{Table: table, Forgotten: func() *forgotten.List { return forgetting(t, 1001, forgotten.Pending) }})
	l.Offer(entry(modelPlan(t, nil), 1, 3))
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.end()
	var keys []string
	for _, r := range table.rows {
		keys = append(keys, string(r.Keys))
	}
	if got := strings.Join(keys, " "); got != `{"customer_id":1000} {"customer_id":1002}` {
		t.Errorf("the table got %s", got)
	}
}
