package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
	"larder/internal/background"
	"larder/monitor/verify"
	"larder/schema"
)

// Verify compares the answers of views, one after the other. It ends when the
// client goes away.
func (s *Server) Verify(req *larderv1.VerifyRequest, stream grpc.ServerStreamingServer[larderv1.VerifyResponse]) error {
	views, err := s.viewsToVerify(req)
	if err != nil {
		return err
	}
	if req.GetSample() < 0 || req.GetSample() > maxSample {
		return schema.Errorf(schema.Invalid, "BAD_SAMPLE", "a sample of %d keys; write 0 for all, or 1 to %d", req.GetSample(), maxSample)
	}
	out := &larderv1.VerifyResponse{}
	for _, v := range views {
		if _, err := verify.Watermark(s.Online, v); err != nil {
			return err // before any work
		}
		state := &larderv1.ViewVerification{FeatureView: v.Name}
		if state.KeysTotal, err = s.Online.RowCount(v.ID); err != nil {
			return err
		}
		if req.GetSample() > 0 {
			state.KeysTotal = min(state.KeysTotal, req.GetSample())
		}
		out.Views = append(out.Views, state)
	}
	for i, v := range views {
		told := time.Now()
		report, err := s.verify(stream.Context(), v, int(req.GetSample()), func(done int64) error {
			if out.Views[i].Keys = done; time.Since(told) < progressInterval {
				return nil
			}
			told = time.Now()
			return stream.Send(out)
		})
		if err != nil {
			return err
		}
		out.Views[i] = verificationMessage(report)
	}
	return stream.Send(out)
}

// maxSample bounds a sample, which is held in memory.
const maxSample = 1_000_000

// viewsToVerify returns the views that a request names.
func (s *Server) viewsToVerify(req *larderv1.VerifyRequest) ([]*schema.View, error) {
	if s.History == nil {
		return nil, noPostgres()
	}
	catalog := s.Registry.Catalog()
	var views []*schema.View
	for _, name := range req.GetFeatureViews() {
		v, err := catalog.View(name)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	if name := req.GetFeatureService(); name != "" {
		if len(views) > 0 {
			return nil, schema.Errorf(schema.Invalid, "BAD_REQUEST", "name feature views or a feature service, not both")
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
		return nil, schema.Errorf(schema.FailedPrecondition, "NO_FEATURE_VIEWS", "there are no feature views to verify")
	}
	return views, nil
}

// verify compares one view on a thread of low priority, and keeps count.
func (s *Server) verify(ctx context.Context, v *schema.View, sample int, progress func(done int64) error) (*verify.Report, error) {
	type result struct {
		report *verify.Report
		err    error
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make(chan result, 1)
	go func() {
		background.Thread()
		report, err := verify.View(ctx, verify.Options{Online: s.Online, History: s.History}, verify.Request{
			View: v, Sample: sample, Progress: func(n int64) {
				if err := progress(n); err != nil {
					stop(err)
				}
			},
		})
		done <- result{report, err}
	}()
	r := <-done
	if r.err == nil {
		s.metrics.verified(r.report)
	}
	return r.report, r.err
}

func noPostgres() error {
	return schema.Errorf(schema.FailedPrecondition, "NO_POSTGRES", "this server was started without Postgres: it has no history to read")
}

func verificationMessage(r *verify.Report) *larderv1.ViewVerification {
	out := &larderv1.ViewVerification{
		FeatureView: r.View, Done: true, Time: r.Time, Keys: r.Keys, KeysTotal: r.Keys, Equal: r.Counts[verify.Equal], Mismatched: r.Counts[verify.Mismatched],
		Missing: r.Counts[verify.Missing], Extra: r.Counts[verify.Extra], Stale: r.Counts[verify.Stale],
	}
	for _, f := range r.Features {
		out.Features = append(out.Features, &larderv1.FeatureVerification{Feature: f.Name, Mismatched: f.Mismatched})
	}
	for _, d := range r.Differences {
		out.Differences = append(out.Differences, &larderv1.Difference{Kind: string(d.Kind), Key: d.Key, Feature: d.Feature, Online: d.Online, Source: d.Source})
	}
	return out
}

// verifyOnSchedule verifies a sample of every view that is materialized, again
// and again, until ctx ends.
func (s *Server) verifyOnSchedule(ctx context.Context) error {
	if s.VerifyEvery == 0 || s.History == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(s.VerifyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, v := range s.Registry.Catalog().Views() {
			s.verifyView(ctx, v)
		}
	}
}

// verifyView verifies a sample of a view and logs what is wrong.
func (s *Server) verifyView(ctx context.Context, v *schema.View) {
	report, err := s.verify(ctx, v, s.VerifySample, func(int64) error { return nil })
	var said *schema.Error
	switch {
	case ctx.Err() != nil, errors.As(err, &said) && said.Reason == "NEVER_MATERIALIZED":
	case err != nil:
		s.Logger.Error("a view can't be verified", "view", v.Name, "error", err)
	case report.Faults() > 0:
		first := report.Differences[slices.IndexFunc(report.Differences, func(d verify.Difference) bool { return d.Kind != verify.Stale })]
		s.Logger.Error("the store and the source differ; larder verify tells more", "view", v.Name, "keys", report.Keys, "faults", report.Faults(),
			"first", fmt.Sprintf("%s %s %s", first.Kind, first.Key, first.Feature))
	default:
		s.Logger.Debug("view verified", "view", v.Name, "keys", report.Keys, "stale", report.Counts[verify.Stale])
	}
}
