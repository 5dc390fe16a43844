package demo

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	larder "larder/client/go"
	"larder/examples/fraud"
)

// inFlight is how many requests the demo runs at once.
const inFlight = 4

// scoreLastDay scores the transactions of the last day, without and with windows.
func (d *demo) scoreLastDay(ctx context.Context, dsn, addr string) error {
	pg, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer pg.Close(context.WithoutCancel(ctx))
	day, err := fraud.Day(ctx, pg, 0)
	if err != nil {
		return err
	}
	if len(day) == 0 {
		return fmt.Errorf("the simulation has no transactions on its last day, %s", d.lastDay.Format(time.DateOnly))
	}
	d.last = day[len(day)-1]
	client, err := larder.Dial(addr, larder.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	if err := d.score(ctx, client, day); err != nil {
		return err
	}
	return d.live(ctx, client, day)
}

// score scores every transaction, each with a request that reads the store as of the
// transaction's time, and compares the scores with the true labels.
func (d *demo) score(ctx context.Context, client *larder.Client, day []fraud.Transaction) error {
	fmt.Fprintf(d.Out, "\nScoring the %s transactions of %s\n", thousands(len(day)), d.lastDay.Format(time.DateOnly))
	scores := make([]float64, len(day))
	latencies, took, err := each(ctx, len(day), func(ctx context.Context, i int, latencies *hdrhistogram.Histogram) (err error) {
		sent := time.Now()
		if scores[i], err = scoreOne(ctx, client, "fraud", day[i]); err != nil {
			return err
		}
		return latencies.RecordValue(int64(time.Since(sent)))
	})
	if err != nil {
		return err
	}
	f := &d.figures
	f.Scored, f.AUC, f.RequestsPerSecond = len(day), fraud.AUC(scores, labelsOf(day)), float64(len(day))/took.Seconds()
	f.P50, f.P99 = micros(latencies, 50), micros(latencies, 99)
	return nil
}

// each calls do for 0 to n-1, begun in order, some at a time, and returns what they
// recorded.
func each(ctx context.Context, n int, do func(ctx context.Context, i int, recorded *hdrhistogram.Histogram) error) (*hdrhistogram.Histogram, time.Duration, error) {
	var next atomic.Int64
	recorded := make([]*hdrhistogram.Histogram, inFlight)
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for w := range inFlight {
		recorded[w] = hdrhistogram.New(1, int64(time.Minute), 3)
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := do(ctx, i, recorded[w]); err != nil {
					return fmt.Errorf("transaction %d of the day: %w", i+1, err)
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return nil, 0, err
	}
	took := time.Since(began)
	for _, h := range recorded[1:] {
		recorded[0].Merge(h)
	}
	return recorded[0], took, nil
}

func scoreOne(ctx context.Context, client *larder.Client, model string, t fraud.Transaction) (float64, error) {
	answer, err := client.Serving.GetFeaturesAndScore(ctx, fraud.ScoreRequest(model, t))
	if err != nil {
		return 0, fmt.Errorf("score it: %w", err)
	}
	if n := len(answer.GetScores()); n != 1 {
		return 0, fmt.Errorf("score it: %d scores for one row", n)
	}
	return answer.GetScores()[0], nil
}

func labelsOf(day []fraud.Transaction) []bool {
	labels := make([]bool, len(day))
	for i, t := range day {
		labels[i] = t.IsFraud()
	}
	return labels
}

func micros(h *hdrhistogram.Histogram, quantile float64) float64 {
	return float64(h.ValueAtQuantile(quantile)) / float64(time.Microsecond)
}
