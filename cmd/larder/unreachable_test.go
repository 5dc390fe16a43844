package main

import (
	"fmt"
	"testing"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestUnreachable: gRPC's accounts of a failed connection, as a person reads them.
func TestUnreachable(t *testing.T) {
	const addr = "larder.example:6570"
	f := func(message, want string) {
		t.Helper()
		if got := unreachable(message, addr); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	f(`connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`,
		"cannot reach a server at 127.0.0.1:1 (connection refused); start one with larder serve, or set --addr")
	f(`connection error: desc = "transport: Error while dialing: dial tcp: lookup larder.example on 127.0.0.53:53: no such host"`,
		"cannot reach a server at larder.example (no such host); start one with larder serve, or set --addr")
	f(`connection error: desc = "transport: authentication handshake failed: tls: first record does not look like a TLS handshake"`,
		"the server at larder.example:6570 has no TLS; leave out --tls")
	f(`connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"`,
		"the certificate of the server at larder.example:6570 is not trusted (certificate signed by unknown authority); name the file of its authority with --tls-ca")
	f(`connection error: desc = "error reading server preface: EOF"`,
		"what listens at larder.example:6570 does not answer as a gRPC server without TLS; add --tls if the server has a certificate, or give another --addr")
	f(`error reading from server: read tcp 127.0.0.1:4->127.0.0.1:6570: read: connection reset by peer`,
		"the connection to larder.example:6570 was lost (connection reset by peer); check that larder serve still runs")
	f("name resolver error: produced zero addresses", `there is no host "larder.example"; check the name, or set --addr to another`)
	f(`connection error: desc = "transport: Error while dialing: dial tcp: address 99999: invalid port"`, `"larder.example:6570" has no valid port; ports go from 1 to 65535`)
	f("the server is shutting down", "the server is shutting down")
}

// TestWrappedAnswers: what a server answered is read without gRPC's words around it.
func TestWrappedAnswers(t *testing.T) {
	answer := status.Error(codes.InvalidArgument, "the file is too long; send less")
	want := "send a.onnx: the file is too long; send less"
	if got := errorMessage(fmt.Errorf("send a.onnx: %w", answer), new(cobra.Command)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestPushedModels: what to write is said as flags, not as keys of definitions.
func TestPushedModels(t *testing.T) {
	f := func(problem, want string) {
		t.Helper()
		if got := ofPush(problem); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	f(`models[0].feature_service: model "m": no feature service "s"; there are none`, `model "m": no feature service "s"; there are none`)
	f(`output "y" has 3 columns; name the one that is the score, as in column: 2`, `output "y" has 3 columns; name the one that is the score, as in --column 2`)
	f("name one, as in output: a", "name one, as in --output a")
}
