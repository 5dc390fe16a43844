package serving_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/internal/onnxmodel"
	"larder/models/traffic"
	"larder/schema"
	"larder/serving"
)

// mixed publishes model "mix", of four versions with inputs of several types that
// weights, in buckets, share by customer_id, or by a value of the request.
func (s *shop) mixed(by string, weights ...int) {
	s.t.Helper()
	defs := s.definitions()
	defs.OnDemandViews = []schema.OnDemandView{{
		Name: "basket", Request: []schema.Feature{{Name: "items", Type: schema.List(schema.String)}},
		Features: []schema.OnDemandFeature{{Name: "size", Type: schema.Int64, Expr: "size(request.items)", Default: int64(-1)}},
	}}
	defs.FeatureServices = append(defs.FeatureServices, schema.FeatureService{Name: "mix", Request: []schema.Feature{{Name: "channel", Type: schema.String}}, Features: []string{"profile:name", "spend:count", "basket:size", "spend:mean"}})
	inputs := []onnxmodel.Input{
		{Name: "profile:name", Elem: onnxmodel.String},
		{Name: "spend:count", Elem: onnxmodel.Int64},
		{Name: "basket:size", Elem: onnxmodel.Int64},
		{Name: "spend:mean", Elem: onnxmodel.Float},
	}
	m := schema.Model{Name: "mix", FeatureService: "mix", SplitBy: by}
	for i, w := range weights {
		m.Versions = append(m.Versions, s.version(int64(i+1), onnxmodel.NewLinear(inputs, uint64(i+1)).Model()))
		m.Traffic = append(m.Traffic, schema.VersionWeight{Version: int64(i + 1), Weight: schema.Percent(w) / 100})
	}
	defs.Models = append(defs.Models, m)
	s.publish(s.compile(s.catalog.Load().Version+1, defs))
}

func mixRequest(ids []int64, lengths []int, version int64) *larderv1.GetFeaturesAndScoreRequest {
	items, ends, channels := []string{}, []uint32{}, []string{}
	for _, n := range lengths {
		for range n {
			items = append(items, "x")
		}
		ends, channels = append(ends, uint32(len(items))), append(channels, fmt.Sprint("channel-", n))
	}
	return &larderv1.GetFeaturesAndScoreRequest{
		Model: "mix", ModelVersion: version, Entities: columns(int64s("customer_id", ids...)), At: at(noon), ReturnFeatures: true,
		Request: columns(
			&larderv1.Column{Name: "items", Values: &larderv1.Column_Lists{Lists: &larderv1.Lists{Elements: texts("", items...), Ends: ends}}},
			texts("channel", channels...),
		),
	}
}

// TestRowsGoToTheirVersions: an answer is, row by row, that of the version which the
// row's bucket belongs to, features and all; and it says which.
func TestRowsGoToTheirVersions(t *testing.T) {
	byKey, byValue := stocked(t), stocked(t)
	byKey.mixed("customer_id", 4000, 3000, 2000, 1000)
	byValue.mixed("channel", 4000, 3000, 2000, 1000)
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.Int64Range(1, 40), 1, 12).Draw(t, "ids")
		lengths, values := make([]int, len(ids)), make([]string, len(ids))
		for i := range lengths {
			lengths[i] = rapid.IntRange(0, 4).Draw(t, "items")
			values[i] = fmt.Sprint(ids[i])
		}
		s := byKey
		if rapid.Bool().Draw(t, "by a value of the request") {
			s = byValue
			for i, n := range lengths {
				values[i] = fmt.Sprint("channel-", n)
			}
		}
		pinned := make([]*larderv1.GetFeaturesAndScoreResponse, 5)
		for v := 1; v <= 4; v++ {
			pinned[v] = answered(t, s, mixRequest(ids, lengths, int64(v)))
		}
		got, want := answered(t, s, mixRequest(ids, lengths, 0)), pinned[1]
		versions := make([]int64, len(ids))
		for row, value := range values {
			versions[row] = versionOf(traffic.Bucket("mix", value))
			want.Scores[row] = pinned[versions[row]].GetScores()[row]
		}
		want.ModelVersion = versions[0]
		if slices.Min(versions) < slices.Max(versions) {
			want.ModelVersions = versions
		}
		if diff := cmp.Diff(want, got, protocmp.Transform(), cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func answered(t *rapid.T, s *shop, req *larderv1.GetFeaturesAndScoreRequest) *larderv1.GetFeaturesAndScoreResponse {
	got, err := s.server.GetFeaturesAndScore(s.t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// versionOf returns the version of a bucket for the weights 40, 30, 20, 10: the
// second and the fourth from below, the third from above.
func versionOf(bucket int) int64 {
	switch {
	case bucket < 3000:
		return 2
	case bucket < 4000:
		return 4
	case bucket >= 8000:
		return 3
	}
	return 1
}

// TestSharesAreTheWeights: of many customers each version scores its weight, by
// chi-square, over HTTP as well.
func TestSharesAreTheWeights(t *testing.T) {
	s := stocked(t)
	s.mixed("customer_id", 8000, 1500, 500)
	const requests, rows = 20, 1000
	seen := map[int64]float64{}
	for n := range requests {
		ids, lengths := make([]int64, rows), make([]int, rows)
		for i := range ids {
			ids[i] = int64(n*rows + i)
		}
		got, err := s.server.GetFeaturesAndScore(t.Context(), mixRequest(ids, lengths, 0))
		s.check(err)
		for _, v := range got.GetModelVersions() {
			seen[v]++
		}
	}
	sum := 0.0
	for version, share := range map[int64]float64{1: 0.8, 2: 0.15, 3: 0.05} {
		want := share * requests * rows
		sum += (seen[version] - want) * (seen[version] - want) / want
	}
	if sum > 18.4 { // of 2 degrees of freedom: 1 in 10,000
		t.Errorf("%v: chi-square is %.1f", seen, sum)
	}
}

func TestVersionsOverHTTP(t *testing.T) {
	s := stocked(t)
	s.listen(grpcserver.Options{})
	s.mixed("customer_id", 5000, 5000)
	body := `{"model":"mix","entities":{"customer_id":[1,2,3,4]},"request":{"items":[["x"],[],[],[]],"channel":["a","a","a","a"]}%s}`
	var versions []string
	for id := range int64(4) {
		version := 1
		if traffic.BucketInt("mix", id+1) < 5000 {
			version = 2
		}
		versions = append(versions, fmt.Sprint(version))
	}
	want := `"model_version":` + versions[0] + `,"model_versions":[` + strings.Join(versions, ",") + `]`
	if status, answer := s.post("/v1/score", fmt.Sprintf(body, "")); status != 200 || !strings.Contains(answer, want) {
		t.Errorf("%d %s; want %s", status, answer, want)
	}
	if status, answer := s.post("/v1/score", fmt.Sprintf(body, `,"model_version":2`)); status != 200 || !strings.Contains(answer, `"model_version":2,"catalog`) {
		t.Errorf("%d %s; want all by version 2", status, answer)
	}
}

// TestSplitRequestsThatAreRefused: what can't be split says why, and what is wrong
// anyway says what it says without a split.
func TestSplitRequestsThatAreRefused(t *testing.T) {
	s := stocked(t)
	f := func(by, want string, change func(*larderv1.GetFeaturesAndScoreRequest)) {
		t.Helper()
		s.mixed(by, 5000, 5000)
		req := mixRequest([]int64{1, 2, 3, 4}, []int{0, 1, 2, 3}, 0)
		change(req)
		if _, err := s.server.GetFeaturesAndScore(t.Context(), req); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	f("channel", `split by "channel"; send it`, func(r *larderv1.GetFeaturesAndScoreRequest) { r.Request = r.Request[:1] })
	f("channel", `"channel" is null in row 2`, func(r *larderv1.GetFeaturesAndScoreRequest) { r.Request[1].Nulls = []uint32{2} })
	f("channel", `as integers or strings`, func(r *larderv1.GetFeaturesAndScoreRequest) { r.Request[1] = doubles("channel", 1, 2, 3, 4) })
	f("customer_id", `join key "customer_id" (int64) is missing`, func(r *larderv1.GetFeaturesAndScoreRequest) { r.Entities = nil })
	f("customer_id", `the request has 4 rows`, func(r *larderv1.GetFeaturesAndScoreRequest) { r.Request[1] = texts("channel", "a") })
	f("customer_id", `the ends of its lists`, func(r *larderv1.GetFeaturesAndScoreRequest) { r.Request[0].GetLists().Ends[1] = 100 })
	f("customer_id", `it has 1, 2`, func(r *larderv1.GetFeaturesAndScoreRequest) { r.ModelVersion = 7 })
}

// BenchmarkSplit is what a split adds to a request of one row: the two cases are
// interleaved, and their medians over batches of requests reported.
func BenchmarkSplit(b *testing.B) {
	s := wide(b, 5, serving.Options{})
	plain := s.catalog.Load().Definitions
	split := plain
	split.Models = slices.Clone(plain.Models)
	m := &split.Models[0]
	second := m.Versions[0]
	second.Version = 2
	m.Versions, m.SplitBy = append(slices.Clip(m.Versions), second), "id"
	m.Traffic = []schema.VersionWeight{{Version: 1, Weight: 95}, {Version: 2, Weight: 5}}
	req := wideRequest(1, false)
	req.At = nil
	const batch = 100
	version, took := int64(10), map[string][]time.Duration{}
	for range 20 {
		for name, defs := range map[string]*schema.Definitions{"plain": &plain, "split": &split} {
			s.publish(s.compile(version, defs))
			version++
			for range b.N {
				began := time.Now()
				for range batch {
					if _, err := s.server.GetFeaturesAndScore(b.Context(), req); err != nil {
						b.Fatal(err)
					}
				}
				took[name] = append(took[name], time.Since(began)/batch)
			}
		}
	}
	for name, all := range took {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Nanoseconds()), name+"-p50-ns")
	}
}
