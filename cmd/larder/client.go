package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"larder/access/login"
	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
)

// A client has the flags of every command that talks to a server, and makes the
// connection that they describe.
type client struct {
	addr       string
	keyFile    string
	tls        bool
	tlsCA      string
	clientCert string
	clientKey  string
	json       bool
	anonymous  bool // no key is sent
}

// keyVariable has the key itself, for machines that have no files for secrets.
const keyVariable = "LARDER_KEY"

func bindClient(cmd *cobra.Command) *client {
	c := new(client)
	f := cmd.Flags()
	f.StringVar(&c.addr, "addr", cmp.Or(os.Getenv(larder.AddrVariable), larder.DefaultAddr), "gRPC address of the server, HOST:PORT; defaults to LARDER_ADDR")
	f.StringVar(&c.keyFile, "key-file", os.Getenv("LARDER_KEY_FILE"), "file with the API key or token to send; defaults to LARDER_KEY_FILE, then LARDER_KEY is the key itself, then what larder login got")
	f.BoolVar(&c.tls, "tls", os.Getenv("LARDER_TLS") == "true", "connect with TLS; defaults to LARDER_TLS=true")
	f.StringVar(&c.tlsCA, "tls-ca", os.Getenv("LARDER_TLS_CA"), "PEM file of the authorities that signed the server's certificate, instead of the system's; defaults to LARDER_TLS_CA; implies --tls")
	f.StringVar(&c.clientCert, "client-cert", os.Getenv("LARDER_CLIENT_CERT"), "PEM file of a client certificate to show; defaults to LARDER_CLIENT_CERT; implies --tls")
	f.StringVar(&c.clientKey, "client-key", os.Getenv("LARDER_CLIENT_KEY"), "PEM file of the client certificate's key; defaults to LARDER_CLIENT_KEY")
	f.BoolVar(&c.json, "json", false, "print JSON")
	return c
}

// patience is how long a command waits for one response. Without a deadline of the
// caller's the server sets its own, which fits requests for features.
const patience = 10 * time.Minute

// dial returns a connection, which the caller closes.
func (c *client) dial() (*larder.Client, error) {
	opts := larder.Options{UserAgent: "larder/" + version, Timeout: patience}
	err := c.sendKey(&opts)
	if err != nil {
		return nil, err
	}
	if opts.TLS, err = c.tlsConfig(); err != nil {
		return nil, err
	}
	server, err := larder.Dial(c.addr, opts)
	if err != nil && strings.Contains(c.addr, "://") {
		return nil, usageError("--addr: " + err.Error())
	}
	return server, err
}

// sendKey makes a connection send what proves who calls: a key, or the token of a login.
func (c *client) sendKey(opts *larder.Options) error {
	switch key := strings.TrimSpace(os.Getenv(keyVariable)); {
	case c.anonymous:
	case c.keyFile != "":
		opts.KeyFile = c.keyFile
	case key != "":
		opts.Key = key
	case c.clientCert == "":
		store, err := login.Open()
		if err != nil {
			return nil // without a home there is no login
		}
		opts.Key, err = store.Token(context.Background(), c.addr)
		return err
	}
	return nil
}

// tlsConfig returns how to connect with TLS; nil without it.
func (c *client) tlsConfig() (*tls.Config, error) {
	if !c.tls && c.tlsCA == "" && c.clientCert == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.tlsCA != "" {
		pem, err := os.ReadFile(c.tlsCA)
		if err != nil {
			return nil, fmt.Errorf("--tls-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--tls-ca: %s has no certificate in PEM", c.tlsCA)
		}
	}
	if (c.clientCert == "") != (c.clientKey == "") {
		return nil, usageError("--client-cert and --client-key go together; give both or neither")
	}
	if c.clientCert != "" {
		pair, err := tls.LoadX509KeyPair(c.clientCert, c.clientKey)
		if err != nil {
			return nil, fmt.Errorf("--client-cert: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// with calls do with a connection to the server.
func (c *client) with(do func(*larder.Client) error) error {
	server, err := c.dial()
	if err != nil {
		return err
	}
	defer server.Close()
	return do(server)
}

// control calls do with the control plane of the server.
func (c *client) control(do func(larderv1.ControlServiceClient) error) error {
	return c.with(func(server *larder.Client) error { return do(server.Control) })
}
