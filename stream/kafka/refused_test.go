package kafka_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"larder/internal/egress"
	"larder/internal/testcert"
	"larder/schema"
	"larder/stream/kafka"
	"larder/stream/source"
)

// opened opens a source, and fails the test after a generous time.
func opened(t *testing.T, k schema.KafkaSource, secrets map[string]string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	lookUp := func(name string) (string, bool) { value, ok := secrets[name]; return value, ok }
	s, err := kafka.Open(ctx, &schema.Stream{Name: "s", Kafka: &k}, nil, kafka.Options{Secrets: lookUp, Again: 50 * time.Millisecond})
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
	if stopped, ok := asError[*source.Stopped](err); !ok || !strings.Contains(stopped.Why, words) {
		t.Fatalf("got %v, want a *source.Stopped with %q", err, words)
	}
}

// TestAHostThatIsNotAllowedStopsTheSource: one that the definition names, and one that a
// broker names.
func TestAHostThatIsNotAllowedStopsTheSource(t *testing.T) {
	c := newCluster(t)
	f := func(list, words string, seeds ...string) {
		t.Helper()
		hosts, err := egress.Parse(list)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err = kafka.Open(ctx, &schema.Stream{Name: "s", Kafka: &schema.KafkaSource{Brokers: seeds, Topic: "nowhere"}}, nil, kafka.Options{Hosts: hosts, Again: 50 * time.Millisecond})
		mustStop(t, err, words)
	}
	f("kafka.example.com", "may not connect to "+c.seeds[0], c.seeds...)
	f("", "does not connect to 169.254.169.254", "169.254.169.254:80")
	_, port, err := net.SplitHostPort(c.seeds[0])
	if err != nil {
		t.Fatal(err)
	}
	f("localhost", "may not connect to 127.0.0.1:", "localhost:"+port) // it names itself by its address
}

func TestAMissingTopicStopsTheSource(t *testing.T) {
	c := newCluster(t)
	mustStop(t, opened(t, schema.KafkaSource{Brokers: c.seeds, Topic: "nowhere"}, nil), "create the topic")
	mustStop(t, opened(t, schema.KafkaSource{Brokers: c.seeds, Topic: "no/name"}, nil), "kafka.topic")
}

func TestAnUnreachableBrokerIsAnErrorThatGoesAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	err = opened(t, schema.KafkaSource{Brokers: []string{address}, Topic: "t"}, nil)
	if _, stopped := asError[*source.Stopped](err); err == nil || stopped || !strings.Contains(err.Error(), "cannot reach the brokers") {
		t.Fatalf("got %v", err)
	}
}

// A broker that takes connections and never answers holds nobody up for long.
func TestASilentBrokerIsAnErrorThatGoesAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = opened(t, schema.KafkaSource{Brokers: []string{l.Addr().String()}, Topic: "t"}, nil)
	if _, stopped := asError[*source.Stopped](err); err == nil || stopped {
		t.Fatalf("got %v", err)
	}
}

func TestPasswords(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			seeds := newGuardedCluster(t, mechanism)
			k := schema.KafkaSource{Brokers: seeds, Topic: "guarded", SASL: &schema.SASL{Mechanism: mechanism, User: "larder", PasswordEnv: "LARDER_SECRET_KAFKA"}}
			makeGuarded(t, seeds, mechanism)
			if err := opened(t, k, map[string]string{"LARDER_SECRET_KAFKA": "secret"}); err != nil {
				t.Fatal(err)
			}
			refuses(t, opened(t, k, map[string]string{"LARDER_SECRET_KAFKA": "wrong"}))
			mustStop(t, opened(t, k, nil), "LARDER_SECRET_KAFKA")
		})
	}
}

// makeGuarded makes the topic with the right password.
func makeGuarded(t *testing.T, seeds []string, mechanism string) {
	t.Helper()
	var right sasl.Mechanism
	switch mechanism {
	case "PLAIN":
		right = plain.Auth{User: "larder", Pass: "secret"}.AsMechanism()
	case "SCRAM-SHA-256":
		right = scram.Auth{User: "larder", Pass: "secret"}.AsSha256Mechanism()
	default:
		right = scram.Auth{User: "larder", Pass: "secret"}.AsSha512Mechanism()
	}
	makeTopic(t, kgo.SeedBrokers(seeds...), kgo.SASL(right))
}

func makeTopic(t *testing.T, opts ...kgo.Opt) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, "guarded"); err != nil && !strings.Contains(err.Error(), "EXISTS") {
		t.Fatal(err)
	}
}

func TestCertificates(t *testing.T) {
	pair, ca := testcert.New(t)
	_, otherCA := testcert.New(t)
	seeds := newEncryptedCluster(t, pair)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(ca))
	makeTopic(t, kgo.SeedBrokers(seeds...), kgo.DialTLSConfig(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}))
	with := func(settings *schema.SourceTLS) error {
		t.Helper()
		return opened(t, schema.KafkaSource{Brokers: seeds, Topic: "guarded", TLS: settings}, nil)
	}
	if err := with(&schema.SourceTLS{CA: ca}); err != nil {
		t.Fatal(err)
	}
	mustStop(t, with(&schema.SourceTLS{CA: otherCA}), "not signed by an authority")
	mustStop(t, with(&schema.SourceTLS{}), "not signed by an authority")
	mustStop(t, with(&schema.SourceTLS{CA: ca, ServerName: "kafka.example.com"}), "server_name")
	mustStop(t, with(&schema.SourceTLS{CA: "text"}), "tls.ca has no certificate")
	mustStop(t, with(&schema.SourceTLS{CA: ca, Cert: ca, KeyEnv: "LARDER_SECRET_KEY"}), "LARDER_SECRET_KEY")
	if _, stopped := asError[*source.Stopped](with(nil)); stopped { // a broker that hangs up may be anything
		t.Fatal("without tls it stopped")
	}
}
