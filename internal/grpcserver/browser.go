package grpcserver

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"larder/schema"
)

// AnyHost in [Options.HTTPHosts] lets requests call the server by every name.
const AnyHost = "*"

// ownSuffixes are ends of names that nobody can register in the public DNS, and that
// names inside a cluster or a company's network have.
var ownSuffixes = []string{".localhost", ".internal", ".svc", ".cluster.local"}

// isProbe reports whether a request asks for the health of the server.
func isProbe(r *http.Request) bool {
	return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || r.URL.Path == "/health"
}

// ParseHosts reads the names of [Options.HTTPHosts] from a list with commas between them.
func ParseHosts(list string) (hosts []string, err error) {
	for _, name := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if strings.ContainsAny(name, "/:@") || name != AnyHost && strings.Contains(name, "*") {
			return nil, fmt.Errorf("%q is not a host name; write names such as larder.example.com, without a scheme or a port, or * for every name", name)
		}
		hosts = append(hosts, strings.ToLower(strings.TrimSuffix(name, ".")))
	}
	return hosts, nil
}

// browser refuses what a page of another site can make a browser send. A page can't make
// it send a token, nor take the server's certificate for its own name's, so the host counts
// only where there is neither.
type browser struct {
	hosts   []string // besides those that are always the server's
	machine string   // its name
	open    bool     // there is neither a token nor a certificate
	origins http.CrossOriginProtection
}

func newBrowser(opts Options) browser {
	machine, err := os.Hostname()
	if err != nil {
		machine = "" // the server has a name less
	}
	return browser{hosts: opts.HTTPHosts, machine: strings.ToLower(machine), open: opts.Access == nil && opts.CertFile == ""}
}

// refuses returns why a request is not answered; nil where it may be.
func (b *browser) refuses(r *http.Request) error {
	if isProbe(r) {
		return nil // load balancers send any host, and the answers say nothing
	}
	if b.open && !b.knows(r.Host) {
		return schema.UnknownHost.Errorf(
			"this server is not known as %q; call it by its address or as localhost, or start it with --http-hosts %s", schema.CutName(r.Host), schema.CutName(hostOf(r.Host)))
	}
	if b.crossSite(r) {
		origin := cmp.Or(r.Header.Get("Origin"), "unnamed")
		return schema.CrossSite.Errorf(
			"a page of another site (%s) sent this request; send it from a program or, if that site is yours, name its host in --http-hosts", schema.CutName(origin))
	}
	return simpleBody(r)
}

// knows reports whether a host can't be the name of somebody else's site whose DNS points
// here (DNS rebinding): it is an address, a name that nobody can register, or one that the
// server was told. HTTP/1.0 has requests without a host, which no browser sends.
func (b *browser) knows(host string) bool {
	name := hostOf(host)
	if host == "" {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	if name != "" && !strings.Contains(name, ".") && !strings.ContainsAny(name, ":[]") {
		return true // localhost, or a name of a container or of the local network
	}
	if name == b.machine {
		return true
	}
	hasSuffix := func(suffix string) bool { return strings.HasSuffix(name, suffix) }
	return slices.ContainsFunc(ownSuffixes, hasSuffix) || slices.Contains(b.hosts, AnyHost) || slices.Contains(b.hosts, name)
}

// hostOf returns a host without its port, in small letters.
func hostOf(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// crossSite reports whether a browser says that a page of another site changes something.
func (b *browser) crossSite(r *http.Request) bool {
	if origin, err := url.Parse(r.Header.Get("Origin")); err == nil && origin.Host != "" && slices.Contains(b.hosts, hostOf(origin.Host)) {
		return false
	}
	return b.origins.Check(r) != nil
}

// simpleBody refuses bodies of the types that a page of another site can send without
// being asked, which no JSON is declared as. curl's -d declares a form; it is taken where
// no browser sent it.
func simpleBody(r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	declared := r.Header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(declared)
	if err != nil && declared != "" && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		kind = strings.ToLower(declared)
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		if r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == "" {
			return nil
		}
	case "text/plain", "multipart/form-data":
	default:
		return nil
	}
	return schema.BadContentType.Errorf(
		`the body is declared as %s; send "Content-Type: application/json" (curl: -H "Content-Type: application/json")`, schema.CutName(kind))
}
