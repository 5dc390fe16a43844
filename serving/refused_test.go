package serving_test

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/schema"
	"larder/serving"
)

// refused checks the code, the reason and the message of an RPC's error.
func refused(t testing.TB, err error, code, reason, message string) {
	t.Helper()
	st := status.Convert(err)
	got := ""
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			got = info.GetReason()
		}
	}
	if st.Code().String() != code || got != reason || st.Message() != message {
		t.Errorf("got  %s %s %q\nwant %s %s %q", st.Code(), got, st.Message(), code, reason, message)
	}
}

func TestRefusedRequests(t *testing.T) {
	s := stocked(t)
	s.listen(grpcserver.Options{})
	f := func(change func(*larderv1.GetFeaturesAndScoreRequest), code, reason, message string) {
		t.Helper()
		req := proto.Clone(risk()).(*larderv1.GetFeaturesAndScoreRequest)
		change(req)
		_, err := s.client.GetFeaturesAndScore(t.Context(), req)
		refused(t, err, code, reason, message)
	}
	type request = larderv1.GetFeaturesAndScoreRequest
	f(func(r *request) { r.Model = "" }, "InvalidArgument", "NO_MODEL", "the request names no model; say which to score with")
	f(func(r *request) { r.ModelVersion = 9 }, "NotFound", "UNKNOWN_MODEL_VERSION", `model "risk" has no version 9; it has 1, 2`)
	f(func(r *request) { r.Entities = nil }, "InvalidArgument", "MISSING_JOIN_KEY", `join key "customer_id" (int64) is missing; risk needs it`)
	f(func(r *request) { r.Entities[0].Name = "custmer_id" }, "InvalidArgument", "UNKNOWN_JOIN_KEY", `risk takes no join key "custmer_id"; did you mean "customer_id"? It takes customer_id and terminal_id`)
	f(func(r *request) { r.Entities = append(r.Entities, r.Entities[0]) }, "InvalidArgument", "DUPLICATE_COLUMN", `join key "customer_id" comes twice`)
	f(func(r *request) { r.Entities[0] = int64s("customer_id") }, "InvalidArgument", "NO_ROWS", `"customer_id" has no values; a request has 1 to 10000 rows`)
	f(func(r *request) { r.Entities[0].Values = nil }, "InvalidArgument", "NO_VALUES", `join key "customer_id" comes without values; it is int64`)
	f(func(r *request) { r.Entities[1] = texts("terminal_id", "a") }, "InvalidArgument", "ROW_COUNT", `join key "terminal_id" has 1 values; the request has 3 rows`)
	f(func(r *request) { r.Entities[0] = texts("customer_id", "1", "2", "3") }, "InvalidArgument", "VALUE_TYPE", `join key "customer_id" is int64; the request sends string`)
	f(func(r *request) { r.Entities[0].Nulls = []uint32{1} }, "InvalidArgument", "NULL_JOIN_KEY", `join key "customer_id" is null in row 1; every row needs its key`)
	f(func(r *request) { r.Entities[0].Nulls = []uint32{2, 1} }, "InvalidArgument", "BAD_NULLS", `join key "customer_id" says that row 1 is null; nulls are rows from 0 to 2, ascending`)
	f(func(r *request) { r.Entities[0].Nulls = []uint32{3} }, "InvalidArgument", "BAD_NULLS", `join key "customer_id" says that row 3 is null; nulls are rows from 0 to 2, ascending`)
	f(func(r *request) { r.Request = nil }, "InvalidArgument", "MISSING_REQUEST_VALUE", `request value "amount" (float64) is missing; risk needs it`)
	f(func(r *request) { r.Request[0].Name = "amont" }, "InvalidArgument", "UNKNOWN_REQUEST_VALUE", `risk takes no request value "amont"; did you mean "amount"? It takes amount, pair:hits, spend:count and spend:mean`)
	f(func(r *request) { r.Request = append(r.Request, int64s("pair:hits", 0, 1<<40, 0)) }, "InvalidArgument", "VALUE_RANGE", `request value "pair:hits" is int32; 1099511627776 in row 1 does not fit`)
	f(func(r *request) { r.At = at(schema.EndOfTime + 1) }, "InvalidArgument", "TIME_OUT_OF_RANGE", "at is 253402300800000000; it is microseconds since 1970 UTC, in the years -4713 to 9999")
	f(func(r *request) { r.RequestId = strings.Repeat("é", 65) }, "InvalidArgument", "BAD_REQUEST_ID", "the request_id has 130 bytes; at most 128 fit")
	f(func(r *request) { r.RequestId = "a\x00" }, "InvalidArgument", "BAD_REQUEST_ID", `the request_id "a\x00" has a zero byte, which Postgres can't keep`)
	f(func(r *request) { r.Entities[0] = int64s("customer_id", make([]int64, 10_001)...) }, "ResourceExhausted", "TOO_MANY_ROWS", "the request has 10001 rows; at most 10000 fit, split it")
}

func TestRefusedFeatures(t *testing.T) {
	s := stocked(t)
	s.listen(grpcserver.Options{})
	f := func(req *larderv1.GetFeaturesRequest, code, reason, message string) {
		t.Helper()
		_, err := s.client.GetFeatures(t.Context(), req)
		refused(t, err, code, reason, message)
	}
	list := func(refs ...string) *larderv1.GetFeaturesRequest {
		return &larderv1.GetFeaturesRequest{
			What:     &larderv1.GetFeaturesRequest_Features{Features: &larderv1.FeatureList{References: refs}},
			Entities: columns(int64s("customer_id", 1)),
		}
	}
	f(&larderv1.GetFeaturesRequest{}, "InvalidArgument", "NO_FEATURES", "the request names neither a feature service nor features; say which to read")
	f(&larderv1.GetFeaturesRequest{What: &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "number"}}, "NotFound", "UNKNOWN_FEATURE_SERVICE", `no feature service "number"; did you mean "numbers"?`)
	f(list(), "InvalidArgument", "NO_FEATURES", "the request names no features; name a feature service, or features as VIEW:FEATURE")
	f(list("spend"), "InvalidArgument", "BAD_REFERENCE", `"spend" is not a reference to a feature; write VIEW:FEATURE or VIEW:*`)
	f(list("spent:mean"), "NotFound", "UNKNOWN_FEATURE_VIEW", `no feature view "spent"; did you mean "spend"?`)
	f(list("spend:means"), "NotFound", "UNKNOWN_FEATURE", `feature view "spend" has no feature "means"; did you mean "mean"?`)
	f(list("spend:*", "spend:mean"), "InvalidArgument", "DUPLICATE_FEATURE", "the request names feature spend:mean twice; remove one")
}

func TestTheRowLimitIsAnOption(t *testing.T) {
	s := open(t, serving.Options{MaxRows: 2})
	s.listen(grpcserver.Options{})
	_, err := s.client.GetFeaturesAndScore(t.Context(), risk())
	refused(t, err, "ResourceExhausted", "TOO_MANY_ROWS", "the request has 3 rows; at most 2 fit, split it")
}

func TestRefusedHTTPRequests(t *testing.T) {
	s := stocked(t)
	s.listen(grpcserver.Options{MaxMessageBytes: 64 << 10})
	f := func(path, body string, want int, reason, message string) {
		t.Helper()
		code, answer := s.post(path, body)
		var got struct {
			Error struct{ Reason, Message string }
		}
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		if code != want || got.Error.Reason != reason || got.Error.Message != message {
			t.Errorf("%s\ngot  %d %s %q\nwant %d %s %q", body, code, got.Error.Reason, got.Error.Message, want, reason, message)
		}
	}
	const score, features = "/v1/score", "/v1/features"
	f("/v1/scores", "", 404, "UNKNOWN_PATH", `there is no POST /v1/scores; did you mean "/v1/score"? GET / lists the paths`)
	f(score, "", 400, "BAD_JSON", "the body is not JSON: unexpected end of JSON input, at byte 0")
	f(score, `{"model": "risk"`, 400, "BAD_JSON", "the body is not JSON: unexpected end of JSON input, at byte 16")
	f(score, `{"model": risk}`, 400, "BAD_JSON", "the body is not JSON: invalid character 'r' looking for beginning of value, at byte 11")
	f(score, `["risk"]`, 400, "BAD_JSON", `the body is not a JSON object; write {"model": "NAME", "entities": {"KEY": [VALUE]}}`)
	f(score, "{\"model\": \"\xff\"}", 400, "BAD_JSON", "the body is not UTF-8")
	f(score, `{"model": "risk", "entities": {"terminal_id": ["\ud800"]}}`, 400, "BAD_JSON",
		`the body is not Unicode: \ud800 at byte 48 is half of a surrogate pair; write both halves, or the character itself`)
	f(score, `{"modle": "risk"}`, 400, "UNKNOWN_FIELD", `the request has no field "modle"; did you mean "model"?`)
	f(score, `{"model": "risk", "model": "risk"}`, 400, "BAD_JSON", `the body: "model" comes twice`)
	f(score, `{"model": 7}`, 400, "BAD_JSON", `"model" is not a model's name, in quotes`)
	f(score, `{"model": null}`, 400, "BAD_JSON", `"model" is null; leave it out, or give a model's name, in quotes`)
	f("/v1/features", `{"features": "spend:*"}`, 400, "BAD_JSON", `"features" is not a list of features; write ["VIEW:FEATURE"]`)
	f(score, `{"model": "risk", "at": 7}`, 400, "BAD_JSON", `"at" is not a time; write "2026-01-31T10:00:00Z"`)
	f(score, `{"model": "risk", "entities": [7]}`, 400, "BAD_JSON", `"entities" is not an object of lists; write {"customer_id": [7]}`)
	f(score, `{"model": "risk", "entities": {"customer_id": [1], "customer_id": [2]}}`, 400, "BAD_JSON", `"entities": "customer_id" comes twice`)
	f(score, `{"model": "taste", "entities": {"customer_id": 7}}`, 400, "BAD_JSON", `join key "customer_id" is not a list; write one value for each row, in brackets`)
	f(score, `{"model": "taste", "entities": {"customer_id": [1, 1.5]}}`, 400, "BAD_VALUE", `join key "customer_id", row 1: 1.5 is not a valid int64 value; write a whole number within its range`)
	f(score, `{"model": "taste", "entities": {"customer_id": [1, null]}}`, 400, "NULL_JOIN_KEY", `join key "customer_id" is null in row 1; every row needs its key`)
	f(score, `{"model": "taste", "entities": {"custmer_id": [1]}}`, 400, "UNKNOWN_JOIN_KEY", `taste takes no join key "custmer_id"; did you mean "customer_id"?`)
	f(score, `{"model": "taste", "entities": {"customer_id": [1]}, "request": {"profile:name": [5]}}`, 400, "BAD_VALUE", `request value "profile:name", row 0: 5 is not a valid string value; write a quoted string`)
	f(features, `{"entities": {"customer_id": [1]}}`, 400, "NO_FEATURES", `the request names neither a feature_service nor features; write "feature_service": "NAME"`)
	f(features, `{"feature_service": "words", "features": ["spend:mean"]}`, 400, "NO_FEATURES", "the request names both a feature_service and features; say one of them")
	f(features, `{"feature_service": "word"}`, 404, "UNKNOWN_FEATURE_SERVICE", `no feature service "word"; did you mean "words"?`)
	f(features, string(make([]byte, 100_000)), 413, "MESSAGE_TOO_LARGE", "the request is larger than 65536 bytes; send fewer rows at once, or raise --max-message-bytes")
}

// TestJSONIsReadUpToItsLimits: a body is read up to the first thing that is too much, so
// it takes about its own size and no multiple of that.
func TestJSONIsReadUpToItsLimits(t *testing.T) {
	const size = 8 << 20
	s := stocked(t)
	shell, err := grpcserver.New(grpcserver.Options{})
	s.check(err)
	handler := shell.Handler(s.server.HTTPHandler())
	f := func(path, before, each, after, reason string) {
		t.Helper()
		body := before + strings.Repeat(each, (size-len(before)-len(after))/len(each)) + after
		var from, to runtime.MemStats
		runtime.ReadMemStats(&from)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1"+path, strings.NewReader(body)))
		runtime.ReadMemStats(&to)
		if took := to.TotalAlloc - from.TotalAlloc; took > 6*size { // the body is read into a buffer that doubles
			t.Errorf("%s...: %d MiB for a body of %d", before+each, took>>20, size>>20)
		}
		if !strings.Contains(w.Body.String(), reason) || w.Body.Len() > 1000 {
			t.Errorf("%s...: %d %.300s", before+each, w.Code, w.Body)
		}
	}
	const score, features = "/v1/score", "/v1/features"
	f(score, `{`, `"a":1,`, `"b":1}`, "UNKNOWN_FIELD")
	f(score, `{"`, `a`, `":1}`, "UNKNOWN_FIELD")
	f(score, `{"model": "taste", "entities": {`, `"a":[],`, `"b":[]}}`, "UNKNOWN_JOIN_KEY")
	f(score, `{"model": "taste", "entities": {"customer_id": [`, `1,`, `1]}}`, "the request has more than 10000 rows; at most 10000 fit, split it")
	f(score, `{"model": "taste", "entities": {"customer_id": `, `[`, `}}`, "BAD_JSON")
	f(features, `{"features": [`, `"profile:name",`, `"a:b"]}`, "TOO_MANY_FEATURES")
}

// 2^53+1 is where floats begin to skip integers.
func TestLargeIntegersStayExactOverHTTP(t *testing.T) {
	s := open(t, serving.Options{})
	s.listen(grpcserver.Options{})
	const id = 1<<53 + 1
	s.put("spend", noon, []any{int64(id)}, int64(id+2), nil)
	for _, body := range []string{"9007199254740993", `"9007199254740993"`} {
		code, got := s.post("/v1/features", `{"features": ["spend:count"], "at": "2025-06-15T15:06:40Z", "entities": {"customer_id": [`+body+`]}}`)
		want := `{"features":[{"name":"spend:count","values":[9007199254740995],"statuses":["PRESENT"]}],"reads":[{"feature_view":"spend","statuses":["PRESENT"],"ages_us":[0]}],"catalog_version":1}`
		if code != 200 || got != want {
			t.Errorf("got %d %s\nwant %s", code, got, want)
		}
	}
}

// TestNumbersAsOtherLanguagesWriteThem: 1.0 is the integer 1, also where no float is as
// exact, and negative zero keeps its sign both ways.
func TestNumbersAsOtherLanguagesWriteThem(t *testing.T) {
	s := open(t, serving.Options{})
	s.listen(grpcserver.Options{})
	const id = 1<<53 + 1
	s.put("spend", noon, []any{int64(id)}, int64(1), math.Copysign(0, -1))
	code, got := s.post("/v1/features", `{"features": ["spend:*"], "at": "2025-06-15T15:06:40Z", "entities": {"customer_id": [9007199254740993.0, 9.007199254740993e15]}}`)
	if want := `{"name":"spend:mean","values":[-0.0,-0.0]`; code != 200 || !strings.Contains(got, want) {
		t.Errorf("got %d %s\nwant %s", code, got, want)
	}
	code, got = s.post("/v1/features", `{"feature_service": "numbers", "at": "2025-06-15T15:06:40Z", "entities": {"customer_id": [1], "terminal_id": ["a"]}, "request": {"amount": [-0.0]}}`)
	if want := `{"name":"request:amount","values":[-0.0]`; code != 200 || !strings.Contains(got, want) {
		t.Errorf("got %d %s\nwant %s", code, got, want)
	}
	if code, got = s.post("/v1/score", `{"model": "risk", "model_version": 2.0, "entities": {"customer_id": [1], "terminal_id": ["a"]}, "request": {"amount": [0]}}`); code != 200 {
		t.Errorf("a version of 2.0: %d %s", code, got)
	}
}
