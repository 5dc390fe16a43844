package main

import (
	"cmp"
	"crypto/tls"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
)

// A client has the flags of every command that talks to a server, and makes the
// connection that they describe.
type client struct {
	addr      string
	tokenFile string
	tls       bool
	json      bool
}

func bindClient(cmd *cobra.Command) *client {
	c := new(client)
	f := cmd.Flags()
	f.StringVar(&c.addr, "addr", cmp.Or(os.Getenv(larder.AddrVariable), larder.DefaultAddr), "gRPC address of the server, HOST:PORT; defaults to LARDER_ADDR")
	f.StringVar(&c.tokenFile, "token-file", os.Getenv("LARDER_TOKEN_FILE"), "file with the bearer token to send; defaults to LARDER_TOKEN_FILE")
	f.BoolVar(&c.tls, "tls", false, "connect with TLS")
	f.BoolVar(&c.json, "json", false, "print JSON")
	return c
}

// patience is how long a command waits for one response. Without a deadline of the
// caller's the server sets its own, which fits requests for features.
const patience = 10 * time.Minute

// dial returns a connection, which the caller closes.
func (c *client) dial() (*larder.Client, error) {
	opts := larder.Options{TokenFile: c.tokenFile, UserAgent: "larder/" + version, Timeout: patience}
	if c.tls {
		opts.TLS = new(tls.Config)
	}
	server, err := larder.Dial(c.addr, opts)
	if err != nil && strings.Contains(c.addr, "://") {
		return nil, usageError("--addr: " + err.Error())
	}
	return server, err
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
