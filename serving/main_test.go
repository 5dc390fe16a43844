package serving_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/internal/onnxmodel"
	"larder/schema"
	"larder/scoring"
	"larder/serving"
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

// The models of these tests: two versions of a forest over four numbers, and a
// sum of a string and a number with an input for each.
var (
	forests = [...]*onnxmodel.Forest{
		onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 20, Depth: 4, Features: 4, Seed: 1}),
		onnxmodel.NewForest(onnxmodel.TreesOptions{Trees: 20, Depth: 4, Features: 4, Seed: 2}),
	}
	linear = onnxmodel.NewLinear([]onnxmodel.Input{{Name: "profile:name", Elem: onnxmodel.String}, {Name: "spend:count", Elem: onnxmodel.Int64}}, 3)
)

// A shop is a server with the definitions of these tests.
type shop struct {
	t       testing.TB
	store   *online.Store
	models  *scoring.Set
	files   map[string][]byte // by SHA-256
	catalog atomic.Pointer[schema.Catalog]
	server  *serving.Server
	shadows *serving.Shadows // of a test of shadows
	client  larderv1.ServingServiceClient
	http    string
}

func open(t testing.TB, opts serving.Options) *shop {
	t.Helper()
	s := &shop{t: t, files: map[string][]byte{}, models: scoring.NewSet(library, scoring.SetOptions{})}
	t.Cleanup(func() {
		s.server.Close()
		s.check(s.models.Close())
	})
	var err error
	quiet := slog.New(slog.DiscardHandler)
	s.store, err = online.Open(t.TempDir(), online.Options{Logger: quiet, WriteBufferBytes: 8 << 20, MinFreeBytes: 1 << 20})
	s.check(err)
	t.Cleanup(func() { s.check(s.store.Close()) })
	opts.Online, opts.Models, opts.Logger = s.store, s.models, quiet
	opts.ModelFile = func(_ context.Context, digest string) ([]byte, error) { return s.files[digest], nil }
	s.server = serving.New(opts)
	s.publish(s.compile(1, s.definitions()))
	return s
}

// listen serves on the loopback.
func (s *shop) listen(opts grpcserver.Options) {
	s.t.Helper()
	opts.Logger = slog.New(slog.DiscardHandler)
	shell, err := grpcserver.New(opts)
	s.check(err)
	larderv1.RegisterServingServiceServer(shell, s.server)
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
	s.client, s.http = larderv1.NewServingServiceClient(conn), "http://"+web.Addr().String()
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
	hour := schema.Duration(3600_000_000_000)
	return &schema.Definitions{
		Entities: []schema.Entity{
			{Name: "customer", JoinKeys: []schema.JoinKey{{Name: "customer_id", Type: schema.Int64}}},
			{Name: "terminal", JoinKeys: []schema.JoinKey{{Name: "terminal_id", Type: schema.String}}},
		},
		Sources: []schema.Source{{Name: "s", Table: "s", TimestampField: "at"}},
		FeatureViews: []schema.FeatureView{
			{Name: "spend", Entities: []string{"customer"}, Source: "s", TTL: hour, Features: []schema.Feature{
				{Name: "count", Type: schema.Int64, Default: int64(0)}, {Name: "mean", Type: schema.Float64},
			}},
			{Name: "pair", Entities: []string{"customer", "terminal"}, Source: "s", Features: []schema.Feature{
				{Name: "hits", Type: schema.Int32, Default: int32(-1)},
			}},
			{Name: "profile", Entities: []string{"customer"}, Source: "s", Features: []schema.Feature{
				{Name: "name", Type: schema.String, Default: "fuel"},
				{Name: "tags", Type: schema.List(schema.String)},
				{Name: "photo", Type: schema.Bytes},
				{Name: "since", Type: schema.Timestamp},
				{Name: "vip", Type: schema.Bool},
				{Name: "weight", Type: schema.Float32},
			}},
		},
		FeatureServices: []schema.FeatureService{
			{
				Name: "numbers", Request: []schema.Feature{{Name: "amount", Type: schema.Float64}},
				Features: []string{"request:amount", "pair:hits", "spend:*"},
			},
			{Name: "words", Features: []string{"profile:name", "spend:count"}},
		},
		Models: []schema.Model{
			{Name: "risk", FeatureService: "numbers", Serve: 1, Versions: []schema.ModelVersion{s.version(1, forests[0].Model()), s.version(2, forests[1].Model())}},
			{Name: "taste", FeatureService: "words", Versions: []schema.ModelVersion{s.version(1, linear.Model())}},
		},
	}
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
	g, err := s.server.Prepare(context.Background(), cat)
	s.check(err)
	s.server.Publish(g)
	s.catalog.Store(cat)
}

// put stores one row of a view. A key is an int64 or a string; a value nil or of
// the type of its column.
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
		case float32:
			b.SetFloat32(i, x)
		case bool:
			b.SetBool(i, x)
		case string:
			b.SetString(i, x)
		case []byte:
			b.SetBytes(i, x)
		case []string:
			b.SetTexts(i, len(x), func(k int) []byte { return []byte(x[k]) })
		}
	}
	w := s.store.NewWriter(v.ID, store.WriterOptions{})
	defer w.Close()
	s.check(w.Add(s.t.Context(), key, eventTime, b.Row()))
	s.check(w.Flush(s.t.Context()))
}

// post sends a body and returns the status and the answer.
func (s *shop) post(path, body string) (int, string) {
	s.t.Helper()
	resp, err := http.Post(s.http+path, "application/json", strings.NewReader(body))
	s.check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	s.check(err)
	return resp.StatusCode, strings.TrimSpace(string(answer))
}

func int64s(name string, values ...int64) *larderv1.Column {
	return &larderv1.Column{Name: name, Values: &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: values}}}
}

func doubles(name string, values ...float64) *larderv1.Column {
	return &larderv1.Column{Name: name, Values: &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: values}}}
}

func texts(name string, values ...string) *larderv1.Column {
	return &larderv1.Column{Name: name, Values: &larderv1.Column_Strings{Strings: &larderv1.Strings{Values: values}}}
}

func columns(all ...*larderv1.Column) []*larderv1.Column { return all }

func at(micros int64) *int64 { return &micros }
