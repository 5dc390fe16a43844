package grpcserver_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/flight"
	flightv1 "github.com/apache/arrow/go/v17/arrow/flight/gen/flight"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	feastserving "larder/api/feast/serving"
	inferencev2 "larder/api/inference"
	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
)

// A doorman is an Access that records the checks and refuses one name.
type doorman struct {
	refuses string
	mu      sync.Mutex
	asked   []string
}

func (d *doorman) Authenticate(_ context.Context, c grpcserver.Credentials) (grpcserver.Caller, error) {
	if len(c.Authorization) != 1 {
		return grpcserver.Caller{}, grpcserver.ErrUnauthenticated
	}
	return grpcserver.Caller{Name: c.Authorization[0]}, nil
}

func (d *doorman) Authorize(c grpcserver.Caller, right grpcserver.Right, on grpcserver.Resource) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, c.Name+" "+string(right)+" "+on.String())
	if on.Name != "" && on.Name == d.refuses {
		return grpcserver.Forbidden(c.Name, right, on, "none")
	}
	return nil
}

func (d *doorman) AuthorizeSome(c grpcserver.Caller, right grpcserver.Right, kind grpcserver.Kind) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, strings.TrimSpace(c.Name+" "+string(right)+" some "+string(kind)))
	return nil
}

// took returns the checks since its last call.
func (d *doorman) took() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	asked := d.asked
	d.asked = nil
	return asked
}

// A data plane with handlers that record their caller.
type plane struct {
	larderv1.UnimplementedServingServiceServer
	callers chan string
}

func (p plane) GetFeaturesAndScore(ctx context.Context, _ *larderv1.GetFeaturesAndScoreRequest) (*larderv1.GetFeaturesAndScoreResponse, error) {
	p.callers <- grpcserver.CallerOf(ctx).Name
	return &larderv1.GetFeaturesAndScoreResponse{}, nil
}

func (p plane) StreamFeaturesAndScore(stream grpc.BidiStreamingServer[larderv1.StreamFeaturesAndScoreRequest, larderv1.StreamFeaturesAndScoreResponse]) error {
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.Send(&larderv1.StreamFeaturesAndScoreResponse{}); err != nil {
			return err
		}
	}
}

// A Flight that calls Permit when its ticket names a view.
type flights struct{ flight.BaseFlightServer }

func (flights) DoGet(ticket *flight.Ticket, stream flight.FlightService_DoGetServer) error {
	if view := string(ticket.GetTicket()); view != "" {
		if err := grpcserver.Permit(stream.Context(), grpcserver.Resource{Kind: grpcserver.View, Name: view}); err != nil {
			return err
		}
	}
	return stream.Send(&flight.FlightData{AppMetadata: []byte("rows")})
}

// guarded starts a server with every service behind a doorman.
func guarded(t *testing.T, d *doorman) (*grpc.ClientConn, string, chan string) {
	t.Helper()
	server, err := grpcserver.New(grpcserver.Options{Access: d, Logger: slog.New(slog.DiscardHandler)})
	check(t, err)
	callers := make(chan string, 1)
	registerAll(server, plane{callers: callers})
	mux := new(grpcserver.Mux)
	answer := func(w http.ResponseWriter, r *http.Request) { grpcserver.WriteJSON(w, []byte("{}")) }
	mux.HandleFunc("GET /v2/models/{model}", answer)
	mux.HandleFunc("GET /secrets", answer)
	mux.HandleFunc("POST /v1/score", func(w http.ResponseWriter, r *http.Request) {
		if model := r.Header.Get("model"); model != "" {
			if err := grpcserver.Permit(r.Context(), grpcserver.Resource{Kind: grpcserver.Model, Name: model}); err != nil {
				grpcserver.WriteError(w, err)
				return
			}
		}
		answer(w, r)
	})
	rpc, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(ctx, rpc) }()
	go func() { ended <- server.ServeHTTP(ctx, mux, web) }()
	conn, err := grpc.NewClient(rpc.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(t, err)
	t.Cleanup(func() {
		check(t, conn.Close())
		http.DefaultClient.CloseIdleConnections()
		stop()
		check(t, <-ended)
		check(t, <-ended)
	})
	return conn, "http://" + web.Addr().String(), callers
}

func registerAll(server *grpcserver.Server, serving larderv1.ServingServiceServer) {
	larderv1.RegisterServingServiceServer(server, serving)
	larderv1.RegisterControlServiceServer(server, larderv1.UnimplementedControlServiceServer{})
	inferencev2.RegisterGRPCInferenceServiceServer(server, inferencev2.UnimplementedGRPCInferenceServiceServer{})
	feastserving.RegisterServingServiceServer(server, feastserving.UnimplementedServingServiceServer{})
	feastserving.RegisterGrpcFeatureServerServer(server, feastserving.UnimplementedGrpcFeatureServerServer{})
	larderv1.RegisterStreamServiceServer(server, larderv1.UnimplementedStreamServiceServer{})
	larderv1.RegisterAccessServiceServer(server, larderv1.UnimplementedAccessServiceServer{})
	flightv1.RegisterFlightServiceServer(server, &flights{})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func as(t *testing.T, caller string) context.Context {
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", caller)
}

// TestTheTableOfRPCsIsComplete walks the descriptors of all services.
func TestTheTableOfRPCsIsComplete(t *testing.T) {
	server, err := grpcserver.New(grpcserver.Options{})
	check(t, err)
	registerAll(server, larderv1.UnimplementedServingServiceServer{})
	if unruled := server.Unruled(); unruled != nil {
		t.Errorf("RPCs without a rule in table.go: %q", unruled)
	}
	var served []string
	for service, info := range server.GetServiceInfo() {
		for _, m := range info.Methods {
			served = append(served, "/"+service+"/"+m.Name)
		}
	}
	slices.Sort(served)
	if diff := cmp.Diff(served, grpcserver.TableOfRPCs()); diff != "" {
		t.Errorf("RPCs (-served +in the table):\n%s", diff)
	}
}

func TestUnaryCallsAreAuthorized(t *testing.T) {
	d := &doorman{refuses: "secret"}
	conn, _, callers := guarded(t, d)
	serving, control := larderv1.NewServingServiceClient(conn), larderv1.NewControlServiceClient(conn)
	f := func(err error, code string, asked ...string) {
		t.Helper()
		got, _, _ := said(err)
		if diff := cmp.Diff(asked, d.took()); diff != "" || got != code {
			t.Errorf("code %s, want %s; asked (-want +got):\n%s", got, code, diff)
		}
	}
	_, err := serving.GetFeaturesAndScore(as(t, "ann"), &larderv1.GetFeaturesAndScoreRequest{Model: "fraud"})
	f(err, "OK", "ann score model:fraud")
	if caller := <-callers; caller != "ann" {
		t.Errorf("the handler knows its caller as %q", caller)
	}
	_, err = serving.GetFeaturesAndScore(as(t, "ann"), &larderv1.GetFeaturesAndScoreRequest{Model: "secret"})
	f(err, "PermissionDenied", "ann score model:secret")
	if _, reason, message := said(err); reason != "PERMISSION_DENIED" || message != "ann lacks the right to score on model:secret; roles with that right: none" {
		t.Errorf("refused with %s, %q", reason, message)
	}
	_, err = serving.GetFeatures(as(t, "bob"), &larderv1.GetFeaturesRequest{What: &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "s"}})
	f(err, "Unimplemented", "bob read service:s")
	list := &larderv1.GetFeaturesRequest_Features{Features: &larderv1.FeatureList{References: []string{"v:a", "secret", "w:*"}}}
	_, err = serving.GetFeatures(as(t, "bob"), &larderv1.GetFeaturesRequest{What: list})
	f(err, "PermissionDenied", "bob read view:v:a", "bob read view:secret")
	_, err = control.PushModel(as(t, "bob"), &larderv1.PushModelRequest{Model: "m"})
	f(err, "Unimplemented", "bob push model:m")
	_, err = control.PushModel(as(t, "bob"), &larderv1.PushModelRequest{Model: "m", Serve: true})
	f(err, "Unimplemented", "bob push model:m", "bob promote model:m")
	_, err = control.Apply(as(t, "bob"), &larderv1.ApplyRequest{})
	f(err, "Unimplemented", "bob apply some definitions")
	_, err = control.GetStatus(as(t, "bob"), &larderv1.GetStatusRequest{})
	f(err, "Unimplemented", "bob observe some")
	_, err = control.ListModels(as(t, "bob"), &larderv1.ListModelsRequest{})
	f(err, "Unimplemented", "bob observe some model")
	_, err = control.ListModels(as(t, "bob"), &larderv1.ListModelsRequest{Model: "secret"})
	f(err, "PermissionDenied", "bob observe model:secret")
	_, err = control.ExportDefinitions(as(t, "bob"), &larderv1.ExportDefinitionsRequest{})
	f(err, "Unimplemented", "bob observe definitions:default/")
	_, err = control.GetStatus(t.Context(), &larderv1.GetStatusRequest{})
	f(err, "Unauthenticated")
}

func TestStreamsAreAuthorizedMessageByMessage(t *testing.T) {
	d := &doorman{refuses: "secret"}
	conn, _, _ := guarded(t, d)
	stream, err := larderv1.NewServingServiceClient(conn).StreamFeaturesAndScore(as(t, "ann"))
	check(t, err)
	for _, model := range []string{"fraud", "risk"} {
		check(t, stream.Send(&larderv1.StreamFeaturesAndScoreRequest{Request: &larderv1.GetFeaturesAndScoreRequest{Model: model}}))
		_, err := stream.Recv()
		check(t, err)
	}
	check(t, stream.Send(&larderv1.StreamFeaturesAndScoreRequest{Request: &larderv1.GetFeaturesAndScoreRequest{Model: "secret"}}))
	_, err = stream.Recv()
	if code, _, _ := said(err); code != "PermissionDenied" {
		t.Errorf("a message about what is forbidden is answered %s", code)
	}
	if diff := cmp.Diff([]string{"ann score model:fraud", "ann score some", "ann score model:risk", "ann score some", "ann score model:secret"}, d.took()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	views, err := larderv1.NewControlServiceClient(conn).Materialize(as(t, "ann"), &larderv1.MaterializeRequest{FeatureViews: []string{"v", "secret"}})
	check(t, err)
	_, err = views.Recv()
	if code, _, _ := said(err); code != "PermissionDenied" {
		t.Errorf("the materialization of a forbidden view is answered %s", code)
	}
}

// TestAHandlerThatAsksForNoPermitIsNotHeard: a late handler must call Permit.
func TestAHandlerThatAsksForNoPermitIsNotHeard(t *testing.T) {
	d := &doorman{refuses: "secret"}
	conn, web, _ := guarded(t, d)
	f := func(view, code string, asked ...string) {
		t.Helper()
		stream, err := flight.NewFlightServiceClient(conn).DoGet(as(t, "ann"), &flight.Ticket{Ticket: []byte(view)})
		check(t, err)
		_, err = stream.Recv()
		got, _, _ := said(err)
		if diff := cmp.Diff(asked, d.took()); diff != "" || got != code {
			t.Errorf("view %q: code %s, want %s; asked (-want +got):\n%s", view, got, code, diff)
		}
	}
	f("v", "OK", "ann train view:v", "ann train view:v") // and before each message
	f("secret", "PermissionDenied", "ann train view:secret")
	f("", "Internal")

	h := func(method, path, model string, status int, asked ...string) {
		t.Helper()
		req, err := http.NewRequest(method, web+path, strings.NewReader(""))
		check(t, err)
		req.Header.Set("Authorization", "ann")
		req.Header.Set("model", model)
		resp, err := http.DefaultClient.Do(req)
		check(t, err)
		check(t, resp.Body.Close())
		if diff := cmp.Diff(asked, d.took()); diff != "" || resp.StatusCode != status {
			t.Errorf("%s %s: status %d, want %d; asked (-want +got):\n%s", method, path, resp.StatusCode, status, diff)
		}
	}
	h("POST", "/v1/score", "m", 200, "ann score model:m")
	h("POST", "/v1/score", "secret", 403, "ann score model:secret")
	h("POST", "/v1/score", "", 500)
	h("GET", "/v2/models/m", "", 200, "ann score model:m")
	h("GET", "/v2/models/%73ecret", "", 403, "ann score model:secret")
	h("GET", "/secrets", "", 403) // not in the table
}

// An unknown service is registered and refused.
func TestWhatIsNotInTheTableIsRefused(t *testing.T) {
	server, err := grpcserver.New(grpcserver.Options{Logger: slog.New(slog.DiscardHandler)})
	check(t, err)
	const method = "/larder.v1.NewService/Echo"
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "larder.v1.NewService", Methods: []grpc.MethodDesc{{
		MethodName: "Echo",
		Handler: func(_ any, ctx context.Context, decode func(any) error, shell grpc.UnaryServerInterceptor) (any, error) {
			req := new(larderv1.EchoRequest)
			if err := decode(req); err != nil {
				return nil, err
			}
			answer := func(context.Context, any) (any, error) { return &larderv1.EchoResponse{}, nil }
			return shell(ctx, req, &grpc.UnaryServerInfo{FullMethod: method}, answer)
		},
	}}}, nil)
	if got := server.Unruled(); len(got) != 1 || got[0] != method {
		t.Errorf("not in the table: %q", got)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(t, err)
	err = conn.Invoke(t.Context(), method, &larderv1.EchoRequest{}, &larderv1.EchoResponse{})
	if code, reason, _ := said(err); code != "PermissionDenied" || reason != "PERMISSION_DENIED" {
		t.Errorf("it is answered %s %s", code, reason)
	}
	check(t, conn.Close())
	stop()
	check(t, <-ended)
}

// TestAuthorizingAllocatesNothing checks that authorizing a request doesn't allocate.
func TestAuthorizingAllocatesNothing(t *testing.T) {
	open, err := grpcserver.New(grpcserver.Options{})
	check(t, err)
	closed, err := grpcserver.New(grpcserver.Options{Access: token("sesame")})
	check(t, err)
	req := &larderv1.GetFeaturesAndScoreRequest{Model: "fraud"}
	header := []string{"Bearer sesame"}
	f := func(s *grpcserver.Server, want float64) {
		t.Helper()
		if got := testing.AllocsPerRun(100, func() {
			if err := grpcserver.Admit(s, header, "/larder.v1.ServingService/GetFeaturesAndScore", req); err != nil {
				t.Fatal(err)
			}
		}); got > want {
			t.Errorf("%v allocations, want %v", got, want)
		}
	}
	f(open, 0)
	f(closed, 1) // the context that holds the caller
}
