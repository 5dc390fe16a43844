package pgdev

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The names inside a cluster's folder.
const (
	dataFolder   = "data"
	lockFile     = "lock"
	passwordFile = "password"
	logFile      = "postgres.log"
	portFile     = "port"
	userFile     = "password-dev" // of the role User
	sourcesFile  = "password-sources"
)

// place makes the folder and decides which user Postgres runs as in it. Root's
// Postgres runs as another user, who can't enter a folder below a closed one (a clone
// in root's home, say); then a folder elsewhere takes its place.
func (c *Cluster) place() error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return nil
	}
	var err error
	made := c.initialized()
	if made {
		c.owner, err = ownerOf(filepath.Join(c.dir, dataFolder))
	} else {
		c.owner, err = unprivileged()
	}
	if err != nil || c.owner.enters(c.dir) {
		return err
	}
	closed := fmt.Errorf("Postgres can't run as root, and the user %s that it would run as can't enter %s: a parent folder is closed to others; "+
		"open it (chmod o+x), move the project, or run as a user other than root", c.owner.name, c.dir)
	if made {
		return closed
	}
	for _, parent := range []string{"/var/tmp", os.TempDir()} { // the first outlives a reboot
		elsewhere := filepath.Join(parent, fmt.Sprintf("larder-postgres-%x", sha256.Sum256([]byte(c.dir)))[:32])
		if c.claim(elsewhere) == nil && c.owner.enters(elsewhere) {
			c.opts.Logger.Warn("the Postgres cluster is outside the folder, because the user that Postgres runs as can't enter the folder",
				"folder", c.dir, "instead", elsewhere, "user", c.owner.name)
			c.dir = elsewhere
			return nil
		}
	}
	return closed
}

// claim makes a folder for Postgres's user alone. In a folder that anybody may
// write to, one that was there before must be that user's, or it isn't ours.
func (c *Cluster) claim(dir string) error {
	if err := os.Mkdir(dir, 0o700); err == nil {
		return c.own(dir)
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || info.Mode().Perm() != 0o700 || int(stat.Uid) != c.owner.uid {
		return fmt.Errorf("%s is not a private folder of the user %s", dir, c.owner.name)
	}
	return nil
}

// initialized reports whether the folder has a cluster.
func (c *Cluster) initialized() bool {
	_, err := os.Stat(filepath.Join(c.dir, dataFolder, "PG_VERSION"))
	return err == nil
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

// enters reports whether the account can enter a folder.
func (a *account) enters(dir string) bool {
	probe := exec.Command("/bin/sh", "-c", `cd "$1"`, "sh", dir)
	probe.Dir = "/"
	probe.SysProcAttr = a.attributes()
	return probe.Run() == nil
}

// hold locks the folder for this process. The kernel unlocks it when the process ends.
func (c *Cluster) hold() error {
	path := filepath.Join(c.dir, lockFile)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("the Postgres cluster in %s was made by another user; run as that user, or remove the folder: %w", c.dir, err)
	}
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer file.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", path, err)
		}
		pid, _ := os.ReadFile(path) // empty in the moment before the holder writes it
		return fmt.Errorf("the Postgres cluster in %s is in use by process %s; stop that process first", c.dir, strings.TrimSpace(string(pid)))
	}
	if err := errors.Join(file.Truncate(0), writeAt(file, strconv.Itoa(os.Getpid()))); err != nil {
		file.Close()
		return err
	}
	c.lock = file
	return nil
}

func writeAt(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}

func (c *Cluster) letGo() error {
	if c.lock == nil {
		return nil
	}
	err := c.lock.Close()
	c.lock = nil
	return err
}

// awaitLast waits for the Postgres of a process that was killed to end, as it
// is about to, and says so in plain words when it doesn't.
func (c *Cluster) awaitLast() error {
	const patience = 10 * time.Second
	pid := c.running()
	for deadline := time.Now().Add(patience); pid != 0 && time.Now().Before(deadline); pid = c.running() {
		time.Sleep(20 * time.Millisecond)
	}
	if pid == 0 {
		return nil
	}
	return fmt.Errorf("the Postgres cluster in %s is still running as process %d, but the process that started it has ended; stop it with kill -INT %d", c.dir, pid, pid)
}

// running returns the process that runs the cluster, or 0.
func (c *Cluster) running() int {
	raw, err := os.ReadFile(filepath.Join(c.dir, dataFolder, "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 0 {
		return 0 // a file that was cut off; Postgres itself decides
	}
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return 0 // left behind by a crash; Postgres removes it
	}
	if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil && strings.TrimSpace(string(name)) != "postgres" {
		return 0 // the number went to another program since
	}
	at, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if here, linked := filepath.EvalSymlinks(filepath.Join(c.dir, dataFolder)); err == nil && linked == nil && at != here {
		return 0 // or to another Postgres
	}
	return pid
}
