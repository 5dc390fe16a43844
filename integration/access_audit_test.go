package integration_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestKeysWithoutAServerAreRecorded: a key that is made or revoked in Postgres, while servers
// write their records, is in the trail, and the trail is whole.
func TestKeysWithoutAServerAreRecorded(t *testing.T) {
	t.Parallel()
	c := startClosed(t) // it makes root so
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			name := fmt.Sprintf("direct_%d", i)
			for _, args := range [][]string{{"create", name}, {"revoke", name}, {"revoke", name}} {
				runLarder(t, append(append([]string{"keys"}, args...), "--postgres", c.dsn)...)
			}
		})
		c.key(fmt.Sprintf("served_%d", i))
	}
	all.Wait()
	said := c.run("audit")
	for i := range 4 {
		for _, want := range []string{"key:direct_%d  larder keys create", "key:direct_%d  larder keys revoke"} {
			if want = fmt.Sprintf(want, i); !strings.Contains(said, want) {
				t.Errorf("no %q in\n%s", want, said)
			}
		}
	}
	if !strings.Contains(said, "key:root  larder keys create") || !strings.Contains(said, "allowed  postgres:") || strings.Count(said, "UNKNOWN_KEY") != 4 || !strings.Contains(said, ": whole") {
		t.Errorf("larder audit:\n%s", said)
	}
}

// TestAuditBeforeEffect: a server is killed at random moments while definitions are applied.
// Each version that was applied has its record, which was written before; the trail is whole
// in Postgres and in the files; and a record that is changed is found.
func TestAuditBeforeEffect(t *testing.T) {
	t.Parallel()
	c := startClosed(t)
	c.key("publisher", "--role", "publisher")
	c.key("nobody")
	conn, err := pgx.Connect(t.Context(), c.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	defs := func(n int) string {
		dir := t.TempDir()
		fileOf(t, filepath.Join(dir, "all.yaml"), fmt.Appendf(nil, "entities: [{name: e, description: \"%d\", join_keys: [{name: id, type: int64}]}]\n", n))
		return dir
	}
	n := 0
	for range 6 {
		stop := make(chan struct{})
		var all sync.WaitGroup
		for range 2 {
			n += 1000
			first := n
			all.Go(func() {
				for i := first; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					runLarder(t, append([]string{"apply", "--yes", defs(i), "--addr", c.grpc, "--tls-ca", c.caFile, "--key-file"}, filepath.Join(c.dir, "publisher.key"))...)
					runLarder(t, append([]string{"apply", "--yes", defs(i), "--addr", c.grpc, "--tls-ca", c.caFile, "--key-file"}, filepath.Join(c.dir, "nobody.key"))...)
				}
			})
		}
		time.Sleep(time.Duration(200+rand.IntN(800)) * time.Millisecond) // the moment of the crash
		c.kill()
		close(stop)
		all.Wait()
		c.start()
	}
	var versions, unrecorded int
	err = conn.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE (
			SELECT count(*) FROM larder.audit a WHERE a.record::jsonb ->> 'outcome' = 'allowed' AND a.record::jsonb ->> 'method' LIKE '%/Apply' AND a.at <= v.applied_at + interval '1 second'
		) < v.version) FROM larder.versions v`).Scan(&versions, &unrecorded)
	if err != nil {
		t.Fatal(err)
	}
	if versions < 5 || unrecorded > 0 {
		t.Errorf("%d versions, and %d of them have no record before them", versions, unrecorded)
	}
	runLarder(t, "apply", "--yes", defs(0), "--addr", c.grpc, "--tls-ca", c.caFile, "--key-file", filepath.Join(c.dir, "nobody.key"))
	eventually(t, "the record of a refusal", func() bool { return strings.Contains(c.run("audit", "--refused"), "refused  key:nobody  push") })
	said := c.run("audit", "--since", "30d")
	if !strings.Contains(said, ": whole") || !strings.Contains(said, "refused  key:nobody  push") || !strings.Contains(said, "allowed  key:publisher  apply") {
		t.Errorf("larder audit:\n%s", said)
	}
	files, err := filepath.Glob(filepath.Join(c.data, "audit", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files of the trail: %v, %v", files, err)
	}
	stdout, stderr, code := runLarder(t, append([]string{"audit", "--file", "--since", "30d"}, files...)...)
	if code != 0 || !strings.Contains(stdout, "allowed  key:publisher  apply") {
		// A crash may have cut the last line of a chain short; then it is the only fault.
		if !strings.Contains(stdout, "doesn't end with a hash") {
			t.Errorf("larder audit --file: exit code %d, %s\n%s", code, stderr, stdout)
		}
	}
	if _, err := conn.Exec(t.Context(), `UPDATE larder.audit SET record = replace(record, 'key:publisher', 'key:somebody') WHERE seq = 3`); err != nil {
		t.Fatal(err)
	}
	if stdout, _, code := c.client("audit", "--since", "30d"); code != 1 || !strings.Contains(stdout, "NOT whole") {
		t.Errorf("a changed record: exit code %d, %s", code, stdout)
	}
}
