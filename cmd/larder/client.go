package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	larderv1 "larder/api/larder/v1"
)

// A client is what every command that talks to a server has: its flags, and the
// connection that they describe.
type client struct {
	addr      string
	tokenFile string
	tls       bool
	json      bool
}

// maxAnswer bounds what a server may answer.
const maxAnswer = 1 << 30

func bindClient(cmd *cobra.Command) *client {
	c := new(client)
	f := cmd.Flags()
	f.StringVar(&c.addr, "addr", envOr("LARDER_ADDR", "127.0.0.1:6570"), "the server's gRPC address; LARDER_ADDR when not given")
	f.StringVar(&c.tokenFile, "token-file", os.Getenv("LARDER_TOKEN_FILE"), "file with the bearer token to send; LARDER_TOKEN_FILE when not given")
	f.BoolVar(&c.tls, "tls", false, "connect by TLS")
	f.BoolVar(&c.json, "json", false, "print JSON")
	return c
}

func envOr(variable, otherwise string) string {
	if v := os.Getenv(variable); v != "" {
		return v
	}
	return otherwise
}

// dial returns a connection, which the caller closes.
func (c *client) dial() (*grpc.ClientConn, error) {
	transport := insecure.NewCredentials()
	if c.tls {
		transport = credentials.NewTLS(nil)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport), grpc.WithUserAgent("larder/" + version),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)), grpc.WithUnaryInterceptor(patiently),
	}
	if c.tokenFile != "" {
		raw, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		options = append(options, grpc.WithPerRPCCredentials(bearer(strings.TrimSpace(string(raw)))))
	}
	return grpc.NewClient(c.addr, options...)
}

// patience is how long a command waits for one answer. Without a deadline of the
// caller's the server sets its own, which fits requests for features.
const patience = 10 * time.Minute

func patiently(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return invoke(ctx, method, req, reply, conn, opts...)
}

// A bearer sends a token with every call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (b bearer) RequireTransportSecurity() bool { return false }

// control calls do with the control plane of the server.
func (c *client) control(do func(larderv1.ControlServiceClient) error) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(larderv1.NewControlServiceClient(conn))
}

// printJSON prints a message as JSON.
func printJSON(w io.Writer, m proto.Message) error {
	raw, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return err
	}
	var v any // protojson varies its spaces on purpose; encoding/json doesn't
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

// errorMessage returns what a person needs to know of an error.
func errorMessage(err error) string {
	s, isStatus := status.FromError(err)
	if !isStatus {
		return err.Error()
	}
	if s.Code() == codes.Unavailable && strings.Contains(s.Message(), "server preface") {
		return s.Message() + "; a server with a certificate wants --tls"
	}
	if s.Code() == codes.Unavailable && strings.Contains(s.Message(), "connection") {
		return s.Message() + "; is larder serve running there? --addr names another server"
	}
	for _, detail := range s.Details() {
		if info, isInfo := detail.(*errdetails.ErrorInfo); isInfo {
			return fmt.Sprintf("%s [%s]", s.Message(), info.GetReason())
		}
	}
	return s.Message()
}

// table prints rows in aligned columns.
func table(w io.Writer, header string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ReplaceAll(header, " ", "\t"))
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// moment prints a time in microseconds since 1970 UTC.
func moment(micros int64) string {
	if micros == 0 {
		return "-"
	}
	return time.UnixMicro(micros).UTC().Format(time.RFC3339)
}

// span prints a duration in microseconds, to a length that a person reads.
func span(micros int64) string {
	d := time.Duration(micros) * time.Microsecond
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.String()
}
