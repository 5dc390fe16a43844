package fraud_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"larder/internal/pgtest"
)

// shellBlocks returns the commands of a page, as a reader would paste them.
func shellBlocks(page string) string {
	var out strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page, -1) {
		out.WriteString(block[1])
	}
	return out.String()
}

// freeAddr returns an address that no process listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// TestExperimentRunsAsPrinted: the commands of experiment.md print what the page shows,
// except figures that depend on which rows the shadow had no time to score.
func TestExperimentRunsAsPrinted(t *testing.T) {
	page, err := os.ReadFile("experiment.md")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "larder"), "../../cmd/larder")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	path := []string{bin, os.Getenv("PATH")}
	postgres, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // where Debian has psql, if not on the path
	grpcAddr := freeAddr(t)
	script := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", "trap '[ -z \"${server-}\" ] || kill $server 2>/dev/null || true' EXIT\n"+shellBlocks(string(page)))
	script.Dir = "../.."
	db := pgtest.New(t)
	script.Env = append(os.Environ(), "DSN="+db.DSN, "LARDER_SOURCE_POSTGRES="+db.Sources, "PATH="+strings.Join(append(path, postgres...), ":"), "TMPDIR="+t.TempDir(),
		"LARDER_ADDR="+grpcAddr, "LARDER_GRPC_ADDR="+grpcAddr, "LARDER_HTTP_ADDR="+freeAddr(t))
	raw, err := script.CombinedOutput()
	out := string(raw)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
	for _, line := range strings.Split(string(page), "\n") {
		said, printed := strings.CutPrefix(line, "    ")
		if !printed || !strings.Contains(said, "version ") {
			continue
		}
		if strings.HasPrefix(said, "version 3") { // it was busy
			said = said[:strings.IndexAny(said, ":")]
		}
		if !strings.Contains(out, said) {
			t.Errorf("%q is on the page but was not printed:\n%s", said, out)
		}
	}
	if n := strings.Count(out, "\nmodel fraud by "); n != 3 {
		t.Error(fmt.Sprint("larder experiment ran ", n, " times"))
	}
}
