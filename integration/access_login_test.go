package integration_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	protocol "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// loginClient is the client that people log in as.
const loginClient = "larder-cli"

// people are the users of a provider, whose clients have no secret.
type people struct{ *storage.Storage }

func (p people) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := p.Storage.GetClientByClientID(ctx, id)
	return secretless{c}, err
}

type secretless struct{ op.Client }

func (secretless) AuthMethod() protocol.AuthMethod     { return protocol.AuthMethodNone }
func (secretless) ApplicationType() op.ApplicationType { return op.ApplicationTypeNative }

// TestLogin: a person logs in with the commands that docs/security.md tells, at zitadel's
// provider, and has the rights that a binding gives her, at this server and no other.
func TestLogin(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + l.Addr().String()
	storage.RegisterClients(storage.DeviceClient(loginClient, ""))
	users := people{storage.NewStorage(storage.NewUserStore(issuer))}
	before := slog.Default()
	web := &http.Server{Handler: exampleop.SetupServer(issuer, users, slog.New(slog.DiscardHandler), false, op.WithAllowInsecure()), ReadHeaderTimeout: time.Second}
	slog.SetDefault(before)
	go func() { _ = web.Serve(l) }()
	defer web.Close()

	c := startClosed(t, "--oidc-issuer", issuer, "--oidc-audience", loginClient, "--oidc-client-id", loginClient)
	defs := t.TempDir()
	fileOf(t, filepath.Join(defs, "access.yaml"), []byte(`bindings: [{name: people, role: viewer, users: [id1]}]`))
	c.run("apply", "--yes", defs)

	home := t.TempDir()
	command := func(args ...string) *exec.Cmd {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		t.Cleanup(cancel)
		cmd := exec.CommandContext(ctx, larder, append(args, "--addr", c.grpc, "--tls-ca", c.caFile)...)
		cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+home)
		return cmd
	}
	if said, err := command("status").CombinedOutput(); err == nil || !strings.Contains(string(said), "larder login") {
		t.Fatalf("without a login: %v, %s", err, said)
	}
	login := command("login")
	var stdout strings.Builder
	login.Stdout = &stdout
	stderr, err := login.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := login.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`confirm the code (\S+) there`).FindStringSubmatch(line)
	if code == nil || !strings.Contains(line, issuer+"/device") {
		t.Fatalf("larder login says %q", line)
	}
	if err := users.CompleteDeviceAuthorization(t.Context(), code[1], "id1"); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	if err := login.Wait(); err != nil || !strings.Contains(stdout.String(), "user:id1\nroles   viewer") {
		t.Fatalf("larder login: %v, %s", err, stdout.String())
	}
	if said, err := command("status").CombinedOutput(); err != nil {
		t.Errorf("status after the login: %v, %s", err, said)
	}
	if said, err := command("keys", "list").CombinedOutput(); err == nil || !strings.Contains(string(said), "user:id1 lacks the right to admin") {
		t.Errorf("what a viewer may not: %v, %s", err, said)
	}
	other := startClosed(t)
	elsewhere := command("status")
	elsewhere.Args = append(elsewhere.Args[:len(elsewhere.Args)-4], "--addr", other.grpc, "--tls-ca", other.caFile)
	if said, err := elsewhere.CombinedOutput(); err == nil || !strings.Contains(string(said), "UNAUTHENTICATED") {
		t.Errorf("another server: %v, %s", err, said)
	}
	if said, err := command("logout").CombinedOutput(); err != nil {
		t.Errorf("logout: %v, %s", err, said)
	}
	if said, err := command("status").CombinedOutput(); err == nil {
		t.Errorf("status after the logout: %s", said)
	}
}
