package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	larder "larder/client/go"
	"larder/examples/fraud"
)

// stream is the stream of transactions.
const stream = "transactions"

// live lives through the last day once more, transaction by transaction: each is scored by
// the model with windows, as of its time, and then pushed as an event, so that the windows
// of the next ones have it.
func (d *demo) live(ctx context.Context, client *larder.Client, day []fraud.Transaction) error {
	fmt.Fprintf(d.Out, "\nScoring them again with windows, and pushing each as an event once it is scored\n")
	scores, before := make([]float64, len(day)), predecessors(day)
	served := make([]chan struct{}, len(day)) // closed when the windows have the event
	for i := range served {
		served[i] = make(chan struct{})
	}
	fresh, took, err := each(ctx, len(day), func(ctx context.Context, i int, fresh *hdrhistogram.Histogram) error {
		for _, earlier := range before[i] {
			select {
			case <-served[earlier]:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		var err error
		if scores[i], err = scoreOne(ctx, client, "fraud_windows", day[i]); err != nil {
			return err
		}
		sent := time.Now()
		pushed, err := client.Push(ctx, stream, event(day[i]), larder.PushOptions{WaitServed: true})
		if err != nil {
			return fmt.Errorf("push it: %w", err)
		}
		if pushed.GetAppended() != 1 {
			return fmt.Errorf("push it: the stream has it already")
		}
		close(served[i])
		return fresh.RecordValue(int64(time.Since(sent)))
	})
	if err != nil {
		return err
	}
	f := &d.figures
	f.AUCWindows, f.EventsPerSecond = fraud.AUC(scores, labelsOf(day)), float64(len(day))/took.Seconds()
	f.FreshP50, f.FreshP99 = micros(fresh, 50), micros(fresh, 99)
	return nil
}

// predecessors returns for each transaction those before it that its windows depend on:
// the last one of the same customer, and the last one at the same terminal.
func predecessors(day []fraud.Transaction) [][]int {
	out := make([][]int, len(day))
	customers, terminals := map[int64]int{}, map[int64]int{}
	for i, t := range day {
		if last, found := customers[t.Customer]; found {
			out[i] = append(out[i], last)
		}
		if last, found := terminals[t.Terminal]; found {
			out[i] = append(out[i], last)
		}
		customers[t.Customer], terminals[t.Terminal] = i, i
	}
	return out
}

// event is a transaction as an event of the stream.
func event(t fraud.Transaction) larder.Columns {
	return larder.Columns{
		"transaction_id": []int64{t.ID}, "customer_id": []int64{t.Customer}, "terminal_id": []int64{t.Terminal},
		"amount": []float64{t.Amount}, "event_time": []time.Time{t.Time},
	}
}
