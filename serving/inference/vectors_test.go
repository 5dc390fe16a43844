package inference_test

import (
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	inferencev2 "larder/api/inference"
	"larder/internal/grpcserver"
)

// What tritonclient 2.73.0 sends for three tensors, over gRPC, and over HTTP after
// the JSON.
const (
	clientMessage = "0a0d7269736b2e66656174757265731201321a0234322a170a0b637573746f6d65725f69641205494e5436341a01022a180a0b" +
		"7465726d696e616c5f6964120542595445531a0202012a0d0a01781204465031361a02010232070a0573636f72653a100100000000000000" +
		"feffffffffffffff3a0c010000006103000000c3a9003a04003e0080"
	clientRaw = "0100000000000000feffffffffffffff010000006103000000c3a900003e0080"
)

func bytesOf(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMessagesOfTheProtocol(t *testing.T) {
	got := &inferencev2.ModelInferRequest{}
	if err := proto.Unmarshal(bytesOf(t, clientMessage), got); err != nil {
		t.Fatal(err)
	}
	want := &inferencev2.ModelInferRequest{
		ModelName: "risk.features", ModelVersion: "2", Id: "42",
		Inputs: []*inferencev2.ModelInferRequest_InferInputTensor{
			tensor("customer_id", "INT64", 2), tensor("terminal_id", "BYTES", 2, 1), tensor("x", "FP16", 1, 2),
		},
		Outputs: outputs("score"),
		RawInputContents: [][]byte{
			{1, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			{1, 0, 0, 0, 'a', 3, 0, 0, 0, 0xc3, 0xa9, 0},
			{0x00, 0x3e, 0x00, 0x80},
		},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("a request (-want +got):\n%s", diff)
	}
	f := func(m proto.Message, want string) {
		t.Helper()
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil || hex.EncodeToString(b) != want {
			t.Errorf("%T is %x, %v; want %s", m, b, err, want)
		}
	}
	f(want, clientMessage)
	f(&inferencev2.ServerLiveResponse{Live: true}, "0801")
	f(&inferencev2.ModelReadyRequest{Name: "m", Version: "1"}, "0a016d120131")
	f(&inferencev2.ServerMetadataResponse{Name: "a", Version: "b", Extensions: []string{"c"}}, "0a0161"+"120162"+"1a0163")
	f(&inferencev2.ModelMetadataResponse{
		Name: "m", Versions: []string{"1"}, Platform: "p",
		Inputs:  []*inferencev2.ModelMetadataResponse_TensorMetadata{{Name: "x", Datatype: "FP32", Shape: []int64{-1, 2}}},
		Outputs: []*inferencev2.ModelMetadataResponse_TensorMetadata{{Name: "y"}},
	}, "0a016d"+"120131"+"1a0170"+"2216"+"0a0178"+"120446503332"+"1a0bffffffffffffffffff0102"+"2a03"+"0a0179")
	f(&inferencev2.ModelInferResponse{
		ModelName: "m", ModelVersion: "1", Id: "7",
		Outputs: []*inferencev2.ModelInferResponse_InferOutputTensor{
			{Name: "y", Datatype: "FP32", Shape: []int64{1}, Contents: &inferencev2.InferTensorContents{Fp32Contents: []float32{1}}},
		},
		RawOutputContents: [][]byte{{9}},
	}, "0a016d"+"120131"+"1a0137"+"2a14"+"0a0179"+"120446503332"+"1a0101"+"2a06"+"32040000803f"+"320109")
	f(&inferencev2.InferTensorContents{
		BoolContents: []bool{true}, IntContents: []int32{1}, Int64Contents: []int64{1}, UintContents: []uint32{1}, Uint64Contents: []uint64{1},
		Fp32Contents: []float32{1}, Fp64Contents: []float64{1}, BytesContents: [][]byte{{1}},
	}, "0a0101"+"120101"+"1a0101"+"220101"+"2a0101"+"32040000803f"+"3a08000000000000f03f"+"420101")
	f(&inferencev2.RepositoryIndexResponse{Models: []*inferencev2.RepositoryIndexResponse_ModelIndex{{Name: "m", Version: "1", State: "READY", Reason: "r"}}},
		"0a10"+"0a016d"+"120131"+"1a055245414459"+"220172")
}

// The bytes of a REST request and of its answer, both with raw contents.
func TestBinaryTensorsOfREST(t *testing.T) {
	s := open(t, grpcserver.Options{})
	head := `{"id":"42","inputs":[{"name":"customer_id","shape":[2],"datatype":"INT64","parameters":{"binary_data_size":16}},` +
		`{"name":"terminal_id","shape":[2,1],"datatype":"BYTES","parameters":{"binary_data_size":12}},` +
		`{"name":"amount","shape":[2],"datatype":"FP64","parameters":{"binary_data_size":16}}],` +
		`"outputs":[{"name":"pair:hits","parameters":{"binary_data":true}},{"name":"spend:count"},{"name":"model_version","parameters":{"binary_data":true}}]}`
	raw := append(bytesOf(t, clientRaw)[:28], doubles(1, 2)...)
	status, headers, body := s.ask("POST", "/v2/models/risk.features/versions/2/infer", append([]byte(head), raw...), "Inference-Header-Content-Length", strconv.Itoa(len(head)))
	want := `{"model_name":"risk.features","model_version":"2","id":"42","parameters":{"catalog_version":1},"outputs":[` +
		`{"name":"pair:hits","datatype":"INT32","shape":[2],"parameters":{"binary_data_size":8}},` +
		`{"name":"spend:count","datatype":"INT64","shape":[2],"data":[7,0]},` +
		`{"name":"model_version","datatype":"INT64","shape":[2],"parameters":{"binary_data_size":16}}]}`
	if status != 200 || headers.Get("Inference-Header-Content-Length") != strconv.Itoa(len(want)) || headers.Get("Content-Type") != "application/octet-stream" {
		t.Fatalf("status %d, headers %v: %s", status, headers, body)
	}
	if !strings.HasPrefix(string(body), want) {
		t.Fatalf("got  %s\nwant %s", body, want)
	}
	if got := hex.EncodeToString(body[len(want):]); got != "0b000000ffffffff"+"0200000000000000"+"0200000000000000" {
		t.Errorf("raw contents %s", got)
	}
}
