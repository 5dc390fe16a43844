package bench

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// A watching is what was seen of a server under load.
type watching struct {
	slowest time.Duration // answer of a health check
	failed  int
	memory  []int64
}

// memoryGrowth returns the most memory in the second and in the last quarter, in megabytes.
func (w *watching) memoryGrowth() (second, last float64) {
	n := len(w.memory)
	most := func(part []int64) float64 { return float64(slices.Max(part)) / 1e6 }
	if n < 4 {
		return 1, 1
	}
	return most(w.memory[n/4 : n/2]), most(w.memory[n-n/4:])
}

// watch checks the server's health and memory until the function that it returns is
// called.
func (o *overloading) watch(ctx context.Context) func() (watching, error) {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	var w watching
	var err error
	go func() {
		defer close(done)
		client := healthv1.NewHealthClient(o.quiet()[0])
		for ctx.Err() == nil && err == nil {
			began := time.Now()
			answer, checked := client.Check(ctx, &healthv1.HealthCheckRequest{})
			if ctx.Err() != nil {
				return
			}
			if checked != nil || answer.GetStatus() != healthv1.HealthCheckResponse_SERVING {
				w.failed++
			}
			w.slowest = max(w.slowest, time.Since(began))
			var bytes int64
			bytes, err = anonymous(o.server.Pid())
			w.memory = append(w.memory, bytes)
			time.Sleep(50 * time.Millisecond)
		}
	}()
	return func() (watching, error) {
		stop()
		<-done
		return w, err
	}
}

// senderShare begins to measure which share of the cores this process takes; the function
// that it returns ends that.
func senderShare() func() float64 {
	before, began := spent(), time.Now()
	return func() float64 {
		return (spent() - before).Seconds() / time.Since(began).Seconds() / float64(runtime.NumCPU())
	}
}

// spent returns the CPU time of this process.
func spent() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

const refusalSeconds = "larder_grpcserver_refusal_seconds_bucket{le=\""

// refusals returns the server's histogram of how long refusals took: how many by the
// upper ends of buckets, in seconds.
func (o *overloading) refusals(ctx context.Context) (map[float64]float64, error) {
	var text bytes.Buffer
	if err := o.server.fetch(ctx, "/metrics", &text); err != nil {
		return nil, err
	}
	out := map[float64]float64{}
	for name, value := range series(text.String()) {
		rest, is := strings.CutPrefix(name, refusalSeconds)
		if !is {
			continue
		}
		var le float64
		if strings.HasPrefix(rest, "+Inf") {
			le = math.Inf(1)
		} else if _, err := fmt.Sscanf(rest, "%g", &le); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		out[le] = value
	}
	return out, nil
}

// quantileOf returns the upper end of the bucket with a quantile of what was added.
func quantileOf(before, after map[float64]float64, q float64) float64 {
	var ends []float64
	for le := range after {
		ends = append(ends, le)
	}
	sort.Float64s(ends)
	if len(ends) == 0 {
		return 0
	}
	all := after[ends[len(ends)-1]] - before[ends[len(ends)-1]]
	for _, le := range ends {
		if after[le]-before[le] >= q*all {
			return le
		}
	}
	return math.Inf(1)
}
