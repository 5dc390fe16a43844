// Package gate identifies callers and decides about their requests: it is the
// [grpcserver.Access] of a server that asks for credentials.
//
// A caller proves itself by an API key, by a client certificate, by a token of an OIDC
// provider, or by the one token of --token-file. What a request sends in its authorization
// header counts; the certificate of the connection counts for requests without one. What
// is wrong with credentials is never told, only that they don't count.
package gate

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"larder/access"
	"larder/internal/admission"
	"larder/internal/grpcserver"
	"larder/schema"
	"larder/store/keyring"
)

// Options configure a Gate.
type Options struct {
	// Ring has the keys, roles and bindings. Required.
	Ring *keyring.Ring
	// Token is a token that may do everything. Empty: there is none.
	Token string
	// Certificates lets client certificates, which the server has verified, identify callers.
	Certificates bool
	// Tokens verifies tokens of an OIDC provider. Nil: there is none.
	Tokens Tokens
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// Tokens verify tokens of an OIDC provider.
type Tokens interface {
	// Verify returns who a token is of, and until when it counts. An error says why it
	// doesn't count, for the log.
	Verify(ctx context.Context, token string) (id access.Identity, until time.Time, err error)
}

// A Gate is safe for concurrent use.
type Gate struct {
	opts  Options
	token [sha256.Size]byte // of Token
	now   atomic.Pointer[epoch]

	tokens verified
}

var _ grpcserver.Access = (*Gate)(nil)

// New returns a gate.
func New(opts Options) *Gate {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	return &Gate{opts: opts, token: sha256.Sum256([]byte(opts.Token)), tokens: verified{all: map[[sha256.Size]byte]proof{}}}
}

// An epoch is the time in which one state of keys, roles and bindings holds.
type epoch struct {
	state   *keyring.State
	byKey   sync.Map // *access.Key → *caller
	byNames sync.Map // the identity as text → *caller
	size    atomic.Int64
}

// mostNames bounds the callers that an epoch remembers by name. One more makes it forget
// them all.
const mostNames = 10_000

// A caller is one identity in one epoch.
type caller struct {
	epoch  *epoch
	id     access.Identity
	key    *access.Key // of ByKey
	grants *access.Grants
	shown  grpcserver.Caller
}

func (g *Gate) epoch() *epoch {
	state := g.opts.Ring.State()
	if e := g.now.Load(); e != nil && e.state == state {
		return e
	}
	e := &epoch{state: state}
	g.now.Store(e) // of two that race either may stay: both hold the same state
	return e
}

func (e *epoch) caller(id access.Identity, key *access.Key) *caller {
	c := &caller{epoch: e, id: id, key: key, grants: e.state.Policy.Grants(id)}
	priority, _ := admission.ParsePriority(c.grants.Priority)
	c.shown = grpcserver.Caller{Name: id.String(), Identity: c, Priority: priority, Shared: id.Method == access.ByTokenFile}
	if c.grants.RequestsPerSecond > 0 || c.grants.RowsPerSecond > 0 {
		c.shown.Quota = &grpcserver.Quota{RequestsPerSecond: c.grants.RequestsPerSecond, RowsPerSecond: c.grants.RowsPerSecond}
	}
	return c
}

// named returns the caller of an identity that has no key.
func (e *epoch) named(id access.Identity) *caller {
	text := id.String() + "\x00" + strings.Join(id.Groups, "\x00")
	if c, found := e.byNames.Load(text); found {
		return c.(*caller)
	}
	if e.size.Add(1) > mostNames {
		e.byNames.Clear()
		e.size.Store(1)
	}
	c, _ := e.byNames.LoadOrStore(text, e.caller(id, nil))
	return c.(*caller)
}

// Authenticate implements [grpcserver.Access].
func (g *Gate) Authenticate(ctx context.Context, c grpcserver.Credentials) (grpcserver.Caller, error) {
	switch len(c.Authorization) {
	case 0:
		return g.certified(c.Certificates)
	case 1:
	default:
		return grpcserver.Caller{}, grpcserver.ErrUnauthenticated
	}
	scheme, token, _ := strings.Cut(c.Authorization[0], " ")
	if !strings.EqualFold(scheme, "bearer") || token == "" || len(token) > maxToken {
		return grpcserver.Caller{}, grpcserver.ErrUnauthenticated
	}
	e := g.epoch()
	if id, secret, is := access.SplitKey(token); is {
		return g.keyed(e, id, secret)
	}
	if g.opts.Token != "" {
		if got := sha256.Sum256([]byte(token)); subtle.ConstantTimeCompare(got[:], g.token[:]) == 1 {
			return e.named(access.Identity{Method: access.ByTokenFile, Name: "file"}).shown, nil
		}
	}
	if g.opts.Tokens != nil && strings.Count(token, ".") == 2 {
		return g.vouched(ctx, e, token)
	}
	return grpcserver.Caller{}, grpcserver.ErrUnauthenticated
}

// maxToken bounds what is taken as a token. A provider that lists many groups makes long ones.
const maxToken = 32 << 10

func (g *Gate) keyed(e *epoch, id, secret string) (grpcserver.Caller, error) {
	key := e.state.Keys[id]
	if key == nil || !key.Matches(secret) || !key.Live(time.Now()) {
		return grpcserver.Caller{}, grpcserver.ErrUnauthenticated
	}
	g.opts.Ring.Used(key.ID)
	if c, found := e.byKey.Load(key); found {
		return c.(*caller).shown, nil
	}
	c, _ := e.byKey.LoadOrStore(key, e.caller(access.Identity{Method: access.ByKey, Name: key.Name, Roles: key.Roles}, key))
	return c.(*caller).shown, nil
}

// certified returns the caller that the certificate of its connection names.
func (g *Gate) certified(chain []*x509.Certificate) (grpcserver.Caller, error) {
	if !g.opts.Certificates || len(chain) == 0 || time.Now().After(chain[0].NotAfter) {
		return grpcserver.Caller{}, grpcserver.ErrUnauthenticated
	}
	name := CertificateName(chain[0])
	if name == "" {
		return grpcserver.Caller{}, grpcserver.ErrUnauthenticated
	}
	return g.epoch().named(access.Identity{Method: access.ByCertificate, Name: name}).shown, nil
}

// CertificateName returns the name of a client certificate that bindings use: its SPIFFE id
// or, without one, its subject as RFC 2253 writes it. A certificate with several URIs has
// none: SPIFFE allows one, and a choice could be steered.
func CertificateName(leaf *x509.Certificate) string {
	switch {
	case len(leaf.URIs) == 1 && leaf.URIs[0].Scheme == "spiffe":
		return leaf.URIs[0].String()
	case len(leaf.URIs) > 1:
		return ""
	}
	return leaf.Subject.String()
}

// Authorize implements [grpcserver.Access].
func (g *Gate) Authorize(c grpcserver.Caller, right grpcserver.Right, on grpcserver.Resource) error {
	who, err := g.current(c)
	if err != nil {
		return err
	}
	if who.grants.Allow(right, on) {
		return nil
	}
	return grpcserver.Forbidden(who.id.String(), right, on, rolesWith(right))
}

// AuthorizeSome implements [grpcserver.Access].
func (g *Gate) AuthorizeSome(c grpcserver.Caller, right grpcserver.Right, kind grpcserver.Kind) error {
	who, err := g.current(c)
	if err != nil {
		return err
	}
	if who.grants.AllowSome(right, kind) {
		return nil
	}
	return grpcserver.ForbiddenEverywhere(who.id.String(), right, kind, rolesWith(right))
}

func rolesWith(right grpcserver.Right) string { return schema.OneOf(access.RolesWith(right)) }

// current returns the caller as the present keys, roles and bindings have it: a request may
// be older than they are, such as one message of a stream.
func (g *Gate) current(c grpcserver.Caller) (*caller, error) {
	who, is := c.Identity.(*caller)
	if !is {
		return nil, grpcserver.ErrUnauthenticated
	}
	e := g.epoch()
	if who.key == nil {
		if who.epoch == e {
			return who, nil
		}
		return e.named(who.id), nil
	}
	if who.epoch != e {
		key := e.state.Keys[who.key.ID]
		if key == nil {
			return nil, grpcserver.ErrUnauthenticated
		}
		found, _ := e.byKey.LoadOrStore(key, e.caller(access.Identity{Method: access.ByKey, Name: key.Name, Roles: key.Roles}, key))
		who = found.(*caller)
	}
	if !who.key.Live(time.Now()) {
		return nil, grpcserver.ErrUnauthenticated
	}
	return who, nil
}

// IdentityOf returns the identity of a caller; false for one that is nobody.
func IdentityOf(c grpcserver.Caller) (access.Identity, bool) {
	who, is := c.Identity.(*caller)
	if !is {
		return access.Identity{}, false
	}
	return who.id, true
}

// vouched returns the caller whom a token of the OIDC provider names.
func (g *Gate) vouched(ctx context.Context, e *epoch, token string) (grpcserver.Caller, error) {
	digest := sha256.Sum256([]byte(token))
	now := time.Now()
	p, found := g.tokens.get(digest, now)
	if !found {
		id, until, err := g.opts.Tokens.Verify(ctx, token)
		if err != nil {
			g.opts.Logger.Debug("a token of the OIDC provider is refused", "error", err)
			return grpcserver.Caller{}, grpcserver.ErrUnauthenticated
		}
		p = proof{id, until}
		g.tokens.put(digest, p, now)
	}
	return e.named(p.id).shown, nil
}

// A proof is a token that was verified.
type proof struct {
	id    access.Identity
	until time.Time
}

// verified remembers tokens, so that their signatures are checked once.
type verified struct {
	mu  sync.RWMutex
	all map[[sha256.Size]byte]proof
}

const mostTokens = 10_000

func (v *verified) get(digest [sha256.Size]byte, now time.Time) (proof, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	p, found := v.all[digest]
	return p, found && now.Before(p.until)
}

func (v *verified) put(digest [sha256.Size]byte, p proof, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.all) >= mostTokens {
		for d, old := range v.all {
			if !now.Before(old.until) {
				delete(v.all, d)
			}
		}
		if len(v.all) >= mostTokens {
			clear(v.all)
		}
	}
	v.all[digest] = p
}
