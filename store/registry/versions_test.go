package registry_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

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
	p, err := n.ProposeVersion(ctx(), 1)
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
	_, err = n.ProposeVersion(ctx(), 9)
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

// A view that comes back is another view: its rows of then are not its rows now.
func TestAViewThatComesBackIsStoredAnew(t *testing.T) {
	n := start(t, database(t).DSN)
	seen := map[uint32]bool{}
	for i, views := range []int{1, 0, 1, 0, 1} {
		n.await(t, n.apply(t, definitions(views), "ann"))
		if views == 0 {
			continue
		}
		v, err := n.Catalog().View("view_0")
		if err != nil {
			t.Fatal(err)
		}
		if seen[v.ID] {
			t.Errorf("version %d: view id %d was used before", i+1, v.ID)
		}
		seen[v.ID] = true
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
