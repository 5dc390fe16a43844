package integration_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// latenessServer starts a server with the definitions of README's tour, and a model whose scores
// are exact.
func latenessServer(t *testing.T, args ...string) *server {
	t.Helper()
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `CREATE TABLE couriers AS SELECT 7::bigint AS courier_id, now() - interval '1 hour' AS event_time,
		now() - interval '50 minutes' AS loaded_at, 12::bigint AS trips_7d, 3.75::float8 AS rating`)
	if err != nil {
		t.Fatal(err)
	}
	dir := definitionsFolder(t, `
entities: [{name: courier, join_keys: [{name: courier_id, type: int64}]}]
sources: [{name: couriers, table: couriers, timestamp_field: event_time, created_timestamp_column: loaded_at}]
feature_views:
  - {name: courier_stats, entities: [courier], source: couriers, ttl: 7d, features: [{name: trips_7d, type: int64, default: 0}, {name: rating, type: float64, default: 4}]}
streams:
  - name: payments
    push: {}
    log: {table: payments, create: true}
    event_id: id
    timestamp_field: happened
    fields: [{name: id, type: string}, {name: card_id, type: int64}, {name: amount, type: float64}, {name: happened, type: timestamp}]
feature_services:
  - {name: late_v1, request: [{name: km, type: float64}], features: ["courier_stats:trips_7d", "courier_stats:rating", "request:km"]}
models: [{name: late, feature_service: late_v1, versions: [{version: 1, onnx: late.onnx}], serve: 1}]
`)
	model := onnxmodel.Model{Graph: onnxmodel.Graph{
		Inputs:       []onnxmodel.Value{{Name: "X", Elem: onnxmodel.Float, Dims: []any{nil, int64(3)}}},
		Outputs:      []onnxmodel.Value{{Name: "score", Elem: onnxmodel.Float, Dims: []any{nil, int64(1)}}},
		Initializers: []onnxmodel.Tensor{onnxmodel.Floats("w", []int64{3, 1}, []float32{0.25, -1, 1})},
		Nodes:        []onnxmodel.Node{{Op: "MatMul", In: []string{"X", "w"}, Out: []string{"score"}}},
	}}
	if err := os.WriteFile(filepath.Join(dir, "late.onnx"), model.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN, args...)
	s.apply(dir)
	s.mustMaterialize()
	return s
}

// ask sends a request and returns the answer's status, header and body.
func (s *server) ask(method, path, body string, headers ...string) (int, http.Header, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.http+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(answer)
}

// An openAPI is the part of an OpenAPI document that the examples are in.
type openAPI struct {
	Paths map[string]map[string]struct {
		Parameters []struct{ Name, Example string }
		Request    struct{ Content map[string]media } `json:"requestBody"`
		Responses  map[string]struct{ Content map[string]media }
	}
}

type media struct{ Example json.RawMessage }

// TestExamplesOfHTTP: each path of the OpenAPI document answers its example as the document
// says, and there is no other path.
func TestExamplesOfHTTP(t *testing.T) {
	s := latenessServer(t)
	_, header, raw := s.ask("GET", "/openapi.json", "")
	var document openAPI
	if err := json.Unmarshal([]byte(raw), &document); err != nil || header.Get("Content-Type") != "application/json" {
		t.Fatal(err, header)
	}
	ran := 0
	for path, operations := range document.Paths {
		for method, o := range operations {
			ran++
			url := path
			for _, p := range o.Parameters {
				url = strings.ReplaceAll(url, "{"+p.Name+"}", p.Example)
			}
			want := 200
			if strings.HasSuffix(path, "/unload") {
				want = 409 // the definitions have the model
			}
			status, _, answer := s.ask(strings.ToUpper(method), url, string(o.Request.Content["application/json"].Example), "Content-Type", "application/json")
			if status != want {
				t.Errorf("%s %s: %d %s", method, url, status, answer)
			}
			sample, has := o.Responses["200"].Content["application/json"]
			switch {
			case !has || path == "/openapi.json":
			case sample.Example == nil || o.Request.Content != nil && o.Request.Content["application/json"].Example == nil:
				t.Errorf("%s %s: a body has no example", method, url)
			default:
				if diff := cmp.Diff(steady(t, string(sample.Example)), steady(t, answer)); diff != "" {
					t.Errorf("%s %s answers %s\n(-example +got):\n%s", method, url, answer, diff)
				}
			}
		}
	}
	if _, _, index := s.ask("GET", "/", ""); ran < 20 || strings.Count(index, "\nGET ")+strings.Count(index, "\nPOST ") != ran {
		t.Errorf("%d paths in the document, and GET / says\n%s", ran, index)
	}
}

// steady returns JSON without what differs from run to run.
func steady(t *testing.T, raw string) any {
	t.Helper()
	raw = regexp.MustCompile(`"ages_us":\s*\[\s*\d+`).ReplaceAllString(raw, `"ages_us":[1`)
	raw = regexp.MustCompile(`"20\d\d-[0-9T:.-]+Z"`).ReplaceAllString(raw, `"2026-01-31T09:00:00Z"`)
	raw = regexp.MustCompile(`("version":\s*)"(dev|[^"]*-[^"]*|v[^"]*)"`).ReplaceAllString(raw, `$1"dev"`)
	raw = regexp.MustCompile(`("(?:count|ns|last_inference|inference_count|execution_count)":\s*)\d+`).ReplaceAllString(raw, `${1}1`)
	var v any
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return v
}

// TestHTTPSaysWhatThereIs where a request asks for what there isn't.
func TestHTTPSaysWhatThereIs(t *testing.T) {
	s := latenessServer(t)
	f := func(method, path string, want int, part string) {
		t.Helper()
		if status, header, answer := s.ask(method, path, ""); status != want || !strings.Contains(answer, part) || (want == 405) != (header.Get("Allow") != "") {
			t.Errorf("%s %s: %d Allow %q %s", method, path, status, header.Get("Allow"), answer)
		}
	}
	f("GET", "/v1/score", 405, `"reason":"UNKNOWN_METHOD","message":"there is no GET /v1/score; use POST"`)
	f("DELETE", "/metrics", 405, "there is no DELETE /metrics; use GET")
	f("PUT", "/v2/models/late/infer", 405, `{"error":"there is no PUT /v2/models/late/infer; use POST"}`)
	f("POST", "/v1/scores", 404, `there is no POST /v1/scores; did you mean \"/v1/score\"? GET / lists the paths`)
	f("GET", "/favicon.ico", 404, `"reason":"UNKNOWN_PATH","message":"there is no GET /favicon.ico; GET / lists the paths"`)
	f("GET", "/", 200, "POST  /v1/score")
	f("HEAD", "/", 200, "")
}

// TestOtherPeoplesHTTPClients: a client that openapi-python-client makes of the document,
// and schemathesis, which tries the server by it.
func TestOtherPeoplesHTTPClients(t *testing.T) {
	t.Parallel() // Python does most of it
	bin, err := filepath.Abs("../.larder/venv/http/bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bin, "schemathesis")); err != nil {
		t.Fatalf("the environment of the clients is missing: %v; run tools/setup/python.sh http, as make test does", err)
	}
	s := latenessServer(t)
	dir := t.TempDir()
	_, _, document := s.ask("GET", "/openapi.json", "")
	if err := os.WriteFile(filepath.Join(dir, "openapi.json"), []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
		cmd.Dir, cmd.Env = dir, append(slices.DeleteFunc(os.Environ(), isProxy), "PATH="+bin+":"+os.Getenv("PATH"), "PYTHONDONTWRITEBYTECODE=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s %q: %v\n%s", name, args, err, out)
		}
	}
	script, err := filepath.Abs("testdata/http/client.py")
	if err != nil {
		t.Fatal(err)
	}
	run("openapi-python-client", "generate", "--path", "openapi.json", "--output-path", "made", "--meta", "none", "--fail-on-warning")
	run("python", script, "http://"+s.http)
	run("schemathesis", "run", "openapi.json", "--url", "http://"+s.http, "--max-examples", "10", "--generation-deterministic", "--workers", "1", "--no-color",
		"--phases", "examples,coverage,fuzzing", "--exclude-checks", "positive_data_acceptance")
}

func isProxy(variable string) bool {
	return strings.HasSuffix(strings.ToLower(strings.SplitN(variable, "=", 2)[0]), "_proxy")
}
