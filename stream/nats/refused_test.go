package nats_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"larder/internal/egress"
	"larder/internal/testcert"
	"larder/schema"
	"larder/stream/nats"
	"larder/stream/source"
)

func (b *bench) shortly() context.Context {
	ctx, cancel := context.WithTimeout(b.ctx, 300*time.Millisecond)
	b.t.Cleanup(cancel)
	return ctx
}

func opened(t *testing.T, n schema.NATSSource, secrets map[string]string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	n.Stream = "EV"
	lookUp := func(name string) (string, bool) { value, ok := secrets[name]; return value, ok }
	s, err := nats.Open(ctx, &schema.Stream{Name: "s", NATS: &n}, nil, nats.Options{Secrets: lookUp})
	if ctx.Err() != nil {
		t.Fatalf("not within 30 seconds: %v", err)
	}
	if err != nil {
		return err
	}
	return s.Close()
}

func mustStop(t *testing.T, err error, words string) {
	t.Helper()
	var stopped *source.Stopped
	if !errors.As(err, &stopped) || !strings.Contains(stopped.Why, words) {
		t.Fatalf("got %v, want a *source.Stopped with %q", err, words)
	}
}

func TestAHostThatIsNotAllowedStopsTheSource(t *testing.T) {
	hosts, err := egress.Parse("nats.example.com")
	if err != nil {
		t.Fatal(err)
	}
	f := func(hosts *egress.Hosts, server, words string) {
		t.Helper()
		n := &schema.NATSSource{Servers: []string{server}, Stream: "EV"}
		_, err := nats.Open(t.Context(), &schema.Stream{Name: "s", NATS: n}, nil, nats.Options{Hosts: hosts})
		mustStop(t, err, words)
	}
	f(hosts, "nats://127.0.0.1:1", "may not connect to 127.0.0.1:1")
	f(hosts, "tls://elsewhere", "may not connect to elsewhere:4222")
	f(nil, "nats://169.254.169.254:80", "does not connect to 169.254.169.254")
}

func TestAMissingStreamStopsTheSource(t *testing.T) {
	b := newBench(t, jetstream.StreamConfig{})
	if err := b.js.DeleteStream(b.ctx, "EV"); err != nil {
		t.Fatal(err)
	}
	_, err := b.open(nil)
	mustStop(t, err, "create the stream")
	b.stream.NATS.Stream = "no.name"
	_, err = b.open(nil)
	mustStop(t, err, "nats.stream")
}

func TestAServerWithoutJetStreamIsAnError(t *testing.T) {
	s := startServer(t, &server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true})
	err := opened(t, schema.NATSSource{Servers: []string{s.ClientURL()}}, nil)
	if err == nil || !strings.Contains(err.Error(), "no server with JetStream answers") {
		t.Fatalf("got %v", err)
	}
}

func TestAnUnreachableServerIsAnErrorThatGoesAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = opened(t, schema.NATSSource{Servers: []string{"nats://" + l.Addr().String()}}, nil)
	var stopped *source.Stopped
	if err == nil || errors.As(err, &stopped) || !strings.Contains(err.Error(), "cannot reach the servers") {
		t.Fatalf("got %v", err)
	}
}

func TestPasswords(t *testing.T) {
	s := startServer(t, &server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), Username: "larder", Password: "secret"})
	n := schema.NATSSource{Servers: []string{s.ClientURL()}, User: "larder", PasswordEnv: "LARDER_SECRET_NATS"}
	mustStop(t, opened(t, n, map[string]string{"LARDER_SECRET_NATS": "secret"}), "create the stream") // past the password
	mustStop(t, opened(t, n, map[string]string{"LARDER_SECRET_NATS": "wrong"}), "refuse the user")
	mustStop(t, opened(t, n, nil), "LARDER_SECRET_NATS")
}

func TestTokens(t *testing.T) {
	s := startServer(t, &server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), Authorization: "secret"})
	n := schema.NATSSource{Servers: []string{s.ClientURL()}, TokenEnv: "LARDER_SECRET_NATS"}
	mustStop(t, opened(t, n, map[string]string{"LARDER_SECRET_NATS": "secret"}), "create the stream")
	mustStop(t, opened(t, n, map[string]string{"LARDER_SECRET_NATS": "wrong"}), "token")
}

func TestCertificates(t *testing.T) {
	pair, ca := testcert.New(t)
	_, otherCA := testcert.New(t)
	s := startServer(t, &server.Options{
		Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), TLS: true,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, TLSTimeout: 5,
	})
	with := func(settings *schema.SourceTLS) error {
		t.Helper()
		address := "nats://" + s.Addr().String()
		return opened(t, schema.NATSSource{Servers: []string{address}, TLS: settings}, nil)
	}
	mustStop(t, with(&schema.SourceTLS{CA: ca}), "create the stream") // past the certificate
	mustStop(t, with(&schema.SourceTLS{CA: otherCA}), "not signed by an authority")
	mustStop(t, with(&schema.SourceTLS{CA: ca, ServerName: "nats.example.com"}), "server_name")
}
