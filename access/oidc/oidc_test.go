package oidc_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"larder/access/oidc"
)

// A provider signs whatever it is told to, and publishes its keys as a real one does.
type provider struct {
	*testing.T
	*httptest.Server
	key     *rsa.PrivateKey
	keys    atomic.Pointer[jose.JSONWebKeySet]
	fetches atomic.Int64
	away    atomic.Bool
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newProvider(t *testing.T) *provider {
	p := &provider{T: t, key: newKey(t)}
	p.publish(p.key)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.away.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": %q}`, p.URL, p.URL+"/keys")
		case "/keys":
			p.fetches.Add(1)
			_ = json.NewEncoder(w).Encode(p.keys.Load())
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) publish(keys ...*rsa.PrivateKey) {
	set := new(jose.JSONWebKeySet)
	for i, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: fmt.Sprintf("k%d", i), Use: "sig"})
	}
	p.keys.Store(set)
}

func (p *provider) verifier(opts oidc.Options) *oidc.Verifier {
	p.Helper()
	opts.Issuer, opts.Audience, opts.Logger = p.URL, "larder", slog.New(slog.DiscardHandler)
	v, err := oidc.New(opts)
	if err != nil {
		p.Fatal(err)
	}
	return v
}

// claims returns good claims, changed.
func (p *provider) claims(changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": p.URL, "aud": []string{"other", "larder"}, "sub": "ann", "email": "ann@example.com", "email_verified": true,
		"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "groups": []any{"risk", "risk", "a\nb", 7, ""},
		"realm_access": map[string]any{"roles": []string{"scorers"}},
	}
	maps.Copy(c, changes)
	for k, v := range c {
		if v == nil {
			delete(c, k)
		}
	}
	return c
}

func (p *provider) sign(alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	p.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		p.Fatal(err)
	}
	raw, err := json.Marshal(claims)
	if err != nil {
		p.Fatal(err)
	}
	signed, err := signer.Sign(raw)
	if err != nil {
		p.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		p.Fatal(err)
	}
	return text
}

func TestTokens(t *testing.T) {
	p := newProvider(t)
	v := p.verifier(oidc.Options{})
	good := p.sign(jose.RS256, p.key, p.claims(nil))
	id, until, err := v.Verify(t.Context(), good)
	if err != nil || id.String() != "user:ann" || strings.Join(id.Groups, ",") != "risk" || time.Until(until) < time.Hour {
		t.Fatalf("a good token: %+v until %s, %v", id, until, err)
	}
	f := func(what, token string) {
		t.Helper()
		if id, _, err := v.Verify(t.Context(), token); err == nil {
			t.Errorf("%s: taken, as %s", what, id)
		}
	}
	claims := func(changes map[string]any) string { return p.sign(jose.RS256, p.key, p.claims(changes)) }
	f("another audience", claims(map[string]any{"aud": "other"}))
	f("no audience", claims(map[string]any{"aud": nil}))
	f("another issuer", claims(map[string]any{"iss": p.URL + "/"}))
	f("expired", claims(map[string]any{"exp": time.Now().Add(-2 * time.Minute).Unix()}))
	f("no expiry", claims(map[string]any{"exp": nil}))
	f("not yet", claims(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}))
	f("no user", claims(map[string]any{"sub": nil}))
	f("a user who is a number", claims(map[string]any{"sub": 7}))
	f("a user with a line break", claims(map[string]any{"sub": "ann\nadmin"}))
	f("a long user", claims(map[string]any{"sub": strings.Repeat("a", 513)}))
	f("too many groups", claims(map[string]any{"groups": manyGroups()}))
	f("another key", p.sign(jose.RS256, newKey(t), p.claims(nil)))
	public, err := x509.MarshalPKIXPublicKey(p.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	f("the public key as a shared secret", p.sign(jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), p.claims(nil)))
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	f("alg none", none+"."+parts[1]+".")
	f("alg none with a signature", none+"."+parts[1]+"."+parts[2])
	other := strings.Split(claims(map[string]any{"sub": "root"}), ".")
	f("the payload of another token", parts[0]+"."+other[1]+"."+parts[2])
	f("no signature", parts[0]+"."+parts[1]+".")
	f("nonsense", "a.b.c")
	f("nothing", "..")
	// The clock of the provider may be a minute off.
	if _, _, err := v.Verify(t.Context(), claims(map[string]any{"exp": time.Now().Add(-30 * time.Second).Unix()})); err != nil {
		t.Errorf("expired 30 s ago by a clock that may be a minute off: %v", err)
	}
}

func manyGroups() (all []string) {
	for i := range 1001 {
		all = append(all, fmt.Sprint("g", i))
	}
	return all
}

func TestClaims(t *testing.T) {
	p := newProvider(t)
	v := p.verifier(oidc.Options{User: "email", Groups: "realm_access.roles"})
	id, _, err := v.Verify(t.Context(), p.sign(jose.RS256, p.key, p.claims(nil)))
	if err != nil || id.Name != "ann@example.com" || strings.Join(id.Groups, ",") != "scorers" {
		t.Fatalf("%+v, %v", id, err)
	}
	for _, verified := range []any{false, nil, "true"} {
		if _, _, err := v.Verify(t.Context(), p.sign(jose.RS256, p.key, p.claims(map[string]any{"email_verified": verified}))); err == nil {
			t.Errorf("an address that is verified: %v", verified)
		}
	}
	text := p.verifier(oidc.Options{Groups: "team"})
	if id, _, err = text.Verify(t.Context(), p.sign(jose.RS256, p.key, p.claims(map[string]any{"team": "risk"}))); err != nil || strings.Join(id.Groups, ",") != "risk" {
		t.Fatalf("%+v, %v", id, err)
	}
}

// Keys are known after the provider has gone, and new ones when a token needs them; wrong
// tokens don't make this server ask the provider again and again.
func TestKeysOfTheProvider(t *testing.T) {
	p := newProvider(t)
	v := p.verifier(oidc.Options{})
	p.away.Store(true)
	good := p.sign(jose.RS256, p.key, p.claims(nil))
	if _, _, err := v.Verify(t.Context(), good); err == nil {
		t.Fatal("a token counts though no key is known")
	}
	p.away.Store(false)
	v = p.verifier(oidc.Options{}) // the one before asks again some seconds later
	v.Warm(t.Context())
	if _, _, err := v.Verify(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	p.away.Store(true)
	if _, _, err := v.Verify(t.Context(), good); err != nil {
		t.Fatalf("the provider is away, and its keys are known: %v", err)
	}
	p.away.Store(false)
	before, began := p.fetches.Load(), time.Now()
	wrong := p.sign(jose.RS256, newKey(t), p.claims(nil))
	for range 1000 {
		if _, _, err := v.Verify(t.Context(), wrong); err == nil {
			t.Fatal("a wrong token counts")
		}
	}
	if n := p.fetches.Load() - before; n > 2+int64(time.Since(began)/(5*time.Second)) {
		t.Fatalf("1,000 wrong tokens fetched the keys %d times", n)
	}
}

// A provider with new keys is asked for them, and keys that it withdraws count no more.
func TestRotation(t *testing.T) {
	p := newProvider(t)
	v := p.verifier(oidc.Options{})
	old := p.sign(jose.RS256, p.key, p.claims(nil))
	if _, _, err := v.Verify(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	next := newKey(t)
	p.publish(next)
	oidc.Age(v, 10*time.Second)
	if _, _, err := v.Verify(t.Context(), p.sign(jose.RS256, next, p.claims(nil))); err != nil {
		t.Fatalf("signed with the new key: %v", err)
	}
	if _, _, err := v.Verify(t.Context(), old); err == nil {
		t.Fatal("the withdrawn key counts")
	}
	// A key that is withdrawn without a new one ends with the next look.
	p.publish(p.key)
	oidc.Age(v, 10*time.Minute)
	if _, _, err := v.Verify(t.Context(), p.sign(jose.RS256, next, p.claims(nil))); err == nil {
		t.Fatal("the withdrawn key counts")
	}
}

func TestBadProviders(t *testing.T) {
	for issuer, part := range map[string]string{
		"":                           "write the provider's address",
		"login.example.com":          "write the provider's address",
		"http://login.example.com":   "https://",
		"https://user@example.com":   "write the provider's address",
		"https://example.com/?a=b":   "write the provider's address",
		"ftp://example.com":          "https://",
		"http://127.0.0.1.evil.com/": "https://",
	} {
		if _, err := oidc.New(oidc.Options{Issuer: issuer, Audience: "a"}); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %v", issuer, err)
		}
	}
	if _, err := oidc.New(oidc.Options{Issuer: "https://example.com"}); err == nil {
		t.Error("without an audience")
	}
	// Answers of a provider that are wrong give no keys: a redirect inside, another issuer,
	// keys at an address without TLS, too many bytes, private and no keys.
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer inside.Close()
	for what, answer := range map[string]func(w http.ResponseWriter, r *http.Request, url string){
		"a redirect": func(w http.ResponseWriter, r *http.Request, _ string) {
			http.Redirect(w, r, inside.URL, http.StatusFound)
		},
		"another issuer": func(w http.ResponseWriter, _ *http.Request, url string) {
			fmt.Fprintf(w, `{"issuer": "https://x", "jwks_uri": %q}`, url)
		},
		"keys in clear": func(w http.ResponseWriter, _ *http.Request, url string) {
			fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": "http://example.com/keys"}`, url)
		},
		"keys in a file": func(w http.ResponseWriter, _ *http.Request, url string) {
			fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": "file:///etc/passwd"}`, url)
		},
		"too many bytes": func(w http.ResponseWriter, _ *http.Request, _ string) { fmt.Fprint(w, strings.Repeat(" ", 2<<20)+"{}") },
		"an error":       func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(500) },
		"no JSON":        func(w http.ResponseWriter, _ *http.Request, _ string) { fmt.Fprint(w, "<html>") },
		"no keys": func(w http.ResponseWriter, _ *http.Request, url string) {
			fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": %q, "keys": []}`, url, url)
		},
		"a shared secret": func(w http.ResponseWriter, _ *http.Request, url string) {
			fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": %q, "keys": [{"kty": "oct", "k": "c2VjcmV0"}]}`, url, url)
		},
	} {
		var server *httptest.Server
		server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r, server.URL) }))
		v, err := oidc.New(oidc.Options{Issuer: server.URL, Audience: "larder", Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		v.Warm(t.Context())
		if n := oidc.Known(v); n != 0 {
			t.Errorf("%s: %d keys", what, n)
		}
		server.Close()
	}
}
