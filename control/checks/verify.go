package checks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"larder/internal/background"
	"larder/monitor/verify"
	"larder/schema"
)

// A VerifyRequest names the views to verify: a list of views, or the views of a
// feature service. If it names neither, all views are verified.
type VerifyRequest struct {
	Views   []string
	Service string
	Sample  int64 // how many keys of each view; 0: all
}

// A Verification is the state of the check of a view.
type Verification struct {
	View            string
	Keys, KeysTotal int64          // compared so far, and in all
	Report          *verify.Report // nil until the check is done
}

// Verify compares the answers of views, one view after the other. It calls progress
// while it runs, and stops when progress returns an error.
func (c *Checker) Verify(ctx context.Context, req VerifyRequest, progress func([]Verification) error) ([]Verification, error) {
	views, err := c.viewsToVerify(req)
	if err != nil {
		return nil, err
	}
	if req.Sample < 0 || req.Sample > maxSample {
		return nil, schema.BadSample.Errorf("cannot verify a sample of %d keys; use 0 for all keys, or 1 to %d", req.Sample, maxSample)
	}
	all := make([]Verification, len(views))
	for i, v := range views {
		if _, err := verify.Watermark(c.Online, v); err != nil {
			return nil, err // before any work
		}
		all[i].View = v.Name
		if all[i].KeysTotal, err = c.Online.RowCount(v.ID); err != nil {
			return nil, err
		}
		if req.Sample > 0 {
			all[i].KeysTotal = min(all[i].KeysTotal, req.Sample)
		}
	}
	for i, v := range views {
		report, err := c.verify(ctx, v, int(req.Sample), func(done int64) error {
			all[i].Keys = done
			return progress(all)
		})
		if err != nil {
			return nil, err
		}
		all[i] = Verification{View: report.View, Keys: report.Keys, KeysTotal: report.Keys, Report: report}
	}
	return all, nil
}

// maxSample bounds a sample, which is held in memory.
const maxSample = 1_000_000

// viewsToVerify returns the views that a request names.
func (c *Checker) viewsToVerify(req VerifyRequest) ([]*schema.View, error) {
	if c.Bulk == nil {
		return nil, errNoPostgres()
	}
	catalog := c.Registry.Catalog()
	var views []*schema.View
	for _, name := range req.Views {
		v, err := catalog.View(name)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	if name := req.Service; name != "" {
		if len(views) > 0 {
			return nil, schema.BadRequest.Errorf("name feature views or a feature service, not both")
		}
		plan, err := catalog.ServicePlan(name)
		if err != nil {
			return nil, err
		}
		for i := range plan.Views {
			views = append(views, plan.Views[i].View)
		}
	} else if len(views) == 0 {
		views = catalog.Views()
	}
	if len(views) == 0 {
		return nil, schema.NoFeatureViews.Errorf("there are no feature views to verify; larder apply DIR adds some")
	}
	return views, nil
}

// verify compares one view on a low-priority thread and counts the results.
func (c *Checker) verify(ctx context.Context, v *schema.View, sample int, progress func(done int64) error) (*verify.Report, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	report, err := background.Do(ctx, func(ctx context.Context) (*verify.Report, error) {
		return verify.View(ctx, verify.Options{Online: c.Online, Offline: c.Bulk, Logs: c.Logs}, verify.Request{
			View: v, Sample: sample, Progress: func(n int64) {
				if err := progress(n); err != nil {
					stop(err)
				}
			},
		})
	})
	if err == nil {
		c.metrics.verified(report)
	}
	return report, err
}

func errNoPostgres() error {
	return schema.NoPostgres.Errorf("this server runs without Postgres and has no history to read; start it with --postgres")
}

// VerifyOnSchedule verifies a sample of every materialized view, once per VerifyEvery,
// until ctx ends.
func (c *Checker) VerifyOnSchedule(ctx context.Context) error {
	if c.VerifyEvery == 0 || c.Bulk == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(c.VerifyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, v := range c.Registry.Catalog().Views() {
			c.verifyView(ctx, v)
		}
	}
}

// verifyView verifies a sample of a view and logs the result.
func (c *Checker) verifyView(ctx context.Context, v *schema.View) {
	report, err := c.verify(ctx, v, c.VerifySample, func(int64) error { return nil })
	var said *schema.Error
	switch {
	case ctx.Err() != nil, errors.As(err, &said) && said.Reason == schema.NeverMaterialized:
	case err != nil:
		c.Logger.Error("cannot verify a view", "view", v.Name, "error", err)
	case report.Faults() > 0:
		first := report.Differences[slices.IndexFunc(report.Differences, func(d verify.Difference) bool { return d.Kind != verify.Stale })]
		c.Logger.Error("the online store differs from the source; run larder verify for details", "view", v.Name, "keys", report.Keys, "faults", report.Faults(),
			"first", fmt.Sprintf("%s %s %s", first.Kind, first.Key, first.Feature))
	default:
		c.Logger.Debug("view verified", "view", v.Name, "keys", report.Keys, "stale", report.Counts[verify.Stale])
	}
}
