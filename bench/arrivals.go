package bench

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	larder "larder/client/go"
)

// Arrivals are requests that come by a schedule, however long responses take: at random
// times, as those of many callers who don't know of each other, and the same in each run.
type Arrivals struct {
	Name        string         `json:"name"`
	Rate        float64        `json:"rate"`               // requests a second that come
	Came        int64          `json:"came"`               // requests that came
	Answered    float64        `json:"answered_per_s"`     // goodput
	Share       float64        `json:"share_answered"`     // of those that came
	P50         float64        `json:"p50_us"`             // of those answered, from when they were due
	P99         float64        `json:"p99_us"`             //
	RefusedP50  float64        `json:"refused_p50_us"`     // the same of those refused
	RefusedP99  float64        `json:"refused_p99_us"`     //
	Critical    float64        `json:"critical_share"`     // of critical requests, those answered; 0 without any
	Refusals    map[string]int `json:"refusals,omitempty"` // by reason
	Failed      int            `json:"failed,omitempty"`   // otherwise
	Failure     string         `json:"failure,omitempty"`  // the first of them
	LastRefusal time.Duration  `json:"-"`                  // since the beginning
}

// An arriving is a load by a schedule.
type arriving struct {
	name     string
	rate     float64
	do       call
	critical float64 // share of requests that claim the priority critical
	priority string  // of the others; empty: none
	seed     uint64
	wait     time.Duration // the deadline of each request; 0: none
}

// arrive sends requests for a time and waits for their responses. Those that come before
// settled are not recorded.
func (a arriving) arrive(ctx context.Context, settled, span time.Duration) *Arrivals {
	t := &tally{answered: hdrhistogram.New(1, highest, 3), refused: hdrhistogram.New(1, highest, 3), out: Arrivals{Name: a.name, Rate: a.rate, Refusals: map[string]int{}}}
	random := rand.New(rand.NewPCG(a.seed, 11))
	began := time.Now()
	due := began
	var under sync.WaitGroup
	for n := 0; ctx.Err() == nil; n++ {
		due = due.Add(time.Duration(random.ExpFloat64() / a.rate * float64(time.Second)))
		if due.Sub(began) > settled+span {
			break
		}
		time.Sleep(time.Until(due))
		critical := random.Float64() < a.critical
		at := due
		under.Add(1)
		go func() {
			defer under.Done()
			err := a.one(ctx, n, critical)
			if at.Sub(began) >= settled {
				t.note(at, at.Sub(began)-settled, critical, err)
			}
		}()
	}
	under.Wait()
	return t.figures(span)
}

func (a arriving) one(ctx context.Context, n int, critical bool) error {
	priority := a.priority
	if critical {
		priority = "critical"
	}
	if priority != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "larder-priority", priority)
	}
	if a.wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.wait)
		defer cancel()
	}
	return a.do(ctx, n)
}

// A tally counts responses.
type tally struct {
	mu                             sync.Mutex
	answered, refused              *hdrhistogram.Histogram
	criticalCame, criticalAnswered int64
	out                            Arrivals
}

func (t *tally) note(due time.Time, after time.Duration, critical bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	took := min(int64(time.Since(due)), highest)
	t.out.Came++
	if critical {
		t.criticalCame++
	}
	switch status.Code(err) {
	case codes.OK:
		_ = t.answered.RecordValue(took) // within its range
		if critical {
			t.criticalAnswered++
		}
	case codes.ResourceExhausted:
		_ = t.refused.RecordValue(took)
		t.out.Refusals[larder.Reason(err)]++
		t.out.LastRefusal = max(t.out.LastRefusal, after)
	default:
		t.out.Failed++
		if t.out.Failure == "" {
			t.out.Failure = err.Error()
		}
	}
}

func (t *tally) figures(span time.Duration) *Arrivals {
	us := func(h *hdrhistogram.Histogram, q float64) float64 {
		return float64(h.ValueAtQuantile(q)) / float64(time.Microsecond)
	}
	a := &t.out
	a.Answered = float64(t.answered.TotalCount()) / span.Seconds()
	a.P50, a.P99, a.RefusedP50, a.RefusedP99 = us(t.answered, 50), us(t.answered, 99), us(t.refused, 50), us(t.refused, 99)
	if a.Came > 0 {
		a.Share = float64(t.answered.TotalCount()) / float64(a.Came)
	}
	if t.criticalCame > 0 {
		a.Critical = float64(t.criticalAnswered) / float64(t.criticalCame)
	}
	return a
}
