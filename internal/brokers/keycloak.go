package brokers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A Keycloak is a running Keycloak of a test.
type Keycloak struct {
	URL string

	t testing.TB
	p *process
}

// keycloakAdmin is the name and the password of the first admin.
const keycloakAdmin = "admin"

// NewKeycloak starts Keycloak in a copy of its folder, since it writes there.
func NewKeycloak(t testing.TB) *Keycloak {
	t.Helper()
	app := filepath.Join(t.TempDir(), "app")
	if out, err := exec.CommandContext(t.Context(), "cp", "-r", filepath.Join(installed(t, "keycloak"), "app"), app).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ports := freePorts(t, 2)
	cmd := exec.Command(filepath.Join(app, "bin", "kc.sh"), "start-dev", "--http-host", "127.0.0.1", "--http-port", strconv.Itoa(ports[0]),
		"--http-management-port", strconv.Itoa(ports[1]), "--cache=local")
	cmd.Env = append(os.Environ(), "JAVA_OPTS_APPEND=-Xmx512m", "KC_BOOTSTRAP_ADMIN_USERNAME="+keycloakAdmin, "KC_BOOTSTRAP_ADMIN_PASSWORD="+keycloakAdmin)
	k := &Keycloak{URL: "http://" + address(ports[0]), t: t}
	k.p = start(t, filepath.Join(t.TempDir(), "log"), cmd)
	t.Cleanup(k.p.stop)
	k.p.await(t, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.URL+"/realms/master", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("Keycloak answers %s", response.Status)
		}
		return nil
	})
	return k
}

// Pause stops all that Keycloak does, without closing its connections; Resume lets it go on.
func (k *Keycloak) Pause() { k.signal(syscall.SIGSTOP) }

// Resume is the inverse of Pause.
func (k *Keycloak) Resume() { k.signal(syscall.SIGCONT) }

func (k *Keycloak) signal(s syscall.Signal) {
	k.t.Helper()
	if err := k.p.cmd.Process.Signal(s); err != nil {
		k.t.Fatal(err)
	}
}

// Token asks a realm for tokens, by the parameters of RFC 6749.
func (k *Keycloak) Token(realm string, parameters url.Values) (access, id string) {
	k.t.Helper()
	var answer struct {
		Access string `json:"access_token"`
		ID     string `json:"id_token"`
	}
	k.send(http.MethodPost, "/realms/"+realm+"/protocol/openid-connect/token", "application/x-www-form-urlencoded", "", strings.NewReader(parameters.Encode()), &answer)
	return answer.Access, answer.ID
}

// Admin calls the admin API, and reads its answer into a pointer, unless that is nil.
func (k *Keycloak) Admin(method, path string, body, into any) {
	k.t.Helper()
	token, _ := k.Token("master", url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {keycloakAdmin}, "password": {keycloakAdmin}})
	raw, err := json.Marshal(body)
	if err != nil {
		k.t.Fatal(err)
	}
	k.send(method, "/admin"+path, "application/json", token, bytes.NewReader(raw), into)
}

func (k *Keycloak) send(method, path, kind, token string, body io.Reader, into any) {
	k.t.Helper()
	request, err := http.NewRequestWithContext(k.t.Context(), method, k.URL+path, body)
	if err != nil {
		k.t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		k.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= http.StatusBadRequest {
		k.t.Fatalf("%s %s: %s %s %v", method, path, response.Status, raw, err)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(raw, into); err != nil {
		k.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
	}
}
