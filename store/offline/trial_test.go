package offline_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"larder/schema"
)

// TestTryReadsTheFirstRows: a column of fractions that is declared as an integer is
// refused before a run finds each of its rows bad, and other bad rows are told of.
func TestTryReadsTheFirstRows(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id bigint, at timestamptz, r real, d double precision, n numeric, whole double precision, txt text);
		INSERT INTO t SELECT nullif(i, 5), '2024-01-01', i + 0.5, i + 0.25, i * 1.5, i, 'x' FROM generate_series(1, 100) i`,
		schema.Source{Table: "t", TimestampField: "at"}, idKey, schema.Feature{Name: "whole", Type: schema.Int64})
	f := func(source schema.Source, refusal, note string, features ...schema.Feature) {
		t.Helper()
		notes, err := w.store.Try(t.Context(), view(t, source, idKey, features...))
		var said *schema.Error
		if refusal == "" && err != nil || refusal != "" && (!errors.As(err, &said) || said.Kind != schema.Invalid || !strings.Contains(said.Message, refusal)) {
			t.Errorf("got %v, want %q", err, refusal)
		}
		if got := strings.Join(notes, "\n"); (note == "") != (got == "") || !strings.Contains(got, note) {
			t.Errorf("notes %q, want %q", got, note)
		}
	}
	table := schema.Source{Table: "t", TimestampField: "at"}
	most := 0.5
	patient, strict := table, table
	patient.MaxBadShare, strict.OnBadRow = &most, schema.FailBadRow
	whole := schema.Feature{Name: "whole", Type: schema.Int64}
	f(patient, "", "", whole)
	f(table, "", "", whole) // 1 % is tolerated
	f(strict, "", "1 of its first 100 rows are bad", whole)
	f(strict, "", "null_key", whole)
	f(table, `column "r" is real and has values with a fraction, which int64 can't hold; declare float32`, "", schema.Feature{Name: "r", Type: schema.Int64})
	f(table, `column "d" is double precision and has values with a fraction, which int32 can't hold; declare float64`, "", schema.Feature{Name: "d", Type: schema.Int32})
	f(table, `column "n" is numeric`, "", whole, schema.Feature{Name: "n", Type: schema.Int64})
	f(table, "", "", schema.Feature{Name: "r", Type: schema.Float32}, schema.Feature{Name: "d", Type: schema.Float64})
	f(schema.Source{Query: "SELECT id, at, whole * 1e12 AS big FROM t WHERE id IS NOT NULL", TimestampField: "at"}, "", "99 of its first 99 rows are bad", schema.Feature{Name: "big", Type: schema.Int32})
	f(schema.Source{Query: "SELECT id, at, whole FROM t WHERE false", TimestampField: "at"}, "", "", whole)

	began := time.Now()
	f(schema.Source{Query: "SELECT id, at, r FROM t, pg_sleep(60)", TimestampField: "at"}, "", "", schema.Feature{Name: "r", Type: schema.Int64})
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("a slow source was tried for %s", took)
	}
}
