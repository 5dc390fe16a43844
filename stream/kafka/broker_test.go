//go:build brokers

package kafka_test

import (
	"crypto/tls"
	"encoding/pem"
	"testing"

	"larder/internal/brokers"
	"larder/internal/testcert"
)

// newCluster starts the real Kafka. Without the tag brokers the same tests run with one in
// the test's process.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	k := brokers.NewKafka(t, "", "")
	return &cluster{seeds: []string{k.Address()}, kill: k.Kill, start: k.Start, compact: func(string) {}} // it compacts by itself
}

func newGuardedCluster(t *testing.T, _ string) []string {
	t.Helper()
	return []string{brokers.NewKafka(t, "", "").SASLAddress()}
}

func newEncryptedCluster(t *testing.T, pair tls.Certificate) []string {
	t.Helper()
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}))
	return []string{brokers.NewKafka(t, certificate, testcert.KeyPEM(t, pair)).TLSAddress()}
}

func refuses(t *testing.T, err error) {
	t.Helper()
	mustStop(t, err, "refuse the user or the password")
}
