package egress

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Hosts are those that may be connected to. Nil allows all but link-local addresses. It is
// safe for concurrent use.
type Hosts struct {
	text     string
	patterns []pattern
}

// A pattern is one entry of the list.
type pattern struct {
	name   string       // in lower case, without a dot at the end; "*.example.com" is ".example.com"
	prefix netip.Prefix // instead of a name
	port   string       // empty: any
}

// A Refused is the error of a host that may not be connected to.
type Refused struct{ Why string }

func (r *Refused) Error() string { return r.Why }

// Parse reads a list with commas between its entries: HOST, *.DOMAIN, an IP address or a
// prefix such as 10.0.0.0/8, each with or without :PORT. Nil for an empty one.
func Parse(list string) (*Hosts, error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	h := &Hosts{text: list}
	for _, entry := range strings.Split(list, ",") {
		p, err := parsePattern(strings.TrimSpace(entry))
		if err != nil {
			return nil, err
		}
		h.patterns = append(h.patterns, p)
	}
	return h, nil
}

func parsePattern(entry string) (p pattern, err error) {
	host := entry
	if at, port, err := net.SplitHostPort(entry); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
			host, p.port = at, port
		}
	}
	if prefix, err := netip.ParsePrefix(host); err == nil {
		p.prefix = prefix.Masked()
		return p, nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		p.prefix = netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen())
		return p, nil
	}
	p.name = plain(strings.TrimPrefix(host, "*"))
	wild := p.name != plain(host)
	if p.name == "" || strings.ContainsAny(p.name, "*/:@ ") || wild != strings.HasPrefix(p.name, ".") {
		return p, fmt.Errorf("%q is not a host; write HOST, *.DOMAIN, an IP address or a prefix such as 10.0.0.0/8, each with or without :PORT", entry)
	}
	return p, nil
}

// plain returns a name as it is compared.
func plain(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

func (p pattern) matches(host, port string) bool {
	if p.port != "" && p.port != port {
		return false
	}
	if p.name != "" {
		return plain(host) == p.name || strings.HasPrefix(p.name, ".") && strings.HasSuffix(plain(host), p.name)
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && p.prefix.Contains(ip.Unmap())
}

// Allows returns a *Refused for a HOST:PORT that may not be connected to.
func (h *Hosts) Allows(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return &Refused{fmt.Sprintf("%q is not HOST:PORT", address)}
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if err := allowsIP(ip); err != nil {
			return err
		}
	}
	if h == nil {
		return nil
	}
	for _, p := range h.patterns {
		if p.matches(host, port) {
			return nil
		}
	}
	return &Refused{fmt.Sprintf("the server may not connect to %s; the operator allows %s (--stream-hosts)", address, h.text)}
}

// awsIPv6 has the credentials of a machine of AWS, as 169.254.169.254 does.
var awsIPv6 = netip.MustParseAddr("fd00:ec2::254")

func allowsIP(ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip == awsIPv6 {
		return &Refused{fmt.Sprintf("the server does not connect to %s, which is link-local, multicast or no address", ip)}
	}
	return nil
}

const dialTimeout = 5 * time.Second

// dialer checks the address that a name has led to.
var dialer = net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Refused{fmt.Sprintf("%q is not an address", address)}
	}
	return allowsIP(at.Addr())
}}

// DialContext connects to a HOST:PORT that is allowed, within 5 seconds.
func (h *Hosts) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := h.Allows(address); err != nil {
		return nil, err
	}
	return dialer.DialContext(ctx, network, address)
}

// HTTP returns a client for URLs of allowed hosts. timeout bounds a request and the reading
// of its answer.
func (h *Hosts) HTTP(timeout time.Duration) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = dialer.DialContext // of a proxy, if the environment names one
	return &http.Client{Timeout: timeout, Transport: fencedTransport{h, transport}, CheckRedirect: sameHost}
}

type fencedTransport struct {
	hosts *Hosts
	next  http.RoundTripper
}

func (t fencedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	port := cmp.Or(req.URL.Port(), map[string]string{"http": "80", "https": "443"}[req.URL.Scheme])
	if err := t.hosts.Allows(net.JoinHostPort(req.URL.Hostname(), port)); err != nil {
		return nil, err
	}
	return t.next.RoundTrip(req)
}

// sameHost follows redirects on the same host only: another host wasn't named by anybody.
func sameHost(req *http.Request, via []*http.Request) error {
	const most = 3
	first := via[0].URL
	if req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		return &Refused{fmt.Sprintf("%s redirects to %s, and Larder follows redirects on the same host only; name the host that answers", first.Host, req.URL.Host)}
	}
	if len(via) > most {
		return errors.New("it redirects again and again")
	}
	return nil
}
