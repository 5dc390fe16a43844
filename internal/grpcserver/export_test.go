package grpcserver

import (
	"context"
	"maps"
	"slices"
	"time"
)

// NewDeadline returns the context of a call that came without a deadline, and a
// function that ends it.
func NewDeadline(ctx context.Context, timeout time.Duration) (context.Context, func()) {
	d := newDeadline(ctx, timeout)
	return d, d.end
}

func init() { // the echo service of the tests; larder does not serve it
	rpcRules["/larder.v1.EchoService/Echo"] = &rule{right: Operate}
	httpRules["POST /echo"] = &rule{right: Operate}
}

// TableOfRPCs returns the RPCs in the table of rights, without that of the
// tests.
func TableOfRPCs() []string {
	names := slices.Sorted(maps.Keys(rpcRules))
	return slices.DeleteFunc(names, func(name string) bool { return name == "/larder.v1.EchoService/Echo" })
}

// Admit authenticates and authorizes a request as the shell does.
func Admit(s *Server, authorization []string, method string, req any) error {
	ctx, err := s.authenticate(context.Background(), Credentials{Authorization: authorization})
	if err != nil {
		return err
	}
	return s.authorize(ctx, rpcRules[method], req)
}
