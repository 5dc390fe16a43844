package registry_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larder/models/traffic"
	"larder/schema"
	"larder/store/registry"
)

// ramped are definitions of views, and a model with a ramp.
func ramped(views int, to schema.Percent) *schema.Definitions {
	defs := definitions(views)
	sum := strings.Repeat("ab", 32)
	defs.FeatureServices = []schema.FeatureService{{Name: "s", Features: []string{"view_0:x"}}}
	defs.Models = []schema.Model{{
		Name: "m", FeatureService: "s", SplitBy: "user_id",
		Versions: []schema.ModelVersion{{Version: 1, ONNX: "1.onnx", SHA256: sum}, {Version: 2, ONNX: "2.onnx", SHA256: sum}},
		Traffic:  []schema.VersionWeight{{Version: 1, Weight: 95}, {Version: 2, Weight: 5}},
		Ramp:     &schema.Ramp{Version: 2, From: 5, To: to, Over: schema.Duration(time.Hour)},
	}}
	return defs
}

// rollout waits until a node knows a rollout that is as it should be.
func (n *node) rollout(t testing.TB, what string, as func(traffic.Rollout) bool) traffic.Rollout {
	t.Helper()
	var found traffic.Rollout
	eventually(t, what, func() bool {
		var known bool
		found, known = n.Rollouts()["m"]
		return known && as(found)
	})
	return found
}

func tripped(r traffic.Rollout) bool { return r.Trip != nil }
func runs(r traffic.Rollout) bool    { return r.Trip == nil }

// TestARolloutIsTheSameEverywhere: servers agree on when a ramp began, other applies
// change nothing of it, and another ramp starts over.
func TestARolloutIsTheSameEverywhere(t *testing.T) {
	db := database(t)
	a, b := start(t, db.DSN), start(t, db.DSN)
	a.await(t, a.apply(t, ramped(1, 50), "ann"))
	first := a.rollout(t, "ramp", runs)
	if got := b.rollout(t, "ramp on the other server", runs); !got.Began.Equal(first.Began) || got.ID != ramped(1, 50).Models[0].RolloutID() {
		t.Errorf("%+v and %+v", first, got)
	}
	a.await(t, a.apply(t, ramped(2, 50), "ann"))
	if got := a.Rollouts()["m"]; !got.Began.Equal(first.Began) {
		t.Errorf("it began %v and then %v", first.Began, got.Began)
	}
	a.await(t, a.apply(t, ramped(2, 60), "ann"))
	a.rollout(t, "new ramp", func(r traffic.Rollout) bool { return r.ID != first.ID && r.Began.After(first.Began) })
	a.await(t, a.apply(t, definitions(2), "ann"))
	eventually(t, "end of the ramp", func() bool { return len(a.Rollouts()) == 0 && len(b.Rollouts()) == 0 })
}

// TestATripStays: a ramp that trips on one server is tripped there at once, on the
// others by a notification, after a restart too, and until a person resumes it.
func TestATripStays(t *testing.T) {
	db := database(t)
	a, b := start(t, db.DSN), startPolling(t, db.DSN, time.Hour)
	a.await(t, a.apply(t, ramped(1, 50), "ann"))
	began := b.rollout(t, "ramp", runs)
	a.rollout(t, "ramp", runs)
	a.Trip("m", "another ramp", "a", "no")
	a.Trip("m", began.ID, "a", "scores are odd")
	if got := a.Rollouts()["m"].Trip; got == nil || got.Server != "a" || got.Reason != "scores are odd" {
		t.Errorf("%+v", got)
	}
	b.rollout(t, "trip on the other server", tripped)
	b.Trip("m", began.ID, "b", "mine too") // which changes nothing
	a.await(t, a.apply(t, ramped(2, 50), "ann"))
	if later := start(t, db.DSN); later.Rollouts()["m"].Trip == nil || later.Rollouts()["m"].Trip.Server != "a" {
		t.Errorf("%+v after a restart", later.Rollouts()["m"])
	}
	if err := b.Resume(ctx(), "m"); err != nil {
		t.Fatal(err)
	}
	anew := func(r traffic.Rollout) bool { return r.Trip == nil && r.Began.After(began.Began) }
	if !anew(b.Rollouts()["m"]) {
		t.Errorf("%+v where it was resumed", b.Rollouts()["m"])
	}
	a.rollout(t, "resumed ramp", anew)
	refused(t, b.Resume(ctx(), "m"), schema.FailedPrecondition, `model "m" has no tripped ramp`)
}

// TestATripWithoutPostgres: a guard works while Postgres is away; the trip outlives
// a restart, and Postgres hears of it when it is back.
func TestATripWithoutPostgres(t *testing.T) {
	db, dir := database(t), t.TempDir()
	n, err := newNode(t, db.DSN, dir, new(rows))
	if err != nil {
		t.Fatal(err)
	}
	n.apply(t, ramped(1, 50), "ann")
	if n, err = newNode(t, db.DSN, dir, new(rows)); err != nil { // which keeps it
		t.Fatal(err)
	}
	id := n.Rollouts()["m"].ID
	const nowhere = "postgres://larder@127.0.0.1:1/larder"
	if n, err = newNode(t, nowhere, dir, new(rows)); err != nil {
		t.Fatal(err)
	}
	n.Trip("m", id, "a", "scores are odd")
	if n, err = newNode(t, nowhere, dir, new(rows)); err != nil {
		t.Fatal(err)
	}
	if n.Rollouts()["m"].Trip == nil {
		t.Error("a restart without Postgres forgets the trip")
	}
	if n, err = newNode(t, db.DSN, dir, new(rows)); err != nil {
		t.Fatal(err)
	}
	if n.Rollouts()["m"].Trip == nil {
		t.Error("a start with Postgres forgets the trip")
	}
	var reason string
	if err := db.Pool.QueryRow(ctx(), "SELECT reason FROM larder.rollouts").Scan(&reason); err != nil || reason != "scores are odd" {
		t.Errorf("Postgres knows %q (%v)", reason, err)
	}
}

func TestKeptRolloutsThatAreDamaged(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rollouts.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Open("", dir, registry.Options{}); err == nil || !strings.Contains(err.Error(), "rollouts.json is damaged") {
		t.Errorf("%v", err)
	}
}

// TestPostgresReplacesKeptRolloutsThatAreDamaged: a server whose file is damaged starts
// when Postgres has the state, and writes a whole file.
func TestPostgresReplacesKeptRolloutsThatAreDamaged(t *testing.T) {
	db, dir := database(t), t.TempDir()
	path := filepath.Join(dir, "rollouts.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newNode(t, "postgres://nobody@127.0.0.1:1/none", dir, new(rows)); err == nil || !strings.Contains(err.Error(), "rollouts.json is damaged") {
		t.Errorf("without Postgres: %v", err)
	}
	if _, err := newNode(t, db.DSN, dir, new(rows)); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(path); err != nil || !json.Valid(raw) {
		t.Errorf("%q, %v", raw, err)
	}
}

// TestBucketsInSQL: larder.bucket has the published vectors.
func TestBucketsInSQL(t *testing.T) {
	db := database(t)
	raw, err := os.ReadFile("../../models/traffic/testdata/buckets.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Salt, Value string
		Bucket      int
	}
	if err := json.Unmarshal(raw, &vectors); err != nil || len(vectors) == 0 {
		t.Fatalf("%d vectors (%v)", len(vectors), err)
	}
	for _, v := range vectors {
		var got int
		if err := db.Pool.QueryRow(ctx(), "SELECT larder.bucket($1, $2)", v.Salt, v.Value).Scan(&got); err != nil || got != v.Bucket {
			t.Errorf("bucket of %q, salt %q: %d (%v); want %d", v.Value, v.Salt, got, err, v.Bucket)
		}
	}
	var digits int
	if err := db.Pool.QueryRow(ctx(), "SELECT count(*) FROM generate_series(-500, 500) AS n WHERE larder.bucket('m', n::text) <> ($1::int[])[n + 501]", buckets(-500, 500)).Scan(&digits); err != nil || digits != 0 {
		t.Errorf("%d numbers are in other buckets (%v)", digits, err)
	}
}

func buckets(from, to int64) []int32 {
	var all []int32
	for n := from; n <= to; n++ {
		all = append(all, int32(traffic.BucketInt("m", n)))
	}
	return all
}
