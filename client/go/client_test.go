package larder_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
)

// A wire answers what it was sent, so that a test sees what a client puts on the
// wire and what it makes of a response.
type wire struct {
	larderv1.UnimplementedServingServiceServer
	unavailable int // first calls that fail
	overloaded  int // first calls that are refused, to be sent again at once
	calls       int
	token       []string
	priority    []string
	deadline    time.Duration // 0 without one
	rows        int           // of the features that it answers
	asked       *larderv1.GetFeaturesAndScoreRequest
}

func (w *wire) GetFeatures(ctx context.Context, req *larderv1.GetFeaturesRequest) (*larderv1.GetFeaturesResponse, error) {
	w.calls++
	if w.calls <= w.unavailable {
		return nil, status.Error(codes.Unavailable, "not yet")
	}
	if w.calls <= w.overloaded {
		refused, err := status.New(codes.ResourceExhausted, "the server is overloaded").WithDetails(&errdetails.RetryInfo{})
		if err != nil {
			return nil, err
		}
		return nil, refused.Err()
	}
	headers, _ := metadata.FromIncomingContext(ctx)
	w.token, w.priority = headers.Get("authorization"), headers.Get(larder.PriorityHeader)
	if at, has := ctx.Deadline(); has {
		w.deadline = time.Until(at)
	}
	for _, c := range req.GetRequest() {
		c.Statuses = make([]larderv1.Status, w.rows)
	}
	return &larderv1.GetFeaturesResponse{Features: req.GetRequest()}, nil
}

func (w *wire) GetFeaturesAndScore(_ context.Context, req *larderv1.GetFeaturesAndScoreRequest) (*larderv1.GetFeaturesAndScoreResponse, error) {
	w.asked = req
	features := []*larderv1.Column{{
		Name: "v:f", Values: &larderv1.Column_Bools{Bools: &larderv1.Bools{Values: []bool{true, false}}}, Statuses: []larderv1.Status{larder.Present, larder.Present},
	}}
	return &larderv1.GetFeaturesAndScoreResponse{
		Scores: []float64{1, 2}, ModelVersion: 3, ModelVersions: []int64{3, 4}, RequestId: req.GetRequestId(), Features: features,
	}, nil
}

func dial(t *testing.T, w *wire, opts larder.Options) *larder.Client {
	t.Helper()
	return dialTo(t, w, opts)
}

func dialTo(t *testing.T, w larderv1.ServingServiceServer, opts larder.Options) *larder.Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	larderv1.RegisterServingServiceServer(server, w)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	client, err := larder.Dial(listener.Addr().String(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return client
}

func TestColumnsComeBack(t *testing.T) {
	w := new(wire)
	client := dial(t, w, larder.Options{})
	at := time.Date(2025, 3, 1, 12, 0, 0, 1000, time.UTC)
	one := 1.5
	f := func(sent, want any) {
		t.Helper()
		w.rows = reflect.ValueOf(sent).Len()
		answer, err := client.GetFeatures(t.Context(), "any", larder.Request{Values: larder.Columns{"x": sent}})
		if err != nil {
			t.Error(err)
			return
		}
		if diff := cmp.Diff(want, answer.Features[0].Values); diff != "" {
			t.Errorf("%T (-want +got)\n%s", sent, diff)
		}
	}
	f([]bool{true, false}, []bool{true, false})
	f([]int32{1, 2}, []int32{1, 2})
	f([]int64{1, 2}, []int64{1, 2})
	f([]int{1, 2}, []int64{1, 2})
	f([]float32{1, 2}, []float32{1, 2})
	f([]float64{1, 2}, []float64{1, 2})
	f([]string{"a", ""}, []string{"a", ""})
	f([][]byte{{1}, {2, 3}}, [][]byte{{1}, {2, 3}})
	f([]time.Time{at}, []time.Time{at})
	f([]*float64{&one, nil}, []float64{1.5, 0})
	f([]*time.Time{&at, nil}, []time.Time{at, time.Unix(0, 0).UTC()})
	f([][]float32{{1, 2}, {}, {3}}, [][]float32{{1, 2}, {}, {3}})
	f([][]string{{"a"}, {"b", "c"}}, [][]string{{"a"}, {"b", "c"}})
	_, err := client.GetFeatures(t.Context(), "any", larder.Request{Values: larder.Columns{"x": []uint8{1}}})
	if err == nil || err.Error() != "x: []uint8 is not a column; see larder.Columns for the types that are" {
		t.Errorf("a column of bytes: %v", err)
	}
}

func TestScoreSaysWhichRequest(t *testing.T) {
	w := new(wire)
	client := dial(t, w, larder.Options{})
	answer, err := client.Score(t.Context(), "late", larder.Request{
		Entities: larder.Columns{"b": []int64{1, 2}, "a": []int64{3, 4}}, At: time.UnixMicro(5), Version: 6, ID: "order-1", WithFeatures: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if a := w.asked; a.GetModel() != "late" || a.GetAt() != 5 || a.GetModelVersion() != 6 || !a.GetReturnFeatures() || a.GetEntities()[0].GetName() != "a" {
		t.Errorf("asked %v", a)
	}
	want := &larder.Scores{
		Scores: []float64{1, 2}, ModelVersions: []int64{3, 4}, RequestID: "order-1",
		Features: []larder.Feature{{Name: "v:f", Values: []bool{true, false}, Statuses: []larder.Status{larder.Present, larder.Present}}},
	}
	if diff := cmp.Diff(want, answer); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReadsAreSentAgain(t *testing.T) {
	f := func(unavailable, retries int, want codes.Code, calls int) {
		t.Helper()
		w := &wire{unavailable: unavailable}
		_, err := dial(t, w, larder.Options{Retries: retries}).GetFeatures(t.Context(), "any", larder.Request{})
		if status.Code(err) != want || w.calls != calls {
			t.Errorf("%d calls, then %v; want %d and %s", w.calls, err, calls, want)
		}
	}
	f(1, 0, codes.Unavailable, 1)
	f(1, 1, codes.OK, 2)
	f(2, 1, codes.Unavailable, 2)
}

// TestRefusedCallsAreSentAgain: when the server says so, and of many calls only a tenth.
func TestRefusedCallsAreSentAgain(t *testing.T) {
	f := func(overloaded, retries int, want codes.Code, calls int) {
		t.Helper()
		w := &wire{overloaded: overloaded}
		ctx := larder.WithPriority(t.Context(), "batch")
		_, err := dial(t, w, larder.Options{Retries: retries}).GetFeatures(ctx, "any", larder.Request{})
		if status.Code(err) != want || w.calls != calls {
			t.Errorf("%d calls, then %v; want %d and %s", w.calls, err, calls, want)
		}
		if err == nil && (len(w.priority) != 1 || w.priority[0] != "batch") {
			t.Errorf("priority %q", w.priority)
		}
	}
	f(1, 0, codes.ResourceExhausted, 1)
	f(2, 2, codes.OK, 3)
	f(3, 2, codes.ResourceExhausted, 3)

	w := &wire{overloaded: 1 << 30}
	client := dial(t, w, larder.Options{Retries: 2})
	const calls = 200
	for range calls {
		if _, err := client.GetFeatures(t.Context(), "any", larder.Request{}); status.Code(err) != codes.ResourceExhausted {
			t.Fatal(err)
		}
	}
	if w.calls < calls+10 || w.calls > calls*11/10+10 {
		t.Errorf("%d calls are sent %d times", calls, w.calls)
	}
}

func TestTokenAndTimeout(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(opts larder.Options, token string, deadline time.Duration) {
		t.Helper()
		w := new(wire)
		if _, err := dial(t, w, opts).GetFeatures(t.Context(), "any", larder.Request{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(w.token, ","); got != token || w.deadline > deadline || (w.deadline == 0) != (deadline == 0) {
			t.Errorf("token %q and deadline in %s; want %q and %s", got, w.deadline, token, deadline)
		}
	}
	f(larder.Options{}, "", 0)
	f(larder.Options{KeyFile: file, Timeout: time.Hour}, "Bearer secret", time.Hour)
	f(larder.Options{Key: "mine", KeyFile: file}, "Bearer mine", 0)
	for _, opts := range []larder.Options{{Retries: 5}, {Retries: -1}, {KeyFile: file + "-"}} {
		if _, err := larder.Dial("", opts); err == nil {
			t.Errorf("%+v is taken", opts)
		}
	}
}

func TestReason(t *testing.T) {
	client, err := larder.Dial("", larder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Score(t.Context(), "early", larder.Request{}); larder.Reason(err) != "UNKNOWN_MODEL" {
		t.Errorf("%v", err)
	}
	if got := larder.Reason(context.Canceled); got != "" {
		t.Errorf("an error of ours has the reason %q", got)
	}
}
