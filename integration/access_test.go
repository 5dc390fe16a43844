package integration_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"larder/internal/pgtest"
)

// An authority signs certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	a.key = newECKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newECKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign returns a certificate of a name, for clients and for servers at 127.0.0.1.
func (a *authority) sign(name string, until time.Time) tls.Certificate {
	a.t.Helper()
	key := newECKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: until.Add(-2 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// fileOf writes a file of a test, and returns its path.
func fileOf(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// writePair writes a certificate and its key as PEM.
func writePair(t testing.TB, dir, name string, pair tls.Certificate) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert = fileOf(t, filepath.Join(dir, name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}))
	return cert, fileOf(t, filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// A provider is an OpenID Connect provider that signs what it is told to.
type provider struct {
	t   testing.TB
	url string
	key *rsa.PrivateKey
}

func newProvider(t testing.TB) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, key: key}
	encode := base64.RawURLEncoding.EncodeToString
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			fmt.Fprintf(w, `{"keys": [{"kty": "RSA", "use": "sig", "n": %q, "e": %q}]}`, encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes()))
			return
		}
		fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": %q}`, p.url, p.url+"/keys")
	}))
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

// token returns a token for an audience, as RFC 7519 and RFC 7515 have it.
func (p *provider) token(user string, groups []string, audience string, until time.Time) string {
	p.t.Helper()
	claims, err := json.Marshal(map[string]any{"iss": p.url, "sub": user, "groups": groups, "aud": audience, "exp": until.Unix()})
	if err != nil {
		p.t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"RS256"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Fatal(err)
	}
	return text + "." + encode(signature)
}

// A closed is a server that asks for credentials, of every kind.
type closed struct {
	*server
	dsn      string
	dir      string // of files
	trusted  *authority
	caFile   string
	provider *provider
	admin    string // a file with a key that may do everything
}

// startClosed starts a server on a new database with a certificate, API keys, client
// certificates and a provider.
func startClosed(t testing.TB, args ...string) *closed {
	t.Helper()
	return startClosedOn(t, pgtest.New(t).DSN, args...)
}

func startClosedOn(t testing.TB, dsn string, args ...string) *closed {
	t.Helper()
	c := &closed{dsn: dsn, dir: t.TempDir(), trusted: newAuthority(t), provider: newProvider(t)}
	cert, key := writePair(t, c.dir, "server", c.trusted.sign("server", time.Now().Add(time.Hour)))
	c.caFile = fileOf(t, filepath.Join(c.dir, "clients.crt"), c.trusted.pem())
	c.server = startServer(t, c.dsn, append([]string{
		"--keys", "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", c.caFile, "--oidc-issuer", c.provider.url, "--oidc-audience", "larder",
	}, args...)...)
	stdout, stderr, code := runLarder(t, "keys", "create", "root", "--role", "admin", "--postgres", c.dsn)
	if code != 0 {
		t.Fatal(stderr)
	}
	c.admin = fileOf(t, filepath.Join(c.dir, "root.key"), []byte(stdout))
	c.as("root")
	return c
}

// rootKey returns the key of root.
func (c *closed) rootKey() string {
	c.t.Helper()
	raw, err := os.ReadFile(c.admin)
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

// as gives later clients a key, by its name.
func (c *closed) as(key string) {
	c.flags = []string{"--tls-ca", c.caFile, "--key-file", filepath.Join(c.dir, key+".key")}
}

// run runs a client command as root, which must succeed.
func (c *closed) run(args ...string) string {
	c.t.Helper()
	stdout, stderr, code := c.client(args...)
	if code != 0 {
		c.t.Fatalf("larder %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// key makes a key and returns it.
func (c *closed) key(name string, flags ...string) string {
	c.t.Helper()
	text := strings.TrimSpace(c.run(append([]string{"keys", "create", name}, flags...)...))
	fileOf(c.t, filepath.Join(c.dir, name+".key"), []byte(text+"\n"))
	return text
}

// A caller is one way to call.
type caller struct {
	bearer string
	pair   *tls.Certificate
}

// dial returns a connection that sends what a caller has, and a client for HTTP.
func (c *closed) dial(who caller) (*grpc.ClientConn, *http.Client) {
	c.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(c.trusted.cert)
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if who.pair != nil {
		config.Certificates = []tls.Certificate{*who.pair}
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(config))}
	if who.bearer != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(who.bearer)))
	}
	conn, err := grpc.NewClient(c.grpc, options...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { conn.Close() })
	return conn, &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
}

type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
func (bearer) RequireTransportSecurity() bool { return false }
