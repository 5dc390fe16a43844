package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/schema"
)

// dialFailed finds the address and the cause in gRPC's account of a failed dial.
var dialFailed = regexp.MustCompile(`dial tcp:? (?:lookup )?(\S+?)(?: on \S+)?: (?:connect: )?([^"]+)"`)

// errorMessage returns what a person needs to know of an error of a command.
func errorMessage(err error, cmd *cobra.Command) string {
	s, isStatus := status.FromError(err)
	if !isStatus {
		return err.Error()
	}
	var answered interface{ GRPCStatus() *status.Status }
	if errors.As(err, &answered) && answered.GRPCStatus() != nil {
		// FromError's message of a wrapped error repeats the error with gRPC's own prefix.
		inner := answered.GRPCStatus()
		p := s.Proto()
		p.Message = strings.Replace(s.Message(), inner.Err().Error(), inner.Message(), 1)
		s = status.FromProto(p)
	}
	if s.Code() == codes.Unavailable && larder.Reason(err) == "" {
		return unreachable(s.Message(), addrOf(cmd))
	}
	if reason := larder.Reason(err); reason != "" {
		return fmt.Sprintf("%s%s [%s]", s.Message(), remedies[schema.Reason(reason)], reason)
	}
	return s.Message()
}

// remedies has what to write on a command line where a server's own words leave that open.
var remedies = map[schema.Reason]string{
	"UNAUTHENTICATED":       "; give --key-file FILE, set LARDER_KEY_FILE or LARDER_KEY, or log in with larder login",
	schema.NoFeatureService: "; add --service NAME",
}

// addrOf returns the address that a command was given; "" when it talks to no server.
func addrOf(cmd *cobra.Command) string {
	if flag := cmd.Flags().Lookup("addr"); flag != nil {
		return flag.Value.String()
	}
	return ""
}

// unreachable says in plain words why there is no connection.
func unreachable(message, addr string) string {
	dial := dialFailed.FindStringSubmatch(message)
	switch {
	case strings.Contains(message, "looked like an HTTP/1.1 header"):
		return httpPort(addr)
	case strings.Contains(message, "first record does not look like a TLS handshake"):
		return fmt.Sprintf("the server at %s has no TLS; leave out --tls", addr)
	case strings.Contains(message, "certificate"):
		return fmt.Sprintf("the certificate of the server at %s is not trusted (%s); name the file of its authority with --tls-ca", addr, cause(message))
	case strings.Contains(message, "server preface"):
		return fmt.Sprintf("what listens at %s does not answer as a gRPC server without TLS; add --tls if the server has a certificate, or give another --addr", addr)
	case strings.Contains(message, "name resolver error"):
		return fmt.Sprintf("there is no host %q; check the name, or set --addr to another", hostOf(addr))
	case strings.Contains(message, "invalid port"):
		return fmt.Sprintf("%q has no valid port; ports go from 1 to 65535", addr)
	case dial != nil:
		return fmt.Sprintf("cannot reach a server at %s (%s); start one with larder serve, or set --addr", dial[1], dial[2])
	case strings.Contains(message, "connection"):
		return fmt.Sprintf("the connection to %s was lost (%s); check that larder serve still runs", addr, cause(message))
	}
	return message
}

func hostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}

// cause returns the last part of a chain of causes.
func cause(message string) string {
	parts := strings.Split(strings.Trim(message, `"`), ": ")
	return strings.Trim(parts[len(parts)-1], `"`)
}

// httpPort says that an address is that of an HTTP server: larder's own, mostly, whose gRPC
// port it finds if that is the one below, as by default.
func httpPort(addr string) string {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if !isLarder(ctx, addr) {
		return fmt.Sprintf("%s answers HTTP, and is not a larder server; set --addr to the gRPC address of one", addr)
	}
	host, port, err := net.SplitHostPort(addr)
	number, notNumber := strconv.Atoi(port)
	if err == nil && notNumber == nil {
		if below := net.JoinHostPort(host, strconv.Itoa(number-1)); answersGRPC(ctx, below) {
			return fmt.Sprintf("%s is the HTTP port of a larder server; its gRPC port is %d: give --addr %s", addr, number-1, below)
		}
	}
	return fmt.Sprintf("%s is the HTTP port of a larder server; give --addr its gRPC port, which is 6570 unless the server was given another --grpc-addr", addr)
}

// isLarder reports whether an HTTP server answers as larder's does.
func isLarder(ctx context.Context, addr string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", http.NoBody)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	const alive = "alive\n"
	body, err := io.ReadAll(io.LimitReader(answer.Body, int64(len(alive))+1))
	return err == nil && string(body) == alive
}

// answersGRPC reports whether a larder server answers there, even if it refuses.
func answersGRPC(ctx context.Context, addr string) bool {
	server, err := larder.Dial(addr, larder.Options{})
	if err != nil {
		return false
	}
	defer server.Close()
	_, err = server.Control.GetStatus(ctx, &larderv1.GetStatusRequest{})
	code := status.Code(err)
	return code == codes.OK || code == codes.Unauthenticated || code == codes.PermissionDenied
}
