package pgdev

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// choosePort returns the port that the cluster had last, so that addresses stay right
// over restarts, or a free one if it is the first time or another program has taken that.
func (c *Cluster) choosePort() (int, error) {
	last := c.lastPort()
	if last != 0 && isFree(last) {
		return last, nil
	}
	port, err := freePort()
	if err == nil && last != 0 {
		c.opts.Logger.Warn("another program has taken the port of the private Postgres, which listens on another now", "taken", last, "port", port)
	}
	return port, err
}

// lastPort returns the recorded port; 0 when there is none.
func (c *Cluster) lastPort() int {
	raw, err := os.ReadFile(filepath.Join(c.dir, portFile))
	if err != nil {
		return 0
	}
	port, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 16)
	if err != nil {
		return 0 // damaged; the next one is recorded
	}
	return int(port)
}

func (c *Cluster) recordPort() error {
	if c.port == c.lastPort() {
		return nil
	}
	return os.WriteFile(filepath.Join(c.dir, portFile), []byte(strconv.Itoa(c.port)+"\n"), 0o644)
}

func isFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// freePort returns a free port of the loopback.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// keptSecret returns the password in a file of the folder, and makes one when there is
// no file.
func (c *Cluster) keptSecret(name string) (string, error) {
	path := filepath.Join(c.dir, name)
	raw, err := os.ReadFile(path)
	if err == nil && len(raw) > 0 {
		return string(raw), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	secret := rand.Text() // letters and digits
	return secret, os.WriteFile(path, []byte(secret), 0o600)
}
