package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"larder/access"
	"larder/access/audit"
	"larder/access/gate"
	"larder/access/oidc"
	"larder/internal/background"
	"larder/internal/grpcserver"
	"larder/internal/wholefile"
	"larder/schema"
	"larder/store/keyring"
)

// closed reports whether callers must prove who they are.
func (s *settings) closed() bool {
	return s.Keys || s.TokenFile != "" || s.TLSClientCA != "" || s.OIDCIssuer != ""
}

// checkExposure refuses a server that everybody could use.
func (s *settings) checkExposure() error {
	if s.closed() || s.Insecure {
		return nil
	}
	for _, addr := range []string{s.GRPCAddr, s.HTTPAddr, s.ControlAddr, s.ControlHTTPAddr} {
		if addr != "" && !loopback(addr) {
			return fmt.Errorf(`%s can be reached from other machines, and nothing says who may call: anyone could read features and change what is served.
Let callers prove who they are: --keys (then larder keys create NAME --role admin --postgres ...), --tls-client-ca, --oidc-issuer or --token-file;
or listen on 127.0.0.1; or, where a network that you trust keeps everyone else out, say --insecure`, addr)
		}
	}
	return nil
}

// loopback reports whether an address can be reached from its own machine only.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// openKeys opens the keys, roles and bindings.
func (n *node) openKeys(ctx context.Context) (err error) {
	if n.keys, err = keyring.Open(n.cfg.Postgres, filepath.Join(n.cfg.Data, registryFolder), keyring.Options{Logger: n.log}); err != nil {
		return err
	}
	if err := n.keys.Load(ctx); err != nil {
		return err
	}
	if n.cluster != nil && n.cfg.Keys {
		return n.makeDevKey(ctx)
	}
	return nil
}

// devKeyFile is a file of the data folder of a server with --dev and --keys: its first key.
const devKeyFile = "dev.key"

// makeDevKey makes a key that may do everything, unless the one of an earlier start counts.
func (n *node) makeDevKey(ctx context.Context) error {
	const name = "dev"
	path := filepath.Join(n.cfg.Data, devKeyFile)
	raw, err := os.ReadFile(path)
	if err == nil {
		id, _, _ := access.SplitKey(strings.TrimSpace(string(raw)))
		if k := n.keys.State().Keys[id]; k != nil && k.Live(time.Now()) {
			return nil
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var said *schema.Error
	if _, err := n.keys.Revoke(ctx, name, name); err != nil && !(errors.As(err, &said) && said.Reason == schema.UnknownKey) {
		return err
	}
	_, text, err := n.keys.Create(ctx, access.Key{Name: name, Roles: []string{"admin"}, Owner: "larder serve --dev", CreatedBy: "larder serve --dev"})
	if err != nil {
		return err
	}
	n.log.Info("the first key is made; it may do everything", "file", path)
	return wholefile.Write(path, []byte(text+"\n"), 0o600)
}

// auditFolder is the folder of the audit trail, inside the data folder.
const auditFolder = "audit"

// openTrail opens the audit trail and begins to write it. end writes what has come, when
// nothing can come any more.
func (n *node) openTrail(ctx context.Context) (end func() error, err error) {
	if !n.cfg.closed() { // nobody is known, and nothing is decided
		return func() error { return nil }, nil
	}
	n.trail, err = audit.Open(audit.Options{
		DSN: n.cfg.Postgres, Dir: filepath.Join(n.cfg.Data, auditFolder), Server: n.cfg.Name, Keep: n.cfg.AuditKeep, Logger: n.log, Registerer: n.metrics,
	})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- background.Keep(ctx, n.log, "the audit trail", n.trail.Run) }()
	return func() error {
		stop()
		return <-ended
	}, nil
}

// newGate returns what decides about calls; nil where everyone may do everything.
func (n *node) newGate(ctx context.Context) (grpcserver.Access, error) {
	if !n.cfg.closed() {
		if n.cfg.Insecure {
			n.log.Warn("--insecure: everyone who can reach this server may do everything")
		}
		return nil, nil
	}
	opts := gate.Options{Ring: n.keys, Certificates: n.cfg.TLSClientCA != "", Logger: n.log}
	if n.cfg.TokenFile != "" {
		raw, err := os.ReadFile(n.cfg.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		if opts.Token = strings.TrimSpace(string(raw)); opts.Token == "" {
			return nil, fmt.Errorf("token: %s is empty", n.cfg.TokenFile)
		}
	}
	if n.cfg.OIDCIssuer != "" {
		tokens, err := oidc.New(n.cfg.oidc(n.log))
		if err != nil {
			return nil, err
		}
		tokens.Warm(ctx)
		opts.Tokens = tokens
	}
	if n.cfg.TLSCert == "" && !(loopback(n.cfg.GRPCAddr) && loopback(n.cfg.HTTPAddr)) {
		n.log.Warn("keys and tokens travel in the clear, since the server has no certificate; set --tls-cert and --tls-key, unless something in front of it encrypts")
	}
	return gate.New(opts), nil
}

func (s *settings) oidc(log *slog.Logger) oidc.Options {
	return oidc.Options{Issuer: s.OIDCIssuer, Audience: s.OIDCAudience, User: s.OIDCUser, Groups: s.OIDCGroups, Logger: log}
}

// checkAccess says what is wrong with the settings about callers.
func (s *settings) checkAccess() error {
	var errs []error
	if s.TLSClientCA != "" && s.TLSCert == "" {
		errs = append(errs, errors.New("--tls-client-ca needs --tls-cert and --tls-key; client certificates come with TLS"))
	}
	if s.Keys && s.Postgres == "" && !s.Dev {
		errs = append(errs, errors.New("--keys needs --postgres, where API keys are kept"))
	}
	if s.Insecure && s.closed() {
		errs = append(errs, errors.New("--insecure and a way to prove who calls exclude each other; leave one out"))
	}
	if s.OIDCIssuer != "" {
		_, err := oidc.New(s.oidc(slog.New(slog.DiscardHandler)))
		errs = append(errs, err)
	}
	if (s.ControlAddr == "") != (s.ControlHTTPAddr == "") {
		errs = append(errs, errors.New("--control-addr and --control-http-addr go together; give both or neither"))
	}
	errs = append(errs, s.checkExposure())
	return errors.Join(errs...)
}
