package larder

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
)

// DefaultAddr is where a server listens unless it is set otherwise.
const DefaultAddr = "127.0.0.1:6570"

// AddrVariable is the environment variable with the address to use when none is given.
const AddrVariable = "LARDER_ADDR"

// maxMessage limits the bytes of one response.
const maxMessage = 1 << 30

// Options configure a client. The zero value fits a server on the same machine.
type Options struct {
	// Key is sent with every call: an API key, or a token of the server's OIDC provider.
	// Defaults to the content of KeyFile.
	Key string
	// KeyFile is a file with the key. It is read again when it has changed, so that keys can
	// be replaced while a program runs. Empty means no key.
	KeyFile string
	// TLS encrypts the connection; &tls.Config{} trusts the certificates that the
	// system trusts. Nil means no TLS.
	TLS *tls.Config
	// UserAgent names the program to the server. Defaults to "larder-go".
	UserAgent string
	// Timeout limits each call that has one response, in addition to the deadline of
	// its context. Defaults to none: the server then applies its own.
	Timeout time.Duration
	// Retries is how often a call that only reads is sent again when the server is
	// unavailable, after 100 ms and then twice as long each time, and any call with one
	// response that the server refuses because it has too many, when it says that this may be
	// done. A tenth of all calls is sent again at most, and ten more. It is 0 to 4; a
	// scored request whose response got lost is logged twice.
	Retries int
}

// A Client is a connection to a server. Safe for concurrent use.
type Client struct {
	Serving larderv1.ServingServiceClient // the data plane
	Control larderv1.ControlServiceClient // the control plane

	conn *grpc.ClientConn
}

// Dial returns a client of the server at an address: HOST:PORT, or HOST for port
// 6570. An empty address means LARDER_ADDR or, when that isn't set, DefaultAddr. The first call
// connects: Dial doesn't fail when no server is there.
func Dial(addr string, opts Options) (*Client, error) {
	options, err := opts.dialOptions()
	if err != nil {
		return nil, err
	}
	addr, err = target(cmp.Or(addr, os.Getenv(AddrVariable), DefaultAddr))
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(addr, options...)
	if err != nil {
		return nil, err
	}
	return &Client{Serving: larderv1.NewServingServiceClient(conn), Control: larderv1.NewControlServiceClient(conn), conn: conn}, nil
}

// Close closes the connection. Calls that are under way fail.
func (c *Client) Close() error { return c.conn.Close() }

// Conn returns the connection, for other services of the server.
func (c *Client) Conn() *grpc.ClientConn { return c.conn }

// Reason returns why a server refused a call, as a word such as UNKNOWN_MODEL;
// empty for an error without one. docs/operations.md lists the reasons.
func Reason(err error) string {
	s, isStatus := status.FromError(err)
	if !isStatus {
		return ""
	}
	for _, detail := range s.Details() {
		if info, isInfo := detail.(*errdetails.ErrorInfo); isInfo {
			return info.GetReason()
		}
	}
	return ""
}

func (o Options) dialOptions() ([]grpc.DialOption, error) {
	const maxRetries = 4 // gRPC makes five attempts at most
	if o.Retries < 0 || o.Retries > maxRetries {
		return nil, fmt.Errorf("retries is %d; it can be 0 to %d", o.Retries, maxRetries)
	}
	transport := insecure.NewCredentials()
	if o.TLS != nil {
		transport = credentials.NewTLS(o.TLS)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport), grpc.WithUserAgent(cmp.Or(o.UserAgent, "larder-go")),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
	}
	if o.Timeout > 0 {
		options = append(options, grpc.WithChainUnaryInterceptor(o.limit))
	}
	if o.Retries > 0 {
		options = append(options, grpc.WithChainUnaryInterceptor(o.retryRefused()))
		config, err := retryConfig(o.Retries)
		if err != nil {
			return nil, err
		}
		options = append(options, grpc.WithDefaultServiceConfig(config))
	}
	sends := &key{text: o.Key}
	if o.Key == "" && o.KeyFile != "" {
		sends.file = o.KeyFile
		if err := sends.read(); err != nil {
			return nil, err
		}
	}
	if sends.text != "" {
		options = append(options, grpc.WithPerRPCCredentials(sends))
	}
	return options, nil
}

func (o Options) limit(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	return invoke(ctx, method, req, reply, conn, opts...)
}

// reads are the methods that change nothing, by service.
var reads = map[string][]string{
	larderv1.ServingService_ServiceDesc.ServiceName: {"GetFeatures", "GetFeaturesAndScore"},
	larderv1.ControlService_ServiceDesc.ServiceName: {
		"GetStatus", "GetPlan", "Plan", "ListVersions", "ListModels", "HasModels", "ListDatasets", "GetDataset",
	},
}

// retryConfig returns a service config, in gRPC's JSON, that sends reads again.
func retryConfig(retries int) (string, error) {
	type method struct {
		Service string `json:"service"`
		Method  string `json:"method"`
	}
	var names []method
	for service, methods := range reads {
		for _, m := range methods {
			names = append(names, method{service, m})
		}
	}
	throttling := map[string]any{"maxTokens": 2 * retrySaved, "tokenRatio": retryShare} // at half of the tokens, no more is sent again
	raw, err := json.Marshal(map[string]any{"retryThrottling": throttling, "methodConfig": []any{map[string]any{
		"name": names,
		"retryPolicy": map[string]any{
			"maxAttempts": retries + 1, "initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2,
			"retryableStatusCodes": []string{"UNAVAILABLE"},
		},
	}}})
	return string(raw), err
}
