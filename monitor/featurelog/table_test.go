package featurelog_test

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/column"
	"larder/internal/pgtest"
	"larder/migrations"
	"larder/monitor/featurelog"
	"larder/schema"
	"larder/store/registry"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A postgres is the table of a registry, as larder serve has it.
type postgres struct {
	*registry.Registry
	db *pgtest.DB
}

func (p *postgres) AppendLogged(ctx context.Context, rows []featurelog.Row) error {
	logged := make([]registry.LoggedRow, len(rows))
	for i := range rows {
		logged[i] = registry.LoggedRow(rows[i])
	}
	return p.Registry.AppendLogged(ctx, logged)
}

func (p *postgres) ReadLogged(ctx context.Context, model string, from, until int64, visit func(*featurelog.Row) error) error {
	return p.Registry.ReadLogged(ctx, model, from, until, func(l *registry.LoggedRow) error {
		row := featurelog.Row(*l)
		return visit(&row)
	})
}

func openPostgres(t *testing.T) *postgres {
	t.Helper()
	db := pgtest.New(t)
	if _, err := migrations.Up(t.Context(), db.DSN); err != nil {
		t.Fatal(err)
	}
	r, err := registry.Open(db.DSN, t.TempDir(), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return &postgres{r, db}
}

func (p *postgres) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := p.db.Pool.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func (p *postgres) rows(t *testing.T) (n int) {
	t.Helper()
	if err := p.db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM larder.feature_log").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// await asks until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s not yet: %s", what)
		}
	}
}

// TestTable: what the folder gets the table gets too, without a folder as well.
func TestTable(t *testing.T) {
	p, plan := openPostgres(t), modelPlan(t, &schema.ModelLog{Rate: 1})
	r := start(t, "", featurelog.Options{Table: p})
	e := entry(plan, math.MaxUint64, 2)
	e.Dense[1] = math.Float32frombits(0x7fc00001)
	e.Request.Names = append(e.Request.Names, "spend:n")
	e.Request.Values = append(e.Request.Values, column.Column{Type: schema.Float64, Float64s: []float64{math.Inf(-1), 0.1}, Valid: []bool{true, true}})
	e.Statuses = []schema.Status{schema.StatusPresent, schema.StatusNotFound}
	r.Offer(e)
	r.end()
	type row struct {
		ID                            string
		Row                           int32
		Role, Model                   string
		Version, Catalog, At          int64
		Latency                       int64
		Score                         float64
		Overridden                    []string
		Keys, Request, Statuses, Ages string
		First, Second, Third          uint32
		NoInputs                      bool
	}
	got := row{}
	var vector []float32
	err := p.db.Pool.QueryRow(t.Context(), `SELECT request_id::text, row, role, model, model_version, catalog_version, (extract(epoch FROM at) * 1000000)::bigint, latency_us, score,
		overridden, keys::text, request::text, statuses::text, ages_us::text, vector, inputs IS NULL FROM larder.feature_log WHERE row = 0`).Scan(
		&got.ID, &got.Row, &got.Role, &got.Model, &got.Version, &got.Catalog, &got.At, &got.Latency, &got.Score,
		&got.Overridden, &got.Keys, &got.Request, &got.Statuses, &got.Ages, &vector, &got.NoInputs)
	if err != nil || len(vector) != 3 {
		t.Fatalf("vector %v (%v)", vector, err)
	}
	got.First, got.Second, got.Third = math.Float32bits(vector[0]), math.Float32bits(vector[1]), math.Float32bits(vector[2])
	want := row{
		ID: "18446744073709551615", Role: "serve", Model: "fraud", Version: 3, Catalog: 5, At: e.At, Latency: 250, Overridden: []string{"spend:n"},
		Keys: `{"customer_id":-1000}`, Request: `{"amount":0,"spend:n":"-Infinity"}`, Statuses: `{"spend":"PRESENT"}`, Ages: `{"spend":0}`,
		Second: 0x7fc00001, NoInputs: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := p.rows(t); n != 2 {
		t.Errorf("%d rows; want 2", n)
	}
}

// readJSON is the column of one value that a JSON object of the table has by a name.
func readJSON(t *testing.T, object []byte, name string, typ schema.Type) column.Column {
	t.Helper()
	var values map[string]json.RawMessage
	if err := json.Unmarshal(object, &values); err != nil {
		t.Fatal(err)
	}
	raw := string(values[name])
	if raw == "null" {
		return column.Column{Type: typ, Bools: make([]bool, 1), Int32s: make([]int32, 1), Int64s: make([]int64, 1), Float32s: make([]float32, 1), Float64s: make([]float64, 1), Strings: make([]string, 1), Valid: []bool{false}}
	}
	float := func(bits int) uint64 {
		text := strings.Trim(raw, `"`)
		if payload, isNaN := strings.CutPrefix(text, "NaN:"); isNaN {
			v, err := strconv.ParseUint(payload, 16, bits)
			if err != nil {
				t.Fatalf("%s: %v", raw, err)
			}
			return v
		}
		if text == "NaN" { // that which C has for 0/0
			return map[int]uint64{32: 0x7fc00000, 64: 0x7ff8000000000000}[bits]
		}
		v, err := strconv.ParseFloat(text, bits)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if bits == 32 {
			return uint64(math.Float32bits(float32(v)))
		}
		return math.Float64bits(v)
	}
	c := column.Column{Type: typ}
	var err error
	switch typ {
	case schema.Bool:
		c.Bools = []bool{raw == "true"}
	case schema.Int32, schema.Int64:
		var v int64
		v, err = strconv.ParseInt(raw, 10, 64)
		c.Int32s, c.Int64s = []int32{int32(v)}, []int64{v}
	case schema.Float32:
		c.Float32s = []float32{math.Float32frombits(uint32(float(32)))}
	case schema.Float64:
		c.Float64s = []float64{math.Float64frombits(float(64))}
	case schema.String:
		c.Strings = make([]string, 1)
		err = json.Unmarshal([]byte(raw), &c.Strings[0])
	}
	if err != nil {
		t.Fatalf("%s of %s: %v", raw, typ, err)
	}
	return c
}

// TestEveryBitOfTable: as TestEveryBit, of the table.
func TestEveryBitOfTable(t *testing.T) {
	p, plan := openPostgres(t), typedPlan(t)
	log := start(t, "", featurelog.Options{Table: p})
	entries := drawEntries(plan)
	for i, e := range entries {
		e.RequestID = strconv.Itoa(i)
		log.Offer(e)
	}
	log.end()
	found, err := p.db.Pool.Query(t.Context(), "SELECT request_id::bigint, row, score, request, inputs FROM larder.feature_log ORDER BY request_id, row")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	rows := 0
	for ; found.Next(); rows++ {
		var id int64
		var row int
		var score float64
		var request, inputs []byte
		if err := found.Scan(&id, &row, &score, &request, &inputs); err != nil {
			t.Fatal(err)
		}
		e := entries[id]
		if math.Float64bits(score) != math.Float64bits(e.Scores[row]) {
			t.Errorf("score %x; want %x", math.Float64bits(score), math.Float64bits(e.Scores[row]))
		}
		for i, f := range plan.Features {
			typ := everyType[i]
			for _, got := range []struct{ from, read column.Column }{
				{e.Tensors[i], readJSON(t, inputs, f.Name, typ)}, {e.Request.Values[i], readJSON(t, request, plan.Request[i].Name, typ)},
			} {
				if want, read := cells(got.from)[row], cells(got.read)[0]; want != read {
					t.Errorf("request %d, row %d: %s is %v; want %v", id, row, f.Name, read, want)
				}
			}
		}
	}
	want := 0
	for _, e := range entries {
		want += e.Rows
	}
	if err := found.Err(); err != nil || rows != want {
		t.Errorf("%d rows (%v); want %d", rows, err, want)
	}
}

// TestTableThatFails: rows that it refuses are counted, the files have them all the
// same, and it gets those that come when it works again.
func TestTableThatFails(t *testing.T) {
	p, plan, dir := openPostgres(t), modelPlan(t, &schema.ModelLog{Rate: 1}), t.TempDir()
	r := start(t, dir, featurelog.Options{Table: p})
	p.exec(t, "ALTER TABLE larder.feature_log RENAME TO gone")
	r.Offer(entry(plan, 1, 10))
	await(t, "rows are dropped", func() bool { return r.dropped(t, "table") == 10 })
	p.exec(t, "ALTER TABLE larder.gone RENAME TO feature_log")
	// Connections that were cut are made again.
	p.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	sent := 0
	await(t, "rows are written", func() bool {
		sent++
		r.Offer(entry(plan, uint64(1+sent), 1))
		var n int
		err := p.db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM larder.feature_log").Scan(&n)
		return err == nil && n > 0
	})
	r.end()
	if _, rows := read(t, dir); rows != int64(10+sent) {
		t.Errorf("%d rows in files; want %d", rows, 10+sent)
	}
	if n, dropped := p.rows(t), r.dropped(t, "table"); n+int(dropped) != 10+sent {
		t.Errorf("%d rows in the table and %v dropped of %d", n, dropped, 10+sent)
	}
}

// TestTableThatIsSlow: it loses what is more than the queue takes; nobody waits for
// it, and the files lose nothing by it.
func TestTableThatIsSlow(t *testing.T) {
	p, plan, dir := openPostgres(t), modelPlan(t, &schema.ModelLog{Rate: 1}), t.TempDir()
	r := start(t, dir, featurelog.Options{Table: p, MaxQueued: 1 << 20})
	tx, err := p.db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE larder.feature_log"); err != nil {
		t.Fatal(err)
	}
	sent := 0
	await(t, "the queue of the table is full", func() bool {
		r.Offer(entry(plan, uint64(sent), 500))
		sent += 500
		return r.dropped(t, "table_queue") > 0
	})
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.end()
	if _, rows := read(t, dir); rows+int64(r.dropped(t, "queue")) != int64(sent) || rows == 0 {
		t.Errorf("%d rows in files, and %v dropped, of %d", rows, r.dropped(t, "queue"), sent)
	}
	if n, dropped := p.rows(t), r.dropped(t, "table_queue")+r.dropped(t, "table"); n+int(dropped) != sent || n == 0 {
		t.Errorf("%d rows in the table, and %v dropped, of %d", n, dropped, sent)
	}
}

// TestTableKeeps: rows that were kept for long enough are deleted.
func TestTableKeeps(t *testing.T) {
	p, plan := openPostgres(t), modelPlan(t, &schema.ModelLog{Rate: 1})
	start(t, "", featurelog.Options{Table: p}).end()
	r := start(t, "", featurelog.Options{Table: p, Keep: 300 * time.Millisecond})
	r.Offer(entry(plan, 1, 7))
	await(t, "rows come", func() bool { return p.rows(t) == 7 })
	await(t, "rows go", func() bool { return p.rows(t) == 0 })
}
