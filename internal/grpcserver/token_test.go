package grpcserver_test

import (
	"context"

	"larder/internal/grpcserver"
)

// A token is an Access that lets whoever sends it do everything.
type token string

func (t token) Authenticate(_ context.Context, c grpcserver.Credentials) (grpcserver.Caller, error) {
	if len(c.Authorization) != 1 || c.Authorization[0] != "Bearer "+string(t) {
		return grpcserver.Caller{}, grpcserver.ErrUnauthenticated
	}
	return grpcserver.Caller{Name: "token", Priority: grpcserver.Critical}, nil
}

func (token) Authorize(grpcserver.Caller, grpcserver.Right, grpcserver.Resource) error { return nil }

func (token) AuthorizeSome(grpcserver.Caller, grpcserver.Right, grpcserver.Kind) error { return nil }
