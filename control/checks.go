package control

import (
	"context"
	"math"
	"strings"
	"time"

	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
	"larder/control/checks"
	"larder/models/experiment"
	"larder/monitor/verify"
)

// Verify compares the answers of views, one after the other. It ends when the
// client goes away.
func (s *Server) Verify(req *larderv1.VerifyRequest, stream grpc.ServerStreamingServer[larderv1.VerifyResponse]) error {
	due := progressDue()
	asked := checks.VerifyRequest{Views: req.GetFeatureViews(), Service: req.GetFeatureService(), Sample: req.GetSample()}
	all, err := s.parts.Checks.Verify(stream.Context(), asked, func(all []checks.Verification) error {
		if !due() {
			return nil
		}
		return stream.Send(s.verificationMessages(stream.Context(), all))
	})
	if err != nil {
		return err
	}
	return stream.Send(s.verificationMessages(stream.Context(), all))
}

// progressDue returns a function that reports whether it is time to send the client
// another progress message.
func progressDue() func() bool {
	told := time.Now()
	return func() bool {
		if time.Since(told) < progressInterval {
			return false
		}
		told = time.Now()
		return true
	}
}

func (s *Server) verificationMessages(ctx context.Context, all []checks.Verification) *larderv1.VerifyResponse {
	out := &larderv1.VerifyResponse{}
	for _, v := range all {
		m := &larderv1.ViewVerification{FeatureView: v.View, Keys: v.Keys, KeysTotal: v.KeysTotal}
		if v.Report != nil {
			addReport(m, v.Report)
		}
		for _, d := range m.GetDifferences() {
			if !s.shows(ctx, v.View, d.GetFeature()) {
				d.Online, d.Source = withheldText, withheldText
			}
		}
		out.Views = append(out.Views, m)
	}
	return out
}

func addReport(out *larderv1.ViewVerification, r *verify.Report) {
	out.Done, out.Time, out.Equal, out.Mismatched = true, r.Time, r.Counts[verify.Equal], r.Counts[verify.Mismatched]
	out.Missing, out.Extra, out.Stale = r.Counts[verify.Missing], r.Counts[verify.Extra], r.Counts[verify.Stale]
	out.Newer, out.FromLog = r.Newer, r.FromLog
	for _, f := range r.Features {
		out.Features = append(out.Features, &larderv1.FeatureVerification{Feature: f.Name, Mismatched: f.Mismatched})
	}
	for _, d := range r.Differences {
		out.Differences = append(out.Differences, &larderv1.Difference{Kind: string(d.Kind), Key: d.Key, Feature: d.Feature, Online: d.Online, Source: d.Source})
	}
}

// JoinLabels finds the labels of logged rows.
func (s *Server) JoinLabels(ctx context.Context, req *larderv1.JoinLabelsRequest) (*larderv1.JoinLabelsResponse, error) {
	rows := make([]checks.LoggedRow, len(req.GetRows()))
	for i, r := range req.GetRows() {
		rows[i] = checks.LoggedRow{RequestID: r.GetRequestId(), Row: r.GetRow(), At: r.GetAt(), Sent: r.GetSent()}
	}
	labels, err := s.parts.Checks.JoinLabels(ctx, req.GetModel(), req.GetSentNames(), rows)
	if err != nil {
		return nil, err
	}
	return &larderv1.JoinLabelsResponse{Labels: labels}, nil
}

// GetExperiment compares versions of a model by the labels of the rows they scored.
func (s *Server) GetExperiment(req *larderv1.GetExperimentRequest, stream grpc.ServerStreamingServer[larderv1.GetExperimentResponse]) error {
	due := progressDue()
	asked := checks.ExperimentRequest{
		Model: req.GetModel(), Metric: req.GetMetric(), Threshold: req.Threshold, Control: req.GetControl(),
		Since: req.Since, Until: req.Until, Alpha: req.GetAlpha(),
	}
	e, err := s.parts.Checks.Experiment(stream.Context(), asked, func(rows, labels int) error {
		if !due() {
			return nil
		}
		return stream.Send(&larderv1.GetExperimentResponse{Rows: int64(rows), Labels: int64(labels)})
	})
	if err != nil {
		return err
	}
	return stream.Send(&larderv1.GetExperimentResponse{Rows: int64(e.Rows), Labels: int64(e.Report.Outcomes), Report: experimentMessage(e)})
}

func experimentMessage(e *checks.Experiment) *larderv1.ExperimentReport {
	r := e.Report
	out := &larderv1.ExperimentReport{
		Model: e.Model, Metric: e.Question.Metric.Name, Threshold: e.Question.Metric.Threshold, Alpha: e.Question.Alpha, Since: e.Since, Until: e.Until,
		Unit: strings.Join(e.Unit, ", "), Labels: int64(r.Outcomes), LabelsUnknown: int64(r.Unknown), Notes: e.Notes, Missing: e.Missing,
	}
	if r.Ratio != nil {
		out.SampleRatio = &larderv1.SampleRatio{ChiSquared: r.Ratio.ChiSquared, PValue: r.Ratio.P, Mismatch: r.Ratio.Mismatch()}
	}
	for _, v := range r.Versions {
		m := &larderv1.ExperimentVersion{
			ModelVersion: v.Version, Role: string(v.Role), Weight: v.Share, Rows: int64(v.Rows), Units: int64(v.Units), Undefined: int64(v.Undefined),
			Labelled: int64(v.Labelled), Positives: int64(v.Positives), Figure: estimateMessage(v.Figure), Verdict: v.Verdict,
		}
		if d := v.Difference; d != nil {
			m.Difference, m.PValue, m.Paired = estimateMessage(d.Interval), &d.P, d.Paired
		}
		out.Versions = append(out.Versions, m)
	}
	return out
}

func estimateMessage(i experiment.Interval) *larderv1.Estimate {
	switch {
	case math.IsNaN(i.Value):
		return nil
	case math.IsNaN(i.Low):
		return &larderv1.Estimate{Value: i.Value}
	}
	return &larderv1.Estimate{Value: i.Value, Low: &i.Low, High: &i.High}
}
