package grpcserver

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// The most connections of both ports together, and how many descriptors are left for
// everything else: the store, Postgres, models, logs.
const (
	mostConns     = 10_000
	leastConns    = 8
	reservedFiles = 24
)

// connLimit returns how many connections there may be, given the limit on open files and
// how many are open now.
func connLimit(files, open uint64) int {
	reserved := open + max(reservedFiles, files/8)
	if files < reserved+leastConns {
		return leastConns
	}
	return int(min(files-reserved, mostConns))
}

func openFiles() (limit, open uint64) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return mostConns * 2, 0
	}
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return files.Cur, reservedFiles
	}
	return files.Cur, uint64(len(entries))
}

// conns are the connections of both ports. Above the limit, the connection that has been
// idle longest makes room for a new one.
type conns struct {
	most int

	mu  sync.Mutex
	all map[*conn]struct{}
}

// listen returns a listener whose connections are counted.
func (s *conns) listen(l net.Listener) net.Listener {
	if p, is := l.(portOf); is {
		return &listener{p.Listener, s, p.plane}
	}
	return &listener{l, s, anyPlane}
}

type listener struct {
	net.Listener
	conns *conns
	plane plane
}

// Accept implements [net.Listener]. It does not return an error because there are too
// many open files: it closes an idle connection and tries again.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		switch {
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			if !l.conns.closeIdle() {
				time.Sleep(50 * time.Millisecond) // until a request ends
			}
			continue
		case err != nil:
			return nil, err
		}
		if c := l.conns.add(raw, l.plane); c != nil {
			return c, nil
		}
		_ = raw.Close()
	}
}

// add registers a connection; nil when there is no room for it.
func (s *conns) add(raw net.Conn, p plane) *conn {
	for s.full() {
		if !s.closeIdle() {
			return nil
		}
	}
	c := &conn{Conn: raw, conns: s, plane: p, waits: map[*wait]struct{}{}, streams: map[uint32]*wait{}}
	c.quiet.Store(now())
	s.mu.Lock()
	s.all[c] = struct{}{}
	s.mu.Unlock()
	return c
}

func (s *conns) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all) >= s.most
}

func (s *conns) remove(c *conn) {
	s.mu.Lock()
	delete(s.all, c)
	s.mu.Unlock()
}

func (s *conns) list() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.all))
	for c := range s.all {
		all = append(all, c)
	}
	return all
}

// minStall is how long a message may have been awaited before its connection makes room
// for another.
const minStall = int64(time.Second)

// closeIdle closes the connection that has been idle longest or, where none is idle, the
// one that has waited longest for the rest of a message. It returns false where every
// connection is at work.
func (s *conns) closeIdle() bool {
	var idle, stalled *conn
	var stalledSince int64
	before := now() - minStall
	for _, c := range s.list() {
		if c.active.Load() == 0 {
			if idle == nil || c.quiet.Load() < idle.quiet.Load() {
				idle = c
			}
			continue
		}
		if since, is := c.stalled(); is && since < before && (stalled == nil || since < stalledSince) {
			stalled, stalledSince = c, since
		}
	}
	if idle == nil {
		idle = stalled
	}
	if idle == nil {
		return false
	}
	_ = idle.Close()
	return true
}

// stalled returns since when a connection does nothing but wait for messages.
func (c *conn) stalled() (since int64, is bool) {
	waits := c.waiting()
	if int64(len(waits)) < c.active.Load() {
		return 0, false
	}
	for _, w := range waits {
		since = max(since, w.since.Load())
	}
	return since, len(waits) > 0
}
