package integration_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// TestDrift: what two servers feed a model is compared with its training set, together: the
// same distribution is none, a feature that moves and a view that goes stale are, and what did
// not change isn't.
func TestDrift(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t).DSN
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const users = 1000
	if _, err := conn.Exec(t.Context(), fmt.Sprintf(`CREATE TABLE facts AS SELECT i::bigint AS id, now() - interval '1 hour' AS at, (i * 7919 %% 1000)::float8 AS spend FROM generate_series(1, %d) AS i`, users)); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	fileOf(t, filepath.Join(dir, "all.yaml"), []byte(`
entities: [{name: person, join_keys: [{name: id, type: int64}]}]
sources: [{name: facts, table: facts, timestamp_field: at}]
feature_views:
  - {name: facts, entities: [person], source: facts, features: [{name: spend, type: float64, default: 0}]}
feature_services:
  - {name: both, request: [{name: amount, type: float64}, {name: hour, type: int64, default: 0}], features: ["facts:spend", "request:amount", "request:hour"]}
`))
	s := startServer(t, dsn, "--watch-window", "1s")
	other := startServer(t, dsn, "--watch-window", "1s")
	run := func(want int, args ...string) string {
		t.Helper()
		stdout, stderr, code := s.client(args...)
		if code != want {
			t.Fatalf("larder %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
		}
		return stdout + stderr
	}
	run(0, "apply", dir)
	run(0, "materialize")
	if _, err := other.materialize(t.Context(), &larderv1.MaterializeRequest{}); err != nil {
		t.Fatal(err)
	}

	// A training set with the distribution of ordinary traffic.
	random := rand.New(rand.NewPCG(1, 2))
	var spine strings.Builder
	spine.WriteString("id,event_time,amount,hour\n")
	for range 4000 {
		fmt.Fprintf(&spine, "%d,2099-01-01T00:00:00Z,%v,%d\n", 1+random.IntN(users), random.NormFloat64()*10+50, random.IntN(24))
	}
	spineFile := fileOf(t, filepath.Join(dir, "spine.csv"), []byte(spine.String()))
	run(0, "dataset", "--service", "both", "--spine", spineFile, "--out", filepath.Join(dir, "set.csv"), "--name", "trained")
	model := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "facts__spend", Elem: onnxmodel.Double}, {Name: "request__amount", Elem: onnxmodel.Double}, {Name: "request__hour", Elem: onnxmodel.Int64}}, 1).Model()
	file := fileOf(t, filepath.Join(dir, "m.onnx"), model.Encode())
	run(0, "models", "push", "m", file, "--service", "both", "--dataset", "trained", "--promote")
	eventually(t, "the model on the other server", func() bool { return other.catalogVersion() == s.catalogVersion() })
	wantWords(t, run(0, "drift", "m"), "there is no reference yet")

	// score sends rows, half to each server, of people and amounts.
	score := func(rows int, id func() int64, amount func() float64) {
		t.Helper()
		for n := 0; n < rows; n += 200 {
			ids, amounts, hours := make([]int64, 200), make([]float64, 200), make([]int64, 200)
			for i := range ids {
				ids[i], amounts[i], hours[i] = id(), amount(), int64(random.IntN(24))
			}
			to := []*server{s, other}[n/200%2]
			_, err := to.serving.GetFeaturesAndScore(t.Context(), &larderv1.GetFeaturesAndScoreRequest{
				Model: "m", Entities: []*larderv1.Column{int64Column("id", ids...)}, Request: []*larderv1.Column{float64Column("amount", amounts...), int64Column("hour", hours...)},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	someone := func() int64 { return int64(1 + random.IntN(users)) }
	usual := func() float64 { return random.NormFloat64()*10 + 50 }
	counted := func() int64 {
		answer, err := s.control.GetDrift(t.Context(), &larderv1.GetDriftRequest{Model: "m"})
		if err != nil {
			t.Fatal(err)
		}
		return answer.GetRows()
	}
	// The first requests come before the reference of the training set is there.
	looks := 0
	eventually(t, "the first counted rows", func() bool {
		if looks%25 == 0 { // no more a second than all are counted of
			score(400, someone, usual)
		}
		looks++
		return counted() > 0
	})
	sent := func(windows int, id func() int64, amount func() float64) {
		t.Helper()
		for range windows {
			before := counted()
			score(1600, id, amount)
			eventually(t, "rows of both servers", func() bool { return counted() >= before+1600 })
		}
	}
	sent(3, someone, usual)
	calm := run(0, "drift", "m")
	wantWords(t, calm, "compared with the 4000 of training set", "facts:spend", "request:amount", "status:facts", "score")
	if strings.Contains(calm, "drifts") {
		t.Errorf("ordinary traffic drifts:\n%s", calm)
	}
	// Amounts in cents, and people that are not there.
	sent(3, someone, func() float64 { return usual() * 100 })
	moved := run(1, "drift", "m")
	wantWords(t, moved, "request:amount", "of rows are outside of what the reference has")
	if first := strings.Fields(strings.Split(moved, "\n")[4]); first[0] != "request:amount" || first[1] != "drifts" {
		t.Errorf("the first line is %q of\n%s", first, moved)
	}
	sent(3, func() int64 { return 1_000_000 + someone() }, usual)
	gone := run(1, "drift", "m")
	answer, err := s.control.GetDrift(t.Context(), &larderv1.GetDriftRequest{Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range answer.GetColumns() {
		if want := c.GetName() == "facts:spend" || c.GetName() == "status:facts" || c.GetName() == "request:amount" || c.GetName() == "score"; c.GetDrifts() && !want {
			t.Errorf("%s drifts: %v\n%s", c.GetName(), c, gone)
		}
		if c.GetName() == "status:facts" && !c.GetDrifts() {
			t.Errorf("a view without rows doesn't drift: %v\n%s", c, gone)
		}
	}
	eventually(t, "metric of what drifts", func() bool {
		return strings.Contains(other.httpText("/metrics"), `larder_drift_importance{column="status:facts",model="m",version="1"} 0.9`)
	})
	wantWords(t, run(1, "drift", "n"), `no model "n"`)
	wantWords(t, run(2, "drift", "m", "--since", "yesterday"), "--since")
}

func float64Column(name string, values ...float64) *larderv1.Column {
	return &larderv1.Column{Name: name, Values: &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: values}}}
}
