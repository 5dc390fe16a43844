package inference_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	inferencev2 "larder/api/inference"
	"larder/internal/grpcserver"
)

func TestHealthAndMetadata(t *testing.T) {
	s := open(t, grpcserver.Options{})
	live, err := s.client.ServerLive(t.Context(), &inferencev2.ServerLiveRequest{})
	s.check(err)
	ready, err := s.client.ServerReady(t.Context(), &inferencev2.ServerReadyRequest{})
	s.check(err)
	if !live.GetLive() || !ready.GetReady() {
		t.Errorf("live %v, ready %v", live.GetLive(), ready.GetReady())
	}
	f := func(model, version string, want bool) {
		t.Helper()
		got, err := s.client.ModelReady(t.Context(), &inferencev2.ModelReadyRequest{Name: model, Version: version})
		if err != nil || got.GetReady() != want {
			t.Errorf("model %q version %q: ready %v, %v; want %v", model, version, got.GetReady(), err, want)
		}
	}
	f("risk", "", true)
	f("risk", "2", true)
	f("risk.features", "2", true)
	f("risk", "3", false)
	f("risk", "two", false)
	f("rsik", "", false)
	got, err := s.client.ModelMetadata(t.Context(), &inferencev2.ModelMetadataRequest{Name: "risk.features"})
	s.check(err)
	type meta = inferencev2.ModelMetadataResponse_TensorMetadata
	n := []int64{-1}
	want := &inferencev2.ModelMetadataResponse{
		Name: "risk.features", Versions: []string{"1", "2"}, Platform: "larder_features",
		Inputs: []*meta{{Name: "customer_id", Datatype: "INT64", Shape: n}, {Name: "terminal_id", Datatype: "BYTES", Shape: n}, {Name: "amount", Datatype: "FP64", Shape: n}},
		Outputs: []*meta{
			{Name: "score", Datatype: "FP64", Shape: n},
			{Name: "model_version", Datatype: "INT64", Shape: n},
			{Name: "variable", Datatype: "FP32", Shape: []int64{-1, 1}},
			{Name: "request:amount", Datatype: "FP64", Shape: n},
			{Name: "pair:hits", Datatype: "INT32", Shape: n},
			{Name: "spend:count", Datatype: "INT64", Shape: n},
			{Name: "spend:mean", Datatype: "FP64", Shape: n},
			{Name: "statuses", Datatype: "BYTES", Shape: []int64{-1, 4}},
		},
	}
	// The order of the keys is that in which the features first need them.
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.SortRepeated(func(a, b *meta) bool { return a.GetName() < b.GetName() })); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	config, err := s.client.ModelConfig(t.Context(), &inferencev2.ModelConfigRequest{Name: "risk"})
	s.check(err)
	input := &inferencev2.ModelInput{Name: riskInput, DataType: inferencev2.DataType_TYPE_FP32, Dims: []int64{-1, 4}}
	if diff := cmp.Diff([]*inferencev2.ModelInput{input}, config.GetConfig().GetInput(), protocmp.Transform()); diff != "" {
		t.Errorf("inputs of the config (-want +got):\n%s", diff)
	}
}

// risk asks the model about vectors.
func risk(version string, vectors ...[]float32) *inferencev2.ModelInferRequest {
	var raw []byte
	for _, v := range vectors {
		raw = append(raw, floats(v...)...)
	}
	return &inferencev2.ModelInferRequest{
		ModelName: "risk", ModelVersion: version, Id: "7",
		Inputs: []*inferencev2.ModelInferRequest_InferInputTensor{tensor(riskInput, "FP32", int64(len(vectors)), 4)}, RawInputContents: [][]byte{raw},
	}
}

func TestTensorsRawAndTyped(t *testing.T) {
	s := open(t, grpcserver.Options{})
	vectors := [][]float32{{10, 11, 7, 1.5}, {20, -1, 8, float32(math.NaN())}}
	for version, forest := range map[string]int{"": 0, "1": 0, "2": 1} {
		want := []float32{forests[forest].Score(vectors[0]), forests[forest].Score(vectors[1])}
		raw, err := s.client.ModelInfer(t.Context(), risk(version, vectors...))
		s.check(err)
		if raw.GetId() != "7" || raw.GetModelName() != "risk" || raw.GetModelVersion() != fmt.Sprint(forest+1) || raw.GetParameters()["catalog_version"].GetInt64Param() != 1 {
			t.Errorf("answered as %v", raw)
		}
		if diff := cmp.Diff([][]byte{floats(want...)}, raw.GetRawOutputContents()); diff != "" {
			t.Errorf("raw scores of version %q (-want +got):\n%s", version, diff)
		}
		req := risk(version, vectors...)
		req.RawInputContents = nil
		req.Inputs[0].Contents = &inferencev2.InferTensorContents{Fp32Contents: append(append([]float32{}, vectors[0]...), vectors[1]...)}
		typed, err := s.client.ModelInfer(t.Context(), req)
		s.check(err)
		if diff := cmp.Diff(want, typed.GetOutputs()[0].GetContents().GetFp32Contents()); diff != "" || typed.GetRawOutputContents() != nil {
			t.Errorf("typed scores of version %q (-want +got):\n%s", version, diff)
		}
	}
}

func TestEveryDatatypeOut(t *testing.T) {
	s := open(t, grpcserver.Options{})
	req := &inferencev2.ModelInferRequest{
		ModelName: "casts", Inputs: []*inferencev2.ModelInferRequest_InferInputTensor{tensor("x", "FP32", 1, 1)},
		Outputs: outputs("t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9", "t11", "t12", "t13"),
	}
	req.Inputs[0].Contents = &inferencev2.InferTensorContents{Fp32Contents: []float32{3}}
	got, err := s.client.ModelInfer(t.Context(), req)
	s.check(err)
	i, u := &inferencev2.InferTensorContents{IntContents: []int32{3}}, &inferencev2.InferTensorContents{UintContents: []uint32{3}}
	want := map[string]*inferencev2.InferTensorContents{
		"UINT8": u, "UINT16": u, "UINT32": u, "INT8": i, "INT16": i, "INT32": i,
		"INT64": {Int64Contents: []int64{3}}, "UINT64": {Uint64Contents: []uint64{3}}, "BOOL": {BoolContents: []bool{true}},
		"FP64": {Fp64Contents: []float64{3}}, "BYTES": {BytesContents: [][]byte{[]byte("3")}},
	}
	if len(got.GetOutputs()) != len(want) {
		t.Errorf("%d outputs; want %d", len(got.GetOutputs()), len(want))
	}
	for _, o := range got.GetOutputs() {
		if diff := cmp.Diff(want[o.GetDatatype()], o.GetContents(), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", o.GetDatatype(), diff)
		}
	}
	// Floats of two bytes have no typed contents: all that comes with them is raw.
	req.Outputs = outputs("t16", "t10", "t8")
	got, err = s.client.ModelInfer(t.Context(), req)
	s.check(err)
	if diff := cmp.Diff([][]byte{{0x40, 0x40}, {0x00, 0x42}, {1, 0, 0, 0, '3'}}, got.GetRawOutputContents()); diff != "" {
		t.Errorf("raw contents (-want +got):\n%s", diff)
	}
}

// features asks for the features and the score of two customers at a terminal.
func features() *inferencev2.ModelInferRequest {
	return &inferencev2.ModelInferRequest{
		ModelName:  "risk.features",
		Parameters: map[string]*inferencev2.InferParameter{"at": {ParameterChoice: &inferencev2.InferParameter_Int64Param{Int64Param: noon}}},
		Inputs: []*inferencev2.ModelInferRequest_InferInputTensor{
			tensor("terminal_id", "BYTES", 2), tensor("customer_id", "INT64", 2, 1), tensor("amount", "FP64", 2),
		},
		RawInputContents: [][]byte{
			{1, 0, 0, 0, 'a', 1, 0, 0, 0, 'b'},
			binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 1), 2),
			doubles(10, 20),
		},
	}
}

func doubles(values ...float64) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func TestFeaturesAndScoreInOneCall(t *testing.T) {
	s := open(t, grpcserver.Options{})
	req := features()
	got, err := s.client.ModelInfer(t.Context(), req)
	s.check(err)
	nan := math.NaN()
	scores := [...]float32{forests[0].Score([]float32{10, 11, 7, 1.5}), forests[0].Score([]float32{20, -1, 0, float32(nan)})}
	want := map[string][]byte{
		"score":          doubles(float64(scores[0]), float64(scores[1])),
		"variable":       floats(scores[0], scores[1]), // the output of the model that holds the score
		"model_version":  binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 1), 1),
		"request:amount": doubles(10, 20),
		"pair:hits":      {11, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
		"spend:count":    binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 7), 0),
		"spend:mean":     doubles(1.5, nan),
	}
	if len(got.GetOutputs()) != len(want)+1 {
		t.Errorf("%d outputs; want %d", len(got.GetOutputs()), len(want)+1)
	}
	for i, o := range got.GetOutputs() {
		raw := got.GetRawOutputContents()[i]
		if o.GetName() == "statuses" {
			text := strings.Map(func(r rune) rune {
				if r < ' ' {
					return -1
				}
				return r
			}, string(raw))
			if text != "PRESENTPRESENTPRESENTPRESENTPRESENTNOT_FOUNDNOT_FOUNDNOT_FOUND" {
				t.Errorf("statuses %q", raw)
			}
			continue
		}
		if diff := cmp.Diff(want[o.GetName()], raw); diff != "" {
			t.Errorf("%s (-want +got):\n%s", o.GetName(), diff)
		}
	}
	req.Outputs, req.ModelVersion = outputs("model_version", "score"), "2"
	got, err = s.client.ModelInfer(t.Context(), req)
	s.check(err)
	if got.GetModelVersion() != "2" || len(got.GetOutputs()) != 2 || got.GetOutputs()[0].GetName() != "model_version" || got.GetRawOutputContents()[0][0] != 2 {
		t.Errorf("version 2, asked for two outputs: %v", got)
	}
}

// TestIntegersOfOtherWidths: join keys, request values and features take numbers of
// another datatype that fit.
func TestIntegersOfOtherWidths(t *testing.T) {
	s := open(t, grpcserver.Options{})
	ask := func(name, datatype string, raw []byte) (*inferencev2.ModelInferResponse, error) {
		req := features()
		req.Outputs = outputs("score", "spend:count", "pair:hits", "request:amount")
		for i, in := range req.Inputs {
			if in.Name == name {
				in.Datatype, req.RawInputContents[i] = datatype, raw
				return s.client.ModelInfer(t.Context(), req)
			}
		}
		req.Inputs = append(req.Inputs, tensor(name, datatype, 2))
		req.RawInputContents = append(req.RawInputContents, raw)
		return s.client.ModelInfer(t.Context(), req)
	}
	fits := func(name, datatype string, raw []byte, output int, want []byte) {
		t.Helper()
		got, err := ask(name, datatype, raw)
		if err != nil {
			t.Errorf("%s as %s: %v", name, datatype, err)
			return
		}
		if diff := cmp.Diff(want, got.GetRawOutputContents()[output]); diff != "" {
			t.Errorf("%s as %s (-want +got):\n%s", name, datatype, diff)
		}
	}
	counts := []byte{7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	fits("customer_id", "INT32", []byte{1, 0, 0, 0, 2, 0, 0, 0}, 1, counts)
	fits("customer_id", "INT16", []byte{1, 0, 0xff, 0xff}, 1, counts)
	fits("customer_id", "INT8", []byte{1, 0x80}, 1, counts)
	fits("customer_id", "UINT32", []byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, 1, counts)
	fits("customer_id", "UINT16", []byte{1, 0, 2, 0}, 1, counts)
	fits("customer_id", "UINT8", []byte{1, 2}, 1, counts)
	fits("spend:count", "INT32", []byte{9, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, 1, []byte{9, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	fits("pair:hits", "INT64", []byte{9, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0}, 2, []byte{9, 0, 0, 0, 8, 0, 0, 0})
	fits("amount", "INT32", []byte{10, 0, 0, 0, 20, 0, 0, 0}, 3, doubles(10, 20))
	refused := func(name, datatype string, raw []byte, part string) {
		t.Helper()
		_, err := ask(name, datatype, raw)
		if got := status.Convert(err); got.Code() != codes.InvalidArgument || !strings.Contains(got.Message(), part) {
			t.Errorf("%s as %s: %v: %q; want %q", name, datatype, got.Code(), got.Message(), part)
		}
	}
	refused("pair:hits", "INT64", []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0}, "is int32; 2147483648 in row 1 does not fit")
	refused("customer_id", "FP64", doubles(1, 2), "the request sends float64")
	refused("customer_id", "BOOL", []byte{1, 0}, "the request sends bool")
	refused("terminal_id", "INT32", []byte{1, 0, 0, 0, 2, 0, 0, 0}, "the request sends int32")
}

// A value for a stored feature stands for what is stored.
func TestFeaturesOverride(t *testing.T) {
	s := open(t, grpcserver.Options{})
	req := features()
	req.Inputs = append(req.Inputs, tensor("spend:mean", "FP64", 2))
	req.RawInputContents = append(req.RawInputContents, doubles(2.5, 3.5))
	req.Outputs = outputs("score", "spend:mean")
	got, err := s.client.ModelInfer(t.Context(), req)
	s.check(err)
	want := [][]byte{
		doubles(float64(forests[0].Score([]float32{10, 11, 7, 2.5})), float64(forests[0].Score([]float32{20, -1, 0, 3.5}))),
		doubles(2.5, 3.5),
	}
	if diff := cmp.Diff(want, got.GetRawOutputContents()); diff != "" {
		t.Errorf("scores and means (-want +got):\n%s", diff)
	}
}

func TestGRPCRefuses(t *testing.T) {
	s := open(t, grpcserver.Options{})
	f := func(code codes.Code, part string, change func(*inferencev2.ModelInferRequest), reqs ...*inferencev2.ModelInferRequest) {
		t.Helper()
		req := risk("", []float32{1, 2, 3, 4})
		for _, r := range reqs {
			req = r
		}
		change(req)
		_, err := s.client.ModelInfer(t.Context(), req)
		if got := status.Convert(err); got.Code() != code || !strings.Contains(got.Message(), part) {
			t.Errorf("got %v: %q; want %v: %q", got.Code(), got.Message(), code, part)
		}
	}
	type request = inferencev2.ModelInferRequest
	f(codes.NotFound, `no model "rsik"; did you mean "risk"?`, func(r *request) { r.ModelName = "rsik" })
	f(codes.NotFound, `has no version 3; it has 1, 2`, func(r *request) { r.ModelVersion = "3" })
	f(codes.InvalidArgument, `"-1" is not a model version`, func(r *request) { r.ModelVersion = "-1" })
	f(codes.InvalidArgument, "names no model", func(r *request) { r.ModelName = "" })
	f(codes.InvalidArgument, `the datatype "FP23"`, func(r *request) { r.Inputs[0].Datatype = "FP23" })
	f(codes.InvalidArgument, "the request has float64", func(r *request) {
		r.Inputs[0].Datatype, r.RawInputContents[0] = "FP64", doubles(1, 2, 3, 4)
	})
	f(codes.InvalidArgument, "16 bytes of raw contents; the shape [1 3]", func(r *request) { r.Inputs[0].Shape[1] = 3 })
	f(codes.InvalidArgument, "at most 268435456 elements", func(r *request) { r.Inputs[0].Shape = []int64{math.MaxInt64, 4} })
	f(codes.InvalidArgument, "no negative dimension", func(r *request) { r.Inputs[0].Shape[0] = -1 })
	f(codes.InvalidArgument, "17 dimensions", func(r *request) { r.Inputs[0].Shape = make([]int64, 17) })
	f(codes.InvalidArgument, "1 inputs and 2 raw contents", func(r *request) { r.RawInputContents = make([][]byte, 2) })
	f(codes.InvalidArgument, "contents beside the raw contents", func(r *request) { r.Inputs[0].Contents = &inferencev2.InferTensorContents{} })
	f(codes.InvalidArgument, "0 elements in the contents", func(r *request) { r.RawInputContents = nil })
	f(codes.InvalidArgument, "is missing", func(r *request) { r.Inputs, r.RawInputContents = nil, nil })
	f(codes.InvalidArgument, `no output "y"`, func(r *request) { r.Outputs = outputs("y") })
	f(codes.InvalidArgument, "8193 inputs", func(r *request) {
		r.RawInputContents, r.Inputs = nil, make([]*inferencev2.ModelInferRequest_InferInputTensor, 8193)
		for i := range r.Inputs {
			r.Inputs[i] = tensor("x", "FP32", 1)
		}
	})
	f(codes.ResourceExhausted, "10001 rows; at most 10000 fit", func(r *request) {
		r.Inputs[0].Shape[0], r.RawInputContents[0] = 10_001, make([]byte, 16*10_001)
	})
	f(codes.InvalidArgument, "int64_param", func(r *request) {
		r.Parameters = map[string]*inferencev2.InferParameter{"at": {ParameterChoice: &inferencev2.InferParameter_StringParam{StringParam: "noon"}}}
	})

	f(codes.InvalidArgument, "element 0 has 4294967295 bytes, but 6 are left", func(r *request) {
		copy(r.RawInputContents[0], []byte{0xff, 0xff, 0xff, 0xff})
	}, features())
	f(codes.InvalidArgument, "too few for 200 elements", func(r *request) { r.Inputs[0].Shape[0] = 200 }, features())
	f(codes.InvalidArgument, "is not UTF-8", func(r *request) { r.RawInputContents[0][4] = 0xff }, features())
	f(codes.InvalidArgument, `no input "terminal"`, func(r *request) { r.Inputs[0].Name = "terminal" }, features())
	f(codes.InvalidArgument, "it takes [N] or [N, 1]", func(r *request) { r.Inputs[2].Shape = []int64{1, 2} }, features())
	f(codes.InvalidArgument, "comes as INT64", func(r *request) { r.Inputs[1].Datatype = "UINT64" }, features())
	f(codes.InvalidArgument, `has no output "scoer"; did you mean "score"?`, func(r *request) { r.Outputs = outputs("scoer") }, features())
	f(codes.InvalidArgument, "asked for twice", func(r *request) { r.Outputs = outputs("score", "score") }, features())

	narrow := &request{ModelName: "casts", Inputs: []*inferencev2.ModelInferRequest_InferInputTensor{tensor("x", "INT8", 1, 1)}}
	narrow.Inputs[0].Contents = &inferencev2.InferTensorContents{IntContents: []int32{128}}
	f(codes.InvalidArgument, "is 128, which int8 can't hold", func(*request) {}, narrow)
	f(codes.InvalidArgument, "has no typed contents; send raw_input_contents", func(r *request) { r.Inputs[0].Datatype = "BF16" }, narrow)
}

func TestParametersOverGRPC(t *testing.T) {
	s := open(t, grpcserver.Options{})
	type params = map[string]*inferencev2.InferParameter
	whole := func(v int64) *inferencev2.InferParameter {
		return &inferencev2.InferParameter{ParameterChoice: &inferencev2.InferParameter_Int64Param{Int64Param: v}}
	}
	unsigned := func(v uint64) *inferencev2.InferParameter {
		return &inferencev2.InferParameter{ParameterChoice: &inferencev2.InferParameter_Uint64Param{Uint64Param: v}}
	}
	truth := func(v bool) *inferencev2.InferParameter {
		return &inferencev2.InferParameter{ParameterChoice: &inferencev2.InferParameter_BoolParam{BoolParam: v}}
	}
	ask := func(ofRequest, ofInput, ofOutput params) (*inferencev2.ModelInferResponse, error) {
		req := risk("", []float32{1, 2, 3, 4})
		req.Parameters, req.Inputs[0].Parameters = ofRequest, ofInput
		req.Outputs = outputs(forests[0].Model().Graph.Outputs[0].Name)
		req.Outputs[0].Parameters = ofOutput
		return s.client.ModelInfer(t.Context(), req)
	}
	f := func(code codes.Code, part string, ofRequest, ofInput, ofOutput params) {
		t.Helper()
		_, err := ask(ofRequest, ofInput, ofOutput)
		if got := status.Convert(err); got.Code() != code || !strings.Contains(got.Message(), part) {
			t.Errorf("got %v: %q; want %v: %q", got.Code(), got.Message(), code, part)
		}
	}
	f(codes.OK, "", params{"priority": unsigned(0), "timeout": whole(60_000_000), "sequence_start": truth(false)}, params{"binary_data_size": whole(16)}, params{"binary_data": truth(true)})
	f(codes.InvalidArgument, `"priority" is not supported`, params{"priority": unsigned(1)}, nil, nil)
	f(codes.InvalidArgument, `"triton_enable_empty_final_response" is not supported`, params{"triton_enable_empty_final_response": truth(true)}, nil, nil)
	f(codes.InvalidArgument, `"sequence_id" is not supported`, params{"sequence_id": whole(7)}, nil, nil)
	f(codes.InvalidArgument, `"classification" is not supported`, nil, nil, params{"classification": whole(2)})
	f(codes.InvalidArgument, `"shared_memory_region" is not supported`, nil, params{"shared_memory_region": {ParameterChoice: &inferencev2.InferParameter_StringParam{StringParam: "r"}}}, nil)
	f(codes.InvalidArgument, `no parameter "mine"`, params{"mine": {}}, nil, nil)
	f(codes.InvalidArgument, `"at" is not an integer`, params{"at": {}}, nil, nil)
	f(codes.InvalidArgument, `"at" is not an integer`, params{"at": unsigned(math.MaxUint64)}, nil, nil)
	f(codes.InvalidArgument, "binary_data_size 8, and 16 bytes", nil, params{"binary_data_size": whole(8)}, nil)
	f(codes.DeadlineExceeded, "", params{"timeout": unsigned(1)}, nil, nil)
	got, err := ask(params{"binary_data_output": truth(false)}, nil, nil)
	s.check(err)
	if got.GetRawOutputContents() != nil || len(got.GetOutputs()[0].GetContents().GetFp32Contents()) != 1 {
		t.Errorf("binary_data_output: false is answered with %v", got)
	}
}

func TestStreamGoesOnAfterAnError(t *testing.T) {
	s := open(t, grpcserver.Options{})
	stream, err := s.client.ModelStreamInfer(t.Context())
	s.check(err)
	x := []float32{1, 2, 3, 4}
	for _, version := range []string{"1", "9", "2"} {
		s.check(stream.Send(risk(version, x)))
	}
	s.check(stream.CloseSend())
	for i, want := range []string{"1", "", "2"} {
		got, err := stream.Recv()
		s.check(err)
		if got.GetInferResponse().GetModelVersion() != want || (want == "") != strings.Contains(got.GetErrorMessage(), "no version 9") || got.GetInferResponse().GetId() != "7" {
			t.Errorf("answer %d: %v", i, got)
		}
	}
}

func TestRepository(t *testing.T) {
	s := open(t, grpcserver.Options{})
	index, err := s.client.RepositoryIndex(t.Context(), &inferencev2.RepositoryIndexRequest{Ready: true})
	s.check(err)
	var got []string
	for _, m := range index.GetModels() {
		got = append(got, m.GetName()+" "+m.GetVersion()+" "+m.GetState())
	}
	want := []string{
		"risk 1 READY", "risk.features 1 READY", "risk 2 READY", "risk.features 2 READY",
		"words 1 READY", "words.features 1 READY", "casts 1 READY", "casts.features 1 READY",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
	f := func(err error, code codes.Code, part string) {
		t.Helper()
		if got := status.Convert(err); got.Code() != code || !strings.Contains(got.Message(), part) {
			t.Errorf("got %v: %q; want %v: %q", got.Code(), got.Message(), code, part)
		}
	}
	load := func(repository, model string, parameters map[string]*inferencev2.ModelRepositoryParameter) error {
		_, err := s.client.RepositoryModelLoad(t.Context(), &inferencev2.RepositoryModelLoadRequest{RepositoryName: repository, ModelName: model, Parameters: parameters})
		return err
	}
	f(load("", "risk", nil), codes.OK, "")
	f(load("", "risk.features", nil), codes.OK, "")
	f(load("", "rsik", nil), codes.NotFound, "larder models push")
	f(load("other", "risk", nil), codes.NotFound, `no repository "other"`)
	f(load("", "risk", map[string]*inferencev2.ModelRepositoryParameter{"config": {}}), codes.InvalidArgument, "send no parameters")
	unload := func(model string) error {
		_, err := s.client.RepositoryModelUnload(t.Context(), &inferencev2.RepositoryModelUnloadRequest{ModelName: model})
		return err
	}
	f(unload("risk"), codes.FailedPrecondition, "larder models retire")
	f(unload("rsik"), codes.NotFound, `no model "rsik"`)
}
