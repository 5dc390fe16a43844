// Package oidc verifies tokens of an OpenID Connect provider.
//
// A token counts when the provider has signed it with a key that it publishes now, with an
// asymmetric algorithm; when it names the provider as its issuer and this server's audience
// among its audiences; and when it has not expired. See OpenID Connect Core 1.0, section
// 3.1.3.7, and RFC 9068, section 4.
//
// The provider may be away: tokens are verified with its last known keys. Its keys are
// fetched again when they are older than some minutes and, at most every few seconds, when
// a token fits none of them.
package oidc

import (
	"cmp"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"larder/access"
)

// Options configure a Verifier.
type Options struct {
	Issuer   string // the provider's address, as its tokens have it
	Audience string // that tokens must be for
	User     string // the claim with a caller's name
	Groups   string // the claim with its groups; with dots where it lies within another, as in realm_access.roles
	Logger   *slog.Logger

	// Now defaults to time.Now.
	Now func() time.Time
}

// Limits of what a provider may send and how long it may take.
const (
	answerWithin = 5 * time.Second
	maxAnswer    = 1 << 20
	maxKeys      = 100
	maxGroups    = 1000
	maxName      = 512
)

const (
	// skew is by how much the clocks of the provider and of this machine may differ.
	skew = time.Minute
	// fresh is how old keys may be before they are fetched again.
	fresh = 5 * time.Minute
	// fetchEvery is the least time between two fetches.
	fetchEvery = 5 * time.Second
	// glance is how long a token whose key may be known waits for newer keys.
	glance = 500 * time.Millisecond
)

// algorithms are those of signatures that count. Neither none nor those with a shared
// secret do.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// A Verifier is safe for concurrent use.
type Verifier struct {
	opts     Options
	client   *http.Client
	verifier *oidc.IDTokenVerifier

	mu       sync.Mutex
	fetching chan struct{} // closed when the fetch under way ends; nil while there is none
	fetched  time.Time     // when the last fetch began
	got      time.Time     // when keys came
	keysURL  string
	keys     []crypto.PublicKey
	away     bool // the last fetch failed
}

// New returns a Verifier. It doesn't wait for the provider.
func New(opts Options) (*Verifier, error) {
	if opts.Audience == "" {
		return nil, errors.New("--oidc-issuer needs --oidc-audience: a token for another program of the provider must not count here")
	}
	u, err := url.Parse(opts.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("--oidc-issuer is %q; write the provider's address as its tokens have it, such as https://login.example.com/realms/main", opts.Issuer)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return nil, fmt.Errorf("--oidc-issuer is %q; it must begin with https://, since whoever can change its answers can be anyone", opts.Issuer)
	}
	opts.Logger = cmp.Or(opts.Logger, slog.Default())
	opts.User, opts.Groups = cmp.Or(opts.User, "sub"), cmp.Or(opts.Groups, "groups")
	if opts.Now == nil {
		opts.Now = time.Now
	}
	v := &Verifier{opts: opts, client: &http.Client{
		Timeout:       answerWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	v.verifier = oidc.NewVerifier(opts.Issuer, v, &oidc.Config{
		ClientID: opts.Audience, SupportedSigningAlgs: algorithms, Now: func() time.Time { return opts.Now().Add(-skew) },
	})
	return v, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Warm fetches the provider's keys, so that the first token need not wait for them.
func (v *Verifier) Warm(ctx context.Context) { v.refresh(ctx, fresh, answerWithin) }

// Verify implements gate.Tokens.
func (v *Verifier) Verify(ctx context.Context, token string) (access.Identity, time.Time, error) {
	verified, err := v.verifier.Verify(ctx, token)
	if err != nil {
		return access.Identity{}, time.Time{}, err
	}
	var claims map[string]any
	if err := verified.Claims(&claims); err != nil {
		return access.Identity{}, time.Time{}, err
	}
	id := access.Identity{Method: access.ByOIDC}
	if id.Name, err = v.user(claims); err != nil {
		return access.Identity{}, time.Time{}, err
	}
	if id.Groups, err = v.groups(claims); err != nil {
		return access.Identity{}, time.Time{}, err
	}
	return id, verified.Expiry.Add(skew), nil
}

func (v *Verifier) user(claims map[string]any) (string, error) {
	name, _ := claims[v.opts.User].(string)
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("claim %s: %w", v.opts.User, err)
	}
	if verified, _ := claims["email_verified"].(bool); v.opts.User == "email" && !verified {
		return "", errors.New("the provider has not verified the address in claim email")
	}
	return name, nil
}

func (v *Verifier) groups(claims map[string]any) (groups []string, err error) {
	value, found := claims[v.opts.Groups]
	if !found {
		value = claims
		for _, key := range strings.Split(v.opts.Groups, ".") {
			within, _ := value.(map[string]any)
			value = within[key]
		}
	}
	switch list := value.(type) {
	case string:
		groups = []string{list}
	case []any:
		for _, g := range list {
			if name, isText := g.(string); isText && checkName(name) == nil {
				groups = append(groups, name)
			}
		}
	}
	if len(groups) > maxGroups {
		return nil, fmt.Errorf("claim %s has %d groups; at most %d are taken", v.opts.Groups, len(groups), maxGroups)
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("it is missing, or not a string")
	case len(name) > maxName:
		return fmt.Errorf("it has %d bytes; at most %d are taken", len(name), maxName)
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("it has control characters")
	}
	return nil
}

// VerifySignature implements [oidc.KeySet].
func (v *Verifier) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := v.try(ctx, token, v.refresh(ctx, fresh, glance))
	if err == nil {
		return payload, nil
	}
	return v.try(ctx, token, v.refresh(ctx, fetchEvery, answerWithin)) // the provider may have new keys
}

func (v *Verifier) try(ctx context.Context, token string, keys []crypto.PublicKey) ([]byte, error) {
	if len(keys) == 0 {
		return nil, errors.New("no keys of the provider are known")
	}
	return (&oidc.StaticKeySet{PublicKeys: keys}).VerifySignature(ctx, token)
}

// refresh returns the provider's keys, fetched now if they are older than some time. It
// waits for the fetch as long as patience: a provider that is slow must not slow down
// callers whose tokens the known keys fit.
func (v *Verifier) refresh(ctx context.Context, age, patience time.Duration) []crypto.PublicKey {
	v.mu.Lock()
	now, running := time.Now(), v.fetching
	if running == nil && now.Sub(v.got) >= age && now.Sub(v.fetched) >= fetchEvery {
		running = make(chan struct{})
		v.fetching, v.fetched = running, now
		go v.fetchNow(context.WithoutCancel(ctx), running) // other callers need the keys too
	}
	stale := now.Sub(v.got) >= age
	v.mu.Unlock()
	if running != nil && stale {
		wait := time.NewTimer(patience)
		defer wait.Stop()
		select {
		case <-running:
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.keys
}

// fetchNow fetches the keys, and closes done.
func (v *Verifier) fetchNow(ctx context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	keys, err := v.fetch(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	defer close(done)
	v.fetching = nil
	if err != nil {
		if !v.away {
			v.opts.Logger.Warn("the OIDC provider can't be asked for its keys; those last known count", "issuer", v.opts.Issuer, "known", len(v.keys), "error", err)
		}
		v.away = true
		return
	}
	v.keys, v.got, v.away = keys, time.Now(), false
}

func (v *Verifier) fetch(ctx context.Context) ([]crypto.PublicKey, error) {
	if v.keysURL == "" {
		var about struct {
			Issuer string `json:"issuer"`
			Keys   string `json:"jwks_uri"`
		}
		if err := v.get(ctx, strings.TrimSuffix(v.opts.Issuer, "/")+"/.well-known/openid-configuration", &about); err != nil {
			return nil, err
		}
		if about.Issuer != v.opts.Issuer {
			return nil, fmt.Errorf("it calls itself %q, and tokens must have the very same address as --oidc-issuer", about.Issuer)
		}
		u, err := url.Parse(about.Keys)
		if err != nil || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
			return nil, fmt.Errorf("it has its keys at %q, which is not an address of https://", about.Keys)
		}
		v.keysURL = about.Keys
	}
	var set jose.JSONWebKeySet
	if err := v.get(ctx, v.keysURL, &set); err != nil {
		return nil, err
	}
	var keys []crypto.PublicKey
	for _, k := range set.Keys {
		if k.Valid() && k.IsPublic() && (k.Use == "" || k.Use == "sig") {
			keys = append(keys, k.Key)
		}
	}
	if len(keys) == 0 || len(keys) > maxKeys {
		return nil, fmt.Errorf("it publishes %d keys for signatures; 1 to %d are taken", len(keys), maxKeys)
	}
	return keys, nil
}

func (v *Verifier) get(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := v.client.Do(req)
	if err != nil {
		var refused *net.OpError
		if errors.As(err, &refused) {
			return fmt.Errorf("GET %s: %w", address, refused)
		}
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", address, resp.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return err
	}
	if len(raw) > maxAnswer {
		return fmt.Errorf("GET %s: more than %d bytes", address, maxAnswer)
	}
	return json.Unmarshal(raw, into)
}
