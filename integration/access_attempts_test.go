package integration_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
)

// TestAttempts: what worked against other servers. Every one is refused, and no log line has a
// key that was sent.
func TestAttempts(t *testing.T) {
	t.Parallel()
	c := startClosed(t, "--log-level", "debug")
	root := c.rootKey()
	conn, web := c.dial(caller{})
	ask := func(method, path, body string, headers ...string) (status int, header http.Header, said string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "https://"+c.http+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Add(headers[i], headers[i+1])
		}
		resp, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, string(raw)
	}

	// Keys in other places than the header, and headers that claim who calls.
	for what, headers := range map[string][]string{
		"basic":                 {"Authorization", "Basic " + root},
		"two headers":           {"Authorization", "Bearer " + root, "Authorization", "Bearer " + root},
		"a cookie":              {"Cookie", "authorization=Bearer " + root},
		"a proxy's header":      {"Proxy-Authorization", "Bearer " + root},
		"a forwarded user":      {"X-Forwarded-User", "key:root", "X-Remote-User", "key:root", "Larder-Caller", "key:root"},
		"a forwarded client":    {"X-Forwarded-Client-Cert", "Subject=\"CN=root\""},
		"a forwarded localhost": {"X-Forwarded-For", "127.0.0.1", "Forwarded", "for=127.0.0.1"},
		"another method":        {"X-HTTP-Method-Override", "GET"},
	} {
		for _, path := range []string{"/metrics", "/v1/features"} {
			if status, _, said := ask("GET", path, "", headers...); status != http.StatusUnauthorized {
				t.Errorf("%s: %s is answered %d %s", what, path, status, said)
			}
		}
	}
	for _, path := range []string{"/metrics?access_token=" + root, "/metrics?key=" + root, "/metrics?authorization=Bearer+" + root, "/healthz/../metrics", "//metrics", "/%6detrics", "/metrics/", "/readyz%2f..%2fmetrics"} {
		if status, _, said := ask("GET", path, ""); status == http.StatusOK && strings.Contains(said, "larder_") {
			t.Errorf("%s is answered %d", path, status)
		}
	}
	for _, md := range [][]string{{"caller", "key:root"}, {"x-forwarded-user", "root"}, {"authorization-bin", root}, {"larder-caller", "key:root"}, {"grpc-internal-encoding-request", "root"}} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), md...)
		if _, err := larderv1.NewControlServiceClient(conn).GetStatus(ctx, &larderv1.GetStatusRequest{}); grpcstatus.Code(err) != codes.Unauthenticated {
			t.Errorf("metadata %s: %v", md[0], err)
		}
	}

	// A page of another site gets no leave to read answers, whatever it sends.
	for _, method := range []string{"OPTIONS", "GET", "POST"} {
		_, header, _ := ask(method, "/v1/score", "{}", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization", "Content-Type", "application/json")
		for name := range header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s has %s: %s", method, name, header.Get(name))
			}
		}
	}
	if status, _, said := ask("POST", "/v1/score", "{}", "Authorization", "Bearer "+root, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Content-Type", "application/json"); status != http.StatusForbidden {
		t.Errorf("a request of another site with a key: %d %s", status, said)
	}

	// Two lengths of one body.
	for _, head := range []string{
		"Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
		"Content-Length: +5", "Transfer-Encoding: xchunked",
	} {
		raw, err := tls.Dial("tcp", c.http, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) //nolint:gosec // of a test
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(raw, "POST /v1/score HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n\r\n", root, head, root)
		in := bufio.NewReader(raw)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if next, err := http.ReadResponse(in, nil); err == nil {
			t.Errorf("%q: %s, and then what was smuggled: %s", head, resp.Status, next.Status)
			next.Body.Close()
		}
		resp.Body.Close()
		raw.Close()
	}

	// Names that are nearly those that a role allows.
	defs := t.TempDir()
	fileOf(t, filepath.Join(defs, "access.yaml"), []byte(`
roles:
  - name: narrow
    allow: [{actions: [read, score], resources: ["view:mine", "view:my_*", "model:mine", "service:mine"]}]
bindings: [{name: narrow, role: narrow, keys: [narrow]}]
`))
	c.run("apply", "--yes", defs)
	narrow := c.key("narrow")
	for _, features := range []string{
		`["mine:x", "other:y"]`, `["other:y", "mine:x"]`, `["mine:x", "other:*"]`, `["Mine:x"]`, `["mine :x"]`, `["mine\u0000:x"]`, `["*:x"]`, `["m*:x"]`, `["mine/../other:y"]`,
		`["my:x"]`, `["other:mine:x"]`, `["ｍine:x"]`, `[":x"]`, `["*"]`, `[""]`,
	} {
		status, _, said := ask("POST", "/v1/features", `{"features": `+features+`, "entities": {"id": [1]}}`, "Authorization", "Bearer "+narrow, "Content-Type", "application/json")
		if status != http.StatusForbidden {
			t.Errorf("features %s: %d %s", features, status, said)
		}
	}
	for _, path := range []string{"other", "mine%2f..%2fother", "mine%00", "MINE", "%2e%2e%2fother"} {
		if status, _, said := ask("GET", "/v2/models/"+path, "", "Authorization", "Bearer "+narrow); status != http.StatusForbidden {
			t.Errorf("model %s: %d %s", path, status, said)
		}
	}
	// What is there and what isn't look the same to who may see neither.
	var refusals []string
	for _, name := range []string{"there", "not_there"} {
		if name == "there" {
			c.apply(sourceOf(t, "SELECT 1::bigint AS id, now() AS at, 'a'::text AS x"))
			name = "v"
		}
		_, _, said := ask("POST", "/v1/features", `{"features": ["`+name+`:x"], "entities": {"id": [1]}}`, "Authorization", "Bearer "+narrow, "Content-Type", "application/json")
		refusals = append(refusals, strings.ReplaceAll(said, name+":x", "NAME"))
	}
	if refusals[0] != refusals[1] {
		t.Errorf("a view that is there: %s; one that isn't: %s", refusals[0], refusals[1])
	}

	c.terminate()
	log := c.logText()
	for _, key := range []string{root, narrow} {
		_, secret, _ := strings.Cut(strings.TrimPrefix(key, "lk_"), "_")
		if strings.Contains(log, secret) {
			t.Error("the log has a key")
		}
	}
	if len(log) < 1000 {
		t.Errorf("the log of level debug has %d bytes", len(log))
	}
}
