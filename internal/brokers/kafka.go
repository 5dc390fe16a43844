package brokers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A Kafka is a broker of one node.
type Kafka struct {
	t       testing.TB
	libs    string
	dir     string
	ports   []int // plain, controller, SASL, TLS
	process *process

	encrypted bool // it has the TLS listener
}

// The user that the SASL listener knows.
const (
	User     = "larder"
	Password = "secret"
)

// NewKafka starts a broker. With a certificate and its key as PEM texts it has a listener
// for TLS too.
func NewKafka(t testing.TB, certificate, key string) *Kafka {
	t.Helper()
	k := &Kafka{t: t, libs: filepath.Join(installed(t, "jars/kafka"), "*"), dir: t.TempDir(), ports: freePorts(t, 4), encrypted: certificate != ""}
	if err := os.WriteFile(k.path("server.properties"), []byte(k.properties(certificate, key)), 0o600); err != nil {
		t.Fatal(err)
	}
	format := k.java(128, "kafka.tools.StorageTool", "format", "--standalone", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", k.path("server.properties"),
		"--add-scram", fmt.Sprintf("SCRAM-SHA-256=[name=%s,password=%s]", User, Password), "--add-scram", fmt.Sprintf("SCRAM-SHA-512=[name=%s,password=%s]", User, Password))
	if out, err := format.CombinedOutput(); err != nil {
		t.Fatalf("make a log for Kafka: %v\n%s", err, out)
	}
	k.Start()
	t.Cleanup(k.Kill)
	return k
}

func (k *Kafka) path(name string) string { return filepath.Join(k.dir, name) }

func (k *Kafka) java(megabytes int, args ...string) *exec.Cmd {
	options := []string{
		fmt.Sprintf("-Xmx%dm", megabytes), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", k.libs,
	}
	cmd := exec.Command("java", append(options, args...)...)
	cmd.Dir = k.dir
	return cmd
}

// properties are the settings of the broker.
func (k *Kafka) properties(certificate, key string) string {
	listeners := []string{"PLAIN://" + address(k.ports[0]), "SASL://" + address(k.ports[2])}
	advertised := strings.Join(listeners, ",")
	protocols := "CONTROLLER:PLAINTEXT,PLAIN:PLAINTEXT,SASL:SASL_PLAINTEXT"
	var extra string
	if certificate != "" {
		tls := "TLS://" + address(k.ports[3])
		listeners, advertised, protocols = append(listeners, tls), advertised+","+tls, protocols+",TLS:SSL"
		extra = fmt.Sprintf("ssl.keystore.type=PEM\nssl.keystore.certificate.chain=%s\nssl.keystore.key=%s\n", oneLine(certificate), oneLine(key))
	}
	listeners = append(listeners, "CONTROLLER://"+address(k.ports[1]))
	scram := fmt.Sprintf("org.apache.kafka.common.security.scram.ScramLoginModule required username=%q password=%q;", User, Password)
	plain := fmt.Sprintf("org.apache.kafka.common.security.plain.PlainLoginModule required username=%q password=%q user_%s=%q;", User, Password, User, Password)
	return fmt.Sprintf(`process.roles=broker,controller
node.id=1
listeners=%s
advertised.listeners=%s
listener.security.protocol.map=%s
inter.broker.listener.name=PLAIN
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=%s
log.dirs=%s
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=%s
listener.name.sasl.scram-sha-256.sasl.jaas.config=%s
listener.name.sasl.scram-sha-512.sasl.jaas.config=%s
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.segment.bytes=16777216
log.cleaner.backoff.ms=100
log.cleaner.dedupe.buffer.size=10485760
log.retention.check.interval.ms=500
log.flush.interval.messages=1
num.network.threads=2
num.io.threads=2
auto.create.topics.enable=false
%s`, strings.Join(listeners, ","), advertised, protocols, address(k.ports[1]), k.path("data"), plain, scram, scram, extra)
}

// oneLine writes a PEM text as a value of a properties file.
func oneLine(pem string) string { return strings.ReplaceAll(strings.TrimSpace(pem), "\n", `\n`) }

// Address is that of the listener without a password.
func (k *Kafka) Address() string { return address(k.ports[0]) }

// SASLAddress is that of the listener that wants a password.
func (k *Kafka) SASLAddress() string { return address(k.ports[2]) }

// TLSAddress is that of the listener that encrypts.
func (k *Kafka) TLSAddress() string { return address(k.ports[3]) }

// Start starts a broker that was killed, with what it had.
func (k *Kafka) Start() {
	k.t.Helper()
	k.process = start(k.t, k.path("log"), k.java(256, "kafka.Kafka", k.path("server.properties")))
	k.process.await(k.t, func(ctx context.Context) error {
		err := errors.Join(listens(ctx, k.Address()), listens(ctx, k.SASLAddress()))
		if k.encrypted {
			err = errors.Join(err, listens(ctx, k.TLSAddress()))
		}
		return err
	})
}

// Kill ends the broker at once, as a crash would.
func (k *Kafka) Kill() { k.process.kill() }
