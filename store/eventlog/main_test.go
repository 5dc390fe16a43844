package eventlog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/internal/pgtest"
	"larder/migrations"
	"larder/schema"
	"larder/store/eventlog"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// payments is a stream whose events have ids.
func payments() *schema.Stream {
	return &schema.Stream{
		Name: "payments", Log: schema.StreamLog{Table: "fraud.payments", Create: true}, EventID: "id", TimestampField: "happened",
		Fields: []schema.StreamField{
			{Name: "id", Type: schema.String},
			{Name: "card_id", Type: schema.Int64},
			{Name: "amount", Type: schema.Float64, Nullable: true},
			{Name: "happened", Type: schema.Timestamp},
			{Name: "note", Type: schema.Bytes, Nullable: true},
			{Name: "small", Type: schema.Int32, Nullable: true},
			{Name: "real", Type: schema.Float32, Nullable: true},
			{Name: "flag", Type: schema.Bool, Nullable: true},
		},
	}
}

// A world is a database with the log of one stream.
type world struct {
	t     testing.TB
	db    *pgtest.DB
	store *eventlog.Store
	log   *eventlog.Log
}

func newWorld(t testing.TB, s *schema.Stream) *world {
	t.Helper()
	w := &world{t: t, db: pgtest.New(t)}
	if _, err := migrations.Up(t.Context(), w.db.DSN); err != nil {
		t.Fatal(err)
	}
	store, err := eventlog.Open(t.Context(), w.db.DSN, eventlog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	w.store, w.log = store, store.Log(s)
	if err := w.log.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return w
}

// An event as tests write it.
type event struct {
	id      string
	card    int64
	amount  float64
	at      time.Duration // after 2026-01-01
	retract bool
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func events(s *schema.Stream, all ...event) *eventlog.Events {
	e := eventlog.NewEvents(s, len(all))
	for _, x := range all {
		e.Fields[0].Strings = append(e.Fields[0].Strings, x.id)
		e.Fields[1].Int64s = append(e.Fields[1].Int64s, x.card)
		e.Fields[2].Float64s = append(e.Fields[2].Float64s, x.amount)
		e.Fields[3].Int64s = append(e.Fields[3].Int64s, start.Add(x.at).UnixMicro())
		e.Fields[4].Bytes = append(e.Fields[4].Bytes, []byte{0, byte(x.card)})
		e.Fields[5].Int32s = append(e.Fields[5].Int32s, int32(x.card))
		e.Fields[6].Float32s = append(e.Fields[6].Float32s, float32(x.amount))
		e.Fields[7].Bools = append(e.Fields[7].Bools, x.card%2 == 0)
		for f := range e.Fields {
			e.Fields[f].Valid = append(e.Fields[f].Valid, true)
		}
		e.IDs, e.Retract = append(e.IDs, x.id), append(e.Retract, x.retract)
	}
	return e
}

func (w *world) append(a eventlog.Addition) eventlog.Added {
	w.t.Helper()
	added, err := w.log.Append(w.t.Context(), &a)
	if err != nil {
		w.t.Fatal(err)
	}
	return added
}

// read returns all rows of the log, one a line.
func (w *world) read(after int64) (lines []string) {
	w.t.Helper()
	_, _, err := w.log.Read(w.t.Context(), after, func(e *eventlog.Events) error {
		for i := range e.Len() {
			sign := "+"
			if e.Retract[i] {
				sign = "-"
			}
			if e.Deleted[i] {
				sign = "x"
			}
			lines = append(lines, fmt.Sprintf("%d %s%s card=%v amount=%v", e.Seqs[i], sign, e.IDs[i], e.Fields[1].Value(i), e.Fields[2].Value(i)))
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.db.DSN)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(w.t.Context())
	if _, err := conn.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}
