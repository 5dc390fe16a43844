package grpcserver_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"larder/internal/grpcserver"
)

// rawHTTP sends the lines of a request and a body, and returns the status and the answer.
func (s *shell) rawHTTP(lines []string, body string) (int, string) {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.http, "http://"))
	s.check(err)
	defer c.Close()
	if body != "" {
		lines = append(lines, fmt.Sprint("Content-Length: ", len(body)))
	}
	_, err = fmt.Fprintf(c, "%s\r\nConnection: close\r\n\r\n%s", strings.Join(lines, "\r\n"), body)
	s.check(err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	s.check(err)
	defer resp.Body.Close()
	var answer strings.Builder
	_, err = bufio.NewReader(resp.Body).WriteTo(&answer)
	s.check(err)
	return resp.StatusCode, strings.TrimSpace(answer.String())
}

// TestHostsOfOtherSites: a name whose DNS a stranger may have made point here is refused.
func TestHostsOfOtherSites(t *testing.T) {
	s := start(t, grpcserver.Options{HTTPHosts: []string{"larder.example.com"}}, nothing)
	f := func(want int, line string, headers ...string) {
		t.Helper()
		if got, body := s.rawHTTP(append([]string{line}, headers...), ""); got != want {
			t.Errorf("%s %q: %d %s; want %d", line, headers, got, body, want)
		}
	}
	const post = "POST /echo HTTP/1.1"
	for _, host := range []string{
		"127.0.0.1", "127.0.0.1:6571", "10.1.2.3:80", "[::1]", "[::1]:6571", "[fe80::1%25eth0]:6571", "localhost", "LOCALHOST:6571", "localhost.", "app.localhost:1",
		"larder", "larder:6571", hostname(t), "larder.team.svc", "larder.team.svc.cluster.local:6571", "ip-10-1-2-3.ec2.internal", "larder.example.com", "Larder.Example.COM.:443", "",
	} {
		f(200, post, "Host: "+host)
	}
	for _, host := range []string{
		"evil.com", "evil.com:6571", "evil.com.", "127.0.0.1.evil.com", "localhost.evil.com", "evil.larder.example.com", "larder.example.com.evil.com", "svc.evil.com",
		"evilsvc.com", "[::1].evil.com", "127.1.evil", ":6571", "[]", ".", "xn--larder-9za.com",
	} {
		f(421, post, "Host: "+host)
	}
	f(200, "POST /echo HTTP/1.0") // without a Host, as no browser sends it
	f(421, "POST /echo HTTP/1.0", "Host: evil.com")
	f(421, "POST http://evil.com/echo HTTP/1.1", "Host: 127.0.0.1")
	f(200, "POST http://127.0.0.1/echo HTTP/1.1", "Host: evil.com") // the first is what counts
	f(400, post)
	f(400, post, "Host: 127.0.0.1", "Host: evil.com")
	f(421, post, "Host: evil.com", "X-Forwarded-Host: localhost", "Forwarded: host=localhost")
	f(421, "GET /metrics HTTP/1.1", "Host: evil.com")
	f(421, "GET /no/such/path HTTP/1.1", "Host: evil.com")
	f(200, "GET /healthz HTTP/1.1", "Host: evil.com") // what load balancers ask says nothing
	if _, body := s.rawHTTP([]string{post, "Host: Evil.com:80"}, ""); !strings.Contains(body, `"reason":"UNKNOWN_HOST","message":"this server is not known as \"Evil.com:80\"; `+
		`call it by its address or as localhost, or start it with --http-hosts evil.com"`) {
		t.Error(body)
	}
	s.check(s.echo(t.Context())) // gRPC has no browsers
}

// TestHostsWithAToken don't matter: a page of another site can't know the token. Nor do
// they with a certificate.
func TestHostsWithAToken(t *testing.T) {
	s := start(t, grpcserver.Options{Access: token("sesame")}, nothing)
	if got, body := s.rawHTTP([]string{"POST /echo HTTP/1.1", "Host: larder.example.com", "Authorization: Bearer sesame"}, ""); got != 200 {
		t.Error(got, body)
	}
	if got, body := s.rawHTTP([]string{"POST /echo HTTP/1.1", "Host: larder.example.com"}, ""); got != 401 {
		t.Error(got, body)
	}
	certFile, keyFile, _ := certificate(t) // of no other site's name
	secure, err := grpcserver.New(grpcserver.Options{CertFile: certFile, KeyFile: keyFile})
	s.check(err)
	w := httptest.NewRecorder()
	secure.Handler(handler(nothing)).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://larder.example.com/echo", nil))
	if w.Code != 200 {
		t.Errorf("over TLS: %d %s", w.Code, w.Body)
	}
	every := start(t, grpcserver.Options{HTTPHosts: []string{grpcserver.AnyHost}}, nothing)
	if got, body := every.rawHTTP([]string{"POST /echo HTTP/1.1", "Host: larder.example.com"}, ""); got != 200 {
		t.Error(got, body)
	}
}

// TestRequestsOfOtherSites: what a page can make a browser send without being asked is
// refused; what programs send is not.
func TestRequestsOfOtherSites(t *testing.T) {
	s := start(t, grpcserver.Options{HTTPHosts: []string{"larder.example.com"}}, nothing)
	f := func(want string, headers ...string) {
		t.Helper()
		code, body := s.rawHTTP(append([]string{"POST /echo HTTP/1.1", "Host: 127.0.0.1"}, headers...), "{}")
		if got := fmt.Sprint(code, " ", body); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s; want %s", headers, got, want)
		}
	}
	const contentType = `415 {"error":{"code":"INVALID_ARGUMENT","reason":"BAD_CONTENT_TYPE","message":"the body is declared as `
	f("200 {}")
	f("200 {}", "Content-Type: application/json")
	f("200 {}", "Content-Type: application/json; charset=utf-8")
	f("200 {}", "Content-Type: application/octet-stream")
	f("200 {}", "Content-Type: application/x-www-form-urlencoded") // curl -d
	f(contentType+`text/plain; send \"Content-Type: application/json\" (curl: -H \"Content-Type: application/json\")"`, "Content-Type: text/plain")
	f(contentType+"text/plain", "Content-Type: TEXT/plain;charset=UTF-8")
	f(contentType+"text/plain", "Content-Type: text/plain; charset")
	f(contentType+"multipart/form-data", "Content-Type: multipart/form-data; boundary=x")
	f(contentType+"application/x-www-form-urlencoded", "Content-Type: application/x-www-form-urlencoded", "Origin: http://127.0.0.1")
	f(contentType+"application/x-www-form-urlencoded", "Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Site: same-origin")

	const crossSite = `403 {"error":{"code":"PERMISSION_DENIED","reason":"CROSS_SITE"`
	f(crossSite, "Origin: https://evil.com")
	f(crossSite, "Origin: https://evil.com", "Content-Type: application/json")
	f(crossSite, "Origin: null")
	f(crossSite, "Sec-Fetch-Site: cross-site")
	f(crossSite, "Sec-Fetch-Site: same-site")
	f(crossSite, "Origin: http://127.0.0.1:8080")
	f("200 {}", "Origin: http://127.0.0.1")
	f("200 {}", "Sec-Fetch-Site: same-origin", "Origin: http://127.0.0.1")
	f("200 {}", "Sec-Fetch-Site: none")
	f("200 {}", "Sec-Fetch-Site: cross-site", "Origin: https://larder.example.com")
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestParseHosts(t *testing.T) {
	f := func(list, want, wantErr string) {
		t.Helper()
		hosts, err := grpcserver.ParseHosts(list)
		if text := fmt.Sprint(err); strings.Join(hosts, "|") != want || err != nil && text != wantErr || err == nil && wantErr != "" {
			t.Errorf("%q: %q, %v", list, hosts, err)
		}
	}
	f("", "", "")
	f("Larder.Example.com, features.example.com.,,*", "larder.example.com|features.example.com|*", "")
	for _, bad := range []string{"https://larder.example.com", "larder.example.com:443", "*.example.com"} {
		f(bad, "", fmt.Sprintf("%q is not a host name; write names such as larder.example.com, without a scheme or a port, or * for every name", bad))
	}
}
