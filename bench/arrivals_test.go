package bench

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// TestArrivalsDontWaitForEachOther: requests come at the rate that was asked for, also
// while some take long, and each is counted from when it was due.
func TestArrivalsDontWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var critical atomic.Int64
		refused, err := status.New(codes.ResourceExhausted, "too much").WithDetails(&errdetails.ErrorInfo{Reason: "OVERLOADED"})
		if err != nil {
			t.Fatal(err)
		}
		a := arriving{name: "a", rate: 1000, seed: 1, critical: 0.5, do: func(ctx context.Context, n int) error {
			sent, _ := metadata.FromOutgoingContext(ctx)
			if p := sent.Get("larder-priority"); len(p) == 1 && p[0] == "critical" {
				critical.Add(1)
			}
			switch n % 10 {
			case 0:
				time.Sleep(2 * time.Second)
			case 1:
				return refused.Err()
			case 2:
				return errors.New("broken")
			}
			return nil
		}}
		got := a.arrive(t.Context(), time.Second, 4*time.Second)
		if got.Came < 3800 || got.Came > 4200 {
			t.Errorf("%d came in 4 s at 1,000 a second", got.Came)
		}
		near := func(what string, figure, want float64) {
			t.Helper()
			if math.Abs(figure-want) > want/10 {
				t.Errorf("%s is %v, want about %v", what, figure, want)
			}
		}
		near("answered a second", got.Answered, 800)
		near("the share answered", got.Share, 0.8)
		near("the share of critical requests answered", got.Critical, 0.8)
		near("p99", got.P99, 2e6)
		near("refusals", float64(got.Refusals["OVERLOADED"]), 400)
		near("failures", float64(got.Failed), 400)
		near("critical requests", float64(critical.Load()), 2500) // those that are not recorded too
		if got.P50 > 100 || got.Failure != "broken" || got.LastRefusal < 3900*time.Millisecond {
			t.Errorf("%+v", got)
		}
	})
}

func TestQuantileOfWhatWasAdded(t *testing.T) {
	before := map[float64]float64{0.001: 100, 0.01: 100, math.Inf(1): 100}
	f := func(q, want float64, after map[float64]float64) {
		t.Helper()
		if got := quantileOf(before, after, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	after := map[float64]float64{0.001: 160, 0.01: 198, math.Inf(1): 200}
	f(0.5, 0.001, after)
	f(0.9, 0.01, after)
	f(0.999, math.Inf(1), after)
	f(0.5, 0, nil)
}
