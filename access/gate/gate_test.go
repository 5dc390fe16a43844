package gate_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/access"
	"larder/access/gate"
	"larder/internal/grpcserver"
	"larder/internal/pgtest"
	"larder/migrations"
	"larder/store/keyring"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A world is a gate in front of real keys, roles and bindings.
type world struct {
	*testing.T
	*gate.Gate
	ring    *keyring.Ring
	conn    *pgx.Conn
	version int
}

func open(t *testing.T, opts gate.Options) *world {
	t.Helper()
	db := pgtest.New(t)
	if _, err := migrations.Up(t.Context(), db.DSN); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Open(db.DSN, t.TempDir(), keyring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ring.Close)
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	opts.Ring = ring
	return &world{T: t, Gate: gate.New(opts), ring: ring, conn: conn}
}

// apply makes definitions the newest version.
func (w *world) apply(definitions string) {
	w.Helper()
	w.version++
	if _, err := w.conn.Exec(w.Context(), `INSERT INTO larder.versions (version, definitions, storage, fingerprint, applied_by) VALUES ($1, $2, '{}', '', '')`, w.version, definitions); err != nil {
		w.Fatal(err)
	}
	if err := w.ring.Load(w.Context()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) key(name string, roles ...string) (access.Key, string) {
	w.Helper()
	k, text, err := w.ring.Create(w.Context(), access.Key{Name: name, Roles: roles})
	if err != nil {
		w.Fatal(err)
	}
	return k, text
}

func bearer(text string) grpcserver.Credentials {
	return grpcserver.Credentials{Authorization: []string{"Bearer " + text}}
}

// as authenticates, and fails the test where that fails.
func (w *world) as(c grpcserver.Credentials) grpcserver.Caller {
	w.Helper()
	caller, err := w.Authenticate(w.Context(), c)
	if err != nil {
		w.Fatal(err)
	}
	return caller
}

var fraud = grpcserver.Resource{Kind: grpcserver.Model, Name: "fraud"}

func TestKeys(t *testing.T) {
	w := open(t, gate.Options{Token: "sesame"})
	_, text := w.key("checkout", "scorer")
	_, other := w.key("other")
	id, secret, _ := access.SplitKey(text)
	_, otherSecret, _ := access.SplitKey(other)
	for name, c := range map[string]grpcserver.Credentials{
		"nothing":             {},
		"another's secret":    bearer("lk_" + id + "_" + otherSecret),
		"no secret":           bearer("lk_" + id + "_"),
		"no id":               bearer("lk__" + secret),
		"an unknown id":       bearer("lk_AAAAAAAAAAAAAAAA_" + secret),
		"small letters":       bearer(strings.ToLower(text)),
		"more behind":         bearer(text + "A"),
		"a space behind":      bearer(text + " "),
		"twice":               {Authorization: []string{"Bearer " + text, "Bearer " + text}},
		"another scheme":      {Authorization: []string{"Basic " + text}},
		"no scheme":           {Authorization: []string{text}},
		"a wrong token":       bearer("sesam"),
		"the digest":          bearer(fmt.Sprintf("lk_%s_%x", id, w.ring.State().Keys[id].Digest)),
		"something enormous":  bearer(strings.Repeat("a", 1<<20)),
		"a JWT of nobody":     bearer("e30.e30.e30"),
		"an unasked-for cert": {Certificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: "x"}, NotAfter: time.Now().Add(time.Hour)}}},
	} {
		if caller, err := w.Authenticate(t.Context(), c); !errors.Is(err, grpcserver.ErrUnauthenticated) {
			t.Errorf("%s: %v, %v", name, caller.Name, err)
		}
	}
	caller := w.as(bearer(text))
	if caller.Name != "key:checkout" || w.as(grpcserver.Credentials{Authorization: []string{"bearer " + text}}) != caller {
		t.Errorf("the caller is %+v", caller)
	}
	if err := w.Authorize(caller, grpcserver.Score, fraud); err != nil {
		t.Error(err)
	}
	const refused = "key:checkout lacks the right to promote on model:fraud; roles with that right: admin or publisher"
	if err := w.Authorize(caller, grpcserver.Promote, fraud); err == nil || err.Error() != refused {
		t.Error(err)
	}
	if err := w.Authorize(w.as(bearer(other)), grpcserver.Observe, grpcserver.Resource{}); err == nil {
		t.Error("a key without roles may do something")
	}
	admin := w.as(bearer("sesame"))
	for _, action := range []grpcserver.Right{grpcserver.Admin, grpcserver.Apply, grpcserver.Forget, access.ReadSensitive} {
		if err := w.Authorize(admin, action, grpcserver.Resource{}); err != nil {
			t.Errorf("the token of --token-file: %v", err)
		}
	}
	if err := w.Authorize(grpcserver.Caller{Name: "key:checkout"}, grpcserver.Score, fraud); err == nil {
		t.Error("a caller that nobody has authenticated may score")
	}
}

// A caller that is known already loses its rights with its key, its role and its binding.
func TestRightsEnd(t *testing.T) {
	w := open(t, gate.Options{})
	_, text := w.key("k")
	caller := w.as(bearer(text))
	may := func() bool { return w.Authorize(caller, grpcserver.Score, fraud) == nil }
	if may() {
		t.Fatal("without a binding")
	}
	w.apply(`{"bindings": [{"name": "b", "role": "scorer", "resources": ["model:f*"], "keys": ["k"]}]}`)
	if !may() || w.Authorize(caller, grpcserver.Score, grpcserver.Resource{Kind: grpcserver.Model, Name: "x"}) == nil {
		t.Fatal("with a binding to models f*")
	}
	w.apply(`{"bindings": [{"name": "b", "role": "scorer", "resources": ["model:x*"], "keys": ["k"]}]}`)
	if may() {
		t.Fatal("with a binding to other models")
	}
	w.apply(`{"bindings": [{"name": "b", "role": "scorer", "keys": ["k"]}]}`)
	if !may() || w.AuthorizeSome(caller, grpcserver.Score, grpcserver.Model) != nil || w.AuthorizeSome(caller, grpcserver.Push, grpcserver.Model) == nil {
		t.Fatal("with a binding to everything")
	}
	if _, err := w.ring.Revoke(t.Context(), "k", "x"); err != nil {
		t.Fatal(err)
	}
	if err := w.Authorize(caller, grpcserver.Score, fraud); !errors.Is(err, grpcserver.ErrUnauthenticated) {
		t.Fatalf("with a revoked key: %v", err)
	}
	// Another key of the same name is another caller.
	_, again := w.key("k")
	if may() {
		t.Fatal("the old caller has the rights of the new key")
	}
	caller = w.as(bearer(again))
	if !may() {
		t.Fatal("with the new key")
	}
}

func TestExpiry(t *testing.T) {
	w := open(t, gate.Options{})
	// Long enough to be there, short enough to be waited for.
	_, text, err := w.ring.Create(t.Context(), access.Key{Name: "short", Roles: []string{"admin"}, ExpiresAt: time.Now().Add(2 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	caller := w.as(bearer(text))
	if err := w.Authorize(caller, grpcserver.Score, fraud); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2010 * time.Millisecond) // until the key has expired
	if _, err := w.Authenticate(t.Context(), bearer(text)); err == nil {
		t.Error("an expired key is taken")
	}
	if err := w.Authorize(caller, grpcserver.Score, fraud); err == nil {
		t.Error("a caller keeps its rights past the expiry of its key")
	}
}

func TestCertificates(t *testing.T) {
	w := open(t, gate.Options{Certificates: true})
	w.apply(`{"bindings": [{"name": "b", "role": "scorer", "certificates": ["spiffe://example.com/checkout", "CN=checkout,O=Example"]}]}`)
	uri := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	later := time.Now().Add(time.Hour)
	subject := pkix.Name{CommonName: "checkout", Organization: []string{"Example"}}
	for name, x := range map[string]struct {
		cert *x509.Certificate
		may  bool
	}{
		"a SPIFFE id":              {&x509.Certificate{URIs: []*url.URL{uri("spiffe://example.com/checkout")}, NotAfter: later}, true},
		"a subject":                {&x509.Certificate{Subject: subject, NotAfter: later}, true},
		"another SPIFFE id":        {&x509.Certificate{URIs: []*url.URL{uri("spiffe://example.com/checkout2")}, Subject: subject, NotAfter: later}, false},
		"two URIs":                 {&x509.Certificate{URIs: []*url.URL{uri("spiffe://example.com/checkout"), uri("spiffe://example.com/x")}, NotAfter: later}, false},
		"a subject in a SPIFFE id": {&x509.Certificate{Subject: pkix.Name{CommonName: "spiffe://example.com/checkout"}, NotAfter: later}, false},
		"expired":                  {&x509.Certificate{Subject: subject, NotAfter: time.Now().Add(-time.Second)}, false},
		"no name":                  {&x509.Certificate{NotAfter: later}, false},
	} {
		caller, err := w.Authenticate(t.Context(), grpcserver.Credentials{Certificates: []*x509.Certificate{x.cert}})
		if err == nil {
			err = w.Authorize(caller, grpcserver.Score, fraud)
		}
		if (err == nil) != x.may {
			t.Errorf("%s: %v, %v", name, caller.Name, err)
		}
	}
	// A wrong key is not made good by a certificate.
	good := &x509.Certificate{Subject: subject, NotAfter: later}
	if _, err := w.Authenticate(t.Context(), grpcserver.Credentials{Authorization: []string{"Bearer x"}, Certificates: []*x509.Certificate{good}}); err == nil {
		t.Error("a wrong key with a certificate is taken")
	}
}

// A fixed is a provider whose tokens name their user; others are wrong.
type fixed struct{ calls int }

func (f *fixed) Verify(_ context.Context, token string) (access.Identity, time.Time, error) {
	f.calls++
	user, _, _ := strings.Cut(token, ".")
	if user == "" {
		return access.Identity{}, time.Time{}, errors.New("no user")
	}
	return access.Identity{Method: access.ByOIDC, Name: user, Groups: []string{"risk"}}, time.Now().Add(time.Hour), nil
}

func TestTokens(t *testing.T) {
	provider := new(fixed)
	w := open(t, gate.Options{Tokens: provider})
	w.apply(`{"bindings": [{"name": "b", "role": "scorer", "groups": ["risk"]}, {"name": "c", "role": "admin", "users": ["ann"]}]}`)
	for range 100 {
		ann, bob := w.as(bearer("ann.b.c")), w.as(bearer("bob.b.c"))
		if ann.Name != "user:ann" || w.Authorize(ann, grpcserver.Admin, fraud) != nil || w.Authorize(bob, grpcserver.Score, fraud) != nil || w.Authorize(bob, grpcserver.Admin, fraud) == nil {
			t.Fatal("the rights of users and groups")
		}
	}
	if provider.calls != 2 {
		t.Errorf("two tokens were verified %d times", provider.calls)
	}
	if _, err := w.Authenticate(t.Context(), bearer(".b.c")); !errors.Is(err, grpcserver.ErrUnauthenticated) {
		t.Error(err)
	}
}

// The priority and the quota of a caller are those of its roles, and its requests share the
// quota.
func TestPriorityAndQuota(t *testing.T) {
	w := open(t, gate.Options{})
	w.apply(`{"roles": [
		{"name": "fast", "priority": "critical", "requests_per_second": 10, "allow": [{"actions": ["score"], "resources": ["*"]}]},
		{"name": "slow", "priority": "batch", "requests_per_second": 2, "rows_per_second": 5, "allow": [{"actions": ["read"], "resources": ["*"]}]}
	], "bindings": [{"name": "a", "role": "fast", "keys": ["both"]}, {"name": "b", "role": "slow", "keys": ["both", "one"]}]}`)
	_, both := w.key("both")
	_, one := w.key("one")
	_, none := w.key("none", "scorer")
	_, admin := w.key("root", "admin")
	f := func(text string, priority grpcserver.Priority, requests, rows float64) {
		t.Helper()
		c := w.as(bearer(text))
		if c.Priority != priority || c.Quota != w.as(bearer(text)).Quota {
			t.Errorf("%s: priority %v", c.Name, c.Priority)
		}
		var q grpcserver.Quota
		if c.Quota != nil {
			q.RequestsPerSecond, q.RowsPerSecond = c.Quota.RequestsPerSecond, c.Quota.RowsPerSecond
		}
		if q.RequestsPerSecond != requests || q.RowsPerSecond != rows {
			t.Errorf("%s: %v requests and %v rows a second", c.Name, q.RequestsPerSecond, q.RowsPerSecond)
		}
	}
	f(both, grpcserver.Critical, 10, 0) // the most that any of its roles allows
	f(one, grpcserver.Batch, 2, 5)
	f(none, grpcserver.Default, 0, 0)
	f(admin, grpcserver.Critical, 0, 0)
}

// The bytes of the secret are copied for SHA-256, and that is all.
func TestIdentityAllocatesOnce(t *testing.T) {
	w := open(t, gate.Options{Token: "sesame"})
	_, text := w.key("k", "scorer")
	c := bearer(text)
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		caller, err := w.Authenticate(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Authorize(caller, grpcserver.Score, fraud); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkKey(b *testing.B) {
	db := pgtest.New(b)
	if _, err := migrations.Up(b.Context(), db.DSN); err != nil {
		b.Fatal(err)
	}
	ring, err := keyring.Open(db.DSN, b.TempDir(), keyring.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer ring.Close()
	_, text, err := ring.Create(b.Context(), access.Key{Name: "k", Roles: []string{"scorer"}})
	if err != nil {
		b.Fatal(err)
	}
	g, c, ctx := gate.New(gate.Options{Ring: ring}), bearer(text), b.Context()
	b.ReportAllocs()
	for b.Loop() {
		caller, err := g.Authenticate(ctx, c)
		if err == nil {
			err = g.Authorize(caller, grpcserver.Score, fraud)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
