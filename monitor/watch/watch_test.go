package watch_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larder/column"
	"larder/monitor"
	"larder/monitor/profile"
	"larder/monitor/watch"
	"larder/schema"
)

// plan returns the plan of a model of a number, an int, a bool, a text, a list and a secret text.
func plan(t testing.TB, dataset string, w *schema.ModelMonitor) *schema.Plan {
	t.Helper()
	defs := &schema.Definitions{
		Entities: []schema.Entity{{Name: "e", JoinKeys: []schema.JoinKey{{Name: "k", Type: schema.Int64}}}},
		Sources:  []schema.Source{{Name: "s", Table: "t", TimestampField: "at"}},
		FeatureViews: []schema.FeatureView{{Name: "v", Entities: []string{"e"}, Source: "s", Features: []schema.Feature{
			{Name: "number", Type: schema.Float64},
			{Name: "int", Type: schema.Int64},
			{Name: "bool", Type: schema.Bool},
			{Name: "text", Type: schema.String},
			{Name: "list", Type: schema.List(schema.Float32)},
			{Name: "secret", Type: schema.String, Sensitive: true},
		}}},
		FeatureServices: []schema.FeatureService{{Name: "all", Features: []string{"v:*"}}},
		Models: []schema.Model{{Name: "m", FeatureService: "all", Monitor: w, Versions: []schema.ModelVersion{
			{Version: 1, SHA256: fmt.Sprintf("%064d", 1), Dataset: dataset},
		}}},
	}
	c, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.ModelPlan("m", 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scored returns a request with random values, and what a slow look at it counts of each column.
func scored(p *schema.Plan, r *rand.Rand, rows int) *monitor.Scored {
	s := &monitor.Scored{Plan: p, Rows: rows}
	tensors := make([]column.Column, 6)
	for i, typ := range []schema.Type{schema.Float64, schema.Int64, schema.Bool, schema.String, schema.List(schema.Float32), schema.String} {
		tensors[i] = column.Column{Type: typ, Valid: make([]bool, rows)}
	}
	for row := range rows {
		for i := range tensors {
			tensors[i].Valid[row] = r.IntN(10) > 0
		}
		tensors[0].Float64s = append(tensors[0].Float64s, []float64{r.NormFloat64(), math.NaN(), math.Inf(1)}[max(0, r.IntN(20)-17)])
		tensors[1].Int64s = append(tensors[1].Int64s, r.Int64N(100))
		tensors[2].Bools = append(tensors[2].Bools, r.IntN(3) == 0)
		tensors[3].Strings = append(tensors[3].Strings, fmt.Sprint("v", r.IntN(60)))
		tensors[5].Strings = append(tensors[5].Strings, fmt.Sprint("secret ", row))
		for range r.IntN(5) {
			tensors[4].Float32s = append(tensors[4].Float32s, 1)
		}
		tensors[4].Ends = append(tensors[4].Ends, uint32(len(tensors[4].Float32s)))
		s.Statuses = append(s.Statuses, schema.Status(1+r.IntN(4)))
		s.Scores = append(s.Scores, r.Float64())
	}
	s.Tensors = tensors
	return s
}

// A memory keeps windows; it fails while away is set.
type memory struct {
	mu         sync.Mutex
	references map[string]*watch.Reference
	windows    []*watch.Window
	trained    []watch.Column
	away       bool
}

var errAway = schema.PostgresUnavailable.Errorf("away")

func (m *memory) lock() (unlock func(), err error) {
	m.mu.Lock()
	if m.away {
		m.mu.Unlock()
		return nil, errAway
	}
	return m.mu.Unlock, nil
}

func (m *memory) Reference(_ context.Context, model string, version int64, part string) (*watch.Reference, error) {
	unlock, err := m.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return m.references[fmt.Sprint(model, version, part)], nil
}

func (m *memory) PutReference(_ context.Context, model string, version int64, part string, r *watch.Reference) (*watch.Reference, error) {
	unlock, err := m.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	key := fmt.Sprint(model, version, part)
	if m.references[key] == nil {
		m.references[key] = r
	}
	return m.references[key], nil
}

func (m *memory) Trained(context.Context, *schema.Plan) ([]watch.Column, error) {
	unlock, err := m.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return m.trained, nil
}

func (m *memory) PutWindow(_ context.Context, w *watch.Window) error {
	unlock, err := m.lock()
	if err != nil {
		return err
	}
	defer unlock()
	m.windows = append(m.windows, w)
	return nil
}

// of returns a part of the reference of version 1.
func (m *memory) of(part string) *watch.Reference {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.references["m1"+part]
}

// sum adds up the windows of a part.
func (m *memory) sum(t testing.TB, part string) map[string]profile.Tally {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]profile.Tally{}
	r := m.references["m1"+part]
	for _, w := range m.windows {
		if w.Part != part {
			continue
		}
		if w.Reference != r.ID() {
			t.Fatalf("a window of reference %s; want %s", w.Reference, r.ID())
		}
		for i, c := range r.Columns {
			x := out[c.Name]
			if err := x.Add(&w.Tallies[i]); err != nil {
				t.Fatal(err)
			}
			out[c.Name] = x
		}
	}
	return out
}

// TestCountsWhatIsFed: the first rows make the reference of all servers, what comes after is
// counted in its bins, column by column, on two servers, also while the store is away.
func TestCountsWhatIsFed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{references: map[string]*watch.Reference{}}
		p := plan(t, "", nil)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		var watchers []*watch.Watcher
		for i := range 2 {
			w := watch.New(watch.Options{Store: store, Server: func() string { return fmt.Sprint("server-", i) }, LearnRows: 500})
			watchers = append(watchers, w)
			running.Go(func() { _ = w.Run(ctx) })
		}
		r := rand.New(rand.NewPCG(1, 1))
		for range 5 {
			watchers[0].Offer(scored(p, r, 100))
			watchers[1].Offer(scored(p, r, 10))
		}
		time.Sleep(3 * time.Second)
		if store.of(watch.Features) == nil || store.of(watch.Score) == nil {
			t.Fatal("there is no reference after its rows")
		}
		var sent []*monitor.Scored
		for n := range 40 {
			store.mu.Lock()
			store.away = n >= 10 && n < 30
			store.mu.Unlock()
			s := scored(p, r, 1+r.IntN(200))
			sent = append(sent, s)
			watchers[n%2].Offer(s)
			time.Sleep(2 * time.Minute)
		}
		store.mu.Lock()
		store.away = false
		store.mu.Unlock()
		time.Sleep(11 * time.Minute)
		stop()
		running.Wait()
		got := store.sum(t, watch.Features)
		for i, c := range store.of(watch.Features).Columns {
			bins := profile.NewBins(c.Profile)
			for _, s := range sent {
				for row := range s.Rows {
					count(bins, s, i, row)
				}
			}
			if want := bins.Take(); !reflect.DeepEqual(got[c.Name], want) {
				t.Errorf("column %s has %v, want %v", c.Name, got[c.Name], want)
			}
			if c.Name == "v:secret" && (c.Profile.Categories != nil || len(c.Profile.Counts) != 1) {
				t.Errorf("a secret text is in the reference: %v", c.Profile)
			}
		}
		rows := int64(0)
		for _, s := range sent {
			rows += int64(s.Rows)
		}
		if score := store.sum(t, watch.Score)["score"]; score.Rows != rows {
			t.Errorf("%d scores, want %d", score.Rows, rows)
		}
	})
}

// count is a slow look at one value.
func count(bins *profile.Bins, s *monitor.Scored, i, row int) {
	if i == 6 { // the statuses of the view
		bins.AddText(s.Statuses[row].String())
		return
	}
	c := &s.Tensors[i]
	if !c.Valid[row] {
		bins.AddNull()
		return
	}
	switch i {
	case 0:
		bins.AddNumber(c.Float64s[row])
	case 1:
		bins.AddNumber(float64(c.Int64s[row]))
	case 2:
		bins.AddBool(c.Bools[row])
	case 3:
		bins.AddText(c.Strings[row])
	case 4:
		start := uint32(0)
		if row > 0 {
			start = c.Ends[row-1]
		}
		bins.AddNumber(float64(c.Ends[row] - start))
	case 5:
		bins.AddOther()
	}
}

// TestTrainedReference: a version with a training set is compared with that from the first row
// on, unless the model says otherwise, and only in what the model watches.
func TestTrainedReference(t *testing.T) {
	f := func(w *schema.ModelMonitor, wantDataset string, wantRows int64) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			store := &memory{references: map[string]*watch.Reference{}, trained: []watch.Column{
				{Name: "v:bool", Profile: profile.OfBools(1, 4, 0)}, watch.StatusColumn("v", map[schema.Status]int64{schema.StatusPresent: 4}),
			}}
			p := plan(t, "set", w)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			watcher := watch.New(watch.Options{Store: store, Server: func() string { return "s" }, LearnRows: 100})
			ended := make(chan struct{})
			go func() { _ = watcher.Run(ctx); close(ended) }()
			r := rand.New(rand.NewPCG(1, 1))
			for range 4 {
				watcher.Offer(scored(p, r, 50))
				time.Sleep(3 * time.Second)
			}
			stop()
			<-ended
			reference := store.of(watch.Features)
			if reference == nil || reference.Dataset != wantDataset {
				t.Fatalf("reference %v, want one of dataset %q", reference, wantDataset)
			}
			if got := store.sum(t, watch.Features)["v:bool"]; got.Rows != wantRows {
				t.Errorf("%d rows, want %d", got.Rows, wantRows)
			}
		})
	}
	f(nil, "set", 150) // the first 50 told that there is a version
	f(&schema.ModelMonitor{Reference: schema.FromServing}, "", 100)
	f(&schema.ModelMonitor{Features: []string{"v:text"}}, "set", 0)
}

// TestWants: a model that isn't watched, a share, and as many as there is time for.
func TestWants(t *testing.T) {
	w := watch.New(watch.Options{Store: &memory{}, Server: func() string { return "s" }})
	f := func(m *schema.ModelMonitor, least, most int) {
		t.Helper()
		n := 0
		for range 10_000 {
			if w.Wants(&schema.Model{Name: fmt.Sprint("m", least), Monitor: m}, 1) {
				n++
			}
		}
		if n < least || n > most {
			t.Errorf("%v: %d of 10,000 requests, want %d to %d", m, n, least, most)
		}
	}
	f(&schema.ModelMonitor{Off: true}, 0, 0)
	f(&schema.ModelMonitor{Rate: 0.1}, 800, 1200)
	f(&schema.ModelMonitor{Rate: 1}, 10_000, 10_000)
	f(nil, 10_000, 10_000) // in the first second
	allocated := testing.AllocsPerRun(100, func() { w.Wants(&schema.Model{Name: "again"}, 1) })
	if allocated > 1 { // the model of the test
		t.Errorf("%v allocations", allocated)
	}
}

// TestTooMuchIsDropped: what waits is bounded in bytes, and requests are let through by rows too.
func TestTooMuchIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		w := watch.New(watch.Options{Store: &memory{references: map[string]*watch.Reference{}}, Server: func() string { return "s" }, Registerer: registry})
		p := plan(t, "", nil)
		large := &monitor.Scored{Plan: p, Rows: 10_000, Dense: make([]float32, 5<<20)} // 20 MiB
		for range 10 {
			w.Offer(large)
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "larder_watch_dropped_rows_total" {
				if got := f.GetMetric()[0].GetCounter().GetValue(); got != 70_000 {
					t.Errorf("%v rows were dropped, want 70,000: three requests fit", got)
				}
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		w = watch.New(watch.Options{Store: &memory{references: map[string]*watch.Reference{}}, Server: func() string { return "s" }})
		ended := make(chan struct{})
		go func() { _ = w.Run(ctx); close(ended) }()
		wanted := func() (n int) {
			for range 1000 {
				if w.Wants(p.Model, 10_000) {
					n++
				}
			}
			return n
		}
		if n := wanted(); n != 1000 {
			t.Errorf("%d of 1,000 requests in the first second", n)
		}
		time.Sleep(1500 * time.Millisecond)
		if n := wanted(); n > 30 {
			t.Errorf("%d of 1,000 requests of 10,000 rows each in the next, want about 2", n)
		}
		stop()
		<-ended
	})
}

func TestWindowsAreDecoded(t *testing.T) {
	w := watch.Window{Tallies: []profile.Tally{{Rows: 3, Counts: []int64{1, 2}}, {Rows: 3, Nulls: 3, Counts: []int64{0}}}}
	raw := w.AppendTallies(nil)
	var again watch.Window
	if err := again.DecodeTallies(raw, 2); err != nil || !reflect.DeepEqual(again.Tallies, w.Tallies) {
		t.Errorf("%v, %v", again.Tallies, err)
	}
	for _, n := range []int{1, 3} {
		if err := new(watch.Window).DecodeTallies(raw, n); err == nil {
			t.Errorf("%d columns were read of bytes of 2", n)
		}
	}
}
