package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"larder/schema"
	"larder/store/online"
	"larder/store/registry"
	"larder/store/row"
	"larder/vector"
)

// DefaultEvents is how many events the log has that a new server reads.
const DefaultEvents = 10_000_000

const (
	longName     = "long"
	longView     = longName + "_view"
	eventsOfKey  = 100
	sampledKeys  = 10_000
	evaluateTime = time.Second
)

// ageOfEvent is the age of event g of n, the oldest first: a quarter of the events is of
// the last ten minutes, a quarter of the rest of the last hour, of the last day, and of
// the last thirty days.
const ageOfEvent = `make_interval(secs => CASE
	WHEN g < %[1]d * 0.25 THEN 2592000 - (2592000 - 86400) * (g * 4.0 / %[1]d)
	WHEN g < %[1]d * 0.5 THEN 86400 - (86400 - 3600) * (g * 4.0 / %[1]d - 1)
	WHEN g < %[1]d * 0.75 THEN 3600 - (3600 - 600) * (g * 4.0 / %[1]d - 2)
	ELSE 600 - 600 * (g * 4.0 / %[1]d - 3) END)`

// bootstrap measures how long a new server with an empty folder takes until it serves the
// view of a long log, beside a read of the same rows in the same order. Then it looks at
// the states that the server made.
func (s *streams) bootstrap(ctx context.Context) error {
	n := cmp.Or(s.opts.Events, DefaultEvents)
	s.opts.Progress(fmt.Sprintf("a log of %d events", n))
	if err := s.apply(ctx, definitionsOf([]schema.Stream{pushStream(longName)}, fiveByFour(longView, longName))); err != nil {
		return err
	}
	now := time.Now()
	at := fmt.Sprintf("'%[2]s'::timestamptz - "+ageOfEvent, n, now.UTC().Format(time.RFC3339Nano))
	if err := s.fillLog(ctx, longName, n, max(1, n/eventsOfKey), at, "now()"); err != nil {
		return err
	}
	s.opts.Progress("reading it with Postgres alone")
	if _, err := s.db.Exec(ctx, "SET enable_incremental_sort = off"); err != nil { // as Larder reads
		return err
	}
	bare, err := copyOut(ctx, s.db, "SELECT * FROM bench."+longName+" WHERE larder_seq <= 1000000000 ORDER BY entity_id, larder_seq, larder_sign")
	if err != nil {
		return err
	}
	if err := errors.Join(s.leave(), publish(ctx, s.db, longName, n)); err != nil {
		return err
	}
	s.opts.Progress("starting an empty server")
	dir := filepath.Join(s.dir, "second")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	began := time.Now()
	if err := s.serve(ctx, dir); err != nil {
		return err
	}
	if err := s.untilBuilt(ctx, longName, n); err != nil {
		return err
	}
	s.add(Bar{
		Name: fmt.Sprintf("start of an empty server, until it serves the view of %d events", n), Figure: time.Since(began).Seconds(), Unit: "s", Bar: 60,
		Beside: []Beside{{Figure: bare.Seconds(), Of: "a bare read of the rows in their order"}},
	}.compare())
	if err := s.leave(); err != nil {
		return err
	}
	var logged float64
	if err := s.db.QueryRow(ctx, "SELECT pg_total_relation_size('bench."+longName+"')").Scan(&logged); err != nil {
		return err
	}
	return s.states(ctx, dir, min(sampledKeys, max(1, n/eventsOfKey)), now, logged/float64(n))
}

// states measures the states of a server that has stopped: what evaluating costs, and
// their size. logged is what an event takes in the log.
func (s *streams) states(ctx context.Context, dir string, keys int, now time.Time, logged float64) error {
	catalog, err := registry.Kept(filepath.Join(dir, "registry"))
	if err != nil {
		return err
	}
	view, err := catalog.View(longView)
	if err != nil {
		return err
	}
	aggregation, err := vector.NewAggregation(view)
	if err != nil {
		return err
	}
	all, err := readStates(ctx, filepath.Join(dir, "rows"), view.ID, keys)
	if err != nil {
		return err
	}
	if err := s.evaluate(aggregation, all, now); err != nil {
		return err
	}
	tiles, tileBytes, bytes := 0, 0, 0
	state := aggregation.Program.NewState()
	for _, raw := range all {
		if err := state.Decode(raw); err != nil {
			return err
		}
		n, size := state.Tiles()
		tiles, tileBytes, bytes = tiles+n, tileBytes+size, bytes+len(raw)
	}
	s.add(Bar{
		Name: "state, a tile of count, sum, min and max", Figure: float64(tileBytes) / float64(tiles), Unit: "bytes", Bar: 24,
		Beside: []Beside{
			{Figure: float64(bytes) / float64(len(all)), Of: fmt.Sprintf("the state of a key with %d events in %.1f tiles", eventsOfKey, float64(tiles)/float64(len(all)))},
			{Figure: logged, Of: "an event in the log, with its indexes"},
		},
	}.compare())
	return nil
}

// readStates returns the states of keys 0 to n-1 of a view.
func readStates(ctx context.Context, dir string, view uint32, n int) (all [][]byte, err error) {
	store, err := online.Open(dir, online.Options{CacheBytes: -1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var keys row.Keys
	for id := range n {
		keys.Append(func(dst []byte) []byte { return row.AppendInt64(row.AppendView(dst, view), int64(id)) })
	}
	all = make([][]byte, n)
	err = store.Read(ctx, &keys, n, func(i int, _ int64, state []byte) error {
		all[i] = append([]byte(nil), state...)
		return nil
	})
	for id, raw := range all {
		if raw == nil && err == nil {
			err = fmt.Errorf("view %s has no state of key %d", longView, id)
		}
	}
	return all, err
}

// evaluate measures the evaluation of states, decoded and from their bytes, as requests
// get them.
func (s *streams) evaluate(a *vector.Aggregation, all [][]byte, now time.Time) error {
	const times = 16 // that a state is evaluated while the processor's caches have it
	evaluator, state := a.NewEvaluator(nil), a.Program.NewState()
	evaluated := func(_ int64, _ []byte, found bool, err error) error {
		if err == nil && !found {
			err = errors.New("a key has no event in any window")
		}
		return err
	}
	var whole, decoded time.Duration
	rows := 0
	for began := time.Now(); time.Since(began) < evaluateTime; rows += len(all) {
		for _, raw := range all {
			began := time.Now()
			if err := evaluated(evaluator.Row(now.UnixMicro(), false, raw)); err != nil {
				return err
			}
			whole += time.Since(began)
			if err := state.Decode(raw); err != nil {
				return err
			}
			began = time.Now()
			for range times {
				if err := evaluated(evaluator.RowOf(state, now.UnixMicro(), false)); err != nil {
					return err
				}
			}
			decoded += time.Since(began)
		}
	}
	each := func(d time.Duration, n int) float64 { return d.Seconds() * 1e6 / float64(n) }
	s.add(Bar{
		Name: fmt.Sprintf("evaluate 5 windows × 4 aggregates of %d events, warm, a row", eventsOfKey), Figure: each(decoded, rows*times), Unit: microseconds, Bar: 3,
		Beside: []Beside{{Figure: each(whole, rows), Of: "from the bytes of the state, which a request decodes"}},
	}.compare())
	return nil
}
