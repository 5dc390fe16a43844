package rabbitmq_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"larder/internal/egress"
	"larder/schema"
	"larder/stream/rabbitmq"
	"larder/stream/source"
)

// opened opens a source, and fails the test after a generous time.
func opened(t *testing.T, r schema.RabbitMQSource, secrets map[string]string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	lookUp := func(name string) (string, bool) { value, ok := secrets[name]; return value, ok }
	s, err := rabbitmq.Open(ctx, &schema.Stream{Name: "s", RabbitMQ: &r}, nil, rabbitmq.Options{Secrets: lookUp})
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
	hosts, err := egress.Parse("rabbit.example.com")
	if err != nil {
		t.Fatal(err)
	}
	f := func(hosts *egress.Hosts, url, words string) {
		t.Helper()
		r := &schema.RabbitMQSource{URL: url, Queue: "q"}
		_, err := rabbitmq.Open(t.Context(), &schema.Stream{Name: "s", RabbitMQ: r}, nil, rabbitmq.Options{Hosts: hosts})
		mustStop(t, err, words)
	}
	f(hosts, "amqp://127.0.0.1:1/", "may not connect to 127.0.0.1:1")
	f(hosts, "amqps://elsewhere/", "may not connect to elsewhere:5671")
	f(nil, "amqp://169.254.169.254:80/", "does not connect to 169.254.169.254")
}

func TestAnUnreachableBrokerIsAnErrorThatGoesAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = opened(t, schema.RabbitMQSource{URL: "amqp://" + l.Addr().String() + "/", Queue: "q"}, nil)
	var stopped *source.Stopped
	if err == nil || errors.As(err, &stopped) || !strings.Contains(err.Error(), "cannot reach RabbitMQ") {
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
	err = opened(t, schema.RabbitMQSource{URL: "amqp://" + l.Addr().String() + "/", Queue: "q"}, nil)
	var stopped *source.Stopped
	if err == nil || errors.As(err, &stopped) {
		t.Fatalf("got %v", err)
	}
}

func TestDefinitionsThatCannotWork(t *testing.T) {
	mustStop(t, opened(t, schema.RabbitMQSource{URL: "http://127.0.0.1/", Queue: "q"}, nil), "rabbitmq.url")
	mustStop(t, opened(t, schema.RabbitMQSource{URL: "amqp://127.0.0.1:1/", Queue: "q", User: "u", PasswordEnv: "LARDER_SECRET_Q"}, nil), "LARDER_SECRET_Q")
	mustStop(t, opened(t, schema.RabbitMQSource{URL: "amqp://127.0.0.1:1/", Queue: "q", TLS: &schema.SourceTLS{}}, nil), "amqps://")
	err := opened(t, schema.RabbitMQSource{URL: "amqp://user:hush%zz@127.0.0.1:1/", Queue: "q"}, nil)
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Fatalf("the error %v tells the password, or there is none", err)
	}
}
