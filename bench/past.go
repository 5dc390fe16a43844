package bench

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/jackc/pgx/v5"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

const (
	pastName     = "past"
	pastView     = pastName + "_view"
	pastEvents   = 1_000_000
	spreadOfPast = 50 * 24 * time.Hour
	batchEvents  = 5_000 // of a log that is filled here
	filledAtOnce = 1_000_000
	tellEvery    = 5 * time.Second
)

// fillLog fills the log of a stream with events 0 to n-1: at is the event time of event g,
// and stamp the time from which on it counts, in SQL.
func (s *streams) fillLog(ctx context.Context, name string, n, keys int, at, stamp string) error {
	remake, err := dropIndexes(ctx, s.db, name) // with them it takes several times as long
	if err != nil {
		return err
	}
	for first := 0; first < n; first += filledAtOnce {
		last := min(first+filledAtOnce, n)
		if _, err := s.db.Exec(ctx, fmt.Sprintf(`INSERT INTO bench.%s (id, entity_id, amount, at, larder_seq, larder_at, larder_sign, larder_id, larder_deleted)
			SELECT 'p' || g, (g * 7919) %% %d, (hashint8(g)::bigint & 1073741823) %% 10000 / 100.0, at, 1 + g / %d, %s, 1, 'p' || g, false
			FROM (SELECT g, %s AS at FROM generate_series(%d::bigint, %d) AS g) AS e`, name, keys, batchEvents, stamp, at, first, last-1)); err != nil {
			return err
		}
		if n > filledAtOnce {
			s.opts.Progress(fmt.Sprintf("%d of %d events are there", last, n))
		}
	}
	for _, sql := range append(remake, "ANALYZE bench."+name) {
		if _, err := s.db.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// dropIndexes drops the indexes of a log, and returns the statements that make them again.
func dropIndexes(ctx context.Context, conn *pgx.Conn, name string) ([]string, error) {
	rows, err := conn.Query(ctx, "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'bench' AND tablename = $1", name)
	if err != nil {
		return nil, err
	}
	var index, sql string
	var drop, remake []string
	if _, err := pgx.ForEachRow(rows, []any{&index, &sql}, func() error {
		drop, remake = append(drop, "DROP INDEX bench."+index), append(remake, sql)
		return nil
	}); err != nil {
		return nil, err
	}
	for _, sql := range drop {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return nil, err
		}
	}
	return remake, nil
}

// publish lets servers see a log that was filled with n events.
func publish(ctx context.Context, conn *pgx.Conn, name string, n int) error {
	_, err := conn.Exec(ctx, "UPDATE larder.streams SET seq = $1, at = clock_timestamp() WHERE name = $2", lastBatch(n), name)
	return err
}

func lastBatch(n int) int64 { return 1 + int64(n-1)/batchEvents }

// past measures a training set over a log, beside a scan of the log and a join that
// computes the same aggregates.
func (s *streams) past(ctx context.Context) error {
	s.opts.Progress(fmt.Sprintf("a log of %d events", pastEvents))
	if err := s.apply(ctx, definitionsOf([]schema.Stream{pushStream(pastName)}, fiveByFour(pastView, pastName))); err != nil {
		return err
	}
	at := fmt.Sprintf("'%s'::timestamptz + g * interval '%d microseconds'", historyBegin, spreadOfPast.Microseconds()/pastEvents)
	if err := s.fillLog(ctx, pastName, pastEvents, historyKeys, at, "at"); err != nil {
		return err
	}
	if err := publish(ctx, s.db, pastName, pastEvents); err != nil {
		return err
	}
	if err := s.untilBuilt(ctx, pastName, pastEvents); err != nil {
		return err
	}
	s.opts.Progress("a training set of 100,000 rows from 1,000,000 events")
	spine := historySpine()
	defer spine.Release()
	var all []time.Duration
	for range 3 {
		took, err := buildSet(ctx, s.client, spine)
		if err != nil {
			return err
		}
		all = append(all, took)
	}
	s.opts.Progress("the same with SQL")
	scan, err := copyOut(ctx, s.db, "SELECT * FROM bench.past ORDER BY entity_id, at")
	if err != nil {
		return err
	}
	join, err := s.join(ctx, spine)
	if err != nil {
		return err
	}
	s.add(Bar{
		Name: "training set, 100,000 spine rows × 1,000,000 events, 5 windows × 4 aggregates", Figure: quantile(all, 0.5).Seconds(), Unit: "s", Bar: 3,
		Beside: []Beside{{Figure: scan.Seconds(), Of: "a scan of the log by key and time"}, {Figure: join.Seconds(), Of: "a join in SQL with 20 aggregates"}},
	}.compare())
	return nil
}

// copyOut returns how long Postgres takes to send the rows of a query.
func copyOut(ctx context.Context, conn *pgx.Conn, query string) (time.Duration, error) {
	began := time.Now()
	_, err := conn.PgConn().CopyTo(ctx, io.Discard, "COPY ("+query+") TO STDOUT BINARY")
	return time.Since(began), err
}

// join has Postgres compute what the training set has, but for the hops of the windows.
func (s *streams) join(ctx context.Context, spine arrow.Record) (time.Duration, error) {
	ids, times := spine.Column(0).(*array.Int64), spine.Column(1).(*array.Timestamp)
	if _, err := s.db.Exec(ctx, "CREATE TABLE bench.spine (n bigint, entity_id bigint, at timestamptz)"); err != nil {
		return 0, err
	}
	_, err := s.db.CopyFrom(ctx, pgx.Identifier{"bench", "spine"}, []string{"n", "entity_id", "at"}, pgx.CopyFromSlice(ids.Len(), func(i int) ([]any, error) {
		return []any{i, ids.Value(i), time.UnixMicro(int64(times.Value(i)))}, nil
	}))
	if err == nil {
		_, err = s.db.Exec(ctx, "ANALYZE bench.spine")
	}
	if err != nil {
		return 0, err
	}
	var columns []string
	for _, w := range fiveWindows {
		for _, aggregate := range []string{"count(*)", "sum(e.amount)", "min(e.amount)", "max(e.amount)"} {
			columns = append(columns, fmt.Sprintf("%s FILTER (WHERE e.at >= s.at - interval '%d seconds')", aggregate, int64(w.Length.Std().Seconds())))
		}
	}
	longest := fiveWindows[len(fiveWindows)-1].Length.Std()
	return copyOut(ctx, s.db, fmt.Sprintf(`SELECT s.n, a.* FROM bench.spine AS s, LATERAL (SELECT %s FROM bench.past AS e
		WHERE e.entity_id = s.entity_id AND e.at <= s.at AND e.larder_at <= s.at AND e.at >= s.at - interval '%d seconds') AS a`,
		strings.Join(columns, ", "), int64(longest.Seconds())))
}

// untilBuilt waits until the view of a stream serves a log of n events.
func (s *streams) untilBuilt(ctx context.Context, stream string, n int) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for told := time.Now(); ; {
		answer, err := s.service().GetStreams(ctx, &larderv1.GetStreamsRequest{Stream: stream})
		if err != nil {
			return err
		}
		view := answer.GetStreams()[0].GetViews()[0]
		if !view.GetBuilding() && view.GetBatch() == lastBatch(n) {
			return nil
		}
		if time.Since(told) > tellEvery {
			s.opts.Progress(fmt.Sprintf("%d of %d events", max(view.GetEvents(), view.GetBatch()*batchEvents), n))
			told = time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
