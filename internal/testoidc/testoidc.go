package testoidc

import (
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	protocol "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Client is the client that people log in as. Its tokens have it as their audience.
const Client = "larder-cli"

// Person is one of the people.
const Person = "id1"

// A Provider is an OpenID Connect provider.
type Provider struct {
	Issuer string
	people *storage.Storage
}

// New starts a provider, which ends with the test.
func New(t testing.TB) *Provider {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + l.Addr().String()
	storage.RegisterClients(storage.DeviceClient(Client, ""))
	p := &Provider{Issuer: issuer, people: storage.NewStorage(storage.NewUserStore(issuer))}
	before := slog.Default() // which the next line changes
	router := exampleop.SetupServer(issuer, public{p.people}, slog.New(slog.DiscardHandler), false, op.WithAllowInsecure())
	slog.SetDefault(before)
	s := httptest.NewUnstartedServer(router)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return p
}

// Approve lets the person in who was shown a code.
func (p *Provider) Approve(ctx context.Context, code string) error {
	return p.people.CompleteDeviceAuthorization(ctx, code, Person)
}

// Deny refuses whoever was shown a code.
func (p *Provider) Deny(ctx context.Context, code string) error {
	return p.people.DenyDeviceAuthorization(ctx, code)
}

// A public is a store of people whose clients have no secret, as those of programs on
// people's machines have none.
type public struct{ *storage.Storage }

func (p public) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := p.Storage.GetClientByClientID(ctx, id)
	return secretless{c}, err
}

// CreateAccessAndRefreshTokens gives tokens of the device flow to their client, which the
// example's store forgets.
func (p public) CreateAccessAndRefreshTokens(ctx context.Context, req op.TokenRequest, refresh string) (string, string, time.Time, error) {
	if d, is := req.(*op.DeviceAuthorizationState); is {
		req = &storage.AuthRequest{ApplicationID: d.ClientID, UserID: d.Subject, Scopes: d.Scopes}
	}
	return p.Storage.CreateAccessAndRefreshTokens(ctx, req, refresh)
}

type secretless struct{ op.Client }

func (secretless) AuthMethod() protocol.AuthMethod     { return protocol.AuthMethodNone }
func (secretless) ApplicationType() op.ApplicationType { return op.ApplicationTypeNative }
func (secretless) GrantTypes() []protocol.GrantType {
	return []protocol.GrantType{protocol.GrantTypeDeviceCode, protocol.GrantTypeRefreshToken}
}
