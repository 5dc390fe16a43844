package integration_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"larder/internal/pgtest"
)

// couriers has the history of two couriers: one row a day, which arrives ten minutes
// later, and a correction of the second day that arrives on the third.
const couriers = `
CREATE TABLE couriers (courier_id bigint, at timestamptz, arrived timestamptz, trips int, rating float8);
INSERT INTO couriers VALUES
	(1, '2026-01-01', '2026-01-01 00:10', 10, 4.5),
	(1, '2026-01-02', '2026-01-02 00:10', 11, 4.25),
	(1, '2026-01-02', '2026-01-03 12:00', 12, null),
	(2, '2026-01-01', '2026-01-01 00:10', 20, 'NaN')`

const courierDefinitions = `
entities: [{name: courier, join_keys: [{name: courier_id, type: int64}]}]
sources: [{name: couriers, table: couriers, timestamp_field: at, created_timestamp_column: arrived}]
feature_views:
  - {name: stats, entities: [courier], source: couriers, ttl: 2d, features: [{name: trips, type: int32, default: -1}, {name: rating, type: float64}]}
feature_services: [{name: late, request: [{name: km, type: float64, default: 5}], features: ["stats:rating", "request:km", "stats:trips"]}]
`

func newCouriers(t *testing.T) (*server, *pgtest.DB) {
	t.Helper()
	db := pgtest.New(t)
	if _, err := db.Pool.Exec(t.Context(), couriers); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN)
	s.apply(definitionsFolder(t, courierDefinitions))
	return s, db
}

func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDataset builds a training set with the command, in each format, and compares every byte.
func TestDataset(t *testing.T) {
	t.Parallel()
	s, _ := newCouriers(t)
	dir := t.TempDir()
	spine := writeFile(t, dir, "spine.csv", `label,courier_id,event_time,km
late,1,2026-01-01T00:10:00Z,1.5
,1,2026-01-01T00:09:59.999999Z,1.5
on time,1,2026-01-03T11:59:59Z,
late,1,2026-01-03T12:00:00+00:00,7
late,2,2026-01-03T00:00:00Z,7
late,2,2026-01-03T00:00:00.000001Z,7
late,3,2026-01-01T12:00:00+01:00,7
late,1,2026-01-01T00:10:00Z,1.5
`)
	const want = `label,courier_id,event_time,km,stats__rating,request__km,stats__trips
late,1,2026-01-01T00:10:00Z,1.5,4.5,1.5,10
,1,2026-01-01T00:09:59.999999Z,1.5,,1.5,-1
on time,1,2026-01-03T11:59:59Z,,4.25,5,11
late,1,2026-01-03T12:00:00Z,7,,7,12
late,2,2026-01-03T00:00:00Z,7,NaN,7,20
late,2,2026-01-03T00:00:00.000001Z,7,,7,-1
late,3,2026-01-01T11:00:00Z,7,,7,-1
late,1,2026-01-01T00:10:00Z,1.5,4.5,1.5,10
`
	set := func(in, out string, more ...string) (stdout, stderr string) {
		t.Helper()
		stdout, stderr, code := s.client(append([]string{"dataset", "--service", "late", "--spine", in, "--out", filepath.Join(dir, out)}, more...)...)
		if code != 0 {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		return stdout, stderr
	}
	got := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	stdout, stderr := set(spine, "set.csv")
	if diff := cmp.Diff(want, got("set.csv")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("VIEW   FOUND  MISSING  EXPIRED  HIDDEN\nstats      5        2        1       2\n", stdout[:strings.Index(stdout, "\n\n")+1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, w := range []string{"CREATE INDEX ON couriers (courier_id, at)", `for 2 of 8 rows a newer value existed but had not arrived yet (by arrived of source "couriers"`, "as_of: event_time"} {
		if !strings.Contains(stderr, w) {
			t.Errorf("no warning of %q in\n%s", w, stderr)
		}
	}
	// By event time, the second row sees the first day, and the third the correction.
	set(spine, "event.csv", "--as-of", "event_time", "--name", "late_2026q1")
	event := strings.Replace(want, "59.999999Z,1.5,,1.5,-1", "59.999999Z,1.5,4.5,1.5,10", 1)
	event = strings.Replace(event, "59Z,,4.25,5,11", "59Z,,,5,12", 1)
	if diff := cmp.Diff(event, got("event.csv")); diff != "" {
		t.Errorf("as of event time (-want +got):\n%s", diff)
	}
	s.datasetManifest(t, stdout[strings.LastIndex(stdout, " ")+1:])
	for _, command := range [][]string{{"dataset", "--show", "late_2026q1"}, {"show", "late_2026q1"}} {
		if shown, stderr, code := s.client(command...); code != 0 || !strings.Contains(shown, `"as_of": "event_time"`) {
			t.Errorf("larder %s: exit code %d\n%s%s", strings.Join(command, " "), code, shown, stderr)
		}
	}
	for name, said := range map[string]string{"late_2026q1": "exists already", "2026q1": "a letter first"} {
		_, stderr, code := s.client("dataset", "--service", "late", "--spine", spine, "--out", filepath.Join(dir, "again.csv"), "--name", name)
		if _, err := os.Stat(filepath.Join(dir, "again.csv")); code != 1 || !strings.Contains(stderr, said) || err == nil {
			t.Errorf("a second set called %s: exit code %d\n%s", name, code, stderr)
		}
	}
}

// datasetManifest checks the registry's record of the set of TestDataset.
func (s *server) datasetManifest(t *testing.T, id string) {
	t.Helper()
	id = strings.TrimSpace(id)
	shown, stderr, code := s.client("dataset", "--show", id)
	var m struct {
		ID, Fingerprint string
		Service         string `json:"feature_service"`
		Rows            int64
		Digest          string `json:"spine_digest"`
		Features        []struct {
			Name         string
			Count, Nulls int64
		}
	}
	if err := json.Unmarshal([]byte(shown), &m); err != nil || code != 0 {
		t.Fatalf("%v: %s%s", err, shown, stderr)
	}
	if m.ID != id || m.Service != "late" || m.Rows != 8 || len(m.Digest) != 64 || len(m.Fingerprint) != 64 || len(m.Features) != 3 ||
		m.Features[0].Name != "stats__rating" || m.Features[0].Count != 8 || m.Features[0].Nulls != 4 || m.Features[2].Nulls != 0 {
		t.Errorf("manifest %+v", m)
	}
	if list, _, _ := s.client("dataset", "--list"); strings.Count(list, "\n") != 3 || !strings.Contains(list, id) || !strings.Contains(list, "late_2026q1") {
		t.Errorf("the list of sets is\n%s", list)
	}
	if _, stderr, code := s.client("dataset", "--show", "nobody"); code != 1 || !strings.Contains(stderr, `no training set "nobody"`) {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestDatasetsThatAreRefused(t *testing.T) {
	s, _ := newCouriers(t)
	dir := t.TempDir()
	f := func(code int, spine, want string, args ...string) {
		t.Helper()
		path := writeFile(t, dir, "spine.csv", spine)
		out := filepath.Join(dir, "out.parquet")
		if len(args) == 0 {
			args = []string{"--service", "late", "--spine", path, "--out", out}
		}
		_, stderr, got := s.client(append([]string{"dataset"}, args...)...)
		if got != code || !strings.Contains(stderr, want) {
			t.Errorf("exit code %d, %s\nwant %d with %s", got, stderr, code, want)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*out*")); len(left) > 0 {
			t.Errorf("%s was left behind", left)
		}
	}
	const at = "2026-01-01T00:00:00Z"
	f(1, "courier,event_time,km\n1,"+at+",1\n", `the spine has no column "courier_id" (int64), a join key that late needs; did you mean "courier"? [MISSING_JOIN_KEY]`)
	f(1, "courier_id,at,km\n1,"+at+",1\n", `spine.csv has no column "event_time" with the time of each row; it has courier_id, at, km. Name the column with the times by --event-time-column`)
	f(1, "courier_id,event_time\n1,"+at+"\n", `request value "km" (float64) is missing; late needs it`)
	f(1, "courier_id,event_time,km\n1,2026-01-01,1\n", `line 2, column 3: event_time: "2026-01-01" is not a time; write it as`)
	f(1, "courier_id,event_time,km\n1.5,"+at+",1\n", `line 2, column 1: courier_id: 1.5 is not a valid int64 value; write a whole number`)
	f(1, "courier_id,event_time,km\n,"+at+",1\n", `the spine's join key "courier_id" is null in row 0; drop such rows [NULL_JOIN_KEY]`)
	f(1, "courier_id,event_time,km\n1,,1\n", `the spine's column "event_time" is null in row 0`)
	f(1, "courier_id,event_time,km,stats__trips\n1,"+at+",1,7\n", `the spine's column "stats__trips"`)
	f(1, "", `no feature service "lat"; did you mean "late"?`, "--service", "lat", "--spine", filepath.Join(dir, "spine.csv"), "--out", filepath.Join(dir, "out.csv"))
	f(2, "", "unknown file extension", "--service", "late", "--spine", filepath.Join(dir, "spine.xlsx"), "--out", filepath.Join(dir, "out.csv"))
	f(2, "courier_id,event_time,km\n1,"+at+",1\n", `--as-of is "yesterday"; it can be ingest_time or event_time`,
		"--service", "late", "--spine", filepath.Join(dir, "spine.csv"), "--out", filepath.Join(dir, "out.csv"), "--as-of", "yesterday")
	f(1, "courier_id,event_time,km\n1,"+at+",1\n", "is the spine, and would be replaced; name another file",
		"--service", "late", "--spine", filepath.Join(dir, "spine.csv"), "--out", filepath.Join(dir, "spine.csv"))
	pipe := filepath.Join(dir, "pipe.parquet")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	f(1, "courier_id,event_time,km\n1,"+at+",1\n", "pipe.parquet: it is a pipe, not a regular file; name a new file",
		"--service", "late", "--spine", filepath.Join(dir, "spine.csv"), "--out", pipe)
	wantPipe(t, pipe)
}

// TestFlightRows reads the rows of a view as any client of Arrow Flight can.
func TestFlightRows(t *testing.T) {
	s, _ := newCouriers(t)
	client := flight.NewClientFromConn(s.conn, nil)
	rows := func(command string) (n int64, names []string, err error) {
		t.Helper()
		info, err := client.GetFlightInfo(t.Context(), &flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: []byte(command)})
		if err != nil {
			return 0, nil, err
		}
		stream, err := client.DoGet(t.Context(), info.GetEndpoint()[0].GetTicket())
		if err != nil {
			return 0, nil, err
		}
		in, err := flight.NewRecordReader(stream)
		if err != nil {
			return 0, nil, err
		}
		defer in.Release()
		for _, f := range in.Schema().Fields() {
			names = append(names, f.Name)
		}
		for in.Next() {
			n += in.Record().NumRows()
			if at := in.Record().Column(0).(*array.Int64); at.Len() > 0 && at.NullN() > 0 {
				t.Error("a null key")
			}
		}
		return n, names, in.Err()
	}
	f := func(command string, want int64) {
		t.Helper()
		got, names, err := rows(command)
		if err != nil || got != want {
			t.Errorf("%s: %d rows, %v; want %d", command, got, err, want)
		}
		if diff := cmp.Diff([]string{"courier_id", "event_time", "ingest_time", "deleted", "trips", "rating"}, names); diff != "" {
			t.Errorf("columns (-want +got):\n%s", diff)
		}
	}
	f(`{"view": "stats"}`, 4)
	f(`{"view": "stats", "from": "2026-01-02T00:00:00Z"}`, 2)
	f(`{"view": "stats", "to": "2026-01-01T00:00:00Z"}`, 2)
	f(`{"view": "stats", "from": "2026-01-02T00:00:00.000001Z"}`, 0)
	refused := func(command, want string) {
		t.Helper()
		if _, _, err := rows(command); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", command, err, want)
		}
	}
	refused(`{"view": "stast"}`, `no feature view "stast"; did you mean "stats"?`)
	refused(`{"view": "stats", "form": "2026-01-02T00:00:00Z"}`, `unknown field "form"`)
	refused(`{"view": "stats"} 7`, "unexpected data after the JSON value")
	refused(`hello`, `write it as JSON, for example {"view": `)
	refused(`{"view": "stats", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}`, "the window ends before it begins")
}

// TestFlightStreamsThatAreNone: if what is sent is not an Arrow stream, the caller gets
// an error and the server keeps running.
func TestFlightStreamsThatAreNone(t *testing.T) {
	s, _ := newCouriers(t)
	client := flight.NewClientFromConn(s.conn, nil)
	command := &flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: []byte(`{"service": "late"}`)}
	f := func(want string, messages ...*flight.FlightData) {
		t.Helper()
		stream, err := client.DoExchange(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if err := stream.Send(m); err != nil {
				break // the response says why
			}
		}
		_ = stream.CloseSend()
		for err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	const none = "cannot read the request as an Arrow IPC stream"
	f(none, &flight.FlightData{FlightDescriptor: command, DataHeader: []byte("no flatbuffer at all, but some bytes")})
	f(none, &flight.FlightData{FlightDescriptor: command, DataHeader: bytes.Repeat([]byte{0xff}, 64)})
	f(none, &flight.FlightData{FlightDescriptor: command, DataHeader: make([]byte, 64)})
	f(none, &flight.FlightData{FlightDescriptor: command})
	whole := spineMessages(t, command)
	cut := &flight.FlightData{DataHeader: whole[1].GetDataHeader(), DataBody: whole[1].GetDataBody()[:8]}
	f("", whole[0], cut)
	f("cannot parse the command", &flight.FlightData{FlightDescriptor: &flight.FlightDescriptor{Cmd: []byte("late")}, DataHeader: whole[0].GetDataHeader()})
	if _, stderr, code := s.client("status"); code != 0 {
		t.Errorf("the server is gone: %s", stderr)
	}
}

// spineMessages are the messages of a small spine: its schema and one batch.
func spineMessages(t *testing.T, command *flight.FlightDescriptor) []*flight.FlightData {
	t.Helper()
	columns := arrow.NewSchema([]arrow.Field{
		{Name: "courier_id", Type: arrow.PrimitiveTypes.Int64}, {Name: "event_time", Type: arrow.FixedWidthTypes.Timestamp_us}, {Name: "km", Type: arrow.PrimitiveTypes.Float64},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, columns)
	defer b.Release()
	for i := range 100 {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.TimestampBuilder).Append(1_767_268_800_000_000)
		b.Field(2).(*array.Float64Builder).Append(1)
	}
	rec := b.NewRecord()
	defer rec.Release()
	var sent collected
	w := flight.NewRecordWriter(&sent, ipc.WithSchema(columns))
	w.SetFlightDescriptor(command)
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	return sent
}

// collected keeps the messages of a stream.
type collected []*flight.FlightData

func (c *collected) Send(d *flight.FlightData) error {
	*c = append(*c, proto.Clone(d).(*flight.FlightData))
	return nil
}
