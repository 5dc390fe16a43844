package grpcserver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
)

// An echo answers with what answer returns.
type echo struct {
	larderv1.UnimplementedEchoServiceServer
	answer func(context.Context) error
}

func (e echo) Echo(ctx context.Context, req *larderv1.EchoRequest) (*larderv1.EchoResponse, error) {
	if err := e.answer(ctx); err != nil {
		return nil, err
	}
	return &larderv1.EchoResponse{Payload: req.GetPayload()}, nil
}

// streams is the service of the tests with a method that answers each message of a stream.
func streams() *grpc.ServiceDesc {
	desc := larderv1.EchoService_ServiceDesc
	desc.Streams = []grpc.StreamDesc{{
		StreamName: "Stream", ClientStreams: true, ServerStreams: true,
		Handler: func(srv any, stream grpc.ServerStream) error {
			for {
				req := new(larderv1.EchoRequest)
				if err := stream.RecvMsg(req); err != nil {
					if errors.Is(err, io.EOF) {
						return nil
					}
					return err
				}
				answer, err := srv.(echo).Echo(stream.Context(), req)
				if err != nil {
					return err
				}
				if err := stream.SendMsg(answer); err != nil {
					return err
				}
			}
		},
	}}
	return &desc
}

// A shell is a server under test. One function handles its gRPC and HTTP requests.
type shell struct {
	t       testing.TB
	server  *grpcserver.Server
	log     *buffer
	metrics *prometheus.Registry
	conn    *grpc.ClientConn
	client  larderv1.EchoServiceClient
	http    string
	stop    context.CancelFunc
	ended   chan error // one from each of the two servers
}

// A buffer is a log that is read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func start(t testing.TB, opts grpcserver.Options, answer func(context.Context) error, dial ...grpc.DialOption) *shell {
	t.Helper()
	return startWithin(t, opts, grpcserver.Limits{}, answer, dial...)
}

// startWithin is start with other limits than callers get.
func startWithin(t testing.TB, opts grpcserver.Options, limits grpcserver.Limits, answer func(context.Context) error, dial ...grpc.DialOption) *shell {
	t.Helper()
	s := &shell{t: t, log: new(buffer), metrics: prometheus.NewRegistry(), ended: make(chan error, 2)}
	opts.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	opts.Registerer, opts.Gatherer = s.metrics, s.metrics
	server, err := grpcserver.New(opts)
	s.check(err)
	s.server = server
	grpcserver.SetLimits(server, limits)
	server.RegisterService(streams(), echo{answer: answer})
	rpc, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() { s.ended <- server.Serve(ctx, rpc) }()
	go func() { s.ended <- server.ServeHTTP(ctx, handler(answer), web) }()
	s.conn, err = grpc.NewClient(rpc.Addr().String(), append(dial, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	s.check(err)
	s.client, s.http = larderv1.NewEchoServiceClient(s.conn), "http://"+web.Addr().String()
	t.Cleanup(func() {
		s.check(s.conn.Close())
		http.DefaultClient.CloseIdleConnections()
		cancel()
		s.check(<-s.ended)
		s.check(<-s.ended)
	})
	return s
}

func handler(answer func(context.Context) error) *grpcserver.Mux {
	mux := new(grpcserver.Mux)
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := grpcserver.ReadBody(r)
		if rows, counts := strconv.Atoi(r.URL.Query().Get("rows")); err == nil && counts == nil {
			err = grpcserver.TakeRows(r.Context(), rows)
		}
		if err == nil {
			err = answer(r.Context())
		}
		if err != nil {
			grpcserver.WriteError(w, err)
			return
		}
		grpcserver.WriteJSON(w, bytes.Repeat(body, repeats(r)))
	})
	return mux
}

// repeats returns how often to repeat the request's body: once, or ?times=N.
func repeats(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Query().Get("times"))
	if err != nil {
		return 1
	}
	return n
}

func (s *shell) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shell) echo(ctx context.Context) error {
	_, err := s.client.Echo(ctx, &larderv1.EchoRequest{Payload: []byte("hello")})
	return err
}

// ask sends an HTTP request and returns the status and the body.
func (s *shell) ask(method, path, body string, header ...string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.http+path, strings.NewReader(body))
	s.check(err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	s.check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	s.check(err)
	return resp.StatusCode, strings.TrimSpace(string(answer))
}

// said returns the code, the reason and the message of an RPC's error.
func said(err error) (code, reason, message string) {
	st := status.Convert(err)
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == "larder" {
			reason = info.GetReason()
		}
	}
	return st.Code().String(), reason, st.Message()
}
