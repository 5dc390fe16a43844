package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
	f.StringVar(&c.addr, "addr", cmp.Or(os.Getenv(larder.AddrVariable), larder.DefaultAddr), "gRPC address of the server; defaults to LARDER_ADDR")
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
	return larder.Dial(c.addr, opts)
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

// dialFailed finds the address and the cause in gRPC's account of a failed dial.
var dialFailed = regexp.MustCompile(`dial tcp (?:lookup )?(\S+?)(?: on \S+)?: (?:connect: )?([^"]+)"`)

// errorMessage returns what a person needs to know of an error.
func errorMessage(err error) string {
	s, isStatus := status.FromError(err)
	if !isStatus {
		return err.Error()
	}
	if s.Code() == codes.Unavailable && strings.Contains(s.Message(), "server preface") {
		return s.Message() + "; if the server has a certificate, add --tls"
	}
	if dial := dialFailed.FindStringSubmatch(s.Message()); s.Code() == codes.Unavailable && dial != nil {
		return fmt.Sprintf("cannot reach a server at %s (%s); start one with larder serve, or set --addr", dial[1], dial[2])
	}
	if s.Code() == codes.Unavailable && strings.Contains(s.Message(), "connection") {
		return s.Message() + "; check that larder serve still runs"
	}
	if reason := larder.Reason(err); reason != "" {
		return fmt.Sprintf("%s [%s]", s.Message(), reason)
	}
	return s.Message()
}
