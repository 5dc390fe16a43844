package serving_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/schema"
)

// FuzzRequest sends whatever is a message at all: it is answered in full, or
// refused for a fault of its own.
func FuzzRequest(f *testing.F) {
	s := stocked(f)
	seed := func(change func(*larderv1.GetFeaturesAndScoreRequest)) {
		req := risk()
		change(req)
		raw, err := proto.Marshal(req)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	seed(func(*larderv1.GetFeaturesAndScoreRequest) {})
	seed(func(r *larderv1.GetFeaturesAndScoreRequest) { r.ReturnFeatures, r.ModelVersion, r.At = true, 2, nil })
	seed(func(r *larderv1.GetFeaturesAndScoreRequest) { r.Request[0].Nulls = []uint32{0, 2} })
	seed(func(r *larderv1.GetFeaturesAndScoreRequest) {
		r.Model, r.Entities, r.Request = "taste", r.Entities[:1], columns(&larderv1.Column{
			Name: "profile:name", Values: &larderv1.Column_Lists{Lists: &larderv1.Lists{Elements: texts("", "a", "b"), Ends: []uint32{1, 2, 2}}},
		})
	})
	f.Fuzz(func(t *testing.T, raw []byte) {
		req := new(larderv1.GetFeaturesAndScoreRequest)
		if proto.Unmarshal(raw, req) != nil {
			return
		}
		got, err := s.server.GetFeaturesAndScore(t.Context(), req)
		if err != nil {
			theirs(t, err)
			return
		}
		rows := len(got.GetScores())
		for _, r := range got.GetReads() {
			if len(r.GetStatuses()) != rows || len(r.GetAges()) != rows {
				t.Errorf("%d scores, but %d statuses and %d ages of %s", rows, len(r.GetStatuses()), len(r.GetAges()), r.GetFeatureView())
			}
		}
		if _, err := proto.Marshal(got); err != nil {
			t.Errorf("the answer has no bytes: %v", err)
		}
	})
}

// theirs reports whether an error is a fault of the request.
func theirs(t *testing.T, err error) {
	t.Helper()
	var said *schema.Error
	if !errors.As(err, &said) || said.Kind == schema.Internal || said.Kind == schema.Unavailable {
		t.Errorf("a request fails by a fault of ours: %v", err)
	}
}

func FuzzHTTP(f *testing.F) {
	s := stocked(f)
	shell, err := grpcserver.New(grpcserver.Options{})
	s.check(err)
	handler := shell.Handler(s.server.HTTPHandler())
	f.Add("/v1/score", `{"model": "risk", "model_version": 2, "entities": {"customer_id": [1, "2"], "terminal_id": ["a", "b"]}, "request": {"amount": [1.5, "NaN"]}, "return_features": true}`)
	f.Add("/v1/score", `{"model": "taste", "entities": {"customer_id": [1]}, "request": {"profile:name": [null]}, "at": "2025-06-15T15:06:40Z"}`)
	f.Add("/v1/features", `{"features": ["profile:*"], "entities": {"customer_id": [1]}, "request": {"profile:tags": [["a", "\u0000"]], "profile:photo": ["AAE="], "profile:since": ["0001-01-01T00:00:00Z"]}}`)
	f.Add("/v1/features", `{"feature_service": "numbers"}`)
	f.Fuzz(func(t *testing.T, path, body string) {
		if path != "/v1/score" && path != "/v1/features" {
			return
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1"+path, strings.NewReader(body)))
		if w.Code != http.StatusOK && w.Code/100 != 4 {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("the answer is not JSON: %s", w.Body)
		}
	})
}
