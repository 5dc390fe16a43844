package source

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"larder/internal/egress"
)

// Refusal says why a connection was refused, if that is up to a person: a host that the
// operator doesn't allow, a certificate of an unknown authority or for another host, or a server that doesn't
// encrypt. "" for all other errors. An expired certificate is another error: it is
// renewed without us.
func Refusal(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var refused *egress.Refused
	switch {
	case errors.As(err, &refused):
		return refused.Why
	case errors.As(err, &authority):
		return fmt.Sprintf("the server's certificate is not signed by an authority of tls.ca (%v); correct tls.ca", err)
	case errors.As(err, &host):
		return fmt.Sprintf("the server's certificate is for another host (%v); set tls.server_name", err)
	case errors.As(err, &record):
		return "the server doesn't encrypt on this port; correct the address, or leave out tls"
	case errors.As(err, &alert):
		return fmt.Sprintf("the server refuses our certificate (%v); correct tls.cert and the variable that tls.key_env names", err)
	}
	return ""
}
