package serving_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"larder/monitor/watch"
	"larder/schema"
	"larder/serving"
)

// A forgetful keeps references, and no windows.
type forgetful struct {
	mu         sync.Mutex
	references map[string]*watch.Reference
}

func (f *forgetful) Reference(_ context.Context, model string, _ int64, part string) (*watch.Reference, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.references[model+part], nil
}

func (f *forgetful) PutReference(_ context.Context, model string, _ int64, part string, r *watch.Reference) (*watch.Reference, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.references[model+part] = r
	return r, nil
}

func (*forgetful) Trained(context.Context, *schema.Plan) ([]watch.Column, error) { return nil, nil }

func (*forgetful) PutWindow(context.Context, *watch.Window) error { return nil }

// BenchmarkWatch compares the same requests of a model that nobody watches, of one that is
// watched as by default, and of one of which every row is counted.
func BenchmarkWatch(b *testing.B) {
	for _, rows := range []int{1, 100} {
		b.Run(fmt.Sprintf("rows=%d/features=50", rows), func(b *testing.B) {
			w := watch.New(watch.Options{Store: &forgetful{references: map[string]*watch.Reference{}}, Server: func() string { return "bench" }})
			ctx, stop := context.WithCancel(b.Context())
			ended := make(chan struct{})
			go func() { _ = w.Run(ctx); close(ended) }()
			defer func() { stop(); <-ended }()
			shops := []*shop{wide(b, 5, serving.Options{}), wide(b, 5, serving.Options{Watch: w}), wide(b, 5, serving.Options{Watch: w})}
			defs := shops[2].catalog.Load().Definitions
			defs.Models = []schema.Model{defs.Models[0]}
			defs.Models[0].Monitor = &schema.ModelMonitor{Rate: 1}
			shops[2].publish(shops[2].compile(3, &defs))
			p50, p99 := byTurns(b, wideRequest(rows, false), shops...)
			b.ReportMetric(p50[0]/1000, "p50-µs")
			for i, name := range []string{"watched", "every-row"} {
				b.ReportMetric(p50[1+i]/p50[0], "p50-"+name+"-ratio")
				b.ReportMetric(p99[1+i]/p99[0], "p99-"+name+"-ratio")
			}
		})
	}
}
