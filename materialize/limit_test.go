package materialize_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"larder/materialize"
	"larder/schema"
)

// TestARunEndsAtItsLimit, an hour or what the view says, and tells what to do.
func TestARunEndsAtItsLimit(t *testing.T) {
	f := func(limit, want time.Duration, said string) {
		t.Helper()
		defs := spend()
		defs.FeatureViews[0].MaxRun = schema.Duration(limit)
		inBubble(t, defs, nil, func(t *testing.T, w *world, source *empty) {
			source.set(1000*time.Hour, nil)
			began := time.Now()
			run := w.run(materialize.Request{View: "spend"})
			if took := time.Since(began); took < want || took > want+2*time.Second {
				t.Errorf("the run took %s, want %s", took, want)
			}
			if run.State != materialize.Failed || !strings.Contains(run.Error, `feature view "spend"`) || !strings.Contains(run.Error, said) || !strings.Contains(run.Error, "raise max_run") {
				t.Errorf("%s: %s", run.State, run.Error)
			}
			source.set(0, nil)
			if run := w.run(materialize.Request{View: "spend"}); run.State != materialize.Succeeded {
				t.Errorf("the next run is %s: %s", run.State, run.Error)
			}
		})
	}
	f(0, time.Hour, "max_run, 1h,")
	f(90*time.Second, 90*time.Second, "max_run, 1m30s,")
}

// TestSilentSourcesDoNotStopOtherViews: two that don't answer hold both slots for a
// minute, and then another view's run goes on.
func TestSilentSourcesDoNotStopOtherViews(t *testing.T) {
	defs := spend()
	for i := range 4 {
		v := defs.FeatureViews[0]
		v.Name = fmt.Sprintf("view_%d", i)
		defs.FeatureViews = append(defs.FeatureViews, v)
	}
	inBubble(t, defs, nil, func(t *testing.T, w *world, source *empty) {
		source.set(10*time.Hour, nil)
		begin := time.Now()
		for _, v := range defs.FeatureViews {
			if _, err := w.runner.Start(materialize.Request{View: v.Name}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(30 * time.Second)
		if n := len(source.starts(begin)); n != 2 {
			t.Errorf("%d runs at first, want 2", n)
		}
		time.Sleep(time.Minute)
		if n := len(source.starts(begin)); n != 2 {
			t.Errorf("%d more after a minute, want 2", n)
		}
		time.Sleep(20 * time.Minute)
		if n := len(source.starts(begin)); n != 0 {
			t.Errorf("%d more after that; four at once are enough", n)
		}
	})
}
