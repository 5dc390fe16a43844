package replay_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	larderv1 "larder/api/larder/v1"
	"larder/internal/arrowfile"
	"larder/monitor/featurelog"
	"larder/monitor/replay"
	"larder/schema"
)

// A scorer answers x for version 1 and 2x for version 2.
type scorer struct {
	larderv1.UnimplementedControlServiceServer
	runs     []int32
	catalogs []int64 // of each request
}

func (s *scorer) ScoreVectors(_ context.Context, req *larderv1.ScoreVectorsRequest) (*larderv1.ScoreVectorsResponse, error) {
	s.runs, s.catalogs = append(s.runs, req.GetRuns()...), append(s.catalogs, req.GetCatalogVersion())
	answer := &larderv1.ScoreVectorsResponse{Sha256: "fedcba9876543210"}
	for _, x := range req.GetVector()[0].GetFloats().GetValues() {
		answer.Scores = append(answer.Scores, float64(x)*float64(req.GetModelVersion()))
	}
	for range req.GetRuns() {
		answer.TookNanos = append(answer.TookNanos, 1000)
	}
	return answer, nil
}

func (*scorer) ListModels(context.Context, *larderv1.ListModelsRequest) (*larderv1.ListModelsResponse, error) {
	versions := []*larderv1.ModelVersionStatus{{ModelVersion: 1, Engine: "trees", Size: 10}, {ModelVersion: 2, Engine: "trees", Size: 20}}
	return &larderv1.ListModelsResponse{Models: []*larderv1.ModelStatus{{Model: "late", Versions: versions}}}, nil
}

func serve(t *testing.T, s *scorer) larderv1.ControlServiceClient {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	larderv1.RegisterControlServiceServer(server, s)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return larderv1.NewControlServiceClient(conn)
}

// A logged row was scored x unless score says otherwise.
type logged struct {
	id    string
	row   int32
	role  string
	x     float32
	score float64
}

// writeLog writes a log with one file.
func writeLog(t *testing.T, rows ...logged) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "late"), 0o755); err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "order_id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "log:time", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
		{Name: "log:request_id", Type: arrow.BinaryTypes.String},
		{Name: "log:row", Type: arrow.PrimitiveTypes.Int32},
		{Name: "log:role", Type: arrow.BinaryTypes.String},
		{Name: "log:score", Type: arrow.PrimitiveTypes.Float64},
		{Name: "log:model_version", Type: arrow.PrimitiveTypes.Int64},
		{Name: "vector:stats:x", Type: arrow.PrimitiveTypes.Float32},
	}, nil))
	defer b.Release()
	for i, r := range rows {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(i))
		b.Field(2).(*array.StringBuilder).Append(r.id)
		b.Field(3).(*array.Int32Builder).Append(r.row)
		b.Field(4).(*array.StringBuilder).Append(r.role)
		b.Field(5).(*array.Float64Builder).Append(r.score)
		b.Field(6).(*array.Int64Builder).Append(1)
		b.Field(7).(*array.Float32Builder).Append(r.x)
	}
	rec := b.NewRecord()
	defer rec.Release()
	file, err := arrowfile.Create(filepath.Join(dir, "late", "1-9-x.parquet"), rec.Schema())
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := file.Commit(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestRun: requests are sent whole, and a row whose score is another one now is found.
func TestRun(t *testing.T) {
	s := new(scorer)
	dir := writeLog(t, logged{"a", 0, "serve", 1, 1}, logged{"a", 1, "serve", 2, 2}, logged{"a", 0, "serve", 3, 3.5}, logged{"b", 0, "serve", 4, 4})
	files, err := featurelog.Files(dir, "late")
	if err != nil {
		t.Fatal(err)
	}
	var done int64
	report, err := replay.Run(t.Context(), s.ScoreVectors, files, func(rows int64) error {
		done = rows
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int32{2, 1, 1}, s.runs); diff != "" || done != 4 {
		t.Errorf("%d rows, rows of the requests sent (-want +got)\n%s", done, diff)
	}
	if diff := cmp.Diff([]int64{9, 9}, s.catalogs); diff != "" {
		t.Errorf("versions of the definitions (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]replay.Count{{Model: "late", Version: 1, Equal: 3, Different: 1}}, report.Counts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	want := []replay.Difference{{File: "1-9-x.parquet", Row: featurelog.RowID{RequestID: "a"}, Logged: 3.5, Now: 3}}
	if diff := cmp.Diff(want, report.Differences); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := report.Err(); err == nil || !strings.Contains(err.Error(), "some logged vectors score differently than when they were logged") {
		t.Errorf("%v", err)
	}
	if err := new(replay.Report).Err(); err != nil {
		t.Errorf("nothing differs: %v", err)
	}
}

// TestVersionsThatAreGone: their rows are left out, and the report says which; the rows
// before, and other errors, are as ever.
func TestVersionsThatAreGone(t *testing.T) {
	dir := writeLog(t, logged{"a", 0, "serve", 1, 1}, logged{"a", 1, "serve", 2, 2}, logged{"b", 0, "serve", 3, 3}, logged{"c", 0, "serve", 4, 4})
	first := filepath.Join(dir, "late", "1-9-x.parquet")
	data, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1-9-y.parquet", "2-9-x.parquet", "2-10-x.parquet"} {
		if err := os.WriteFile(filepath.Join(dir, "late", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := featurelog.Files(dir, "late")
	if err != nil {
		t.Fatal(err)
	}
	run := func(fails func(*larderv1.ScoreVectorsRequest) error) (*replay.Report, error) {
		s := new(scorer)
		return replay.Run(t.Context(), func(ctx context.Context, req *larderv1.ScoreVectorsRequest) (*larderv1.ScoreVectorsResponse, error) {
			if err := fails(req); err != nil {
				var said *schema.Error
				errors.As(err, &said)
				return nil, replay.Missing(err, said.Reason, said.Message)
			}
			return s.ScoreVectors(ctx, req)
		}, files, func(int64) error { return nil })
	}
	report, err := run(func(req *larderv1.ScoreVectorsRequest) error {
		switch {
		case req.GetModelVersion() == 2 && req.GetCatalogVersion() == 10:
			return schema.UnknownVersion.Errorf("no version 10")
		case req.GetModelVersion() == 1:
			return schema.ModelFileMissing.Errorf("no file")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []replay.Gone{{Model: "late", Version: 1, CatalogVersion: 9, Rows: 8, Cause: "no file"}, {Model: "late", Version: 2, CatalogVersion: 10, Rows: 4, Cause: "no version 10"}}
	byVersion := func(a, b replay.Gone) bool { return a.Version < b.Version }
	if diff := cmp.Diff(want, report.Gone, cmpopts.SortSlices(byVersion)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]replay.Count{{Model: "late", Version: 2, Different: 4}}, report.Counts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := replay.LeftOut(report.Gone); err == nil || !strings.Contains(err.Error(), "late@1, definitions of version 9, 8 rows: no file") {
		t.Errorf("%v", err)
	}
	sent := 0 // the version goes while its file is replayed
	files = files[:1]
	report, err = run(func(*larderv1.ScoreVectorsRequest) error {
		if sent++; sent > 1 {
			return schema.UnknownModel.Errorf("gone")
		}
		return nil
	})
	if err != nil || len(report.Gone) != 1 || report.Gone[0].Rows != 1 || report.Counts[0].Equal != 3 {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err = run(func(*larderv1.ScoreVectorsRequest) error { return schema.ModelNotLoaded.Errorf("retry") }); err == nil || !strings.Contains(err.Error(), "retry") {
		t.Errorf("another error: %v", err)
	}
	if replay.LeftOut(nil) != nil || replay.Missing(nil, "", "") != nil {
		t.Error("an error of nothing")
	}
}

// TestADamagedFile: the rows before the damage and the other files are scored, and the
// report says what is missing.
func TestADamagedFile(t *testing.T) {
	var rows []logged
	for i := range 20_000 {
		rows = append(rows, logged{fmt.Sprint(i), 0, "serve", float32(i), float64(i)})
	}
	dir := writeLog(t, rows...)
	path := filepath.Join(dir, "late", "1-9-x.parquet")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "late", "1-9-a.parquet"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(damaged []byte, equal, missing int64) {
		t.Helper()
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		files, err := featurelog.Files(dir, "late")
		if err != nil {
			t.Fatal(err)
		}
		report, err := replay.Run(t.Context(), new(scorer).ScoreVectors, files, func(int64) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]replay.Count{{Model: "late", Version: 1, Equal: equal}}, report.Counts); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if len(report.Damaged) != 1 || report.Damaged[0].Path != path || report.Damaged[0].Rows != missing || report.Err() != nil {
			t.Errorf("damaged %v, error %v; want %d rows missing of %s", report.Damaged, report.Err(), missing, path)
		}
		vectors, err := replay.ReadVectors(t.Context(), dir, "late", 100_000)
		if err != nil || len(vectors.Damaged) != 1 {
			t.Errorf("vectors of a damaged log: %+v, %v", vectors, err)
		}
	}
	f(data[:len(data)/2], 20_000, -1)
	data[len(data)/2] ^= 1 // one row group: its checksum is wrong before its first row is read
	f(data, 20_000, 20_000)
}

// TestCompare: rows that a shadow scored are left out, and labels find the others.
func TestCompare(t *testing.T) {
	control := serve(t, new(scorer))
	dir := writeLog(t, logged{"a", 0, "serve", 1, 1}, logged{"b", 0, "shadow", 9, 9}, logged{"c", 0, "serve", 0.25, 0}, logged{"d", 0, "serve", 3, 0})
	vectors, err := replay.ReadVectors(t.Context(), dir, "late", 100)
	if err != nil {
		t.Fatal(err)
	}
	c, err := replay.Compare(t.Context(), control, vectors, replay.Ref{Model: "late", Version: 1}, replay.Ref{Model: "late", Version: 2}, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	if c.Rows != 3 || c.Agreement.MaxDifference != 3 || math.Abs(c.Agreement.Changed-1./3) > 1e-9 || c.B.Bytes != 20 || c.A.Runs[0].Micros != 1 {
		t.Errorf("got %+v of %+v and %+v", c, c.A, c.B)
	}
	labels := func(csv string) ([]float64, error) {
		path := filepath.Join(t.TempDir(), "labels.csv")
		if err := os.WriteFile(path, []byte(csv), 0o600); err != nil {
			t.Fatal(err)
		}
		return vectors.Labels(t.Context(), control, path)
	}
	outcomes, err := labels("log:request_id,label\na,1\nd,false\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(outcomes) != 3 || outcomes[0] != 1 || !math.IsNaN(outcomes[1]) || outcomes[2] != 0 {
		t.Errorf("outcomes %v", outcomes)
	}
	c.Measure(outcomes, 0.5)
	if c.Quality == nil || c.Quality.Rows != 2 || c.Quality.Positives != 1 {
		t.Errorf("quality %+v", c.Quality)
	}
	for csv, want := range map[string]string{
		"log:request_id,label\nz,1\n":     "none of its 1 labels matches a compared row",
		"log:request_id,label\na,maybe\n": `label "maybe" is neither true nor false`,
		"request,label\na,1\n":            "add a column log:request_id",
	} {
		if _, err := labels(csv); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", csv, err, want)
		}
	}
	if _, err := replay.Compare(t.Context(), control, vectors, replay.Ref{Model: "late", Version: 1}, replay.Ref{Model: "late", Version: 9}, 0.5); err == nil || !strings.Contains(err.Error(), `model "late" has no version 9`) {
		t.Errorf("an unknown version: %v", err)
	}
}
