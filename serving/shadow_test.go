package serving_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	larderv1 "larder/api/larder/v1"
	"larder/internal/arrowfile"
	"larder/internal/grpcserver"
	"larder/internal/onnxmodel"
	"larder/monitor/featurelog"
	"larder/schema"
	"larder/serving"
)

// run scores for shadows until end is called.
func (s *shop) run() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.shadows.Run(ctx) }()
	return func() {
		s.t.Helper()
		cancel()
		s.check(<-ended)
	}
}

// newShadows returns shadows whose scores go to a log.
func newShadows(log *featurelog.Log, metrics prometheus.Registerer) *serving.Shadows {
	return serving.NewShadows(serving.ShadowOptions{Observe: logging(log), Registerer: metrics})
}

// shadowed publishes versions 1 and 2 of model "risk", which share the traffic by
// customer_id, and two shadows: 3, which takes one tensor as they do, and 4, which
// has an input for each feature. All requests are logged.
func (s *shop) shadowed() {
	s.t.Helper()
	defs := s.definitions()
	m := &defs.Models[0]
	other := onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 20, Depth: 4, Features: 4, Seed: 3})
	apart := onnxmodel.NewLinear([]onnxmodel.Input{
		{Name: "amount", Elem: onnxmodel.Double}, {Name: "pair:hits", Elem: onnxmodel.Int32}, {Name: "count", Elem: onnxmodel.Int64}, {Name: "spend__mean", Elem: onnxmodel.Float},
	}, 4)
	m.Versions = append(m.Versions, s.version(3, other.Model()), s.version(4, apart.Model()))
	m.Serve, m.SplitBy, m.Shadow, m.Log = 0, "customer_id", []int64{3, 4}, &schema.ModelLog{Rate: 1}
	m.Traffic = []schema.VersionWeight{{Version: 1, Weight: 50}, {Version: 2, Weight: 50}}
	s.publish(s.compile(2, defs))
}

// TestShadowsScoreWhatWasAnswered: the log has, for each row of each request, the
// version that answered and the scores that each shadow has when it is asked itself.
func TestShadowsScoreWhatWasAnswered(t *testing.T) {
	dir, metrics := t.TempDir(), prometheus.NewRegistry()
	log, run := openLog(t, dir, featurelog.Options{})
	shadows := newShadows(log, metrics)
	s := stockedWith(t, serving.Options{Observe: append(logging(log), shadows.Observe)})
	s.shadows = shadows
	s.shadowed()
	endLog, end := run(), s.run()
	request := func(version int64) *larderv1.GetFeaturesAndScoreRequest {
		return &larderv1.GetFeaturesAndScoreRequest{
			Model: "risk", ModelVersion: version, At: at(noon), ReturnFeatures: version == 3,
			Entities: columns(int64s("customer_id", 1, 2, 3, 4, 1), texts("terminal_id", "a", "a", "b", "b", "b")), Request: columns(doubles("amount", 1, 2, 3, 4, 5)),
		}
	}
	answer, err := s.server.GetFeaturesAndScore(t.Context(), request(0))
	s.check(err)
	eventually(t, "shadows", func() bool {
		scored, err := testutil.GatherAndCount(metrics, "larder_serving_shadow_rows_total")
		s.check(err)
		return scored == 2 && counted(t, metrics, "larder_serving_shadow_rows_total", "scored") == 10
	})
	end()
	endLog()
	want := map[string]float64{}
	for row, score := range answer.GetScores() {
		want[fmt.Sprintf("serve %d row %d", answer.GetModelVersions()[row], row)] = score
	}
	for _, version := range []int64{3, 4} {
		direct, err := s.server.GetFeaturesAndScore(t.Context(), request(version))
		s.check(err)
		for row, score := range direct.GetScores() {
			want[fmt.Sprintf("shadow %d row %d", version, row)] = score
		}
	}
	if diff := cmp.Diff(bits(want), bits(rolesIn(t, filepath.Join(dir, "risk")))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// bits makes NaNs compare too.
func bits(scores map[string]float64) map[string]uint64 {
	out := map[string]uint64{}
	for key, score := range scores {
		if out[key] = math.Float64bits(score); math.IsNaN(score) {
			out[key] = 0x7ff8000000000001
		}
	}
	return out
}

// rolesIn returns the scores of a log, which all have one id.
func rolesIn(t *testing.T, dir string) map[string]float64 {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	scores, ids := map[string]float64{}, map[string]bool{}
	for _, f := range files {
		r, err := arrowfile.Open(t.Context(), filepath.Join(dir, f.Name()), nil)
		if err != nil {
			t.Fatal(err)
		}
		for r.Next() {
			rec := r.Record()
			for i := range int(rec.NumRows()) {
				ids[logColumn[*array.String](t, rec, "log:request_id").Value(i)] = true
				key := fmt.Sprintf("%s %d row %d", logColumn[*array.String](t, rec, "log:role").Value(i),
					logColumn[*array.Int64](t, rec, "log:model_version").Value(i), logColumn[*array.Int32](t, rec, "log:row").Value(i))
				scores[key] = logColumn[*array.Float64](t, rec, "log:score").Value(i)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(ids) != 1 {
		t.Errorf("the rows have the ids %v; want one", ids)
	}
	return scores
}

// counted adds up a counter of an outcome.
func counted(t *testing.T, metrics *prometheus.Registry, name, outcome string) float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && strings.Contains(m.String(), outcome) {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// eventually asks until the answer is yes, for a minute.
func eventually(t testing.TB, what string, ask func() bool) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-deadline:
			t.Fatalf("after a minute: no %s", what)
		case <-tick.C:
		}
	}
}

// TestShadowsAreShed: what shadows can't keep up with is dropped and counted, and
// answers don't wait for it; what waits is scored.
func TestShadowsAreShed(t *testing.T) {
	metrics := prometheus.NewRegistry()
	log, run := openLog(t, t.TempDir(), featurelog.Options{})
	shadows := newShadows(log, metrics)
	s := stockedWith(t, serving.Options{Observe: append(logging(log), shadows.Observe)})
	s.shadows = shadows
	s.shadowed()
	defer run()()
	const requests = 600 // more than wait for two shadows
	for range requests {
		_, err := s.server.GetFeaturesAndScore(t.Context(), risk())
		s.check(err)
	}
	const rows = "larder_serving_shadow_rows_total"
	offered := float64(2 * requests * len(riskVectors))
	dropped := counted(t, metrics, rows, "dropped")
	if dropped == 0 || dropped == offered {
		t.Errorf("%v of %v rows were dropped while nobody scored", dropped, offered)
	}
	defer s.run()()
	eventually(t, "end of the shadows", func() bool { return counted(t, metrics, rows, "scored") == offered-dropped })
}

// BenchmarkShadow is what a shadow of all requests adds to a request over loopback.
func BenchmarkShadow(b *testing.B) {
	log, run := openLog(b, b.TempDir(), featurelog.Options{})
	defer run()()
	shadows := newShadows(log, prometheus.NewRegistry())
	s := wide(b, 5, serving.Options{Observe: append(logging(log), shadows.Observe)})
	s.shadows = shadows
	s.listen(grpcserver.Options{})
	defer s.run()()
	plain := s.catalog.Load().Definitions
	with := func(change func(*schema.Model)) *schema.Definitions {
		defs := plain
		defs.Models = slices.Clone(defs.Models)
		change(&defs.Models[0])
		return &defs
	}
	logged := with(func(m *schema.Model) { m.Log = &schema.ModelLog{Rate: 1} })
	shadow := with(func(m *schema.Model) {
		second := m.Versions[0]
		second.Version = 2
		m.Versions, m.Serve, m.Shadow, m.Log = append(slices.Clip(m.Versions), second), 1, []int64{2}, &schema.ModelLog{Rate: 1}
	})
	version, req := int64(10), wideRequest(1, false)
	took := map[string][]time.Duration{}
	for range 10 { // interleaved: machines have moods
		for name, defs := range map[string]*schema.Definitions{"plain": &plain, "logged": logged, "shadow": shadow} {
			s.publish(s.compile(version, defs))
			version++
			for range b.N {
				began := time.Now()
				if _, err := s.client.GetFeaturesAndScore(b.Context(), req); err != nil {
					b.Fatal(err)
				}
				took[name] = append(took[name], time.Since(began))
			}
		}
	}
	for name, all := range took {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Nanoseconds()), name+"-p50-ns")
	}
}
