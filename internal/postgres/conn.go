package postgres

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// A conn is a connection that asks whether Postgres still answers when nothing comes.
// The deadlines that its user sets hold besides.
type conn struct {
	net.Conn
	first time.Duration // without a byte, until Postgres is asked
	ask   func(context.Context) error

	mu          sync.Mutex
	read, write time.Time          // deadlines that the user set; zero: none
	asking      context.CancelFunc // while Postgres is asked
}

// Read waits for bytes for as long as Postgres answers.
func (c *conn) Read(p []byte) (int, error) {
	for wait := c.first; ; wait = min(2*wait, max(longestSilence, c.first)) {
		if err := c.arm(wait); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || c.expired() {
			return n, err
		}
		if err := c.answers(); err != nil {
			return 0, err
		}
	}
}

// arm makes the next read end after wait, or at the user's deadline.
func (c *conn) arm(wait time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Conn.SetReadDeadline(earlier(c.read, time.Now().Add(wait)))
}

// expired reports whether the user's deadline for reads has passed.
func (c *conn) expired() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.read.IsZero() && !time.Now().Before(c.read)
}

// answers returns an error when Postgres doesn't answer, or when the user's deadline
// passes meanwhile.
func (c *conn) answers() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.mu.Lock()
	c.asking = cancel
	if !c.read.IsZero() {
		ctx, cancel = context.WithDeadline(ctx, c.read)
		defer cancel()
	}
	c.mu.Unlock()
	err := c.ask(ctx)
	c.mu.Lock()
	c.asking = nil
	c.mu.Unlock()
	switch {
	case c.expired():
		return os.ErrDeadlineExceeded
	case err != nil:
		return ErrSilent // not err: a time-out would look as if the connection could go on
	}
	return nil
}

// Write fails when Postgres takes nothing for long.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	limit := time.Now().Add(sendWithin)
	own := earlier(c.write, limit).Equal(limit)
	err := c.Conn.SetWriteDeadline(earlier(c.write, limit))
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if own && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(limit) {
		err = ErrSilent
	}
	return n, err
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = t
	if c.asking != nil && !t.IsZero() && !time.Now().Before(t) {
		c.asking()
	}
	return c.Conn.SetReadDeadline(earlier(t, time.Now().Add(c.first)))
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = t
	return c.Conn.SetWriteDeadline(t)
}

// earlier returns the earlier of a deadline, which may be zero for none, and a limit.
func earlier(deadline, limit time.Time) time.Time {
	if !deadline.IsZero() && deadline.Before(limit) {
		return deadline
	}
	return limit
}
