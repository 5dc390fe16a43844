package grpcserver

import (
	"time"

	"larder/schema"
)

// Limits of what callers may leave unfinished. They are not options: nothing that works
// comes near them.
type limits struct {
	message time.Duration // for a message to arrive, and more for each byte of it
	send    time.Duration // for an answer to be taken, and more for each byte of it
	idle    time.Duration // for a stream between two messages
	sweep   time.Duration // how often they are checked
	rate    int64         // bytes of a message a second, at least
	waits   int64         // messages that are awaited at once, idle streams included
}

const (
	messageTimeout = 10 * time.Second
	sendTimeout    = 30 * time.Second
	streamIdle     = time.Hour
	sweepEvery     = time.Second
	slowestRate    = 128 << 10
	// waitsPerRequest is how many messages may be awaited for each request that may be in
	// flight.
	waitsPerRequest = 8
	leastWaits      = 1024
	// largestShare is the part of all waits that one connection may have.
	largestShare = 4
)

func newLimits(maxInFlight int) limits {
	return limits{messageTimeout, sendTimeout, streamIdle, sweepEvery, slowestRate, max(leastWaits, waitsPerRequest*int64(maxInFlight))}
}

// await registers a wait, unless there are too many. The caller calls done in any case.
func (s *Server) await(c *conn, w *wait) (done func(), refused *failure) {
	w.budget = &s.budget
	finish := c.await(w)
	s.waits.Add(1)
	done = func() {
		s.waits.Add(-1)
		finish()
	}
	if s.waits.Load() <= s.limits.waits && (c == nil || c.awaits.Load() <= max(s.limits.waits/largestShare, 1)) {
		return done, nil
	}
	if most := s.mostWaiting(); c != nil && most != nil && most.awaits.Load() > c.awaits.Load() {
		most.oldest().kill(s.tooManyWaits())
		return done, nil
	}
	return done, s.tooManyWaits()
}

func (s *Server) tooManyWaits() *failure {
	return s.refuse(failureOf(schema.TooManyWaiting.Errorf(
		"too many streams and unfinished messages are open (limit %d, a quarter of them on one connection); close some, and retry", s.limits.waits)))
}

// mostWaiting returns the connection with the most waits; nil when there is none.
func (s *Server) mostWaiting() (most *conn) {
	for _, c := range s.conns.list() {
		if most == nil || c.awaits.Load() > most.awaits.Load() {
			most = c
		}
	}
	return most
}

// oldest returns the wait that began first.
func (c *conn) oldest() *wait {
	first := &wait{kill: func(*failure) {}}
	first.since.Store(now())
	for _, w := range c.waiting() {
		if w.since.Load() <= first.since.Load() {
			first = w
		}
	}
	return first
}

// sweepUntil ends what takes too long, until stop is closed.
func (s *Server) sweepUntil(stop <-chan struct{}) {
	tick := time.NewTicker(s.limits.sweep)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			s.sweep(now())
		}
	}
}

func (s *Server) sweep(at int64) {
	for _, c := range s.conns.list() {
		if since := c.partial.Load(); since != 0 && at-since > int64(s.limits.message) {
			_ = c.Close()
			continue
		}
		for _, w := range c.waiting() {
			if f := s.overdue(w, at); f != nil {
				w.kill(f)
			}
		}
	}
}

// overdue returns why a wait must end; nil when it may go on.
func (s *Server) overdue(w *wait, at int64) *failure {
	waited, received := at-w.since.Load(), w.received.Load()
	more := int64(time.Duration(received) * time.Second / time.Duration(s.limits.rate))
	switch {
	case w.sending > 0:
		if waited > int64(s.limits.send)+int64(time.Duration(w.sending)*time.Second/time.Duration(s.limits.rate)) {
			return s.refuse(failureOf(schema.MessageTooSlow.Errorf("the answer was not taken in time; read it faster")))
		}
	case w.patient && received == 0:
		if s.stopping.Load() {
			return failureOf(schema.Stopping.Errorf("the server is stopping; try again when it is back"))
		}
		if waited > int64(s.limits.idle) {
			return s.refuse(failureOf(schema.StreamIdle.Errorf("the stream had no message for %s; open another", s.limits.idle)))
		}
	case waited > int64(s.limits.message)+more:
		return s.refuse(failureOf(schema.MessageTooSlow.Errorf(
			"the message did not arrive in time: %d bytes in %s; send it at once", received, time.Duration(waited).Round(time.Second))))
	}
	return nil
}
