package brokers

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
)

// NewRegistry starts Apicurio's schema registry, and returns the address of Confluent's
// API.
func NewRegistry(t testing.TB) string {
	t.Helper()
	dir, port := t.TempDir(), freePorts(t, 1)[0]
	jars, err := filepath.Glob(filepath.Join(installed(t, "registry"), "app", "apicurio-registry-app-*-runner.jar"))
	if err != nil || len(jars) != 1 {
		t.Fatalf("%d programs of the registry, want one; run make streams", len(jars))
	}
	cmd := exec.Command("java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dquarkus.http.host=127.0.0.1", fmt.Sprintf("-Dquarkus.http.port=%d", port),
		"-Dquarkus.management.enabled=false", "-jar", jars[0])
	cmd.Dir = dir
	p := start(t, filepath.Join(dir, "log"), cmd)
	t.Cleanup(p.stop)
	url := "http://" + address(port) + "/apis/ccompat/v7"
	p.await(t, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/subjects", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("the registry answers %s", response.Status)
		}
		return nil
	})
	return url
}
