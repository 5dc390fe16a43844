// Package access answers AccessService: API keys, and why a call is allowed or refused.
package access

import (
	"context"
	"slices"
	"strings"
	"time"

	"larder/access"
	"larder/access/audit"
	"larder/access/gate"
	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/schema"
	"larder/store/keyring"
)

// Login is how people log in.
type Login struct{ Issuer, ClientID, Audience string }

// A Server is safe for concurrent use.
type Server struct {
	larderv1.UnimplementedAccessServiceServer
	ring  *keyring.Ring
	trail *audit.Log
	login Login
}

// New returns a Server.
func New(ring *keyring.Ring, trail *audit.Log, login Login) *Server {
	return &Server{ring: ring, trail: trail, login: login}
}

// WhoAmI says who the caller is taken for.
func (s *Server) WhoAmI(ctx context.Context, _ *larderv1.WhoAmIRequest) (*larderv1.WhoAmIResponse, error) {
	id, known := gate.IdentityOf(grpcserver.CallerOf(ctx))
	if !known {
		return &larderv1.WhoAmIResponse{}, nil
	}
	return &larderv1.WhoAmIResponse{Caller: id.String(), Roles: s.ring.State().Policy.Grants(id).Roles(), Groups: id.Groups}, nil
}

// GetLogin says how people log in.
func (s *Server) GetLogin(context.Context, *larderv1.GetLoginRequest) (*larderv1.GetLoginResponse, error) {
	return &larderv1.GetLoginResponse{Issuer: s.login.Issuer, ClientId: s.login.ClientID, Audience: s.login.Audience}, nil
}

// CreateKey makes a key.
func (s *Server) CreateKey(ctx context.Context, req *larderv1.CreateKeyRequest) (*larderv1.CreateKeyResponse, error) {
	k := access.Key{Name: req.GetName(), Roles: req.GetRoles(), Owner: req.GetOwner(), CreatedBy: grpcserver.CallerOf(ctx).Name}
	if at := req.GetExpiresAt(); at != 0 {
		k.ExpiresAt = time.UnixMicro(at)
	}
	made, text, err := s.ring.Create(ctx, k)
	if err != nil {
		return nil, err
	}
	return &larderv1.CreateKeyResponse{Key: Message(&made), Text: text}, nil
}

// ListKeys lists keys.
func (s *Server) ListKeys(ctx context.Context, req *larderv1.ListKeysRequest) (*larderv1.ListKeysResponse, error) {
	keys, err := s.ring.List(ctx, req.GetRevoked())
	if err != nil {
		return nil, err
	}
	out := &larderv1.ListKeysResponse{}
	for i := range keys {
		out.Keys = append(out.Keys, Message(&keys[i]))
	}
	return out, nil
}

// RevokeKey ends a key.
func (s *Server) RevokeKey(ctx context.Context, req *larderv1.RevokeKeyRequest) (*larderv1.RevokeKeyResponse, error) {
	k, err := s.ring.Revoke(ctx, req.GetKey(), grpcserver.CallerOf(ctx).Name)
	if err != nil {
		return nil, err
	}
	return &larderv1.RevokeKeyResponse{Key: Message(&k)}, nil
}

// Message returns a key as the API has it.
func Message(k *access.Key) *larderv1.ApiKey {
	return &larderv1.ApiKey{
		Id: k.ID, Name: k.Name, Roles: k.Roles, Owner: k.Owner, CreatedBy: k.CreatedBy, RevokedBy: k.RevokedBy,
		CreatedAt: micros(k.CreatedAt), ExpiresAt: micros(k.ExpiresAt), RevokedAt: micros(k.RevokedAt), LastUsedAt: micros(k.LastUsedAt),
	}
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// TestAccess explains a decision.
func (s *Server) TestAccess(_ context.Context, req *larderv1.TestAccessRequest) (*larderv1.TestAccessResponse, error) {
	state := s.ring.State()
	id, err := identity(state, req.GetCaller())
	if err != nil {
		return nil, err
	}
	if action := req.GetAction(); !slices.Contains(schema.Actions, action) {
		return nil, schema.BadParameter.Errorf("%q is not an action; %s", action, schema.Nearest(action, schema.Actions))
	}
	if fault := schema.CheckResource(req.GetResource()); fault != "" {
		return nil, schema.BadParameter.Errorf("%s", fault)
	}
	allowed, why := state.Policy.Explain(id, access.Action(req.GetAction()), access.ParseResource(req.GetResource()))
	return &larderv1.TestAccessResponse{Allowed: allowed, Why: why}, nil
}

// identity reads METHOD:NAME.
func identity(state *keyring.State, text string) (access.Identity, error) {
	method, name, found := strings.Cut(text, ":")
	if !found || name == "" {
		return access.Identity{}, schema.BadParameter.Errorf("%q is not a caller; write key:NAME, certificate:NAME, user:NAME or group:NAME", text)
	}
	switch method {
	case "group":
		return access.Identity{Method: access.ByOIDC, Groups: []string{name}}, nil
	case string(access.ByOIDC), string(access.ByCertificate), string(access.ByTokenFile):
		return access.Identity{Method: access.Method(method), Name: name}, nil
	case string(access.ByKey):
		for _, k := range state.Keys {
			if k.Name == name {
				return access.Identity{Method: access.ByKey, Name: name, Roles: k.Roles}, nil
			}
		}
		return access.Identity{}, schema.UnknownKey.Errorf("there is no key %q that isn't revoked; larder keys list prints them", name)
	}
	return access.Identity{}, schema.BadParameter.Errorf("%q is not a way to prove who one is; write key:NAME, certificate:NAME, user:NAME or group:NAME", method)
}
