package grpcserver

import (
	"cmp"
	"context"
	"maps"
	"net"
	"slices"
	"strings"
	"time"
)

// NewDeadline returns the context of a call that came without a deadline, and a
// function that ends it.
func NewDeadline(ctx context.Context, timeout time.Duration) (context.Context, func()) {
	d := newDeadline(ctx, timeout)
	return d, d.end
}

// Limits are what a test may make smaller before it serves.
type Limits struct {
	Message, Send, Idle time.Duration
	Waits, Bytes        int64
	Conns               int
	Rate                int64
}

// SetLimits changes the limits of a server that does not serve yet. Zeros change nothing.
func SetLimits(s *Server, l Limits) {
	s.limits.message = cmp.Or(l.Message, s.limits.message)
	s.limits.send = cmp.Or(l.Send, s.limits.send)
	s.limits.idle = cmp.Or(l.Idle, s.limits.idle)
	s.limits.waits = cmp.Or(l.Waits, s.limits.waits)
	s.limits.rate = cmp.Or(l.Rate, s.limits.rate)
	s.limits.sweep = 10 * time.Millisecond
	s.budget.most = cmp.Or(l.Bytes, s.budget.most)
	s.conns.most = cmp.Or(l.Conns, s.conns.most)
}

// DecodedSize and ConnLimit are what they are called in the package.
var (
	DecodedSize = decodedSize
	ConnLimit   = connLimit
)

// Follow returns a connection of gRPC whose frames are followed, and whether the message
// of the stream that it opened last has come.
func Follow(s *Server, c net.Conn) (followed net.Conn, hasMessage func() bool) {
	f := s.follow(c, &conn{Conn: c, conns: &s.conns, waits: map[*wait]struct{}{}, streams: map[uint32]*wait{}})
	return f, f.hasMessage
}

func init() { // the echo service of the tests; larder does not serve it
	rpcRules["/larder.v1.EchoService/Echo"] = &rule{right: Operate}
	rpcRules["/larder.v1.EchoService/Stream"] = &rule{right: Operate}
	httpRules["POST /echo"] = &rule{right: Operate}
	rpcClasses = append([]classPrefix{{"/larder.v1.EchoService/", scoringClass}}, rpcClasses...)
	httpClasses = append([]classPrefix{{"/echo", scoringClass}}, httpClasses...)
}

// TableOfRPCs returns the RPCs in the table of rights, without that of the
// tests.
func TableOfRPCs() []string {
	names := slices.Sorted(maps.Keys(rpcRules))
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "/larder.v1.EchoService/") })
}

// Admit authenticates and authorizes a request as the shell does.
func Admit(s *Server, authorization []string, method string, req any) error {
	ctx, err := s.authenticate(context.Background(), Credentials{Authorization: authorization}, nil, origin{})
	if err != nil {
		return err
	}
	return s.authorize(ctx, rpcRules[method], req)
}

// Limit returns how many requests for features and scores may run at once now.
func Limit(s *Server) int { return s.limiter.State().Limit }

// ClassOf returns the name of an RPC's class.
func ClassOf(method string) string {
	return [...]string{"scoring", "push", "control", "status", "bulk", "health"}[classOf(method)]
}

// PriorityOf returns the priority of the request that ctx belongs to.
func PriorityOf(ctx context.Context) Priority { return identityOf(ctx).priority }

// Shed refuses a request as the shell does in an overload, without sending it.
func Shed(s *Server) error {
	return s.shed(context.Background(), s.refusals.overload, time.Now()).status()
}

// Rights returns the rights that the table of rights requires.
func Rights() (all []Right) {
	for _, table := range []map[string]*rule{rpcRules, httpRules} {
		for _, r := range table {
			all = append(append(all, r.right), r.or...)
		}
	}
	return all
}
