package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

const (
	pushedName   = "pushed"
	perEntity    = 6     // events of each entity, from a minute to 25 days old
	pushedAtOnce = 5_000 // events of a call
	waitedPushes = 300
)

// event appends an event as NDJSON.
func event(dst []byte, id int, entity int64, amount float64, at time.Time) []byte {
	return fmt.Appendf(dst, "{\"id\": \"e%d\", \"%s\": %d, \"amount\": %.2f, \"at\": %d}\n", id, joinKey, entity, amount, at.UnixMicro())
}

// eventOf returns event number n of the filling: each entity gets one of the last minute,
// and others that are older.
func eventOf(dst []byte, n, entities int, now time.Time) []byte {
	ages := [perEntity]time.Duration{time.Minute, 20 * time.Minute, 10 * time.Hour, 3 * 24 * time.Hour, 12 * 24 * time.Hour, 25 * 24 * time.Hour}
	age := ages[n/entities]
	return event(dst, n, int64(n%entities), float64(mixed(uint64(n))%10_000)/100, now.Add(-age+time.Duration(mixed(uint64(n))%uint64(age/2))))
}

// pushes measures pushed events: many in a call until they are answerable, beside a COPY
// of the same rows, and single ones.
func (s *streams) pushes(ctx context.Context) error {
	defs, model := s.base.streamDefinitions()
	if err := putModel(ctx, s.client, defs.Models[0].Versions[0].SHA256, model); err != nil {
		return err
	}
	if err := s.apply(ctx, defs); err != nil {
		return err
	}
	s.opts.Progress("pushing events")
	n, now := perEntity*s.base.Entities, time.Now()
	began := time.Now()
	for first := 0; first < n; first += pushedAtOnce {
		var body []byte
		last := min(first+pushedAtOnce, n)
		for i := first; i < last; i++ {
			body = eventOf(body, i, s.base.Entities, now)
		}
		if err := s.push(ctx, pushedName, body, last == n); err != nil {
			return err
		}
	}
	took := time.Since(began)
	copied, err := copyRows(ctx, s.db, n)
	if err != nil {
		return err
	}
	s.add(Bar{
		Name: "pushed to answerable, duplicates removed, 2 views of 5 windows × 4 aggregates", Figure: float64(n) / took.Seconds(), Unit: "events/s",
		Baseline: float64(n) / copied.Seconds(), Against: "a bare COPY of the rows", Bar: 0.1, AtLeast: true,
	}.compare())
	return s.waits(ctx, n)
}

// waits measures pushes of one event that wait until it is served. next is the number of
// an event that is new.
func (s *streams) waits(ctx context.Context, next int) error {
	var waited, bare []time.Duration
	if _, err := s.db.Exec(ctx, "CREATE TABLE bench.single (id text PRIMARY KEY, entity bigint, amount float8, at timestamptz)"); err != nil {
		return err
	}
	for i := range waitedPushes {
		began := time.Now()
		if err := s.push(ctx, pushedName, event(nil, next+i, int64(i%s.base.Entities), 1, began), true); err != nil {
			return err
		}
		waited = append(waited, time.Since(began))
		began = time.Now()
		if _, err := s.db.Exec(ctx, "INSERT INTO bench.single VALUES ($1, $2, $3, $4)", fmt.Sprint(i), i, 1.0, began); err != nil {
			return err
		}
		bare = append(bare, time.Since(began))
	}
	s.add(Bar{
		Name: "push of one event, until it is served: p50", Figure: quantile(waited, 0.5).Seconds() * 1e3, Unit: milliseconds, Bar: 15,
		Beside: []Beside{{Figure: quantile(bare, 0.5).Seconds() * 1e3, Of: "a bare INSERT of one row"}},
	}.compare())
	return nil
}

// quantile returns the value below which the share q of all lies. It sorts them.
func quantile(all []time.Duration, q float64) time.Duration {
	slices.Sort(all)
	return all[min(int(q*float64(len(all))), len(all)-1)]
}

// copyRows copies as many rows as there are events into a table with the columns of a log,
// and no index.
func copyRows(ctx context.Context, conn *pgx.Conn, n int) (time.Duration, error) {
	_, err := conn.Exec(ctx, `DROP TABLE IF EXISTS bench.copied;
		CREATE TABLE bench.copied (id text, entity bigint, amount float8, at timestamptz, seq bigint, stamp timestamptz, sign smallint, id2 text, gone boolean)`)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	for first := 0; first < n; first += pushedAtOnce {
		rows := append([]byte("PGCOPY\n\xff\r\n\x00"), make([]byte, 8)...)
		for i := first; i < min(first+pushedAtOnce, n); i++ {
			rows = copiedRow(rows, i)
		}
		rows = binary.BigEndian.AppendUint16(rows, 0xffff)
		if _, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(rows), "COPY bench.copied FROM STDIN BINARY"); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

func copiedRow(dst []byte, i int) []byte {
	text := func(s string) { dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...) }
	number := func(n uint64) { dst = binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), n) }
	dst = binary.BigEndian.AppendUint16(dst, 9)
	text(fmt.Sprintf("e%d", i))
	for range 5 {
		number(uint64(i))
	}
	dst = append(dst, 0, 0, 0, 2, 0, 1)
	text(fmt.Sprintf("e%d", i))
	return append(dst, 0, 0, 0, 1, 0)
}

// windows measures requests for window features and a score, beside the echo, and while
// events come.
func (s *streams) windows(ctx context.Context) error {
	run := func(rows int) (*Report, error) {
		scenario := s.base
		scenario.Rows = rows
		s.opts.Progress(fmt.Sprintf("%d rows of 40 window features", rows))
		return measure(ctx, scenario, s.quiet(), s.server, s.echo)
	}
	one, err := run(1)
	if err != nil {
		return err
	}
	s.add(p50Bar("1 row, 40 window features of 2 views, 100 trees", one, 1.6))
	hundred, err := run(100)
	if err != nil {
		return err
	}
	s.add(p50Bar("100 rows × 40 window features", hundred, 8))
	var busy *Report
	rate, err := s.whilePushing(ctx, func(ctx context.Context) error {
		busy, err = run(1)
		return err
	})
	if err != nil {
		return err
	}
	s.opts.Progress(fmt.Sprintf("%.0f events/s came meanwhile", rate))
	s.add(Bar{Name: "1 row while events come: p50", Figure: busy.Larder.P50, Unit: microseconds, Baseline: one.Larder.P50, Against: "the same server before", Bar: 1.3}.compare())
	return nil
}

// eventsASecond is how many events come while requests are measured.
const eventsASecond = 5_000

// whilePushing pushes events, fifty times a second, while do runs.
func (s *streams) whilePushing(ctx context.Context, do func(context.Context) error) (rate float64, err error) {
	side, stop := context.WithCancel(ctx)
	defer stop()
	var pushed atomic.Int64
	began := time.Now()
	g, side := errgroup.WithContext(side)
	g.Go(func() error {
		tick := time.NewTicker(time.Second / 50)
		defer tick.Stop()
		random := rand.New(rand.NewPCG(8, 9))
		for next := 10_000_000; ; {
			select {
			case <-side.Done():
				return nil
			case <-tick.C:
			}
			var body []byte
			for range eventsASecond / 50 {
				body = event(body, next, random.Int64N(int64(s.base.Entities)), 1, time.Now())
				next++
			}
			if err := s.push(side, pushedName, body, false); err != nil && side.Err() == nil {
				return err
			}
			pushed.Add(eventsASecond / 50)
		}
	})
	err = do(side)
	took := time.Since(began)
	stop()
	return float64(pushed.Load()) / took.Seconds(), errors.Join(err, g.Wait())
}
