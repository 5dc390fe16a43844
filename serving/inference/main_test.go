package inference_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	inferencev2 "larder/api/inference"
	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
	"larder/serving"
	"larder/serving/inference"
	"larder/store"
	"larder/store/online"
	"larder/store/row"
)

// library is the one ONNX Runtime of the tests: a process has one.
var library *scoring.Runtime

func TestMain(m *testing.M) {
	scoring.WorkerMain()
	var err error
	library, err = scoring.Open(scoring.Options{Library: os.Getenv("LARDER_ONNXRUNTIME")})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := library.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// noon is the clock of these tests, in microseconds since 1970 UTC.
const (
	noon   = 1_750_000_000_000_000
	minute = 60_000_000
)

// The models of these tests: two versions of a forest over four features; a sum of
// a word and a number, with an input for each; and casts, which gives its one input
// as its score, and as every other datatype.
var (
	forests = [...]*onnxmodel.Forest{
		onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 20, Depth: 4, Features: 4, Seed: 1}),
		onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 20, Depth: 4, Features: 4, Seed: 2}),
	}
	words = onnxmodel.NewLinear([]onnxmodel.Input{{Name: "word", Elem: onnxmodel.String}, {Name: "count", Elem: onnxmodel.Int64}}, 3)
)

// casted are the element types of the outputs t2, t3, ... of the model casts.
var casted = []int64{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16}

func castsModel() onnxmodel.Model {
	m := onnxmodel.Model{Graph: onnxmodel.Graph{
		Inputs:  []onnxmodel.Value{{Name: "x", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
		Outputs: []onnxmodel.Value{{Name: "score", Elem: onnxmodel.Float, Dims: []any{"N", int64(1)}}},
		Nodes:   []onnxmodel.Node{{Op: "Identity", In: []string{"x"}, Out: []string{"score"}}},
	}}
	for _, e := range casted {
		name := fmt.Sprint("t", e)
		m.Graph.Nodes = append(m.Graph.Nodes, onnxmodel.Node{Op: "Cast", In: []string{"x"}, Out: []string{name}, Attrs: []onnxmodel.Attr{{Name: "to", Value: e}}})
		m.Graph.Outputs = append(m.Graph.Outputs, onnxmodel.Value{Name: name, Elem: onnxmodel.Elem(e), Dims: []any{"N", int64(1)}})
	}
	return m
}

// A shop is a server with the definitions of these tests.
type shop struct {
	t       testing.TB
	store   *online.Store
	models  *scoring.Set
	files   map[string][]byte // by SHA-256
	catalog atomic.Pointer[schema.Catalog]
	serving *serving.Server
	server  *inference.Server
	// notReady makes the server say that it is not ready.
	notReady atomic.Bool

	grpcAddr, httpAddr string
	client             inferencev2.GRPCInferenceServiceClient
	larder             larderv1.ServingServiceClient
}

// open returns a shop that listens on the loopback, where customer 1 has features
// and has been at terminal a.
func open(t testing.TB, shell grpcserver.Options) *shop {
	t.Helper()
	s := &shop{t: t, files: map[string][]byte{}, models: scoring.NewSet(library, scoring.SetOptions{})}
	tensors := scoring.NewInferSet(s.models, s.file)
	t.Cleanup(func() {
		s.serving.Close()
		s.check(s.models.Close())
		tensors.Close()
	})
	var err error
	quiet := slog.New(slog.DiscardHandler)
	s.store, err = online.Open(t.TempDir(), online.Options{Logger: quiet, WriteBufferBytes: 8 << 20, MinFreeBytes: 1 << 20})
	s.check(err)
	t.Cleanup(func() { s.check(s.store.Close()) })
	s.serving = serving.New(serving.Options{Online: s.store, Models: s.models, ModelFile: s.file, Logger: quiet})
	s.publish(s.compile(1, s.definitions()))
	s.put("spend", noon-minute, []any{int64(1)}, int64(7), 1.5)
	s.put("pair", noon-minute, []any{int64(1), "a"}, int32(11))
	s.server = inference.New(inference.Options{Models: tensors, Serving: s.serving, Version: "test", Ready: s.ready})
	s.listen(shell)
	return s
}

func (s *shop) ready() error {
	if s.notReady.Load() {
		return errors.New("told so")
	}
	return nil
}

func (s *shop) file(_ context.Context, digest string) ([]byte, error) { return s.files[digest], nil }

func (s *shop) listen(opts grpcserver.Options) {
	s.t.Helper()
	opts.Logger = slog.New(slog.DiscardHandler)
	shell, err := grpcserver.New(opts)
	s.check(err)
	inferencev2.RegisterGRPCInferenceServiceServer(shell, s.server)
	larderv1.RegisterServingServiceServer(shell, s.serving)
	rpc, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- shell.Serve(ctx, rpc) }()
	go func() { ended <- shell.ServeHTTP(ctx, s.server.HTTPHandler(), web) }()
	conn, err := grpc.NewClient(rpc.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	s.check(err)
	s.grpcAddr, s.httpAddr = rpc.Addr().String(), web.Addr().String()
	s.client, s.larder = inferencev2.NewGRPCInferenceServiceClient(conn), larderv1.NewServingServiceClient(conn)
	s.t.Cleanup(func() {
		s.check(conn.Close())
		http.DefaultClient.CloseIdleConnections()
		cancel()
		s.check(<-ended)
		s.check(<-ended)
	})
}

func (s *shop) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) definitions() *schema.Definitions {
	return &schema.Definitions{
		Entities: []schema.Entity{
			{Name: "customer", JoinKeys: []schema.JoinKey{{Name: "customer_id", Type: schema.Int64}}},
			{Name: "terminal", JoinKeys: []schema.JoinKey{{Name: "terminal_id", Type: schema.String}}},
		},
		Sources: []schema.Source{{Name: "s", Table: "s", TimestampField: "at"}},
		FeatureViews: []schema.FeatureView{
			{Name: "spend", Entities: []string{"customer"}, Source: "s", Features: []schema.Feature{
				{Name: "count", Type: schema.Int64, Default: int64(0)}, {Name: "mean", Type: schema.Float64},
			}},
			{Name: "pair", Entities: []string{"customer", "terminal"}, Source: "s", Features: []schema.Feature{
				{Name: "hits", Type: schema.Int32, Default: int32(-1)},
			}},
		},
		FeatureServices: []schema.FeatureService{
			{
				Name: "numbers", Request: []schema.Feature{{Name: "amount", Type: schema.Float64}},
				Features: []string{"request:amount", "pair:hits", "spend:*"},
			},
			{
				Name: "words", Request: []schema.Feature{{Name: "word", Type: schema.String, Default: ""}, {Name: "count", Type: schema.Int64, Default: int64(0)}},
				Features: []string{"request:word", "request:count"},
			},
			{Name: "one", Request: []schema.Feature{{Name: "x", Type: schema.Float32}}, Features: []string{"request:x"}},
		},
		Models: []schema.Model{
			{Name: "risk", FeatureService: "numbers", Serve: 1, Versions: []schema.ModelVersion{s.version(1, forests[0].Model()), s.version(2, forests[1].Model())}},
			{Name: "words", FeatureService: "words", Versions: []schema.ModelVersion{s.version(1, words.Model())}},
			{Name: "casts", FeatureService: "one", Versions: []schema.ModelVersion{s.casts()}},
		},
	}
}

func (s *shop) casts() schema.ModelVersion {
	v := s.version(1, castsModel())
	v.Output = "score"
	return v
}

func (s *shop) version(n int64, m onnxmodel.Model) schema.ModelVersion {
	file := m.Encode()
	sum := sha256.Sum256(file)
	digest := hex.EncodeToString(sum[:])
	s.files[digest] = file
	return schema.ModelVersion{Version: n, ONNX: "m.onnx", SHA256: digest}
}

func (s *shop) compile(version int64, defs *schema.Definitions) *schema.Catalog {
	s.t.Helper()
	cat, err := schema.Compile(version, defs, schema.Storage{}.Evolve(defs, 0))
	s.check(err)
	return cat
}

// publish makes a catalog the one that serves, as a registry does.
func (s *shop) publish(cat *schema.Catalog) {
	s.t.Helper()
	g, err := s.serving.Prepare(context.Background(), cat)
	s.check(err)
	s.serving.Publish(g)
	s.catalog.Store(cat)
}

// put stores one row of a view.
func (s *shop) put(view string, eventTime int64, keys []any, values ...any) {
	s.t.Helper()
	v, err := s.catalog.Load().View(view)
	s.check(err)
	key := row.AppendView(nil, v.ID)
	for _, k := range keys {
		switch k := k.(type) {
		case int64:
			key = row.AppendInt64(key, k)
		case string:
			key = row.AppendString(key, k)
		}
	}
	b := row.NewBuilder(row.NewLayout(v.Layouts[0]), 0)
	for i, x := range values {
		switch x := x.(type) {
		case int64:
			b.SetInt64(i, x)
		case int32:
			b.SetInt32(i, x)
		case float64:
			b.SetFloat64(i, x)
		}
	}
	w := s.store.NewWriter(v.ID, store.WriterOptions{})
	defer w.Close()
	s.check(w.Add(s.t.Context(), key, eventTime, b.Row()))
	s.check(w.Flush(s.t.Context()))
}

// ask sends an HTTP request, and returns the status, the headers and the body.
func (s *shop) ask(method, path string, body []byte, headers ...string) (int, http.Header, []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.httpAddr+path, bytes.NewReader(body))
	s.check(err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	s.check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	s.check(err)
	return resp.StatusCode, resp.Header, answer
}

func floats(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// tensor is an input of a gRPC request without contents.
func tensor(name, datatype string, shape ...int64) *inferencev2.ModelInferRequest_InferInputTensor {
	return &inferencev2.ModelInferRequest_InferInputTensor{Name: name, Datatype: datatype, Shape: shape}
}

// outputs asks for outputs.
func outputs(names ...string) []*inferencev2.ModelInferRequest_InferRequestedOutputTensor {
	var all []*inferencev2.ModelInferRequest_InferRequestedOutputTensor
	for _, n := range names {
		all = append(all, &inferencev2.ModelInferRequest_InferRequestedOutputTensor{Name: n})
	}
	return all
}

// riskInput is the name of the tensor of the model risk.
var riskInput = forests[0].Model().Graph.Inputs[0].Name
