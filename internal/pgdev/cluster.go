package pgdev

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options configure a cluster.
type Options struct {
	// Dir is where the cluster lives; made when it isn't there. Required.
	Dir string
	// Fast gives up safety against a crash of the machine. For tests.
	Fast bool
}

// The names inside Options.Dir.
const (
	dataFolder   = "data"
	passwordFile = "password"
	logFile      = "postgres.log"
	superuser    = "larder"
	database     = "larder"
)

// A Cluster is a running Postgres.
type Cluster struct {
	opts     Options
	bin      string
	owner    *account // whom Postgres runs as; nil: whom we are
	password string
	port     int
	child    *child
}

// Start makes the cluster when the folder is empty, starts it, and returns when
// it accepts connections.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	c := &Cluster{opts: opts}
	var err error
	if c.opts.Dir, err = filepath.Abs(opts.Dir); err != nil {
		return nil, err
	}
	if c.bin, err = binaries(); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if c.owner, err = unprivileged(); err != nil {
			return nil, err
		}
	}
	if err := c.initialize(ctx); err != nil {
		return nil, fmt.Errorf("make a Postgres cluster in %s: %w", c.opts.Dir, err)
	}
	if err := c.Restart(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// DSN returns the address of the cluster's database.
func (c *Cluster) DSN() string { return c.dsn(database) }

func (c *Cluster) dsn(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, c.password), Path: "/" + database,
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)), RawQuery: "sslmode=disable",
	}
	return u.String()
}

// initialize runs initdb unless the folder holds a cluster.
func (c *Cluster) initialize(ctx context.Context) error {
	if err := os.MkdirAll(c.opts.Dir, 0o755); err != nil {
		return err
	}
	if err := c.reachable(); err != nil {
		return err
	}
	password := filepath.Join(c.opts.Dir, passwordFile)
	if _, err := os.Stat(filepath.Join(c.opts.Dir, dataFolder, "PG_VERSION")); err == nil {
		raw, err := os.ReadFile(password)
		c.password = string(raw)
		return err
	}
	c.password = rand.Text()
	if err := os.WriteFile(password, []byte(c.password), 0o600); err != nil {
		return err
	}
	// initdb runs in a folder that its user owns, and leaves nothing half done:
	// it makes the cluster beside, and a rename makes it the cluster.
	part, err := os.MkdirTemp(c.opts.Dir, "initdb-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if err := c.own(part, password, c.opts.Dir); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), "--pgdata", filepath.Join(part, dataFolder), "--username", superuser,
		"--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync")
	cmd.Dir = part
	cmd.Env = environment()
	cmd.SysProcAttr = c.owner.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return os.Rename(filepath.Join(part, dataFolder), filepath.Join(c.opts.Dir, dataFolder))
}

// environment is what Postgres's programs see: nothing that changes what they do.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}

// own gives paths to the user that Postgres runs as.
func (c *Cluster) own(paths ...string) error {
	if c.owner == nil {
		return nil
	}
	var err error
	for _, p := range paths {
		err = errors.Join(err, os.Chown(p, c.owner.uid, c.owner.gid))
	}
	return err
}

// reachable tells whether the user that Postgres runs as can get to the folder.
func (c *Cluster) reachable() error {
	if c.owner == nil {
		return nil
	}
	probe := exec.Command("/bin/sh", "-c", `cd "$1"`, "sh", c.opts.Dir)
	probe.Dir = "/"
	probe.SysProcAttr = c.owner.attributes()
	if probe.Run() == nil {
		return nil
	}
	return fmt.Errorf("Postgres can't run as root, and the user %s, whom it would run as, can't enter the folder: a folder above it is closed to others; "+
		"open those (chmod o+x), put the project elsewhere, or run as a user other than root", c.owner.name)
}

// Restart starts a cluster that was stopped, on the port that it had.
func (c *Cluster) Restart(ctx context.Context) error {
	if err := c.refuseRunning(); err != nil {
		return err
	}
	if c.port == 0 {
		var err error
		if c.port, err = freePort(); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(filepath.Join(c.opts.Dir, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), c.arguments()...)
	cmd.Dir = filepath.Join(c.opts.Dir, dataFolder)
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(), log, log
	cmd.SysProcAttr = c.owner.attributes()
	if c.child, err = startChild(cmd); err != nil {
		return fmt.Errorf("start Postgres: %w", err)
	}
	if err := c.await(ctx); err != nil {
		return errors.Join(fmt.Errorf("start Postgres: %w; %s says more", err, log.Name()), c.Stop())
	}
	return nil
}

func (c *Cluster) arguments() []string {
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(c.port), "unix_socket_directories=", "max_connections=200",
		"shared_buffers=256MB", "max_wal_size=4GB", "timezone=UTC", "log_timezone=UTC",
	}
	if c.opts.Fast {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB")
	}
	args := []string{"-D", filepath.Join(c.opts.Dir, dataFolder)}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	return args
}

// refuseRunning says so in plain words when another process runs the cluster.
func (c *Cluster) refuseRunning() error {
	raw, err := os.ReadFile(filepath.Join(c.opts.Dir, dataFolder, "postmaster.pid"))
	if err != nil {
		return nil //nolint:nilerr // no such file: it doesn't run
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 0 {
		return nil //nolint:nilerr // a file that was cut off; Postgres itself decides
	}
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return nil // left behind by a crash; Postgres removes it
	}
	if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil && strings.TrimSpace(string(name)) != "postgres" {
		return nil // the number went to another program since
	}
	return fmt.Errorf("the Postgres cluster in %s is in use by process %d; stop the larder that started it first", c.opts.Dir, pid)
}

// await returns when the cluster takes connections and its database is there.
func (c *Cluster) await(ctx context.Context) error {
	const patience = time.Minute
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	retry := time.NewTicker(25 * time.Millisecond)
	defer retry.Stop()
	for {
		err := c.ensureDatabase(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.child.exited:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("it takes no connections: %w", err)
		case <-retry.C:
		}
	}
}

func (c *Cluster) ensureDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.dsn("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&there); err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+database)
	return err
}

// Stop stops the cluster and waits for it; open connections are cut.
func (c *Cluster) Stop() error {
	const patience = 30 * time.Second
	if err := c.child.signal(syscall.SIGINT); err != nil {
		return nil //nolint:nilerr // it has ended
	}
	select {
	case <-c.child.exited:
		return nil
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("Postgres in %s did not stop within %s and was killed", c.opts.Dir, patience), c.Kill())
	}
}

// Kill ends the cluster at once, as a crash would.
func (c *Cluster) Kill() error {
	err := c.child.signal(syscall.SIGQUIT)
	<-c.child.exited
	return err
}

// freePort returns a port of the loopback that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
