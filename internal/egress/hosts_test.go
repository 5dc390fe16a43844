package egress_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"larder/internal/egress"
)

func hosts(t *testing.T, list string) *egress.Hosts {
	t.Helper()
	h, err := egress.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHostsThatAreAllowed(t *testing.T) {
	f := func(want bool, list, address string) {
		t.Helper()
		if err := hosts(t, list).Allows(address); (err == nil) != want {
			t.Errorf("%q: %s: %v", list, address, err)
		}
	}
	f(true, "", "kafka:9092")
	f(true, "", "127.0.0.1:9092")
	f(true, "", "10.1.2.3:9092")
	f(false, "", "169.254.169.254:80")
	f(false, "", "[::ffff:169.254.169.254]:80")
	f(false, "", "[fe80::1%25eth0]:80")
	f(false, "", "[fe80::1%eth0]:80")
	f(false, "", "[fd00:ec2::254]:80")
	f(false, "", "0.0.0.0:80")
	f(false, "", "[::]:80")
	f(false, "", "224.0.0.1:80")
	f(false, "", "kafka")
	const list = "kafka.example.com:9092, *.b.example.com,10.0.0.0/8:9093,[::1]:7, 192.0.2.1,fd00::/8"
	f(true, list, "kafka.example.com:9092")
	f(true, list, "KAFKA.example.com.:9092")
	f(false, list, "kafka.example.com:9093")
	f(false, list, "xkafka.example.com:9092")
	f(true, list, "one.b.example.com:1")
	f(true, list, "one.two.b.example.com:1")
	f(false, list, "b.example.com:1")
	f(false, list, "evilb.example.com:1")
	f(false, list, "b.example.com.evil:1")
	f(true, list, "10.9.8.7:9093")
	f(true, list, "[::ffff:10.9.8.7]:9093")
	f(false, list, "10.9.8.7:9092")
	f(true, list, "[::1]:7")
	f(true, list, "192.0.2.1:443")
	f(true, list, "[fd00::9]:443")
	f(false, list, "[fd00:ec2::254]:80")
	f(false, list, "localhost:7")
}

func TestListsThatCantBeRead(t *testing.T) {
	for _, list := range []string{"a,,b", "*", "*.", "a*b", "http://kafka", "a@b", "*kafka", "a b"} {
		if h, err := egress.Parse(list); err == nil || !strings.Contains(err.Error(), "write HOST") {
			t.Errorf("%q: %+v, %v", list, h, err)
		}
	}
}

// TestWhereANameLeads is what counts: localhost is allowed as a name, and its address too,
// but not link-local ones.
func TestWhereANameLeads(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := hosts(t, "127.0.0.1").DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	var refused *egress.Refused
	if _, err := hosts(t, "elsewhere").DialContext(t.Context(), "tcp", l.Addr().String()); !errors.As(err, &refused) || !strings.Contains(err.Error(), "the operator allows elsewhere (--stream-hosts)") {
		t.Errorf("got %v", err)
	}
	// The resolver takes this form for 169.254.169.254, the parser of addresses does not.
	if _, err := hosts(t, "").DialContext(t.Context(), "tcp", "[::ffff:a9fe:a9fe]:80"); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

// TestRedirectsStayOnTheirHost, and none of them is asked.
func TestRedirectsStayOnTheirHost(t *testing.T) {
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.Handle("/away", http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	mux.Handle("/metadata", http.RedirectHandler("http://169.254.169.254/latest/meta-data", http.StatusFound))
	mux.Handle("/file", http.RedirectHandler("file:///etc/passwd", http.StatusFound))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	mux.Handle("/here", http.RedirectHandler("/there", http.StatusFound))
	mux.HandleFunc("/there", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "there") })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewServer(mux)
	defer server.Close()
	client := hosts(t, "127.0.0.1").HTTP(300 * time.Millisecond)
	f := func(want, path string) {
		t.Helper()
		resp, err := client.Get(server.URL + path)
		if err == nil {
			defer resp.Body.Close()
			if raw, _ := io.ReadAll(resp.Body); want != string(raw) {
				t.Errorf("%s: %s", path, raw)
			}
			return
		}
		if !strings.Contains(err.Error(), want) || want == "there" {
			t.Errorf("%s: %v", path, err)
		}
	}
	f("there", "/here")
	f("redirects on the same host only", "/away")
	f("redirects on the same host only", "/metadata")
	f("redirects on the same host only", "/file")
	f("again and again", "/loop")
	f("exceeded", "/slow")
	if asked {
		t.Error("the other host was asked")
	}
	var refused *egress.Refused
	resp, err := hosts(t, "registry.example.com").HTTP(time.Second).Get(server.URL + "/there")
	if err == nil {
		resp.Body.Close()
	}
	if !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}
