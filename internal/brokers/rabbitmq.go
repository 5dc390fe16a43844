package brokers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A RabbitMQ is a broker of one node, with quorum queues and stream queues. Its user is
// guest, with the password guest.
type RabbitMQ struct {
	t       testing.TB
	home    string // of the programs
	dir     string
	ports   []int // AMQP, AMQP with TLS, distribution, epmd
	epmd    *process
	process *process
}

// NewRabbitMQ starts a broker. With a certificate and its key as PEM texts it has a
// listener for TLS too.
func NewRabbitMQ(t testing.TB, certificate, key string) *RabbitMQ {
	t.Helper()
	r := &RabbitMQ{t: t, home: installed(t, "rabbitmq"), dir: t.TempDir(), ports: freePorts(t, 4)}
	files := map[string]string{
		"rabbitmq.conf":   r.settings(certificate != ""),
		"enabled_plugins": "[].\n",
		"cert.pem":        certificate,
		"key.pem":         key,
	}
	for name, text := range files {
		if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.Start()
	t.Cleanup(r.Kill)
	return r
}

func (r *RabbitMQ) path(name string) string { return filepath.Join(r.dir, name) }

func (r *RabbitMQ) settings(encrypted bool) string {
	text := fmt.Sprintf(`listeners.tcp.1 = %s
log.console = false
log.file.level = warning
vm_memory_high_watermark.absolute = 256MB
disk_free_limit.absolute = 50MB
`, address(r.ports[0]))
	if encrypted {
		text += fmt.Sprintf(`listeners.ssl.1 = %s
ssl_options.certfile = %s
ssl_options.keyfile = %s
ssl_options.verify = verify_none
`, address(r.ports[1]), r.path("cert.pem"), r.path("key.pem"))
	}
	return text
}

func (r *RabbitMQ) environment() []string {
	return []string{
		"PATH=" + filepath.Join(r.home, "bin") + ":" + os.Getenv("PATH"), "HOME=" + r.dir, "LC_ALL=C.UTF-8",
		"RABBITMQ_CONFIG_FILE=" + r.path("rabbitmq.conf"), "RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_NODENAME=larder@localhost", "RABBITMQ_MNESIA_BASE=" + r.path("mnesia"), "RABBITMQ_LOG_BASE=" + r.path("logs"),
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + r.path("enabled_plugins"), fmt.Sprintf("RABBITMQ_DIST_PORT=%d", r.ports[2]),
		"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", fmt.Sprintf("RABBITMQ_NODE_PORT=%d", r.ports[0]), "RABBITMQ_PID_FILE=" + r.path("pid"),
		fmt.Sprintf("ERL_EPMD_PORT=%d", r.ports[3]), "ERL_EPMD_ADDRESS=127.0.0.1", "RABBITMQ_ALLOW_INPUT=1",
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 2:2 +A 8 -kernel inet_dist_use_interface {127,0,0,1}",
	}
}

// URL is the address of the listener that doesn't encrypt.
func (r *RabbitMQ) URL() string { return "amqp://" + address(r.ports[0]) + "/" }

// TLSURL is the address of the listener that encrypts.
func (r *RabbitMQ) TLSURL() string { return "amqps://" + address(r.ports[1]) + "/" }

// Start starts a broker that was killed, with what it had.
func (r *RabbitMQ) Start() {
	r.t.Helper()
	// Erlang's name server first: the node doesn't start without, and one that it starts
	// itself would stay.
	epmd := exec.Command(filepath.Join(r.home, "root/usr/lib/erlang/erts/bin/epmd"), "-port", fmt.Sprint(r.ports[3]), "-address", "127.0.0.1")
	epmd.Env = r.environment()
	r.epmd = start(r.t, r.path("epmd.log"), epmd)
	r.epmd.await(r.t, func(ctx context.Context) error { return listens(ctx, address(r.ports[3])) })
	servers, err := filepath.Glob(filepath.Join(r.home, "root/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"))
	if err != nil || len(servers) != 1 {
		r.t.Fatalf("%d programs of RabbitMQ in %s, want one; run make streams", len(servers), r.home)
	}
	server := exec.Command(servers[0], "-noinput")
	server.Dir, server.Env = r.dir, r.environment()
	r.process = start(r.t, r.path("log"), server)
	r.process.await(r.t, func(ctx context.Context) error { return listens(ctx, address(r.ports[0])) })
}

// Kill ends the broker at once, as a crash would.
func (r *RabbitMQ) Kill() {
	r.process.kill()
	r.epmd.kill()
}
