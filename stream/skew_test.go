package stream_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"golang.org/x/sync/errgroup"

	"larder/column"
	"larder/schema"
	"larder/store"
	"larder/stream"
	"larder/training"
	"larder/vector"
)

// ask returns what a server answers by a clock for some cards, and from which batches.
func (s *server) ask(program *vector.Program, view *schema.View, cards []int64, clock int64) (served, error) {
	b := program.NewBatch()
	b.Reset(len(cards), clock)
	if err := b.BindKeys(keyColumn("card_id", cards)); err != nil {
		return served{}, err
	}
	if err := b.BindRequest(keyColumn("", nil)); err != nil {
		return served{}, err
	}
	b.KeepPositions(0, s.online.Batch(view.ID))
	b.WantColumns()
	if err := s.online.Read(s.t.Context(), b.Keys(), len(cards), b.Visit); err != nil {
		return served{}, err
	}
	if err := b.Finish(); err != nil {
		return served{}, err
	}
	out := served{at: clock, columns: make([]column.Column, len(b.Columns()))}
	for i, c := range b.Columns() {
		out.columns[i] = c.Clone()
	}
	for _, position := range b.Positions() {
		out.batches = append(out.batches, store.BatchOf(position))
	}
	return out, nil
}

// What servers answer while events come is rebuilt bit for bit from the batches that they
// had, although they lag and their clocks differ by seconds. By time alone it is not.
func TestServedIsRebuiltAtItsBatches(t *testing.T) {
	w := newWorld(t, cards)
	servers := []*server{w.start(t.TempDir(), nil), w.start(t.TempDir(), nil)}
	clocks := []time.Duration{-3 * time.Second, 2 * time.Second}
	program, view := w.program("windows"), w.catalog.Load().Views()[1]
	if view.Name != "card_activity" {
		t.Fatalf("the view is %s", view.Name)
	}
	cards := []int64{1, 2, 3, 4, 5, 6, 7, 99} // nothing happens to the last
	var g errgroup.Group
	pushed := make(chan struct{})
	g.Go(func() error {
		defer close(pushed)
		r := rand.New(rand.NewPCG(5, 6))
		for i := range 150 {
			var messages [][]byte
			for range 1 + r.IntN(60) {
				o := random(r, cards[:7], time.Now().UnixMicro())
				if messages = append(messages, []byte(o.json())); r.IntN(10) == 0 && i > 0 {
					messages = append(messages, fmt.Appendf(nil, `{"id": %q, "void": true}`, o.id))
				}
			}
			if _, err := servers[i%2].runner.Push(t.Context(), &stream.Pushed{Stream: "payments", Messages: messages}); err != nil {
				return err
			}
		}
		return nil
	})
	told := make([][]served, len(servers))
	for i, s := range servers {
		g.Go(func() error {
			for coming := true; coming || len(told[i]) < 150; {
				x, err := s.ask(program, view, cards, time.Now().Add(clocks[i]).UnixMicro())
				if err != nil {
					return err
				}
				told[i] = append(told[i], x)
				select {
				case <-pushed:
					coming = false
				case <-time.After(3 * time.Millisecond):
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	all := append(told[0], told[1]...)
	different := func(set []column.Column, index [][]int) (n, of int) {
		for k, x := range all {
			for i := range cards {
				for f := range x.columns {
					of++
					if !set[f].EqualRow(index[k][i], &x.columns[f], i) {
						n++
					}
				}
			}
		}
		return n, of
	}
	n, of := different(w.train("windows", cards, all, training.IngestTime))
	if n > 0 {
		t.Errorf("%d of %d values differ from those rebuilt at the batches that were served", n, of)
	}
	for k := range all {
		all[k].batches = nil
	}
	byTime, _ := different(w.train("windows", cards, all, training.IngestTime))
	t.Logf("%d values, of which %d differ from those rebuilt by time alone", of, byTime)
	if byTime == 0 {
		t.Error("no server lagged and no clock differed: the test shows nothing")
	}
}

// A column of batches that isn't what a feature log has is refused.
func TestBatchesOfASpineThatAreNone(t *testing.T) {
	w := newWorld(t, cards)
	plan, err := w.catalog.Load().ServicePlan("windows")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		typ   arrow.DataType
		batch string // JSON
		want  string
	}{
		{arrow.PrimitiveTypes.Int64, `null`, `the spine's column "position:card_activity" is null in row 0; leave the column out, and all rows are as of their times`},
		{arrow.BinaryTypes.String, `"7"`, `the spine's column "position:card_activity" is utf8; it must be int64, as a feature log has it`},
	} {
		fields := []arrow.Field{{Name: "card_id", Type: arrow.PrimitiveTypes.Int64}, {Name: "event_time", Type: arrow.FixedWidthTypes.Timestamp_us}, {Name: "position:card_activity", Type: c.typ, Nullable: true}}
		rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), strings.NewReader(`[{"card_id": 1, "event_time": "2026-01-31 10:00:00", "position:card_activity": `+c.batch+`}]`))
		if err != nil {
			t.Fatal(err)
		}
		spine, err := array.NewRecordReader(rec.Schema(), []arrow.Record{rec})
		if err != nil {
			t.Fatal(err)
		}
		set, err := training.New(w.offline, rec.Schema(), training.Request{Plan: plan})
		if err == nil {
			_, err = set.Run(t.Context(), spine, func(arrow.Record) error { return nil })
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.batch, err, c.want)
		}
	}
}
