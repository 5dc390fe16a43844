package pgdev_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/internal/pgdev"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("PGDEV_TEST_CHILD"); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

// child starts a cluster, prints the pid of its postmaster, and waits to be killed.
func child(dir string) {
	if _, err := pgdev.Start(context.Background(), pgdev.Options{Dir: dir, Fast: true}); err != nil {
		panic(err)
	}
	pid, err := os.ReadFile(dir + "/data/postmaster.pid")
	if err != nil {
		panic(err)
	}
	line, _, _ := strings.Cut(string(pid), "\n")
	os.Stdout.WriteString(line + "\n")
	select {}
}

func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "larder-pgdev-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var out string
	if err := conn.QueryRow(ctx, sql).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func execute(t *testing.T, dsn, sql string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}

func TestClusterKeepsItsDataAndRefusesASecondUser(t *testing.T) {
	ctx, dir := context.Background(), folder(t)
	c, err := pgdev.Start(ctx, pgdev.Options{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	execute(t, c.DSN(), "CREATE TABLE kept AS SELECT 'here' AS word")
	_, err = pgdev.Start(ctx, pgdev.Options{Dir: dir, Fast: true})
	if err == nil || !strings.Contains(err.Error(), "is in use by process") {
		t.Errorf("a second start of one folder: %v", err)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	again, err := pgdev.Start(ctx, pgdev.Options{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Stop()
	if got := query(t, again.DSN(), "SELECT word FROM kept"); got != "here" {
		t.Errorf("after a restart the table holds %q", got)
	}
}

func TestClusterDiesWithItsParent(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PGDEV_TEST_CHILD="+folder(t))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for syscall.Kill(pid, 0) == nil {
		if state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && strings.Contains(string(state), ") Z ") {
			return // dead; its new parent has yet to reap it
		}
		select {
		case <-deadline:
			t.Fatalf("postgres (process %d) outlives the process that started it", pid)
		case <-tick.C:
		}
	}
}
