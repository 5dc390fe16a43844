package feast_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	feastserving "larder/api/feast/serving"
	"larder/control/rows"
	"larder/control/runs"
	"larder/internal/grpcserver"
	"larder/schema"
	"larder/scoring"
	"larder/serving"
	"larder/serving/feast"
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

// A shop is a server whose store has rows of three drivers: of 1, an hour old; of 2, of
// nulls, two hours old; of 3, ten days old, where a row may be a week old. The views
// driver_stats and all have them.
type shop struct {
	t       testing.TB
	store   *online.Store
	catalog *schema.Catalog
	now     time.Time // of the rows

	http   string
	rows   feastserving.ServingServiceClient
	python feastserving.GrpcFeatureServerClient
}

func open(t testing.TB, feastStatuses bool) *shop {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s := &shop{t: t, now: time.Now().Truncate(time.Microsecond)}
	var err error
	s.store, err = online.Open(t.TempDir(), online.Options{Logger: quiet, WriteBufferBytes: 8 << 20, MinFreeBytes: 1 << 20})
	s.check(err)
	t.Cleanup(func() { s.check(s.store.Close()) })
	models := scoring.NewSet(library, scoring.SetOptions{})
	serves := serving.New(serving.Options{Online: s.store, Models: models, ModelFile: func(context.Context, string) ([]byte, error) { return nil, nil }, Logger: quiet, MaxRows: 10})
	t.Cleanup(func() {
		serves.Close()
		s.check(models.Close())
	})
	defs := definitions()
	s.catalog, err = schema.Compile(3, defs, schema.Storage{}.Evolve(defs, 0))
	s.check(err)
	g, err := serves.Prepare(context.Background(), s.catalog)
	s.check(err)
	serves.Publish(g)
	s.fill()
	noRuns := runs.New(runs.Options{Server: "test", Logger: quiet})
	server := feast.New(feast.Options{
		Serving: serves, Runs: noRuns, Writer: rows.New(rows.Options{Catalog: func() *schema.Catalog { return s.catalog }, Runs: noRuns}), FeastStatuses: feastStatuses, MaxRows: 10,
	})
	s.listen(server)
	return s
}

func definitions() *schema.Definitions {
	week := schema.Duration(7 * 24 * time.Hour)
	return &schema.Definitions{
		Entities: []schema.Entity{
			{Name: "driver", JoinKeys: []schema.JoinKey{{Name: "driver_id", Type: schema.Int64}}},
			{Name: "shop", JoinKeys: []schema.JoinKey{{Name: "shop_id", Type: schema.String}}},
			{Name: "__dummy", JoinKeys: []schema.JoinKey{{Name: "__dummy_id", Type: schema.String}}},
		},
		Sources: []schema.Source{{Name: "s", Table: "s", TimestampField: "at"}, {Name: "q", Query: "SELECT 1", TimestampField: "at"}},
		FeatureViews: []schema.FeatureView{
			{Name: "driver_stats", Entities: []string{"driver"}, Source: "s", TTL: week, Features: []schema.Feature{
				{Name: "trips", Type: schema.Int64},
				{Name: "rating", Type: schema.Float32},
				{Name: "city", Type: schema.String},
				{Name: "tags", Type: schema.List(schema.String)},
			}},
			{Name: "all", Entities: []string{"driver"}, Source: "s", Features: everyType()},
			{Name: "pair", Entities: []string{"driver", "shop"}, Source: "s", Features: []schema.Feature{{Name: "trips", Type: schema.Int32, Default: int32(-1)}}},
			{Name: "world", Entities: []string{"__dummy"}, Source: "q", Features: []schema.Feature{{Name: "rate", Type: schema.Float64}}},
		},
		OnDemandViews: []schema.OnDemandView{{
			Name: "odfv", Request: []schema.Feature{{Name: "km", Type: schema.Float64}}, Sources: []string{"driver_stats"},
			Features: []schema.OnDemandFeature{{Name: "ratio", Type: schema.Float64, Expr: "request.km / (double(driver_stats.trips) + 1.0)"}},
		}},
		FeatureServices: []schema.FeatureService{
			{Name: "late_v1", Request: []schema.Feature{{Name: "km", Type: schema.Float64}}, Features: []string{"driver_stats:rating", "request:km", "driver_stats:trips", "odfv:ratio"}},
			{Name: "colliding", Features: []string{"driver_stats:trips", "pair:trips"}},
		},
	}
}

// everyType returns a feature of each type and of lists of it.
func everyType() (all []schema.Feature) {
	for _, t := range []schema.Type{schema.Bool, schema.Int32, schema.Int64, schema.Float32, schema.Float64, schema.String, schema.Bytes, schema.Timestamp} {
		all = append(all, schema.Feature{Name: t.String(), Type: t}, schema.Feature{Name: t.String() + "s", Type: schema.List(t)})
	}
	return all
}

func (s *shop) fill() {
	s.t.Helper()
	for _, r := range []struct {
		driver int64
		age    time.Duration
		stats  []string // the values as JSON
		all    []string
	}{
		{1, time.Hour, []string{`10`, `4.5`, `"Bern"`, `["a", "b"]`}, []string{
			`true`, `[true, false]`, `-7`, `[1, 2]`, `9007199254740993`, `[-1]`, `0.1`, `[0.1, "NaN"]`, `"Infinity"`, `[3, -0.0]`,
			`"Köln \"<"`, `["", "x"]`, `"AQI="`, `["", "AQ=="]`, `"1969-12-31T23:59:59.5Z"`, `["2026-01-31T10:00:00Z"]`,
		}},
		{2, 2 * time.Hour, []string{`null`, `null`, `null`, `[]`}, []string{
			`null`, `[]`, `null`, `[]`, `null`, `[]`, `"NaN"`, `[]`, `"NaN"`, `[]`, `null`, `[]`, `null`, `[]`, `null`, `null`,
		}},
		{3, 10 * 24 * time.Hour, []string{`30`, `3`, `"Köln"`, `["c"]`}, nil},
	} {
		key := func(dst []byte) []byte { return row.AppendInt64(dst, r.driver) }
		s.put("driver_stats", key, s.now.Add(-r.age), r.stats)
		if r.all != nil {
			s.put("all", key, s.now.Add(-r.age), r.all)
		}
	}
	s.put("pair", func(dst []byte) []byte { return row.AppendString(row.AppendInt64(dst, 1), "x") }, s.now, []string{`5`})
	s.put("world", func(dst []byte) []byte { return row.AppendString(dst, "") }, s.now, []string{`1.25`})
}

// put stores one row of a view.
func (s *shop) put(view string, key func([]byte) []byte, at time.Time, values []string) {
	s.t.Helper()
	v, err := s.catalog.View(view)
	s.check(err)
	b := row.NewBuilder(row.NewLayout(v.Layouts[0]), 0)
	for i, text := range values {
		value, err := schema.ParseValue(v.Features[i].Type, []byte(text))
		s.check(err)
		set(b, i, v.Features[i].Type, value)
	}
	w := s.store.NewWriter(v.ID, store.WriterOptions{})
	defer w.Close()
	s.check(w.Add(s.t.Context(), key(row.AppendView(nil, v.ID)), at.UnixMicro(), b.Row()))
	s.check(w.Flush(s.t.Context()))
}

func (s *shop) listen(server *feast.Server) {
	s.t.Helper()
	shell, err := grpcserver.New(grpcserver.Options{Logger: slog.New(slog.DiscardHandler)})
	s.check(err)
	feastserving.RegisterServingServiceServer(shell, server)
	feastserving.RegisterGrpcFeatureServerServer(shell, server)
	rpc, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- shell.Serve(ctx, rpc) }()
	go func() { ended <- shell.ServeHTTP(ctx, server.HTTPHandler(), web) }()
	conn, err := grpc.NewClient(rpc.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	s.check(err)
	s.http = "http://" + web.Addr().String()
	s.rows, s.python = feastserving.NewServingServiceClient(conn), feastserving.NewGrpcFeatureServerClient(conn)
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

// ask posts a body, and returns the status and the answer.
func (s *shop) ask(path, body string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.http+path, strings.NewReader(body))
	s.check(err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	s.check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	s.check(err)
	return resp.StatusCode, string(answer)
}

// set sets a value of a row, in the Go form of schema.ParseValue; nil leaves it null.
func set(b *row.Builder, i int, t schema.Type, value any) {
	switch v := value.(type) {
	case bool:
		b.SetBool(i, v)
	case int32:
		b.SetInt32(i, v)
	case int64:
		b.SetInt64(i, v)
	case float32:
		b.SetFloat32(i, v)
	case float64:
		b.SetFloat64(i, v)
	case string:
		b.SetString(i, v)
	case []byte:
		b.SetBytes(i, v)
	case time.Time:
		b.SetTimestamp(i, v.UnixMicro())
	case []any:
		setList(b, i, t.Elem(), v)
	}
}

func setList(b *row.Builder, i int, t schema.Type, list []any) {
	switch t {
	case schema.Bool:
		b.SetBools(i, as[bool](list))
	case schema.Int32:
		b.SetInt32s(i, as[int32](list))
	case schema.Int64:
		b.SetInt64s(i, as[int64](list))
	case schema.Float32:
		b.SetFloat32s(i, as[float32](list))
	case schema.Float64:
		b.SetFloat64s(i, as[float64](list))
	case schema.Timestamp:
		micros := []int64{}
		for _, at := range as[time.Time](list) {
			micros = append(micros, at.UnixMicro())
		}
		b.SetInt64s(i, micros)
	case schema.String:
		b.SetTexts(i, len(list), func(k int) []byte { return []byte(list[k].(string)) })
	case schema.Bytes:
		b.SetTexts(i, len(list), func(k int) []byte { return list[k].([]byte) })
	}
}

func as[T any](list []any) []T {
	typed := make([]T, len(list))
	for i, v := range list {
		typed[i] = v.(T)
	}
	return typed
}
