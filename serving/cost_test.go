package serving_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/internal/onnxmodel"
	"larder/monitor/featurelog"
	"larder/schema"
	"larder/serving"
	"larder/store"
	"larder/store/row"
)

const benchEntities = 1000

// wide returns a shop whose model "wide" scores ten float64 features of each of
// some views, all of whose entities 0 to 999 have fresh rows.
func wide(t testing.TB, views int, opts serving.Options) *shop {
	t.Helper()
	s := open(t, opts)
	defs := &schema.Definitions{
		Entities: []schema.Entity{{Name: "thing", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}}},
		Sources:  []schema.Source{{Name: "s", Table: "s", TimestampField: "at"}},
	}
	service := schema.FeatureService{Name: "wide"}
	for v := range views {
		view := schema.FeatureView{Name: fmt.Sprint("view_", v), Entities: []string{"thing"}, Source: "s", TTL: schema.Duration(3600_000_000_000)}
		for f := range 10 {
			view.Features = append(view.Features, schema.Feature{Name: fmt.Sprint("f", f), Type: schema.Float64})
		}
		defs.FeatureViews = append(defs.FeatureViews, view)
		service.Features = append(service.Features, view.Name+":*")
	}
	defs.FeatureServices = []schema.FeatureService{service}
	forest := onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 100, Depth: 6, Features: 10 * views, Seed: 1})
	defs.Models = []schema.Model{{Name: "wide", FeatureService: "wide", Versions: []schema.ModelVersion{s.version(1, forest.Model())}}}
	s.publish(s.compile(2, defs))
	for _, v := range s.catalog.Load().Views() {
		s.fill(v)
	}
	return s
}

func (s *shop) fill(v *schema.View) {
	s.t.Helper()
	random := rand.New(rand.NewPCG(uint64(v.ID), 1))
	b := row.NewBuilder(row.NewLayout(v.Layouts[0]), 0)
	w := s.store.NewWriter(v.ID, store.WriterOptions{})
	defer w.Close()
	for id := range int64(benchEntities) {
		b.Reset(schema.NoIngestTime, false)
		for f := range v.Features {
			b.SetFloat64(f, random.NormFloat64())
		}
		s.check(w.Add(s.t.Context(), row.AppendInt64(row.AppendView(nil, v.ID), id), noon, b.Row()))
	}
	s.check(w.Flush(s.t.Context()))
}

func wideRequest(rows int, returnFeatures bool) *larderv1.GetFeaturesAndScoreRequest {
	ids := make([]int64, rows)
	for i := range ids {
		ids[i] = int64(i) * 7919 % benchEntities
	}
	return &larderv1.GetFeaturesAndScoreRequest{Model: "wide", Entities: columns(int64s("id", ids...)), At: at(noon + 1), ReturnFeatures: returnFeatures}
}

// TestAllocationsAreConstant holds the promise that rows times features cost no
// allocations.
func TestAllocationsAreConstant(t *testing.T) {
	allocationsAreConstant(t, wide(t, 1, serving.Options{}), wide(t, 10, serving.Options{}))
}

// TestAllocationsOfTheLogAreConstant holds the same where each request is logged.
func TestAllocationsOfTheLogAreConstant(t *testing.T) {
	log, _ := openLog(t, t.TempDir(), featurelog.Options{})
	narrow, broad := wide(t, 1, serving.Options{Observe: logging(log)}), wide(t, 10, serving.Options{Observe: logging(log)})
	narrow.logged()
	broad.logged()
	allocationsAreConstant(t, narrow, broad)
}

func allocationsAreConstant(t *testing.T, narrow, broad *shop) {
	t.Helper()
	allocs := func(s *shop, rows int, returnFeatures bool) float64 {
		req, least := wideRequest(rows, returnFeatures), math.Inf(1)
		for range 10 { // what goes on in the background allocates too, at times
			least = min(least, testing.AllocsPerRun(5, func() {
				if _, err := s.server.GetFeaturesAndScore(t.Context(), req); err != nil {
					t.Fatal(err)
				}
			}))
		}
		return least
	}
	for _, returnFeatures := range []bool{false, true} {
		least := allocs(narrow, 1, returnFeatures)
		t.Logf("one row of 10 features, returned %v: %v allocations", returnFeatures, least)
		slack := 2.0 // a pool that the collector emptied
		if raceEnabled {
			slack = 200 // the detector makes pools forget; 100,000 values are still told from none
		}
		for _, rows := range []int{10, 1000} {
			for name, s := range map[string]*shop{"10": narrow, "100": broad} {
				if got := allocs(s, rows, returnFeatures); got > least+slack {
					t.Errorf("%d rows of %s features: %v allocations; one row of 10 takes %v", rows, name, got, least)
				}
			}
		}
	}
}

func BenchmarkGetFeaturesAndScore(b *testing.B) {
	for _, views := range []int{5, 25} {
		s := wide(b, views, serving.Options{})
		s.listen(grpcserver.Options{})
		for _, rows := range []int{1, 100} {
			name := fmt.Sprintf("rows=%d/features=%d", rows, 10*views)
			req := wideRequest(rows, false)
			b.Run(name+"/in-process", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.server.GetFeaturesAndScore(b.Context(), req); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(name+"/echo", func(b *testing.B) { echo(b, s, req) })
			b.Run(name+"/loopback", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.client.GetFeaturesAndScore(b.Context(), req); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// echo is a bare gRPC server that answers messages of the same sizes.
func echo(b *testing.B, s *shop, req *larderv1.GetFeaturesAndScoreRequest) {
	resp, err := s.server.GetFeaturesAndScore(b.Context(), req)
	s.check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	server := grpc.NewServer()
	larderv1.RegisterEchoServiceServer(server, echoServer{})
	ended := make(chan error)
	go func() { ended <- server.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	s.check(err)
	client := larderv1.NewEchoServiceClient(conn)
	sized := &larderv1.EchoRequest{Payload: make([]byte, proto.Size(req)), AnswerBytes: uint32(proto.Size(resp))}
	b.ReportAllocs()
	for b.Loop() {
		_, err := client.Echo(b.Context(), sized)
		s.check(err)
	}
	b.StopTimer()
	s.check(conn.Close())
	server.Stop()
	s.check(<-ended)
}

type echoServer struct {
	larderv1.UnimplementedEchoServiceServer
}

func (echoServer) Echo(_ context.Context, req *larderv1.EchoRequest) (*larderv1.EchoResponse, error) {
	return &larderv1.EchoResponse{Payload: make([]byte, req.GetAnswerBytes())}, nil
}
