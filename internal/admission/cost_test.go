package admission_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/admission"
)

func TestCostsAreOfWhatRanAlone(t *testing.T) {
	var c admission.Cost
	f := func(rows int, want time.Duration) {
		t.Helper()
		if got := c.Of(rows); got < want*9/10 || got > want*11/10 {
			t.Errorf("%d rows: %s, want about %s", rows, got, want)
		}
	}
	f(1, 0)
	c.Took(1, 400*time.Microsecond, 4) // with three others on one core
	f(1, 100*time.Microsecond)
	for range 100 {
		c.Took(1, 400*time.Microsecond, 4) // says nothing new
	}
	f(1, 100*time.Microsecond)
	f(10, time.Millisecond) // until it is known better
	for range 200 {
		c.Took(100, 2*time.Millisecond, 1)
		c.Took(1, 50*time.Microsecond, 1.5)
	}
	f(1, 50*time.Microsecond)
	f(100, 2*time.Millisecond)
	f(120, 2400*time.Microsecond)
	for range 200 {
		c.Took(100, 6*time.Millisecond, 1) // the model became slow
	}
	f(100, 6*time.Millisecond)
	for range 100 {
		c.Doubt()
	}
	if got := c.Of(100); got > 2*time.Millisecond {
		t.Errorf("after a hundred refusals, it is believed to take %s", got)
	}
	c.Late(100, 5*time.Millisecond, 1)
	f(100, 5*time.Millisecond)
	c.Late(100, time.Millisecond, 1) // which is no news
	f(100, 5*time.Millisecond)
	var none *admission.Cost
	none.Doubt()
	if got := none.Of(3); got != 0 {
		t.Errorf("what never ended costs %s", got)
	}
}

func TestKindsAreBounded(t *testing.T) {
	var costs admission.Costs
	for i := range 5000 {
		costs.Add("m", fmt.Sprint(i)).Took(1, time.Second, 1)
	}
	if costs.Find("m", "0") == nil || costs.Find("m", "4999") != nil || costs.Find("m", "") == nil {
		t.Error("beyond the most, kinds are told apart, or before they aren't")
	}
}

func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &admission.Quota{RequestsPerSecond: 10, RowsPerSecond: 100}
		allowed := func() (n int) {
			for range 100 {
				if q.TakeRequest() == 0 {
					n++
				}
			}
			return n
		}
		if n := allowed(); n != 10 {
			t.Errorf("%d requests at once, want a second's", n)
		}
		if wait := q.TakeRequest(); wait != 100*time.Millisecond {
			t.Errorf("the next is in %s", wait)
		}
		time.Sleep(500 * time.Millisecond)
		if n := allowed(); n != 5 {
			t.Errorf("%d requests after half a second, want 5", n)
		}
		if wait := q.TakeRows(250); wait != 0 { // more than a second's
			t.Errorf("refused for %s", wait)
		}
		if wait := q.TakeRows(1); wait != 1510*time.Millisecond {
			t.Errorf("the next row is in %s", wait)
		}
		time.Sleep(1510 * time.Millisecond)
		if wait := q.TakeRows(1); wait != 0 {
			t.Errorf("refused for %s", wait)
		}
		var none *admission.Quota
		if none.TakeRequest() != 0 || none.TakeRows(1e9) != 0 || new(admission.Quota).TakeRequest() != 0 {
			t.Error("no quota refuses")
		}
		small := &admission.Quota{RequestsPerSecond: 0.5}
		if small.TakeRequest() != 0 || small.TakeRequest() != 2*time.Second {
			t.Error("half a request a second")
		}
	})
}
