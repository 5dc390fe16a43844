package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	feastcore "larder/api/feast/core"
	feasttypes "larder/api/feast/types"
	"larder/importer/feast/registry"
)

// pages answers as Feast's REST server, one item a page.
func pages(t *testing.T, lists map[string][]string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, isAPI := strings.CutPrefix(r.URL.Path, "/api/v1/")
		items, found := lists[name]
		if !isAPI || !found {
			http.Error(w, `{"detail":"Not Found"}`, http.StatusNotFound)
			return
		}
		if r.Method != http.MethodGet || r.URL.Query().Get("project") != "rides" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		var page int
		fmt.Sscan(r.URL.Query().Get("page"), &page)
		key := map[string]string{"data_sources": "dataSources", "feature_views": "featureViews", "feature_services": "featureServices", "label_views": "featureViews"}[name]
		if key == "" {
			key = name
		}
		if len(items) == 0 {
			fmt.Fprintf(w, `{%q: [], "pagination": {}}`, key)
			return
		}
		fmt.Fprintf(w, `{%q: [%s], "pagination": {"page": %d, "limit": 1, "hasNext": %t}}`, key, items[page-1], page, page < len(items))
	}))
	t.Cleanup(s.Close)
	return s
}

func TestREST(t *testing.T) {
	s := pages(t, map[string][]string{
		"entities":     {`{"spec": {"name": "driver", "joinKey": "driver_id", "valueType": "INT64"}, "meta": {"createdTimestamp": "2026-01-01T00:00:00Z"}}`, `{"spec": {"name": "city", "valueType": "OF_TOMORROW"}}`},
		"data_sources": {`{"type": "PUSH_SOURCE", "name": "push", "pushOptions": {}, "batchSource": {"type": "CUSTOM_SOURCE", "customOptions": {"configuration": "eyJ0YWJsZSI6ICJ0In0="}}}`},
		"feature_views": {
			`{"type": "featureView", "spec": {"name": "stats", "ttl": "7200s", "online": true, "features": [{"name": "a", "valueType": "FLOAT"}]}, "featureDefinition": "..."}`,
			`{"type": "onDemandFeatureView", "spec": {"name": "odfv", "featureTransformation": {"userDefinedFunction": {"bodyText": "def f(x):", "body": "gASVAA=="}}}}`,
			`{"type": "streamFeatureView", "spec": {"name": "stream"}}`,
			`{"type": "labelView", "spec": {"name": "labels"}}`,
		},
		"feature_services": {},
	})
	for _, address := range []string{s.URL, s.URL + "/", s.URL + "/api/v1", s.URL + "/api/v1/"} {
		r, err := registry.Read(t.Context(), &registry.Config{Project: "rides"}, address)
		if err != nil {
			t.Fatal(err)
		}
		if e := r.GetEntities(); len(e) != 2 || e[0].GetSpec().GetValueType() != feasttypes.ValueType_INT64 || e[1].GetSpec().GetName() != "city" {
			t.Errorf("entities %v", e)
		}
		if d := r.GetDataSources(); len(d) != 1 || d[0].GetType() != feastcore.DataSource_PUSH_SOURCE || string(d[0].GetBatchSource().GetCustomOptions().GetConfiguration()) != `{"table": "t"}` {
			t.Errorf("sources %v", d)
		}
		if v := r.GetFeatureViews(); len(v) != 1 || v[0].GetSpec().GetTtl().GetSeconds() != 7200 {
			t.Errorf("views %v", v)
		}
		if o := r.GetOnDemandFeatureViews(); len(o) != 1 || o[0].GetSpec().GetFeatureTransformation().GetUserDefinedFunction().GetBodyText() != "def f(x):" {
			t.Errorf("on-demand views %v", o)
		}
		if len(r.GetStreamFeatureViews()) != 1 || len(r.GetLabelViews()) != 1 {
			t.Errorf("%v", r)
		}
	}
}

func TestRESTThatIsRefused(t *testing.T) {
	f := func(answer http.HandlerFunc, want string) {
		t.Helper()
		s := httptest.NewServer(answer)
		defer s.Close()
		if _, err := registry.Read(t.Context(), &registry.Config{Project: "rides"}, s.URL); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	f(text(200, "<html>"), "the answer is not JSON")
	f(text(200, `{}`), "no list entities")
	f(text(200, `{"entities": {"a": 1}}`), "no list entities")
	f(text(200, `{"entities": [1]}`), "an item is no object")
	f(text(200, `{"entities": [{"spec": {"name": 7}}]}`), "entities:")
	f(text(401, "no"), "put a token into FEAST_OIDC_TOKEN")
	f(text(500, "<b>broken</b>\n"), "500 Internal Server Error: <b>broken</b>")
	f(text(404, ""), "no such path")
	f(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://example.com/", http.StatusFound)
	}, "sends the caller elsewhere")
	// A server whose pages never end.
	f(text(200, `{"entities": [{"spec": {"name": "a"}}], "pagination": {"hasNext": true}}`), "more than 1000 pages")
}

func TestRESTSendsTheTokenOfFeast(t *testing.T) {
	t.Setenv("FEAST_OIDC_TOKEN", "secret")
	var got string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		http.Error(w, "", http.StatusTeapot)
	}))
	defer s.Close()
	if _, err := registry.Read(t.Context(), &registry.Config{Project: "rides"}, s.URL); err == nil || got != "Bearer secret" {
		t.Errorf("%q, %v", got, err)
	}
}
