package grpcserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// certificates are those of the server and of the authorities of its clients, as their
// files have them now.
type certificates struct {
	cert, key, clientCA string // PEM files; clientCA is empty where clients have none
	log                 *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	seen    []fileState
	current atomic.Pointer[loaded]
}

// loaded is one reading of the files.
type loaded struct {
	generation int64
	pair       tls.Certificate
	clients    *x509.CertPool // nil where clients have no certificates
}

// A fileState tells one state of a file from another.
type fileState struct {
	modified time.Time
	size     int64
	inode    os.FileInfo
}

// lookEvery is how often the files are looked at, when a client connects.
const lookEvery = time.Second

func newCertificates(opts Options) (*certificates, error) {
	c := &certificates{cert: opts.CertFile, key: opts.KeyFile, clientCA: opts.ClientCAFile, log: opts.Logger}
	seen, err := c.states()
	if err != nil {
		return nil, err
	}
	first, err := c.load()
	if err != nil {
		return nil, err
	}
	first.generation = 1
	c.seen, c.looked = seen, time.Now()
	c.current.Store(first)
	return c, nil
}

// register adds the metric of when the server's certificate ends. The files are looked
// at for it, since there may have been no connection since they changed.
func (c *certificates) register(registerer prometheus.Registerer) {
	registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "larder_grpcserver_certificate_end_seconds", Help: "When the server's certificate expires, in seconds since 1970.",
	}, func() float64 { return float64(c.now().pair.Leaf.NotAfter.Unix()) }))
}

func (c *certificates) files() []string {
	return slices.DeleteFunc([]string{c.cert, c.key, c.clientCA}, func(f string) bool { return f == "" })
}

func (c *certificates) states() (all []fileState, err error) {
	for _, name := range c.files() {
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("load the TLS certificate: %w", err)
		}
		all = append(all, fileState{info.ModTime(), info.Size(), info})
	}
	return all, nil
}

func (c *certificates) load() (*loaded, error) {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("load the TLS certificate: %w", err)
	}
	l := &loaded{pair: pair}
	if c.clientCA == "" {
		return l, nil
	}
	pem, err := os.ReadFile(c.clientCA)
	if err != nil {
		return nil, fmt.Errorf("load the authorities of clients: %w", err)
	}
	l.clients = x509.NewCertPool()
	if !l.clients.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("load the authorities of clients: %s has no certificate in PEM", c.clientCA)
	}
	return l, nil
}

// now returns what the files have. Where they can't be read, the last that could be counts.
func (c *certificates) now() *loaded {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookEvery {
		return c.current.Load()
	}
	c.looked = time.Now()
	seen, err := c.states()
	same := func(a, b fileState) bool {
		return a.modified.Equal(b.modified) && a.size == b.size && os.SameFile(a.inode, b.inode)
	}
	if err == nil && slices.EqualFunc(seen, c.seen, same) {
		return c.current.Load()
	}
	var next *loaded
	if err == nil {
		c.seen = seen
		next, err = c.load()
	}
	if err != nil {
		c.log.Error("the changed certificates can't be used; those before stay in use", "error", err)
		return c.current.Load()
	}
	next.generation = c.current.Load().generation + 1
	c.current.Store(next)
	c.log.Info("certificates read again", "files", c.files())
	return next
}

// config returns the TLS of a server that speaks the given protocols.
func (c *certificates) config(protocols ...string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := c.now()
		config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols, Certificates: []tls.Certificate{now.pair}}
		if now.clients != nil {
			config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, now.clients
		}
		return config, nil
	}}
}

// verified returns the certificates of a client, its own first, if an authority of now has
// signed it: authorities may have changed since the connection was made.
func (c *certificates) verified(state *tls.ConnectionState, on *conn) []*x509.Certificate {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	now := c.now()
	if now.clients == nil {
		return nil
	}
	if on != nil && on.trusted.Load() == now.generation {
		return state.PeerCertificates
	}
	middle := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		middle.AddCert(cert)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: now.clients, Intermediates: middle, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return nil
	}
	if on != nil {
		on.trusted.Store(now.generation)
	}
	return state.PeerCertificates
}

// ofCall returns the verified certificates of the client of an RPC.
func (s *Server) ofCall(ctx context.Context) []*x509.Certificate {
	if s.certs == nil || s.certs.clientCA == "" {
		return nil
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	f, ok := p.AuthInfo.(followed)
	if !ok {
		return nil
	}
	info, ok := f.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return nil
	}
	return s.certs.verified(&info.State, f.frames.conn)
}

// ofRequest returns the verified certificates of the client of an HTTP request.
func (s *Server) ofRequest(r *http.Request) []*x509.Certificate {
	if s.certs == nil || s.certs.clientCA == "" {
		return nil
	}
	return s.certs.verified(r.TLS, connOf(r.Context()))
}

var errClientCANeedsTLS = errors.New("client certificates need TLS; give the server a certificate too")
