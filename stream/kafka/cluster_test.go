//go:build !brokers

package kafka_test

import (
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// newCluster starts Kafka in this process. With the tag brokers the same tests run with
// the real one.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir := t.TempDir()
	plain := startFake(t, kfake.DataDir(dir), kfake.SyncWrites())
	port := portOf(t, plain.ListenAddrs()[0])
	c := &cluster{seeds: plain.ListenAddrs()}
	c.kill = func() { plain.Close() }
	c.start = func() { plain = startFake(t, kfake.DataDir(dir), kfake.SyncWrites(), kfake.Ports(port)) }
	c.compact = func(string) { plain.Compact() }
	return c
}

// newGuardedCluster starts one whose user is larder with the password secret.
func newGuardedCluster(t *testing.T, mechanism string) []string {
	t.Helper()
	return startFake(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "larder", "secret")).ListenAddrs()
}

// refuses fails unless the error is that of a wrong password. Kafka in this process hangs
// up, as brokers before 1.0 did.
func refuses(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "kafka.sasl") {
		t.Fatalf("got %v, want an error that names kafka.sasl", err)
	}
}

// newEncryptedCluster starts one that encrypts with a certificate for 127.0.0.1.
func newEncryptedCluster(t *testing.T, pair tls.Certificate) []string {
	t.Helper()
	return startFake(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})).ListenAddrs()
}

func startFake(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
