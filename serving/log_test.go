package serving_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	larderv1 "larder/api/larder/v1"
	"larder/internal/arrowfile"
	"larder/internal/grpcserver"
	"larder/monitor/featurelog"
	"larder/schema"
	"larder/serving"
)

// openLog opens a feature log in a folder. Nobody writes it until run is called,
// which returns how to end it.
func openLog(t testing.TB, dir string, opts featurelog.Options) (log *featurelog.Log, run func() (end func())) {
	t.Helper()
	opts.Logger = slog.New(slog.DiscardHandler)
	log, err := featurelog.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return log, func() func() {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- log.Run(ctx) }()
		return func() {
			t.Helper()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
}

// logging are the observers of a server whose requests go to a log.
func logging(log *featurelog.Log) []func(*serving.Scored) {
	return []func(*serving.Scored){func(s *serving.Scored) { log.Offer(&s.Scored) }}
}

// logged publishes the definitions that serve, with all requests logged.
func (s *shop) logged() {
	s.t.Helper()
	defs := s.catalog.Load().Definitions
	defs.Models = slices.Clone(defs.Models)
	for i := range defs.Models {
		defs.Models[i].Log = &schema.ModelLog{Rate: 1}
	}
	s.publish(s.compile(s.catalog.Load().Version, &defs))
}

// TestLogIsWhatTheModelSaw: the log has the vectors, statuses and scores of the
// answers, of a model that takes one tensor and of one with an input per feature.
func TestLogIsWhatTheModelSaw(t *testing.T) {
	dir := t.TempDir()
	log, run := openLog(t, dir, featurelog.Options{})
	s := stockedWith(t, serving.Options{Observe: logging(log)})
	s.logged()
	end := run()
	if _, err := s.server.GetFeaturesAndScore(t.Context(), risk()); err != nil {
		t.Fatal(err)
	}
	taste := &larderv1.GetFeaturesAndScoreRequest{Model: "taste", Entities: columns(int64s("customer_id", 2, 1)), At: at(noon)}
	tasted, err := s.server.GetFeaturesAndScore(t.Context(), taste)
	s.check(err)
	end()

	rec := onlyFile(t, filepath.Join(dir, "risk"))
	var vectors [][]float32
	for row := range 3 {
		var v []float32
		for _, name := range []string{"request:amount", "pair:hits", "spend:count", "spend:mean"} {
			v = append(v, logColumn[*array.Float32](t, rec, "vector:"+name).Value(row))
		}
		vectors = append(vectors, v)
	}
	if diff := cmp.Diff(riskVectors, vectors, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("vectors (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(riskScores(1), logColumn[*array.Float64](t, rec, "log:score").Float64Values()); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b", "b"}, texted(logColumn[*array.String](t, rec, "terminal_id"))); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]float64{10, 20, 30}, logColumn[*array.Float64](t, rec, "amount").Float64Values()); diff != "" {
		t.Errorf("request values (-want +got):\n%s", diff)
	}
	rec = onlyFile(t, filepath.Join(dir, "taste"))
	if diff := cmp.Diff([]string{"fuel", "grocer"}, texted(logColumn[*array.String](t, rec, "vector:profile:name"))); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tasted.GetScores(), logColumn[*array.Float64](t, rec, "log:score").Float64Values()); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
}

// onlyFile returns the rows of the one file of a folder.
func onlyFile(t *testing.T, dir string) arrow.Record {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Fatalf("%s has %v, %v; want one file", dir, names, err)
	}
	r, err := arrowfile.Open(t.Context(), filepath.Join(dir, names[0].Name()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Next() {
		t.Fatal(r.Err())
	}
	rec := r.Record()
	rec.Retain()
	t.Cleanup(rec.Release)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return rec
}

func logColumn[A arrow.Array](t *testing.T, rec arrow.Record, name string) A {
	t.Helper()
	at := rec.Schema().FieldIndices(name)
	if len(at) != 1 {
		t.Fatalf("the log has no column %s: %s", name, rec.Schema())
	}
	return rec.Column(at[0]).(A)
}

func texted(a *array.String) (out []string) {
	for i := range a.Len() {
		out = append(out, a.Value(i))
	}
	return out
}

// TestLogThatNobodyWrites: a log whose disk stands still delays nothing: requests
// are answered, and what doesn't fit in the queue is dropped and counted.
func TestLogThatNobodyWrites(t *testing.T) {
	metrics := prometheus.NewRegistry()
	log, _ := openLog(t, t.TempDir(), featurelog.Options{MaxQueued: 1000, Registerer: metrics})
	s := stockedWith(t, serving.Options{Observe: logging(log)})
	s.logged()
	const requests = 100
	for range requests {
		got, err := s.server.GetFeaturesAndScore(t.Context(), risk())
		s.check(err)
		if diff := cmp.Diff(riskScores(1), got.GetScores()); diff != "" {
			t.Fatalf("scores (-want +got):\n%s", diff)
		}
	}
	dropped := droppedRows(t, metrics)
	if rows := 3 * requests; dropped < float64(rows-60) || dropped >= float64(rows) {
		t.Errorf("%v of %d rows were dropped; a queue of 1000 bytes holds a few", dropped, rows)
	}
}

// droppedRows is how many rows a log has dropped, for whatever reason.
func droppedRows(t testing.TB, metrics *prometheus.Registry) (rows float64) {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "larder_feature_log_dropped_total" {
			for _, m := range f.GetMetric() {
				rows += m.GetCounter().GetValue()
			}
		}
	}
	return rows
}

// BenchmarkFeatureLog compares the same requests with and without a log at rate
// 1, by turns of a hundred, so that what the log writes falls on requests of its
// own, over the loopback. p50 is what the bar of the log is of.
func BenchmarkFeatureLog(b *testing.B) {
	for _, rows := range []int{1, 100} {
		b.Run(fmt.Sprintf("rows=%d/features=50", rows), func(b *testing.B) {
			metrics := prometheus.NewRegistry()
			log, run := openLog(b, b.TempDir(), featurelog.Options{Registerer: metrics})
			defer run()()
			shops := []*shop{wide(b, 5, serving.Options{}), wide(b, 5, serving.Options{Observe: logging(log)})}
			shops[1].logged()
			req := wideRequest(rows, false)
			p50, p99 := byTurns(b, req, shops...)
			b.ReportMetric(p50[0]/1000, "p50-µs")
			b.ReportMetric(p50[1]/1000, "p50-logged-µs")
			b.ReportMetric(p50[1]/p50[0], "p50-ratio")
			b.ReportMetric(p99[1]/p99[0], "p99-ratio")
			b.ReportMetric(droppedRows(b, metrics), "dropped-rows")
		})
	}
}

// byTurns sends the same request to some shops, a hundred times to each and again, over the
// loopback. It returns percentiles of each shop's latency, in nanoseconds.
func byTurns(b *testing.B, req *larderv1.GetFeaturesAndScoreRequest, shops ...*shop) (p50, p99 []float64) {
	b.Helper()
	took := make([][]time.Duration, len(shops))
	for _, s := range shops {
		s.listen(grpcserver.Options{})
	}
	for b.Loop() {
		for i, s := range shops {
			for range 100 {
				began := time.Now()
				_, err := s.client.GetFeaturesAndScore(b.Context(), req)
				s.check(err)
				took[i] = append(took[i], time.Since(began))
			}
		}
	}
	for i := range took {
		slices.Sort(took[i])
		p50, p99 = append(p50, float64(took[i][len(took[i])/2])), append(p99, float64(took[i][len(took[i])*99/100]))
	}
	return p50, p99
}

// TestRequestID: an answer says under which id the log has its request, the caller's
// own or one that is drawn, and none where it is not logged.
func TestRequestID(t *testing.T) {
	dir := t.TempDir()
	log, run := openLog(t, dir, featurelog.Options{})
	s := stockedWith(t, serving.Options{Observe: logging(log)})
	s.listen(grpcserver.Options{})
	ask := func(id string) string {
		t.Helper()
		req := risk()
		req.RequestId = id
		got, err := s.server.GetFeaturesAndScore(t.Context(), req)
		s.check(err)
		return got.GetRequestId()
	}
	if got := ask("order 7"); got != "" {
		t.Errorf("a request that is not logged has the id %q", got)
	}
	s.logged()
	end := run()
	given, drawn := ask("order 7"), ask("")
	if given != "order 7" || len(drawn) != 16 {
		t.Errorf("the ids are %q and %q", given, drawn)
	}
	status, body := s.post("/v1/score", `{"model": "risk", "entities": {"customer_id": [1], "terminal_id": ["a"]}, "request": {"amount": [1]}, "request_id": "\u00fc"}`)
	if status != 200 || !strings.HasSuffix(body, `,"request_id":"ü"}`) {
		t.Errorf("over HTTP: %d %s", status, body)
	}
	end()
	rec := onlyFile(t, filepath.Join(dir, "risk"))
	ids := map[string]int{}
	for i := range int(rec.NumRows()) {
		ids[logColumn[*array.String](t, rec, "log:request_id").Value(i)]++
	}
	if diff := cmp.Diff(map[string]int{given: 3, drawn: 3, "ü": 1}, ids); diff != "" {
		t.Errorf("rows of each id (-want +got):\n%s", diff)
	}
}
