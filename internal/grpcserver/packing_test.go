package grpcserver_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"larder/internal/grpcserver"
)

// packed returns a body as gzip, or as deflate.
func packed(t *testing.T, how string, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&out)
	if how == "deflate" {
		w = zlib.NewWriter(&out)
	}
	_, err := w.Write(body)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// post sends a body with headers and returns the status, the header and the body of the
// answer, as they are on the wire.
func (s *shell) post(path string, body io.Reader, headers ...string) (int, http.Header, []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.http+path, body)
	s.check(err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	s.check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	s.check(err)
	return resp.StatusCode, resp.Header, answer
}

func TestPackedBodies(t *testing.T) {
	s := start(t, grpcserver.Options{MaxMessageBytes: 64 << 10}, nothing)
	body := []byte(strings.Repeat("larder ", 1000))
	good := map[string][]byte{"gzip": packed(t, "gzip", body), "deflate": packed(t, "deflate", body)}
	f := func(want int, reason string, body []byte, headers ...string) {
		t.Helper()
		code, _, answer := s.post("/echo", io.MultiReader(bytes.NewReader(body)), headers...) // in chunks
		if code != want || !strings.Contains(string(answer), reason) {
			t.Errorf("%q: %d %.200s; want %d %s", headers, code, answer, want, reason)
		}
		if code, _, _ = s.post("/echo", bytes.NewReader(body), headers...); code != want {
			t.Errorf("%q with a length: %d", headers, code)
		}
	}
	f(200, string(body), good["gzip"], "Content-Encoding", "gzip")
	f(200, string(body), good["gzip"], "Content-Encoding", " GZIP ")
	f(200, string(body), good["gzip"], "Content-Encoding", "x-gzip")
	f(200, string(body), good["deflate"], "Content-Encoding", "deflate")
	f(200, string(body), body, "Content-Encoding", "identity")
	f(200, string(body)+string(body), append(bytes.Clone(good["gzip"]), good["gzip"]...), "Content-Encoding", "gzip") // of two members
	f(200, "", packed(t, "gzip", nil), "Content-Encoding", "gzip")
	f(400, "BAD_ENCODING", good["gzip"], "Content-Encoding", "deflate")
	f(400, "BAD_ENCODING", body, "Content-Encoding", "gzip")
	f(400, "BAD_ENCODING", good["gzip"][:50], "Content-Encoding", "gzip")
	f(400, "BAD_ENCODING", append(bytes.Clone(good["gzip"]), "more"...), "Content-Encoding", "gzip")
	f(400, "BAD_ENCODING", append(bytes.Clone(good["deflate"]), "more"...), "Content-Encoding", "deflate")
	f(400, "BAD_ENCODING", packed(t, "gzip", good["gzip"]), "Content-Encoding", "gzip, gzip")
	f(400, "BAD_ENCODING", packed(t, "gzip", good["gzip"]), "Content-Encoding", "gzip", "Content-Encoding", "gzip")
	f(400, "it may be gzip or deflate", good["gzip"], "Content-Encoding", "br")
	for _, how := range []string{"gzip", "deflate"} {
		f(413, "MESSAGE_TOO_LARGE", packed(t, how, make([]byte, 20_000_000)), "Content-Encoding", how)
		f(413, "MESSAGE_TOO_LARGE", packed(t, how, make([]byte, 64<<10+1)), "Content-Encoding", how)
		f(200, "", packed(t, how, make([]byte, 64<<10)), "Content-Encoding", how)
	}
}

// TestPackedBodiesTakeMemoryOfTheBudget for what they become.
func TestPackedBodiesTakeMemoryOfTheBudget(t *testing.T) {
	s := startWithin(t, grpcserver.Options{}, grpcserver.Limits{Bytes: 1 << 20}, nothing)
	bomb := packed(t, "gzip", make([]byte, 10<<20))
	for range 3 {
		if code, _, answer := s.post("/echo", bytes.NewReader(bomb), "Content-Encoding", "gzip"); code != 429 || !strings.Contains(string(answer), "TOO_MANY_BYTES") {
			t.Errorf("%d %.200s", code, answer)
		}
	}
	s.eventually("memory given back", func() bool { return s.metric("larder_grpcserver_message_bytes") == "0" })
}

func TestPackedAnswers(t *testing.T) {
	s := start(t, grpcserver.Options{}, nothing)
	f := func(size int, accept []string, want string) {
		t.Helper()
		body := make([]byte, size)
		for i := range body {
			body[i] = "0123456789,[]"[rand.IntN(13)]
		}
		var headers []string
		for _, a := range accept {
			headers = append(headers, "Accept-Encoding", a)
		}
		_, header, answer := s.post("/echo", bytes.NewReader(body), headers...)
		got := header.Get("Content-Encoding")
		if got != want || (want != "") != (header.Get("Vary") == "Accept-Encoding") {
			t.Errorf("%d bytes, Accept-Encoding %q: %q, Vary %q; want %q", size, accept, got, header.Get("Vary"), want)
		}
		var r io.Reader = bytes.NewReader(answer)
		var err error
		switch got {
		case "gzip":
			r, err = gzip.NewReader(r)
		case "deflate":
			r, err = zlib.NewReader(r)
		}
		s.check(err)
		if plain, err := io.ReadAll(r); err != nil || !bytes.Equal(plain, body) || got != "" && len(answer) > size*2/3 {
			t.Errorf("%d bytes, Accept-Encoding %q: %d bytes of %d, %v", size, accept, len(plain), len(answer), err)
		}
	}
	const small, large = 2 << 10, 40 << 10
	f(large, nil, "")
	f(large, []string{""}, "")
	f(large, []string{"gzip"}, "gzip")
	f(large, []string{"deflate"}, "deflate")
	f(large, []string{"gzip, deflate, br, zstd"}, "gzip")
	f(large, []string{"br", "GZIP ; q=0.5"}, "gzip")
	f(large, []string{"gzip;q=0, deflate"}, "deflate")
	f(large, []string{"gzip;q=0"}, "")
	f(large, []string{"gzip;q=x"}, "")
	f(large, []string{"*", "identity", "br"}, "")
	f(small, []string{"gzip, deflate, br"}, "")
	f(small, []string{"identity, gzip"}, "gzip")
	f(small, []string{"gzip"}, "gzip")
	f(100, []string{"gzip"}, "")
}
