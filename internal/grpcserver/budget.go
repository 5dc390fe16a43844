package grpcserver

import (
	"sync/atomic"

	"larder/schema"
)

// messagesInBudget is how many messages of the largest size the budget has room for.
const messagesInBudget = 32

// A budget bounds the bytes of all requests together: of messages that are being
// received, and of those that have been decoded, until they are answered. The first have
// a half for themselves, so that callers who never finish a message don't keep out others.
type budget struct {
	most      int64
	used      atomic.Int64 // by decoded messages
	receiving atomic.Int64 // by messages that are incomplete
}

// take reserves n bytes if they are left.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.most/2 {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// makeRoom returns whether the messages that are being received are within the budget,
// for one of which n bytes came. It drops the one that has been incomplete longest to make
// room for others.
func (s *Server) makeRoom(newest *wait) bool {
	if s.budget.receiving.Load() <= s.budget.most/2 {
		return true
	}
	oldest, since := newest, now()-minStall
	for _, c := range s.conns.list() {
		for _, w := range c.waiting() {
			if at := w.since.Load(); w.received.Load() > 0 && at < since {
				oldest, since = w, at
			}
		}
	}
	if oldest == newest {
		return false
	}
	oldest.kill(s.overBudget())
	return true
}

// overBudget refuses a request for which no bytes are left.
func (s *Server) overBudget() *failure {
	return s.refuse(failureOf(schema.TooManyBytes.Errorf(
		"the requests under way take %d MiB, all that they may take together; retry, or send smaller requests", s.budget.most>>20)))
}
