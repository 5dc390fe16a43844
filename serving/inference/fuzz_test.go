package inference_test

import (
	"bytes"
	"net/http/httptest"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	inferencev2 "larder/api/inference"
	"larder/internal/grpcserver"
	"larder/schema"
)

// FuzzModelInfer sends any message: it is answered, or refused as the caller's fault.
func FuzzModelInfer(f *testing.F) {
	s := open(f, grpcserver.Options{})
	for _, req := range []*inferencev2.ModelInferRequest{risk("", []float32{1, 2, 3, 4}), features(), {ModelName: "casts"}} {
		b, err := proto.Marshal(req)
		s.check(err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		req := &inferencev2.ModelInferRequest{}
		if proto.Unmarshal(message, req) != nil {
			return
		}
		resp, err := s.server.ModelInfer(t.Context(), req)
		if err != nil {
			told(t, err)
			return
		}
		if len(resp.GetOutputs()) == 0 || len(resp.GetRawOutputContents()) > 0 && len(resp.GetRawOutputContents()) != len(resp.GetOutputs()) {
			t.Errorf("an answer of %d outputs and %d raw contents", len(resp.GetOutputs()), len(resp.GetRawOutputContents()))
		}
	})
}

// told fails for an error that isn't the caller's.
func told(t *testing.T, err error) {
	t.Helper()
	said, ok := err.(*schema.Error)
	if !ok || said.Kind == schema.Internal {
		t.Errorf("an error that is ours: %v", err)
	}
}

// FuzzREST sends any body, cut in two anywhere.
func FuzzREST(f *testing.F) {
	s := open(f, grpcserver.Options{})
	shell, err := grpcserver.New(grpcserver.Options{})
	s.check(err)
	handler := shell.Handler(s.server.HTTPHandler())
	f.Add([]byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[[1]]}]}`), 70)
	f.Add([]byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"parameters":{"binary_data_size":4}}]}0000`), 93)
	f.Add([]byte(`{"inputs":[{"name":"x","datatype":"BYTES","shape":[1,1],"data":["\""]}],"outputs":[{"name":"score","parameters":{"binary_data":true}}]}`), 9)
	f.Fuzz(func(t *testing.T, body []byte, length int) {
		req := httptest.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1/v2/models/casts/infer", bytes.NewReader(body))
		req.Header.Set("Inference-Header-Content-Length", strconv.Itoa(length))
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, req)
		if rec.Code >= 500 {
			t.Errorf("status %d: %s", rec.Code, rec.Body)
		}
	})
}
