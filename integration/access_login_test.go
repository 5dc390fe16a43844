package integration_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"larder/internal/testoidc"
)

// TestLogin: a person logs in with the commands that docs/security.md tells, at zitadel's
// provider, and has the rights that a binding gives her, at this server and no other.
func TestLogin(t *testing.T) {
	provider := testoidc.New(t)
	c := startClosed(t, "--oidc-issuer", provider.Issuer, "--oidc-audience", testoidc.Client, "--oidc-client-id", testoidc.Client)
	defs := t.TempDir()
	fileOf(t, filepath.Join(defs, "access.yaml"), []byte(`bindings: [{name: people, role: viewer, users: [`+testoidc.Person+`]}]`))
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
	if code == nil || !strings.Contains(line, provider.Issuer+"/device") {
		t.Fatalf("larder login says %q", line)
	}
	if err := provider.Approve(t.Context(), code[1]); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	if err := login.Wait(); err != nil || !strings.Contains(stdout.String(), "user:"+testoidc.Person+"\nroles   viewer") {
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
