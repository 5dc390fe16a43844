package source

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"larder/schema"
)

// Secrets looks up a variable of the server, such as the one that password_env names.
type Secrets func(name string) (value string, ok bool)

// Secret returns the value of a variable; "" for no variable. A variable that the server
// doesn't have stops the source.
func (s Secrets) Secret(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	if s != nil {
		if value, ok := s(name); ok {
			return value, nil
		}
	}
	return "", &Stopped{Why: fmt.Sprintf("the server has no variable %s; set it, start the server again and resume the stream", name)}
}

// TLS returns the settings of connections; nil for a nil t: connections aren't encrypted.
func (s Secrets) TLS(t *schema.SourceTLS) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
			return nil, &Stopped{Why: "tls.ca has no certificate; give the PEM text of the authorities"}
		}
	}
	if t.Cert == "" && t.KeyEnv == "" {
		return config, nil
	}
	key, err := s.Secret(t.KeyEnv)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair([]byte(t.Cert), []byte(key))
	if err != nil {
		return nil, &Stopped{Why: fmt.Sprintf("tls.cert and the key in %s are not a pair: %v", t.KeyEnv, err)}
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}
