package bench

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestLateAnswersAndErrorsAreNoSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const deadline = 100 * time.Millisecond
		c := &counted{name: "peer", deadline: deadline, call: func(_ context.Context, n int) error {
			switch n % 4 {
			case 1:
				time.Sleep(deadline + 1)
			case 2:
				time.Sleep(deadline) // in time
			case 3:
				return errors.New("refused")
			}
			return nil
		}}
		for n := range 8 {
			if err := c.do(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if e := c.entry(Figures{Requests: 8}); e.Success != 0.5 || e.Error != "refused" {
			t.Errorf("success %v, error %q; want half, and the error", e.Success, e.Error)
		}
	})
}
