package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	larder "larder/client/go"
	"larder/examples/fraud"
)

// inFlight is how many requests the demo runs at once.
const inFlight = 4

// score scores every transaction of the last day, each with a request that reads the
// store as of the transaction's time, and compares the scores with the true labels.
func (d *demo) score(ctx context.Context, dsn, addr string) error {
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
	client, err := larder.Dial(addr, larder.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	fmt.Fprintf(d.Out, "\nScoring the %s transactions of %s\n", thousands(len(day)), d.lastDay.Format(time.DateOnly))
	scores := make([]float64, len(day))
	latencies := make([]*hdrhistogram.Histogram, inFlight)
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for w := range inFlight {
		latencies[w] = hdrhistogram.New(1, int64(time.Minute), 3)
		g.Go(func() error {
			for i := w; i < len(day); i += inFlight {
				sent := time.Now()
				score, err := scoreOne(ctx, client, day[i])
				if err != nil {
					return fmt.Errorf("score transaction %d: %w", day[i].ID, err)
				}
				scores[i] = score
				if err := latencies[w].RecordValue(int64(time.Since(sent))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	took := time.Since(began)
	for _, h := range latencies[1:] {
		latencies[0].Merge(h)
	}
	labels := make([]bool, len(day))
	for i, t := range day {
		labels[i] = t.IsFraud()
	}
	f := &d.figures
	f.Scored, f.AUC, f.RequestsPerSecond = len(day), fraud.AUC(scores, labels), float64(len(day))/took.Seconds()
	f.P50 = float64(latencies[0].ValueAtQuantile(50)) / float64(time.Microsecond)
	f.P99 = float64(latencies[0].ValueAtQuantile(99)) / float64(time.Microsecond)
	d.last = day[len(day)-1]
	return nil
}

func scoreOne(ctx context.Context, client *larder.Client, t fraud.Transaction) (float64, error) {
	answer, err := client.Serving.GetFeaturesAndScore(ctx, fraud.ScoreRequest(t))
	if err != nil {
		return 0, err
	}
	if n := len(answer.GetScores()); n != 1 {
		return 0, fmt.Errorf("%d scores for one row", n)
	}
	return answer.GetScores()[0], nil
}
