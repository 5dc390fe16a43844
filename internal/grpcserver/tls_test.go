package grpcserver_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"larder/internal/grpcserver"
)

func TestTLS(t *testing.T) {
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	certFile, keyFile, roots := certificate(t)
	metrics := prometheus.NewRegistry()
	server, err := grpcserver.New(grpcserver.Options{CertFile: certFile, KeyFile: keyFile, Logger: slog.New(slog.DiscardHandler), Registerer: metrics})
	check(err)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	check(err)
	check(testutil.GatherAndCompare(metrics, strings.NewReader(fmt.Sprintf(`
# HELP larder_grpcserver_certificate_end_seconds When the server's certificate expires, in seconds since 1970.
# TYPE larder_grpcserver_certificate_end_seconds gauge
larder_grpcserver_certificate_end_seconds %d
`, pair.Leaf.NotAfter.Unix())), "larder_grpcserver_certificate_end_seconds"))
	rpc, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(ctx, rpc) }()
	go func() { ended <- server.ServeHTTP(ctx, handler(nothing), web) }()

	trust := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	conn, err := grpc.NewClient(rpc.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(trust)))
	check(err)
	_, err = healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	check(err)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
	resp, err := client.Get("https://" + web.Addr().String() + "/healthz")
	check(err)
	if resp.StatusCode != http.StatusOK {
		t.Errorf("GET /healthz over TLS is answered %s", resp.Status)
	}
	check(resp.Body.Close())
	client.CloseIdleConnections()
	check(conn.Close())
	stop()
	check(<-ended)
	check(<-ended)
}

// certificate writes a self-signed certificate for the loopback address, and its key.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	write := func(name, kind string, der []byte) string {
		path, block := filepath.Join(t.TempDir(), name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		if err := os.WriteFile(path, block, 0o600); err != nil {
			t.Fatal(err)
		}
		roots.AppendCertsFromPEM(block)
		return path
	}
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", private), roots
}
