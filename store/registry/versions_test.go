package registry_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/schema"
	"larder/store/registry"
)

func refused(t testing.TB, err error, kind schema.Kind, words ...string) {
	t.Helper()
	var said *schema.Error
	if !errors.As(err, &said) || said.Kind != kind {
		t.Fatalf("%v; want an error of kind %v", err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v; want %q", err, w)
		}
	}
}

func TestVersionsAreKept(t *testing.T) {
	n := start(t, database(t).DSN)
	if got := n.apply(t, definitions(1), "ann"); got != 1 {
		t.Fatalf("version %d, want 1", got)
	}
	if got := n.apply(t, definitions(1), "ann"); got != 1 {
		t.Errorf("the same definitions are version %d, want 1 still", got)
	}
	n.apply(t, definitions(2), "bob")
	p, err := n.ProposeVersion(ctx(), schema.DefaultProject, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Changes) == 0 {
		t.Error("going back changes nothing")
	}
	if got, err := n.Commit(ctx(), p, p.Base, "ann"); got != 3 || err != nil {
		t.Fatalf("going back is version %d (%v), want 3", got, err)
	}
	n.await(t, 3)
	if got := len(n.Catalog().Definitions.FeatureViews); got != 1 {
		t.Errorf("version 3 has %d views, want those of version 1", got)
	}
	_, err = n.ProposeVersion(ctx(), schema.DefaultProject, 9)
	refused(t, err, schema.NotFound, "no applied version 9", "larder apply --list")
	versions, err := n.Versions(ctx(), 10)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, v := range versions {
		got += fmt.Sprintf("%d by %s of %d; ", v.Version, v.AppliedBy, v.RevertsTo)
		if v.AppliedAt.IsZero() || v.Fingerprint == "" {
			t.Errorf("%+v", v)
		}
	}
	if want := "3 by ann of 1; 2 by bob of 0; 1 by ann of 0; "; got != want {
		t.Errorf("versions %s; want %s", got, want)
	}
	if versions[0].Fingerprint != versions[2].Fingerprint {
		t.Error("the same definitions have two fingerprints")
	}
}

// A view that comes back has the rows that it had, while they are kept; after that it is
// another view: its rows of then are not its rows now.
func TestAViewThatComesBack(t *testing.T) {
	db := database(t)
	n := start(t, db.DSN)
	id := func(views int) uint32 {
		t.Helper()
		n.await(t, n.apply(t, definitions(views), "ann"))
		v, err := n.Catalog().View("view_0")
		if views == 0 {
			return 0
		}
		if err != nil {
			t.Fatal(err)
		}
		return v.ID
	}
	first := id(1)
	id(0)
	until, now, err := n.StoredViews(ctx())
	if err != nil || len(until) != 1 || until[first] < now+int64(59*time.Minute/time.Microsecond) {
		t.Errorf("kept until %v, now %d, %v", until, now, err)
	}
	if again := id(1); again != first {
		t.Errorf("view id %d after %d within the hour", again, first)
	}
	id(0)
	expire := func() {
		t.Helper()
		if _, err := db.Pool.Exec(ctx(), `UPDATE larder.versions SET storage = regexp_replace(storage::text, '"keep_until": *[0-9]+', '"keep_until": 1')::json`); err != nil {
			t.Fatal(err)
		}
	}
	expire()
	later := id(1)
	if later == first {
		t.Errorf("view id %d after its rows may be gone", later)
	}

	// The rows expire between the look and the commit.
	id(0)
	p, err := n.Propose(ctx(), definitions(1))
	if err != nil {
		t.Fatal(err)
	}
	p.Expire()
	if _, err := n.Commit(ctx(), p, p.Base, "ann"); err == nil || !strings.Contains(err.Error(), "not kept any more") {
		t.Errorf("rows that may be gone are taken back: %v", err)
	}
}

func TestAnApplyInBetweenIsNotOverwritten(t *testing.T) {
	n := start(t, database(t).DSN)
	n.apply(t, definitions(1), "ann")
	mine, err := n.Propose(ctx(), definitions(2))
	if err != nil {
		t.Fatal(err)
	}
	n.apply(t, definitions(3), "bob")
	_, err = n.Commit(ctx(), mine, mine.Base, "ann")
	refused(t, err, schema.FailedPrecondition, "bob applied version 2 after you looked at version 1", "run larder plan again")
}

// TestAppliesAtOnce: of applies at the same moment one wins each time, versions
// have no gaps, and what was applied is what a version holds.
func TestAppliesAtOnce(t *testing.T) {
	db := database(t)
	nodes := []*node{start(t, db.DSN), start(t, db.DSN)}
	const applies = 12
	var mu sync.Mutex
	views := map[int64]int{} // of each version
	var wg sync.WaitGroup
	for i := range applies {
		wg.Go(func() {
			n := nodes[i%2]
			for {
				p, err := n.Propose(ctx(), definitions(i+1))
				if err != nil {
					t.Error(err)
					return
				}
				version, err := n.Commit(ctx(), p, p.Base, "ann")
				var said *schema.Error
				if errors.As(err, &said) && said.Reason == "VERSION_MOVED" {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				views[version] = i + 1
				mu.Unlock()
				return
			}
		})
	}
	wg.Wait()
	for _, n := range nodes {
		n.await(t, applies)
		if got := len(n.Catalog().Definitions.FeatureViews); got != views[applies] {
			t.Errorf("the last version has %d views; %d were applied", got, views[applies])
		}
	}
	for version := range int64(applies) {
		if views[version+1] == 0 {
			t.Errorf("there is no version %d: %v", version+1, views)
		}
	}
}

func TestADatabaseThatWasNotMigrated(t *testing.T) {
	n, err := newNode(t, "postgres://larder@127.0.0.1:1/larder", t.TempDir(), new(rows))
	if err == nil || !strings.Contains(err.Error(), "no catalog to serve") {
		t.Fatalf("a registry that can't be reached: %v", err)
	}
	_, err = n.Propose(ctx(), definitions(1))
	refused(t, err, schema.Unavailable, "can't be reached; try again")
	if _, err := registry.Open("no address", t.TempDir(), registry.Options{}); err == nil {
		t.Error("an address that is none was taken")
	}
}
