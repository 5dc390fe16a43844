package admission_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/admission"
)

const cores = 2

// A machine is a limiter and requests that share its cores. It runs in a synctest bubble.
type machine struct {
	t       *testing.T
	limiter *admission.Limiter
	cost    admission.Cost
	wg      sync.WaitGroup

	mu      sync.Mutex
	running int
	most    int // that ran at once
	results []result
}

type result struct {
	priority admission.Priority
	due      time.Time
	took     time.Duration
	err      error
}

func newMachine(t *testing.T, most int) *machine {
	return &machine{t: t, limiter: admission.NewLimiter(admission.Options{Most: most, Cores: cores})}
}

// compute takes as long as a request does that needs work of a core, in steps in which all that run
// share the cores.
func (m *machine) compute(work time.Duration) {
	const steps = 20
	m.mu.Lock()
	m.running++
	m.most = max(m.most, m.running)
	m.mu.Unlock()
	for range steps {
		m.mu.Lock()
		share := max(1, float64(m.running)/cores)
		m.mu.Unlock()
		time.Sleep(time.Duration(float64(work) / steps * share))
	}
	m.mu.Lock()
	m.running--
	m.mu.Unlock()
}

// request runs one request.
func (m *machine) request(ctx context.Context, f *admission.Flow, p admission.Priority, run func()) {
	m.wg.Add(1)
	go func() {
		defer m.wg.Done()
		due := time.Now()
		alone := m.cost.Of(1)
		err := m.limiter.Enter(ctx, f, p, alone)
		if err == nil {
			began := time.Now()
			run()
			ended := time.Now()
			m.cost.Took(1, ended.Sub(began), m.limiter.Leave(alone, began, ended))
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.results = append(m.results, result{p, due, time.Since(due), err})
	}()
}

// load sends requests of some work at random times, load times as many as the cores can
// do, and returns the results.
func (m *machine) load(random *rand.Rand, work, span time.Duration, load float64, priority func() admission.Priority) []result {
	m.mu.Lock()
	m.results = nil
	m.mu.Unlock()
	gap := float64(work) / cores / load
	for end := time.Now().Add(span); time.Now().Before(end); {
		m.request(m.t.Context(), nil, priority(), func() { m.compute(work) })
		time.Sleep(time.Duration(random.ExpFloat64() * gap))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]result(nil), m.results...)
}

func always(p admission.Priority) func() admission.Priority {
	return func() admission.Priority { return p }
}

// figures returns the successes a second, the p99 of their latency, and the share of requests
// that were answered.
func figures(results []result, span time.Duration, keep func(result) bool) (perSecond float64, p99 time.Duration, share float64) {
	var all []time.Duration
	n := 0
	for _, r := range results {
		if !keep(r) {
			continue
		}
		n++
		if r.err == nil {
			all = append(all, r.took)
		}
	}
	if len(all) == 0 {
		return 0, 0, 0
	}
	return float64(len(all)) / span.Seconds(), quantile(all, 0.99), float64(len(all)) / float64(n)
}

func quantile(all []time.Duration, q float64) time.Duration {
	sorted := append([]time.Duration(nil), all...)
	for i := 1; i < len(sorted); i++ { // they are nearly in order
		for j := i; j > 0 && sorted[j] < sorted[j-1]; j-- {
			sorted[j], sorted[j-1] = sorted[j-1], sorted[j]
		}
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func every(result) bool { return true }

// TestOverload holds the limiter to the figures that it is for, on a machine that is
// simulated, for quick and slow requests: at 150 and 300 % of what the cores can do, those
// that are admitted are nearly as quick as at 80 %, and nearly as many are answered as the cores can
// do; half a second after the overload, none is refused.
func TestOverload(t *testing.T) {
	f := func(work time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			span := max(time.Second, 500*work)
			random := rand.New(rand.NewPCG(1, uint64(work)))
			m := newMachine(t, 1024)
			m.load(random, work, span, 0.8, always(admission.Default)) // learns
			_, usual, share := figures(m.load(random, work, span, 0.8, always(admission.Default)), span, every)
			if share < 0.999 {
				t.Errorf("%s: at 80 %%, %.2f %% are answered", work, 100*share)
			}
			capacity := cores / work.Seconds()
			for _, c := range []struct{ load, slower, goodput float64 }{{1.5, 1.5, 0.95}, {3, 2, 0.9}} {
				m.load(random, work, 500*time.Millisecond+100*work, c.load, always(admission.Default))
				perSecond, p99, _ := figures(m.load(random, work, span, c.load, always(admission.Default)), span, every)
				t.Logf("%s at %.0f %%: p99 %s, at 80 %% %s; goodput %.2f; %+v", work, 100*c.load, p99, usual, perSecond/capacity, m.limiter.State())
				if float64(p99) > c.slower*float64(usual) {
					t.Errorf("%s at %.0f %%: p99 is %s, at 80 %% %s", work, 100*c.load, p99, usual)
				}
				if perSecond < c.goodput*capacity {
					t.Errorf("%s at %.0f %%: %.0f a second of %.0f", work, 100*c.load, perSecond, capacity)
				}
			}
			m.load(random, work, 500*time.Millisecond, 0.8, always(admission.Default))
			if _, _, share := figures(m.load(random, work, span, 0.8, always(admission.Default)), span, every); share < 0.999 {
				t.Errorf("%s: after the overload, %.2f %% are answered", work, 100*share)
			}
			m.wg.Wait()
		})
	}
	f(200 * time.Microsecond)
	f(3 * time.Millisecond)
	f(20 * time.Millisecond)
}

// TestCriticalRequestsAreAnswered: those of higher priority are refused last.
func TestCriticalRequestsAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const span, work = 5 * time.Second, 2 * time.Millisecond
		random := rand.New(rand.NewPCG(2, 2))
		m := newMachine(t, 1024)
		mixed := func() admission.Priority {
			switch random.IntN(10) {
			case 0:
				return admission.Critical
			case 1, 2:
				return admission.Default
			case 3, 4, 5:
				return admission.Batch
			}
			return admission.Shadow
		}
		m.load(random, work, time.Second, 0.8, mixed)
		m.load(random, work, time.Second, 3, mixed)
		results := m.load(random, work, span, 3, mixed)
		var shares []float64
		for p := admission.Critical; p >= admission.Shadow; p-- {
			_, _, share := figures(results, span, func(r result) bool { return r.priority == p })
			shares = append(shares, share)
		}
		t.Logf("answered: %.4f", shares)
		if shares[0] < 0.999 {
			t.Errorf("%.2f %% of the critical requests are answered", 100*shares[0])
		}
		for i := 1; i < len(shares); i++ {
			if shares[i] > shares[i-1]+0.01 {
				t.Errorf("answered from critical to shadow: %.3f", shares)
			}
		}
		m.wg.Wait()
	})
}

// TestFlowsShareFairly: a flow that asks for a little is answered beside others that ask for
// much more than can be done.
func TestFlowsShareFairly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const work, span = time.Millisecond, 4 * time.Second
		random := rand.New(rand.NewPCG(4, 4))
		m := newMachine(t, 1024)
		m.load(random, work, time.Second, 0.8, always(admission.Default))
		noisy := []*admission.Flow{{}, {}, {}, {}}
		quiet := new(admission.Flow)
		asked, answered := 0, 0
		for end := time.Now().Add(span); time.Now().Before(end); {
			flow := noisy[random.IntN(len(noisy))]
			if random.IntN(30) == 0 { // a tenth of what the machine can do
				flow = quiet
				asked++
			}
			if !m.limiter.Sheds(flow, admission.Default) {
				m.request(t.Context(), flow, admission.Default, func() {
					if flow == quiet {
						m.mu.Lock()
						answered++
						m.mu.Unlock()
					}
					m.compute(work)
				})
			}
			time.Sleep(time.Duration(random.ExpFloat64() * float64(work) / cores / 3))
		}
		m.wg.Wait()
		if answered*100 < asked*99 {
			t.Errorf("%d of %d requests of the quiet flow are answered", answered, asked)
		}
	})
}

// TestTheLimitGrowsWhereNothingComputes: requests that only wait for something else don't
// hinder each other, and more may run.
func TestTheLimitGrowsWhereNothingComputes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, 1024)
		const work = 10 * time.Millisecond
		for range 100_000 {
			m.request(t.Context(), nil, admission.Default, func() { time.Sleep(work) })
			time.Sleep(work / 300) // three hundred at once
		}
		if s := m.limiter.State(); s.Limit < 300 || s.Overloaded {
			t.Errorf("%+v", s)
		}
		m.wg.Wait()
	})
}

// TestTheLimitFollowsAModelThatBecomesSlow: and later one that becomes quick again.
func TestTheLimitFollowsAModelThatBecomesSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(3, 3))
		m := newMachine(t, 1024)
		for _, work := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 500 * time.Microsecond} {
			m.load(random, work, 2*time.Second, 1.5, always(admission.Default))
			m.mu.Lock()
			m.most = 0
			m.mu.Unlock()
			perSecond, _, _ := figures(m.load(random, work, 2*time.Second, 1.5, always(admission.Default)), 2*time.Second, every)
			if capacity := cores / work.Seconds(); perSecond < 0.9*capacity {
				t.Errorf("%s: %.0f a second of %.0f", work, perSecond, capacity)
			}
			if m.most > 8*cores {
				t.Errorf("%s: %d ran at once", work, m.most)
			}
		}
		m.wg.Wait()
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := admission.NewLimiter(admission.Options{Most: 2, Cores: 1})
		f := func(left, cost time.Duration, want error) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), left)
			defer cancel()
			began := time.Now()
			err := l.Enter(ctx, nil, admission.Default, cost)
			if !errors.Is(err, want) {
				t.Errorf("%s left for %s: %v, want %v", left, cost, err, want)
			}
			if err == nil {
				l.Leave(0, time.Time{}, time.Time{})
			}
			if waited := time.Since(began); waited > left {
				t.Errorf("%s left: it waited %s", left, waited)
			}
		}
		f(time.Second, time.Millisecond, nil)
		f(time.Millisecond, 2*time.Millisecond, admission.NoTime)
		for range 2 { // as many as may run
			if err := l.Enter(t.Context(), nil, admission.Default, 0); err != nil {
				t.Fatal(err)
			}
		}
		f(time.Second, time.Millisecond, admission.Full)
	})
}

// TestWaitingEnds: one that waits leaves when its time is over, when its caller leaves, and
// when a place is free; and what is given to one that left is not lost.
func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := admission.NewLimiter(admission.Options{Most: 100, Cores: 1})
		running := 0
		for ; running < l.State().Limit; running++ {
			if err := l.Enter(t.Context(), nil, admission.Default, time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Enter(t.Context(), nil, admission.Default, time.Millisecond); !errors.Is(err, admission.Waited) {
			t.Errorf("got %v, want %v", err, admission.Waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := l.Enter(ctx, nil, admission.Default, 5*time.Millisecond); !errors.Is(err, admission.NoTime) {
			t.Errorf("got %v, want %v", err, admission.NoTime)
		}
		ctx, leave := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Enter(ctx, nil, admission.Default, time.Millisecond) }()
		synctest.Wait()
		if s := l.State(); s.Waiting != 1 {
			t.Errorf("%+v", s)
		}
		leave()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		go func() { ended <- l.Enter(t.Context(), nil, admission.Default, time.Millisecond) }()
		synctest.Wait()
		l.Leave(0, time.Time{}, time.Time{})
		if err := <-ended; err != nil {
			t.Errorf("got %v", err)
		}
		for range running {
			l.Leave(0, time.Time{}, time.Time{})
		}
		if s := l.State(); s.Running != 0 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// FuzzLimiter: whatever comes, every request is answered or refused, none twice; never
// more run than may; and at the end nothing runs or waits.
func FuzzLimiter(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(20))
	f.Add(uint64(7), uint8(200), uint8(1))
	f.Fuzz(func(t *testing.T, seed uint64, most, load uint8) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 5))
			m := newMachine(t, int(most)+1)
			const requests = 400
			flows := []*admission.Flow{nil, {}, {}}
			for range requests {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.Int64N(int64(200*time.Millisecond)))+1)
				work := time.Duration(random.Int64N(int64(5*time.Millisecond))) + time.Microsecond
				if random.IntN(8) == 0 {
					time.AfterFunc(time.Duration(random.Int64N(int64(5*time.Millisecond))), cancel)
				}
				m.request(ctx, flows[random.IntN(3)], admission.Priority(random.IntN(4)-2), func() {
					defer cancel()
					m.compute(work)
				})
				time.Sleep(time.Duration(random.ExpFloat64() * float64(time.Millisecond) * 10 / float64(load+1)))
				if s := m.limiter.State(); s.Running+s.Waiting > int(most)+1 || s.Waiting < 0 || s.Running < 0 {
					t.Fatalf("%+v of %d", s, most)
				}
			}
			m.wg.Wait()
			if s := m.limiter.State(); s.Running != 0 || s.Waiting != 0 || len(m.results) != requests || m.most > int(most)+1 {
				t.Errorf("%+v after %d of %d; %d ran at once", s, len(m.results), requests, m.most)
			}
			for p := admission.Shadow; p <= admission.Critical; p++ {
				if m.limiter.Sheds(nil, p) {
					t.Errorf("an idle limiter sheds %s", p)
				}
			}
		})
	})
}

func TestEnteringAllocatesNothing(t *testing.T) {
	l := admission.NewLimiter(admission.Options{Most: 10, Cores: 2})
	costs := new(admission.Costs)
	costs.Add("m", "fraud").Took(1, time.Millisecond, 1)
	ctx := context.Background()
	if got := testing.AllocsPerRun(1000, func() {
		cost := costs.Find("m", "fraud")
		if err := l.Enter(ctx, nil, admission.Default, cost.Of(3)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		cost.Took(3, time.Millisecond, l.Leave(cost.Of(3), began, began.Add(time.Millisecond)))
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// BenchmarkLimiter is what admitting a request costs, alone and of many at once.
func BenchmarkLimiter(b *testing.B) {
	run := func(l *admission.Limiter, next func() bool) {
		ctx := context.Background()
		for next() {
			if l.Enter(ctx, nil, admission.Default, time.Microsecond) == nil {
				now := time.Now()
				l.Leave(time.Microsecond, now, now.Add(time.Microsecond))
			}
		}
	}
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		run(admission.NewLimiter(admission.Options{Most: 1024, Cores: 2}), b.Loop)
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		l := admission.NewLimiter(admission.Options{Most: 1024, Cores: 2})
		b.RunParallel(func(pb *testing.PB) { run(l, pb.Next) })
	})
}
