package mlflow_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"larder/models/mlflow"
	"larder/schema"
)

// A hostile is an MLflow server with a fixed answer for each path. Real ones are
// tested against in client/python/tests.
type hostile map[string]http.HandlerFunc

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

const api = "/api/2.0/mlflow/"

// good answers for version 3 of fraud, which has the file named data in its MLmodel.
func good(data string) hostile {
	return hostile{
		api + "registered-models/alias":                                text(`{"model_version": {"version": "3", "status": "READY", "run_id": "r", "tags": [{"key": "team", "value": "risk"}]}}`),
		api + "model-versions/get-download-uri":                        text(`{"artifact_uri": "mlflow-artifacts:/1/m/artifacts"}`),
		api + "runs/get":                                               text(`{"run": {"data": {"metrics": [{"key": "auc", "value": 0.9}, {"key": "loss", "value": "NaN"}]}}}`),
		"/api/2.0/mlflow-artifacts/artifacts/1/m/artifacts/MLmodel":    text("flavors: {onnx: {data: " + data + "}}"),
		"/api/2.0/mlflow-artifacts/artifacts/1/m/artifacts/model.onnx": text("the file"),
	}
}

func serve(t *testing.T, h hostile) (uri string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer := h[r.URL.Path]; answer != nil {
			answer(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// fetch reads the file that fraud@champion names.
func fetch(t *testing.T, uri string, who mlflow.Credentials) (*mlflow.Version, string, error) {
	t.Helper()
	c, err := mlflow.New(uri, who)
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Alias(context.Background(), "fraud", "champion")
	if err != nil {
		return nil, "", err
	}
	raw, _, err := c.ONNX(context.Background(), v)
	return v, string(raw), err
}

func TestAVersionIsRead(t *testing.T) {
	h := good("model.onnx")
	var said string
	h[api+"registered-models/alias"] = func(w http.ResponseWriter, r *http.Request) {
		said = r.Header.Get("Authorization") + " " + r.URL.Query().Get("name") + "@" + r.URL.Query().Get("alias")
		good("")[api+"registered-models/alias"](w, r)
	}
	uri := serve(t, h)
	v, file, err := fetch(t, uri, mlflow.Credentials{Token: "t0", Username: "u"})
	if err != nil || file != "the file" || v.Number != 3 || v.Tags["team"] != "risk" || said != "Bearer t0 fraud@champion" {
		t.Errorf("%+v, %q, %v; asked with %q", v, file, err, said)
	}
	c, err := mlflow.New(uri, mlflow.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	if metrics, err := c.Metrics(context.Background(), "r"); err != nil || len(metrics) != 1 || metrics["auc"] != 0.9 {
		t.Errorf("metrics are %v, %v", metrics, err)
	}
}

// TestFilesBeside: weights are read from the folder of the ONNX file, and from no other.
func TestFilesBeside(t *testing.T) {
	h := good("onnx/model.onnx")
	const artifacts = "/api/2.0/mlflow-artifacts/artifacts/1/m/artifacts/"
	h[artifacts+"onnx/model.onnx"], h[artifacts+"onnx/w.data"], h[artifacts+"secret"] = text("the file"), text("weights"), text("secret")
	c, err := mlflow.New(serve(t, h), mlflow.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Alias(context.Background(), "fraud", "champion")
	if err != nil {
		t.Fatal(err)
	}
	_, beside, err := c.ONNX(context.Background(), v)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := beside("w.data"); err != nil || string(raw) != "weights" {
		t.Errorf("%q, %v", raw, err)
	}
	for _, bad := range []string{"../secret", "/etc/passwd", "", "a/../../secret", `..\secret`} {
		if raw, err := beside(bad); err == nil {
			t.Errorf("%q was read: %q", bad, raw)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	elsewhere := serve(t, hostile{"/secret": text("the file")})
	f := func(kind schema.Kind, word, path string, answer http.HandlerFunc) {
		t.Helper()
		h := good("model.onnx")
		h[path] = answer
		_, file, err := fetch(t, serve(t, h), mlflow.Credentials{Username: "u", Password: "hunter2"})
		var said *schema.Error
		if !errors.As(err, &said) || said.Kind != kind || !strings.Contains(said.Message, word) || strings.Contains(said.Message, "hunter2") {
			t.Errorf("got %q, %v; want an error of kind %s with %q", file, err, kind, word)
		}
	}
	alias, uri, mlmodel := api+"registered-models/alias", api+"model-versions/get-download-uri", "/api/2.0/mlflow-artifacts/artifacts/1/m/artifacts/MLmodel"
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	f(schema.FailedPrecondition, "PENDING_REGISTRATION, not READY", alias, text(`{"model_version": {"version": "3", "status": "PENDING_REGISTRATION"}}`))
	f(schema.Unavailable, "not a number", alias, text(`{"model_version": {"version": "../3", "status": "READY"}}`))
	f(schema.Unavailable, "check that MLflow is the server", alias, text(`<html>`))
	f(schema.Invalid, "which is the limit", alias, text(strings.Repeat("x", 5<<20)))
	f(schema.FailedPrecondition, "MLFLOW_TRACKING_TOKEN", alias, status(http.StatusUnauthorized))
	f(schema.NotFound, "404", alias, status(http.StatusNotFound))
	f(schema.Unavailable, "500", alias, status(http.StatusInternalServerError))
	f(schema.Unavailable, "does not follow redirects", alias, http.RedirectHandler(elsewhere+"/secret", http.StatusFound).ServeHTTP)
	f(schema.Unavailable, "does not follow redirects", mlmodel, http.RedirectHandler(elsewhere+"/secret", http.StatusTemporaryRedirect).ServeHTTP)
	f(schema.Unavailable, "169.254.169.254", "/api/2.0/mlflow-artifacts/artifacts/1/m/artifacts/model.onnx", http.RedirectHandler("http://169.254.169.254/latest/meta-data", http.StatusFound).ServeHTTP)
	f(schema.FailedPrecondition, "http://169.254.169.254", uri, text(`{"artifact_uri": "http://169.254.169.254/latest/meta-data"}`))
	f(schema.FailedPrecondition, "--serve-artifacts", uri, text(`{"artifact_uri": "s3://bucket/m"}`))
	f(schema.FailedPrecondition, "file:///etc", uri, text(`{"artifact_uri": "file:///etc"}`))
	f(schema.Invalid, "not a path below", uri, text(`{"artifact_uri": "mlflow-artifacts:/1/../../../secret"}`))
	f(schema.FailedPrecondition, "mlflow.onnx.log_model", mlmodel, text("flavors: {sklearn: {}}"))
	f(schema.Invalid, "can't be read", mlmodel, text("{"))
	f(schema.Invalid, "not a path below", mlmodel, text("flavors: {onnx: {data: ../../../x}}"))
	f(schema.Invalid, "not a path below", mlmodel, text("flavors: {onnx: {data: ''}}"))
	f(schema.NotFound, "404", mlmodel, status(http.StatusNotFound))

	_, _, err := fetch(t, "http://127.0.0.1:1", mlflow.Credentials{})
	if err == nil || !strings.Contains(err.Error(), "can't be reached") {
		t.Errorf("no server: %v", err)
	}
	for _, bad := range []string{"", "mlflow:5000", "file:///etc", "http://user:hunter2@host"} {
		if _, err := mlflow.New(bad, mlflow.Credentials{}); err == nil {
			t.Errorf("%q is taken for an address", bad)
		}
	}
}

// TestMLmodelFilesThatUnfold are refused at once, and take no memory.
func TestMLmodelFilesThatUnfold(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [lol, lol]\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	const many = 100_000
	wide := strings.Repeat("k: 1\n", many)
	for want, mlmodel := range map[string]string{
		"more than 8 aliases":                    laughs.String() + "flavors: {onnx: {data: *a59}}\n",
		"more than 50 lists or mappings":         "flavors: " + strings.Repeat("[", many) + strings.Repeat("]", many),
		"50 lists or mappings within each other": strings.Repeat("{a: ", many),
		"than 50 lists or mappings within each":  "flavors:\n" + strings.Repeat("- ", many) + "x",
		"has more than 50 lists or mappings":     "flavors:\n" + strings.Repeat("? ", many) + "x",
		"more than 20000 keys, values and marks": wide + "flavors: {onnx: {data: model.onnx}}\n",
		"not a path below":                       "b: &b {data: ../x}\nflavors: {onnx: *b}\n", // one alias is read
	} {
		h := good("model.onnx")
		h["/api/2.0/mlflow-artifacts/artifacts/1/m/artifacts/MLmodel"] = text(mlmodel)
		began := time.Now()
		_, _, err := fetch(t, serve(t, h), mlflow.Credentials{})
		if took := time.Since(began); err == nil || !strings.Contains(err.Error(), want) || took > 5*time.Second {
			t.Errorf("after %s: got %v, want %q", took, err, want)
		}
	}
}
