package integration_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestCertificatesAreReadAgain: changed files of the server's certificate and of the clients'
// authorities count for new connections and, of the authorities, for open ones; files that
// can't be used don't.
func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	c := startClosed(t)
	other := newAuthority(t)
	defs := t.TempDir()
	fileOf(t, filepath.Join(defs, "access.yaml"), []byte(`bindings: [{name: b, role: viewer, certificates: ["CN=watcher"]}]`))
	c.run("apply", "--yes", defs)
	hour := time.Now().Add(time.Hour)
	of := func(a *authority) func() string {
		pair := a.sign("watcher", hour)
		conn, web := c.dial(caller{pair: &pair})
		return func() string {
			verdict, _ := c.try(conn, web, call{name: "/larder.v1.ControlService/GetStatus", rpc: true}, "")
			return verdict
		}
	}
	mine, theirs := of(c.trusted), of(other)
	if a, b := mine(), theirs(); a != heard || b != stranger {
		t.Fatalf("the authority's own is %s, another's %s", a, b)
	}
	fileOf(t, filepath.Join(c.dir, "clients.crt.new"), other.pem())
	rename(t, filepath.Join(c.dir, "clients.crt.new"), filepath.Join(c.dir, "clients.crt"))
	eventually(t, "another authority", func() bool { return of(other)() == heard })
	if verdict := mine(); verdict != stranger {
		t.Errorf("on an open connection, a certificate of the authority before is %s", verdict)
	}
	if verdict := of(c.trusted)(); verdict != stranger {
		t.Errorf("on a new connection, a certificate of the authority before is %s", verdict)
	}

	serial := func() string {
		conn, err := tls.Dial("tcp", c.grpc, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // only to look at it
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	writePair(t, c.dir, "server", c.trusted.sign("server", hour))
	eventually(t, "another certificate", func() bool { return serial() != before })
	now := serial()
	fileOf(t, filepath.Join(c.dir, "server.crt"), []byte("garbage"))
	fileOf(t, filepath.Join(c.dir, "clients.crt"), []byte("garbage"))
	time.Sleep(1200 * time.Millisecond) // the files are looked at once a second
	if got := serial(); got != now {
		t.Error("a certificate that can't be read took the place of one that could be")
	}
	if verdict := of(other)(); verdict != heard {
		t.Errorf("authorities that can't be read: %s", verdict)
	}
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
