package offline

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5/pgconn"

	"larder/schema"
)

// The bounds of a trial.
const (
	trialRows = 200
	trialTime = 2 * time.Second
)

// Try reads the first rows of a view's source, which [Store.Check] has accepted, as a run
// would. It returns an error of kind Invalid where a column with fractions is declared as
// an integer, because no run can store such values. The notes tell of other rows that a
// run would refuse. Where the rows take longer than two seconds, Try says nothing.
func (s *Store) Try(ctx context.Context, view *schema.View) (notes []string, err error) {
	trial, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	err = s.snapshot(trial, view, func(trial context.Context, conn *pgconn.PgConn) error {
		b, err := bind(trial, conn, view)
		if err != nil {
			return err
		}
		tried, err := b.firstRows(trial, conn)
		if err != nil {
			return err
		}
		if len(tried.bad) == 0 {
			return nil
		}
		if err := b.refuseFractions(trial, conn); err != nil {
			return err
		}
		notes = tried.notes(view)
		return nil
	})
	if trial.Err() != nil && ctx.Err() == nil {
		return nil, nil
	}
	return notes, err
}

// A trialRun is what became of the first rows of a source.
type trialRun struct {
	rows int
	bad  []schema.BadRow
}

func (b *binding) firstRows(ctx context.Context, conn *pgconn.PgConn) (trialRun, error) {
	var tried trialRun
	now := time.Now().UnixMicro()
	q := b.windowQuery(schema.Window{Mode: schema.Full, From: schema.BeginningOfTime, To: now, Now: now})
	q.sql += fmt.Sprintf("\nLIMIT %d", trialRows)
	err, _ := b.read(ctx, conn, q, func(rec arrow.Record, bad []schema.BadRow) error {
		tried.rows += int(rec.NumRows()) + len(bad)
		tried.bad = append(tried.bad, bad...)
		return nil
	})
	return tried, err
}

// notes tells when a run would fail because of bad rows like the first ones.
func (t trialRun) notes(view *schema.View) []string {
	limit := view.Origin.BadShare()
	if float64(len(t.bad)) <= limit*float64(t.rows) {
		return nil
	}
	fails := "a run fails at the first bad row"
	if limit > 0 {
		fails = fmt.Sprintf("a run fails when more than %v %% of its rows are bad", limit*100)
	}
	return []string{fmt.Sprintf("feature view %q: source %q: %d of its first %d rows are bad, as in %s (%s); %s",
		view.Name, view.Origin.Name, len(t.bad), t.rows, t.bad[0].Sample, t.bad[0].Reason, fails)}
}

// refuseFractions returns an error that names the columns whose first rows have fractions
// and that are declared as integers.
func (b *binding) refuseFractions(ctx context.Context, conn *pgconn.PgConn) error {
	var columns []sourceColumn
	var tests []string
	for _, c := range b.columns {
		whole := c.typ == schema.Int32 || c.typ == schema.Int64
		if fraction := c.pg.kind == float4 || c.pg.kind == float8 || c.pg.kind == numeric; whole && fraction {
			columns = append(columns, c)
			tests = append(tests, fmt.Sprintf("coalesce(bool_or(%[1]s <> trunc(%[1]s)), false)::text", quote(c.column)))
		}
	}
	if len(columns) == 0 {
		return nil
	}
	sql := fmt.Sprintf("SELECT %s FROM (SELECT * FROM %s LIMIT %d) AS first", strings.Join(tests, ", "), fromClause(b.view.Origin), trialRows)
	result := conn.ExecParams(ctx, sql, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return result.Err
	}
	var faults []string
	for i, c := range columns {
		if string(result.Rows[0][i]) == "true" {
			faults = append(faults, fmt.Sprintf("feature view %q: source %q: column %q is %s and has values with a fraction, which %s can't hold; declare %s, or round them in the source's query",
				b.view.Name, b.view.Origin.Name, c.column, c.pg.name, c.typ, c.pg.fractional()))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return schema.BadSource.Errorf("%s", strings.Join(faults, "\n"))
}

// fractional returns the type that holds the fractions of a column's values.
func (t pgType) fractional() schema.Type {
	if t.kind == float4 {
		return schema.Float32
	}
	return schema.Float64
}
