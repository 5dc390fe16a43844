package larder

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

const defaultPort = "6570"

// target returns what gRPC dials for an address that a person wrote: HOST means port 6570.
func target(addr string) (string, error) {
	if scheme, rest, found := strings.Cut(addr, "://"); found && notGRPC(scheme) {
		host := rest
		if u, err := url.Parse(addr); err == nil {
			host = u.Hostname()
		}
		return "", fmt.Errorf("%q is not the address of a gRPC server; write it without %s://, as in %s", addr, scheme, net.JoinHostPort(host, defaultPort))
	}
	if strings.ContainsAny(addr, "/,") { // gRPC's own names, as in dns:///a or unix:/path
		return addr, nil
	}
	if _, _, err := net.SplitHostPort(addr); err == nil || strings.HasPrefix(addr, "unix:") {
		return addr, nil
	}
	return net.JoinHostPort(strings.Trim(addr, "[]"), defaultPort), nil
}

// notGRPC reports whether a scheme is not one that gRPC resolves.
func notGRPC(scheme string) bool {
	switch strings.ToLower(scheme) {
	case "http", "https", "grpc", "grpcs", "tcp", "larder":
		return true
	}
	return false
}
