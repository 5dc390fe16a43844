package inference_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	inferencev2 "larder/api/inference"
	"larder/internal/grpcserver"
	"larder/schema"
)

// count returns what is counted of a model, by version: rows, answered and failed requests.
func (s *shop) count(model, version string) map[string][3]uint64 {
	s.t.Helper()
	resp, err := s.client.ModelStatistics(s.t.Context(), &inferencev2.ModelStatisticsRequest{Name: model, Version: version})
	s.check(err)
	all := map[string][3]uint64{}
	for _, m := range resp.GetModelStats() {
		stats := m.GetInferenceStats()
		all[m.GetName()+" "+m.GetVersion()] = [3]uint64{m.GetInferenceCount(), stats.GetSuccess().GetCount(), stats.GetFail().GetCount()}
		parts := stats.GetComputeInput().GetNs() + stats.GetComputeInfer().GetNs() + stats.GetComputeOutput().GetNs()
		answered := m.GetExecutionCount()
		if stats.GetSuccess().GetCount() != answered || stats.GetComputeInfer().GetCount() != answered || parts != stats.GetSuccess().GetNs() ||
			(answered > 0) != (m.GetLastInference() > 0) || (answered > 0) != (stats.GetComputeInfer().GetNs() > 0) || stats.GetQueue().GetCount() != 0 {
			s.t.Errorf("statistics that don't agree: %v", m)
		}
	}
	return all
}

func TestStatistics(t *testing.T) {
	s := open(t, grpcserver.Options{})
	before := uint64(time.Now().UnixMilli())
	same := func(model, version string, want map[string][3]uint64) {
		t.Helper()
		if diff := cmp.Diff(want, s.count(model, version)); diff != "" {
			t.Errorf("%q version %q (-want +got):\n%s", model, version, diff)
		}
	}
	same("risk", "", map[string][3]uint64{"risk 1": {}, "risk 2": {}})
	x := []float32{1, 2, 3, 4}
	ask := func(req *inferencev2.ModelInferRequest, want codes.Code) {
		t.Helper()
		if _, err := s.client.ModelInfer(t.Context(), req); status.Code(err) != want {
			t.Fatal(err)
		}
	}
	ask(risk("", x, x, x), codes.OK)
	ask(risk("1", x), codes.OK)
	ask(risk("2", x, x), codes.OK)
	bad := risk("2", x)
	bad.Inputs[0].Datatype = "FP23" // found while reading
	ask(bad, codes.InvalidArgument)
	bad = risk("", x)
	bad.Inputs[0].Name = "y" // found by the model
	ask(bad, codes.InvalidArgument)
	ask(risk("9", x), codes.NotFound)
	ask(features(), codes.OK)
	same("risk", "", map[string][3]uint64{"risk 1": {4, 2, 1}, "risk 2": {2, 1, 1}})
	same("risk", "2", map[string][3]uint64{"risk 2": {2, 1, 1}})
	same("risk.features", "", map[string][3]uint64{"risk.features 1": {2, 1, 0}, "risk.features 2": {}})
	if all := s.count("", ""); len(all) != 8 || all["risk 1"][0] != 4 || all["risk.features 1"][0] != 2 {
		t.Errorf("of all models: %v", all)
	}

	// Over REST the same, in numbers.
	httpStatus, _, body := s.ask("POST", "/v2/models/casts/infer", []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[3,1],"data":[1,2,3]}],"outputs":[{"name":"score"}]}`))
	if httpStatus != 200 {
		t.Fatalf("%d %s", httpStatus, body)
	}
	s.ask("POST", "/v2/models/casts/infer", []byte(`{"inputs":[]}`))
	s.ask("POST", "/v2/models/casts/infer", []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}],"outputs":[{"name":"t16"}]}`)) // can't be written
	for _, path := range []string{"/v2/models/casts/stats", "/v2/models/casts/versions/1/stats"} {
		var got struct {
			ModelStats []struct {
				Name, Version  string
				LastInference  uint64                                `json:"last_inference"`
				InferenceCount uint64                                `json:"inference_count"`
				ExecutionCount uint64                                `json:"execution_count"`
				InferenceStats map[string]struct{ Count, Ns uint64 } `json:"inference_stats"`
				BatchStats     []any                                 `json:"batch_stats"`
			} `json:"model_stats"`
		}
		_, _, body = s.ask("GET", path, nil)
		if err := json.Unmarshal(body, &got); err != nil || len(got.ModelStats) != 1 {
			t.Fatalf("%s: %v %s", path, err, body)
		}
		m := got.ModelStats[0]
		if m.Name != "casts" || m.Version != "1" || m.InferenceCount != 3 || m.ExecutionCount != 1 || m.InferenceStats["fail"].Count != 2 || m.InferenceStats["compute_infer"].Ns == 0 ||
			m.LastInference < before || m.LastInference > uint64(time.Now().UnixMilli()) || len(m.InferenceStats) != 7 || m.BatchStats == nil {
			t.Errorf("%s: %s", path, body)
		}
	}
	refused := func(path string, want int) {
		t.Helper()
		if got, _, body := s.ask("GET", path, nil); got != want {
			t.Errorf("%s: %d %s; want %d", path, got, body, want)
		}
	}
	refused("/v2/models/stats", 200)
	refused("/v2/models/rsik/stats", 404)
	refused("/v2/models/risk/versions/9/stats", 404)
	refused("/v2/models/risk/versions/two/stats", 400)
	_, err := s.client.ModelStatistics(t.Context(), &inferencev2.ModelStatisticsRequest{Version: "1"})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("a version of no model: %v", err)
	}
}

// TestStatisticsOfASplit: each version counts the rows that it scored.
func TestStatisticsOfASplit(t *testing.T) {
	s := open(t, grpcserver.Options{})
	defs := s.definitions()
	defs.Models[0].Serve, defs.Models[0].SplitBy = 0, "customer_id"
	defs.Models[0].Traffic = []schema.VersionWeight{{Version: 1, Weight: 50}, {Version: 2, Weight: 50}}
	s.publish(s.compile(2, defs))
	const rows = 64
	req := &inferencev2.ModelInferRequest{ModelName: "risk.features", Outputs: outputs("model_version")}
	contents := [3]inferencev2.InferTensorContents{}
	for i := range rows {
		contents[0].Int64Contents = append(contents[0].Int64Contents, int64(i))
		contents[1].BytesContents = append(contents[1].BytesContents, []byte("a"))
		contents[2].Fp64Contents = append(contents[2].Fp64Contents, 1)
	}
	for i, in := range []*inferencev2.ModelInferRequest_InferInputTensor{tensor("customer_id", "INT64", rows), tensor("terminal_id", "BYTES", rows), tensor("amount", "FP64", rows)} {
		in.Contents = &contents[i]
		req.Inputs = append(req.Inputs, in)
	}
	resp, err := s.client.ModelInfer(t.Context(), req)
	s.check(err)
	want := map[string][3]uint64{"risk.features 1": {0, 1, 0}, "risk.features 2": {0, 1, 0}}
	for _, version := range resp.GetOutputs()[0].GetContents().GetInt64Contents() {
		counts := want[fmt.Sprint("risk.features ", version)]
		counts[0]++
		want[fmt.Sprint("risk.features ", version)] = counts
	}
	if diff := cmp.Diff(want, s.count("risk.features", "")); diff != "" || want["risk.features 1"][0] == 0 || want["risk.features 2"][0] == 0 {
		t.Errorf("of %v (-want +got):\n%s", want, diff)
	}
}

// Requests at once are all counted, also the first ones of a model.
func TestStatisticsOfRequestsAtOnce(t *testing.T) {
	s := open(t, grpcserver.Options{})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for i := range 25 {
				if _, err := s.client.ModelInfer(t.Context(), risk(fmt.Sprint(1+i%2), []float32{1, 2, 3, 4})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if diff := cmp.Diff(map[string][3]uint64{"risk 1": {104, 104, 0}, "risk 2": {96, 96, 0}}, s.count("risk", "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
