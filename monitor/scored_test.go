package monitor_test

import (
	"fmt"
	"strings"
	"testing"

	"larder/monitor"
	"larder/schema"
)

// TestSampled: the rate is the share that is logged, and none without one.
func TestSampled(t *testing.T) {
	f := func(rate float64, least, most int) {
		t.Helper()
		m, n, given := &schema.Model{Log: &schema.ModelLog{Rate: rate}}, 0, 0
		for i := range 10_000 {
			if _, logged := monitor.Sampled(m, ""); logged {
				n++
			}
			if _, logged := monitor.Sampled(m, fmt.Sprint("order-", i)); logged {
				given++
			}
		}
		if min(n, given) < least || max(n, given) > most {
			t.Errorf("rate %v: %d of 10000 drawn, %d given", rate, n, given)
		}
	}
	f(1, 10_000, 10_000)
	f(0.5, 4_600, 5_400) // more than 8 standard deviations
	f(0.01, 20, 200)
	if _, logged := monitor.Sampled(&schema.Model{}, "order-1"); logged {
		t.Error("a model without a log is logged")
	}
	m := &schema.Model{Log: &schema.ModelLog{Rate: 1}}
	id, _ := monitor.Sampled(m, "")
	other, _ := monitor.Sampled(m, "")
	if len(id) != 16 || strings.Trim(id, "0123456789abcdef") != "" || id == other {
		t.Errorf("drawn ids %q and %q; want 16 hexadecimal digits", id, other)
	}
}

// TestGivenIDsDecide: by printf %s ID | sha256sum, which begins with 0baf for order-1,
// 0.0456 of all there are, with 3d5e for order-2, 0.2397, and with 28ec for order-3, 0.1599.
func TestGivenIDsDecide(t *testing.T) {
	f := func(id string, rate float64, want bool) {
		t.Helper()
		got, logged := monitor.Sampled(&schema.Model{Log: &schema.ModelLog{Rate: rate}}, id)
		if logged != want || got != id {
			t.Errorf("%s at %v: %q, logged %v", id, rate, got, logged)
		}
	}
	f("order-1", 0.045, false)
	f("order-1", 0.046, true)
	f("order-2", 0.239, false)
	f("order-2", 0.240, true)
	f("order-3", 0.159, false)
	f("order-3", 0.160, true)
	f("order-3", 1, true)
}
