package pgdev_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

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

// child starts a cluster, prints its address, and waits to be killed.
func child(dir string) {
	c, err := pgdev.Start(context.Background(), pgdev.Options{Dir: dir, Fast: true})
	if err != nil {
		panic(err)
	}
	fmt.Println(c.DSN())
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

func TestClusterRestartsOnItsPort(t *testing.T) {
	ctx := t.Context()
	c, err := pgdev.Start(ctx, pgdev.Options{Dir: folder(t), Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	dsn := c.DSN()
	execute(t, dsn, "CREATE TABLE kept AS SELECT 'here' AS word")
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if got := query(t, dsn, "SELECT word FROM kept"); got != "here" {
		t.Errorf("after a crash the table holds %q", got)
	}
}

// A process that is killed takes its Postgres with it, and the next process
// starts the cluster at once, with all that was committed.
func TestClusterDiesWithItsParentAndStartsAgain(t *testing.T) {
	dir := folder(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PGDEV_TEST_CHILD="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dsn, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	execute(t, strings.TrimSpace(dsn), "CREATE TABLE kept AS SELECT 'here' AS word")
	_, err = pgdev.Start(t.Context(), pgdev.Options{Dir: dir, Fast: true})
	if want := fmt.Sprintf("in use by process %d;", cmd.Process.Pid); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a start in another process's folder: %v, want %q", err, want)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	c, err := pgdev.Start(t.Context(), pgdev.Options{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	if got := query(t, c.DSN(), "SELECT word FROM kept"); got != "here" {
		t.Errorf("after its parent was killed the table holds %q", got)
	}
}

// Root's Postgres runs as another user, also below a folder that is root's alone.
func TestRootsClusterBelowAClosedFolder(t *testing.T) {
	closed := folder(t)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	opts := pgdev.Options{Dir: filepath.Join(closed, "postgres"), Fast: true, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	c, err := pgdev.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(c.Dir())
	info, err := os.Stat(filepath.Join(c.Dir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid == 0 {
		t.Error("Postgres runs as root")
	}
	if moved := c.Dir() != opts.Dir; moved != (os.Geteuid() == 0) || moved != strings.Contains(log.String(), c.Dir()) {
		t.Errorf("user %d: the cluster of %s lives in %s; log: %s", os.Geteuid(), opts.Dir, c.Dir(), log.String())
	}
	execute(t, c.DSN(), "CREATE TABLE kept AS SELECT 'here' AS word")
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	again, err := pgdev.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Stop()
	if got := query(t, again.DSN(), "SELECT word FROM kept"); got != "here" {
		t.Errorf("after a restart the table holds %q", got)
	}
}

func TestStartRefusesAFolderWithoutBinaries(t *testing.T) {
	empty := t.TempDir()
	t.Setenv(pgdev.BinVariable, empty)
	_, err := pgdev.Start(t.Context(), pgdev.Options{Dir: folder(t)})
	if want := pgdev.BinVariable + " is " + empty; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("without binaries: %v, want %q", err, want)
	}
}
