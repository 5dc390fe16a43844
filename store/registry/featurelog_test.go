package registry_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/store/registry"
)

func loggedRow(id string) registry.LoggedRow {
	object := []byte("{}")
	return registry.LoggedRow{
		RequestID: id, Role: "serve", Model: "fraud", ModelVersion: 3, CatalogVersion: 5, At: 1_767_268_800_000_000, Latency: 250 * time.Microsecond, Score: 0.5,
		Keys: object, Request: object, Statuses: object, Ages: object, Vector: []float32{1},
	}
}

// TestLoggedRowsKeepEveryBit: what a model was fed is in the table bit for bit, and
// no request can send what the table refuses.
func TestLoggedRowsKeepEveryBit(t *testing.T) {
	db := database(t)
	n, err := newNode(t, db.DSN, t.TempDir(), new(rows))
	if err != nil {
		t.Fatal(err)
	}
	bits := []uint32{0x7fc00001, 0xff800000, 0x80000000, 0x7f800001, 1, 0, 0x3f800000, 0xffc12345, 0x7f800000}
	dense := loggedRow("order 7/ü")
	dense.Vector, dense.Score, dense.At, dense.Row = nil, math.Copysign(0, -1), math.MaxInt64, 1
	for _, b := range bits {
		dense.Vector = append(dense.Vector, math.Float32frombits(b))
	}
	named := loggedRow("")
	named.Vector, named.Inputs, named.Overridden = nil, []byte(`{"spend:n":-0,"spend:x":"NaN"}`), []string{"spend:n"}
	named.At, named.Keys = math.MinInt64, []byte(`{"name":"a\u0000b"}`)
	if err := n.AppendLogged(t.Context(), []registry.LoggedRow{dense, named}); err != nil {
		t.Fatal(err)
	}
	var id, at string
	var vector []float32
	var score float64
	err = db.Pool.QueryRow(t.Context(), "SELECT request_id::text, at::text, vector, score FROM larder.feature_log WHERE row = 1").Scan(&id, &at, &vector, &score)
	if err != nil || id != "order 7/ü" || !strings.HasPrefix(at, "294247-01-10") || !math.Signbit(score) || len(vector) != len(bits) {
		t.Fatalf("request %s at %s, %d values, score %v (%v)", id, at, len(vector), score, err)
	}
	for i, b := range bits {
		if got := math.Float32bits(vector[i]); got != b {
			t.Errorf("value %d has bits %08x; want %08x", i, got, b)
		}
	}
	var keys, inputs string
	err = db.Pool.QueryRow(t.Context(), "SELECT at::text, keys::text, inputs::text FROM larder.feature_log WHERE row = 0").Scan(&at, &keys, &inputs)
	if err != nil || at != "-infinity" || keys != string(named.Keys) || inputs != string(named.Inputs) {
		t.Errorf("at %s, keys %s, inputs %s (%v)", at, keys, inputs, err)
	}
}

// TestOldLoggedRowsAreDropped: in batches, those that are old only, and by one
// server at a time.
func TestOldLoggedRowsAreDropped(t *testing.T) {
	db := database(t)
	n, err := newNode(t, db.DSN, t.TempDir(), new(rows))
	if err != nil {
		t.Fatal(err)
	}
	many := make([]registry.LoggedRow, 10_005)
	for i := range many {
		many[i] = loggedRow(strconv.Itoa(i))
	}
	if err := n.AppendLogged(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Pool.Exec(t.Context(), "UPDATE larder.feature_log SET logged_at = now() - interval '8 days' WHERE request_id NOT IN ('0', '1')"); err != nil {
		t.Fatal(err)
	}
	const lock = 0x6c6172646572666c
	dropped := func(more bool, left int) {
		t.Helper()
		got, err := n.DropLogged(t.Context(), time.Now().Add(-7*24*time.Hour))
		var now int
		if err == nil {
			err = db.Pool.QueryRow(t.Context(), "SELECT count(*) FROM larder.feature_log").Scan(&now)
		}
		if err != nil || got != more || now != left {
			t.Errorf("more %v, %d left (%v); want %v, %d", got, now, err, more, left)
		}
	}
	err = pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "SELECT pg_advisory_xact_lock($1)", int64(lock))
		dropped(false, len(many))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	dropped(true, 5)
	dropped(false, 2)
	dropped(false, 2)
}
