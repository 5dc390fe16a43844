package pgdev

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options configure a cluster.
type Options struct {
	// Dir is where the cluster lives; made when it isn't there. Required.
	Dir string
	// Fast gives up safety against a crash of the machine, but not against a crash of
	// Postgres: committed data survives Kill. For tests.
	Fast bool
	// Logical lets clients read the write-ahead log, for tests of streams of a table's
	// changes. It holds for this run of the cluster.
	Logical bool
	// Logger gets a line when the cluster has to be placed elsewhere. Defaults to
	// slog.Default().
	Logger *slog.Logger
}

const (
	superuser = "larder"
	database  = "larder"
)

// A Cluster is a running Postgres.
type Cluster struct {
	opts     Options
	dir      string // absolute
	bin      string
	owner    *account // the user that Postgres runs as; nil: the current user
	lock     *os.File // nil while stopped
	password string
	port     int
	child    *child
}

// Start makes the cluster when the folder is empty, starts it, and returns when
// it accepts connections.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	c := &Cluster{opts: opts}
	var err error
	if c.dir, err = filepath.Abs(opts.Dir); err != nil {
		return nil, err
	}
	if c.bin, err = binaries(); err != nil {
		return nil, err
	}
	if err := c.place(); err != nil {
		return nil, err
	}
	if err := c.hold(); err != nil {
		return nil, err
	}
	if err := c.initialize(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("make a Postgres cluster in %s: %w", c.dir, err), c.letGo())
	}
	if err := c.awaitLast(); err != nil { // it has the port
		return nil, errors.Join(fmt.Errorf("start Postgres: %w", err), c.letGo())
	}
	const tries = 3 // a free port may be taken before Postgres listens on it
	for range tries {
		if c.port, err = c.choosePort(); err != nil {
			return nil, errors.Join(err, c.letGo())
		}
		if err = c.Restart(ctx); !errors.Is(err, errEnded) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if err := c.recordPort(); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// Dir returns the folder that the cluster lives in: Options.Dir, made absolute,
// or another when root's Postgres can't enter that.
func (c *Cluster) Dir() string { return c.dir }

// DSN returns the address of the cluster's database for the superuser.
func (c *Cluster) DSN() string { return c.dsn(database) }

func (c *Cluster) dsn(database string) string { return c.address(superuser, c.password, database) }

func (c *Cluster) address(user, password, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, password), Path: "/" + database,
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)), RawQuery: "sslmode=disable",
	}
	return u.String()
}

// initialize runs initdb unless the folder holds a cluster.
func (c *Cluster) initialize(ctx context.Context) error {
	password := filepath.Join(c.dir, passwordFile)
	if c.initialized() {
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
	part, err := os.MkdirTemp(c.dir, "initdb-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if err := c.own(part, password, c.dir); err != nil {
		return err
	}
	args := []string{
		"--pgdata", filepath.Join(part, dataFolder), "--username", superuser, "--pwfile", password,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale",
	}
	if c.opts.Fast {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), args...)
	cmd.Dir = part
	cmd.Env = environment()
	cmd.SysProcAttr = c.owner.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return os.Rename(filepath.Join(part, dataFolder), filepath.Join(c.dir, dataFolder))
}

// environment is the environment of Postgres's programs, without variables that change
// what they do.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}

// errEnded is wrapped by Restart's error when Postgres ended before it served.
var errEnded = errors.New("it ended at once")

// Restart starts a cluster that was stopped, on the port that it had.
func (c *Cluster) Restart(ctx context.Context) error {
	if c.lock == nil {
		if err := c.hold(); err != nil {
			return err
		}
	}
	err := c.launch()
	if err == nil {
		if err = c.await(ctx); err != nil {
			err = errors.Join(fmt.Errorf("%w; see %s", err, filepath.Join(c.dir, logFile)), c.Stop())
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("start Postgres: %w", err), c.letGo())
	}
	return nil
}

func (c *Cluster) launch() error {
	if err := c.awaitLast(); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(c.dir, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), c.arguments()...)
	cmd.Dir = filepath.Join(c.dir, dataFolder)
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(), log, log
	cmd.SysProcAttr = c.owner.attributes()
	c.child, err = startChild(cmd)
	return err
}

func (c *Cluster) arguments() []string {
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(c.port), "unix_socket_directories=", "max_connections=200",
		"shared_buffers=256MB", "max_wal_size=4GB", "timezone=UTC", "log_timezone=UTC",
	}
	if c.opts.Fast {
		settings = append(settings, "fsync=off", "full_page_writes=off", "shared_buffers=64MB")
	}
	if c.opts.Logical {
		settings = append(settings, "wal_level=logical", "max_replication_slots=16", "max_wal_senders=16")
	}
	args := []string{"-D", filepath.Join(c.dir, dataFolder)}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	return args
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
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("it accepts no connections: %w", err)
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
		return c.letGo() // it has ended
	}
	select {
	case <-c.child.exited:
		return c.letGo()
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("Postgres in %s did not stop within %s and was killed", c.dir, patience), c.Kill())
	}
}

// Kill ends the cluster at once, as a crash would.
func (c *Cluster) Kill() error {
	err := c.child.signal(syscall.SIGQUIT)
	<-c.child.exited
	return errors.Join(err, c.letGo())
}
