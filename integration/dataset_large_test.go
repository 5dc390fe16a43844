package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"larder/internal/pgtest"
)

// A courierSpine makes spines for the service late, with more columns.
type courierSpine struct {
	floats int // number of float columns
	text   int // bytes of a text column; 0: no text column
}

func (c courierSpine) schema() *arrow.Schema {
	fields := []arrow.Field{
		{Name: "courier_id", Type: arrow.PrimitiveTypes.Int64}, {Name: "event_time", Type: arrow.FixedWidthTypes.Timestamp_us}, {Name: "km", Type: arrow.PrimitiveTypes.Float64},
	}
	for i := range c.floats {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("x%d", i), Type: arrow.PrimitiveTypes.Float64})
	}
	if c.text > 0 {
		fields = append(fields, arrow.Field{Name: "note", Type: arrow.BinaryTypes.String})
	}
	return arrow.NewSchema(fields, nil)
}

// batch has rows of courier 1; km is the row number.
func (c courierSpine) batch(first, rows int) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, c.schema())
	defer b.Release()
	note := strings.Repeat("n", c.text)
	for i := range rows {
		b.Field(0).(*array.Int64Builder).Append(1)
		b.Field(1).(*array.TimestampBuilder).Append(1_767_268_800_000_000) // noon of the first day
		b.Field(2).(*array.Float64Builder).Append(float64(first + i))
		for k := range c.floats {
			b.Field(3 + k).(*array.Float64Builder).Append(float64(first+i) / float64(k+1))
		}
		if c.text > 0 {
			b.Field(3 + c.floats).(*array.StringBuilder).Append(note)
		}
	}
	return b.NewRecord()
}

// exchange sends a spine in batches and counts the rows of the training set.
func (s *server) exchange(ctx context.Context, c courierSpine, batches, batchRows int, options ...ipc.Option) (rows int64, err error) {
	s.t.Helper()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := flight.NewClientFromConn(s.conn, nil).DoExchange(ctx)
	if err != nil {
		return 0, err
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		out := flight.NewRecordWriter(stream, append(options, ipc.WithSchema(c.schema()))...)
		out.SetFlightDescriptor(&flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: []byte(`{"service": "late"}`)})
		rec := c.batch(0, batchRows)
		defer rec.Release()
		for range batches {
			if out.Write(rec) != nil {
				return // the response says why
			}
		}
		_ = stream.CloseSend()
	}()
	defer func() { stop(); <-sent }()
	for {
		data, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return rows, err
		}
		var said struct {
			Manifest *struct{ Rows int64 }
		}
		if raw := data.GetAppMetadata(); len(raw) > 0 {
			if err := json.Unmarshal(raw, &said); err != nil {
				return rows, err
			}
		}
		if said.Manifest != nil {
			rows = said.Manifest.Rows
		}
	}
}

// peakMemory returns the peak memory of a server's process so far, in bytes.
func (s *server) peakMemory() int { return s.processStatus("VmHWM") }

// processStatus returns a line of the status that Linux has of a server's process, in
// bytes.
func (s *server) processStatus(line string) int {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	found := regexp.MustCompile(line + `:\s+(\d+) kB`).FindSubmatch(text)
	kib, err := strconv.Atoi(string(found[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	return kib << 10
}

// TestMemoryOfLargeDatasets: memory does not grow with a spine.
func TestMemoryOfLargeDatasets(t *testing.T) {
	s, _ := newCouriers(t)
	const kilobyte, batchRows = 1 << 10, 1 << 10
	build := func(megabytes int) int {
		t.Helper()
		rows, err := s.exchange(t.Context(), courierSpine{text: kilobyte}, megabytes, batchRows)
		if err != nil || rows != int64(megabytes)*batchRows {
			t.Fatalf("%d rows of %d megabytes: %v", rows, megabytes, err)
		}
		return s.peakMemory()
	}
	megabytes, most := 150, 4.0/3
	if raceEnabled {
		megabytes, most = 80, 2 // takes as long; on a busy machine its memory is collected late
	}
	build(megabytes) // lets the garbage collector settle
	small, large := build(megabytes), build(3*megabytes)
	t.Logf("%d MiB for %d MB, %d MiB for %d MB", small>>20, megabytes, large>>20, 3*megabytes)
	if float64(large) > most*float64(small) {
		t.Errorf("the server needed %d MiB for a spine of %d MB, and %d MiB for a third of it", large>>20, 3*megabytes, small>>20)
	}
}

// TestWideDatasets: sets with batches larger than a message, in both directions.
func TestWideDatasets(t *testing.T) {
	t.Parallel()
	const features, floats, rows = 270, 240, 9_000
	db := pgtest.New(t)
	columns, names := "", []string{}
	for i := range features {
		columns += fmt.Sprintf(", f%d float8 DEFAULT %d", i, i)
		names = append(names, fmt.Sprintf("{name: f%d, type: float64}", i))
	}
	if _, err := db.Pool.Exec(t.Context(), "CREATE TABLE wide (courier_id bigint, at timestamptz"+columns+")"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Pool.Exec(t.Context(), "INSERT INTO wide VALUES (1, '2026-01-01')"); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN)
	s.apply(definitionsFolder(t, `
entities: [{name: courier, join_keys: [{name: courier_id, type: int64}]}]
sources: [{name: wide, table: wide, timestamp_field: at}]
feature_views: [{name: wide, entities: [courier], source: wide, features: [`+strings.Join(names, ", ")+`]}]
feature_services: [{name: late, features: ["wide:*"]}]
`))
	dir := t.TempDir()
	spine, set := filepath.Join(dir, "spine.arrow"), filepath.Join(dir, "set.parquet")
	whole := courierSpine{floats: floats}.batch(0, rows)
	defer whole.Release()
	writeIPC(t, spine, whole)
	if _, stderr, code := s.client("dataset", "--service", "late", "--spine", spine, "--out", set); code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	table := readParquet(t, set)
	if table.NumRows() != rows || table.NumCols() != 3+floats+features {
		t.Fatalf("the set has %d rows and %d columns", table.NumRows(), table.NumCols())
	}
	first := int64(0)
	in := array.NewTableReader(table, 0)
	defer in.Release()
	for in.Next() {
		rec := in.Record()
		for i := range 3 + floats {
			if part := array.NewSlice(whole.Column(i), first, first+rec.NumRows()); !array.Equal(part, rec.Column(i)) {
				t.Fatalf("column %s of the spine is not what it was", rec.ColumnName(i))
			}
		}
		for i := range features {
			for _, v := range rec.Column(3 + floats + i).(*array.Float64).Float64Values() {
				if v != float64(i) {
					t.Fatalf("feature %d is %v", i, v)
				}
			}
		}
		first += rec.NumRows()
	}
}

func writeIPC(t testing.TB, path string, rec arrow.Record) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out, err := ipc.NewFileWriter(f, ipc.WithSchema(rec.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.Write(rec), out.Close()); err != nil {
		t.Fatal(err)
	}
}

func readParquet(t testing.TB, path string) arrow.Table {
	t.Helper()
	in, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	rows, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := rows.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Release)
	return table
}

// TestSpinesThatAreTooLarge: a few compressed bytes can unpack to a large batch.
func TestSpinesThatAreTooLarge(t *testing.T) {
	s, _ := newCouriers(t)
	f := func(want string, c courierSpine, batches, batchRows int, options ...ipc.Option) {
		t.Helper()
		_, err := s.exchange(t.Context(), c, batches, batchRows, options...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("a batch of the spine takes more than 256 MiB; send smaller batches", courierSpine{text: math.MaxUint16}, 1, 5000, ipc.WithZstd())
	f("consecutive rows of the spine take more than 256 MiB", courierSpine{text: 14 << 20}, 20, 1)
	if rows, err := s.exchange(t.Context(), courierSpine{text: 1 << 20}, 1, 20, ipc.WithZstd()); err != nil || rows != 20 {
		t.Errorf("%d rows, %v", rows, err)
	}
}
