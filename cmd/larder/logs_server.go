package main

import (
	"context"
	"errors"
	"io"

	larderv1 "larder/api/larder/v1"
	"larder/monitor/featurelog"
	"larder/monitor/replay"
)

// replayThere has the server score its own log again. It returns the report, and what is
// wrong with it.
func replayThere(ctx context.Context, control larderv1.ControlServiceClient, model string, bar *progress) (*replay.Report, error, error) {
	stream, err := control.ReplayLog(ctx, &larderv1.ReplayLogRequest{Model: model})
	if err != nil {
		return nil, nil, err
	}
	for {
		msg, err := stream.Recv()
		if err != nil {
			return nil, nil, endedEarly(err)
		}
		if r := msg.GetReport(); r != nil {
			report, found := replayReport(r)
			return report, found, nil
		}
		bar.set(msg.GetRows(), 0)
	}
}

func endedEarly(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the server ended without a report")
	}
	return err
}

func replayReport(r *larderv1.ReplayReport) (*replay.Report, error) {
	report, found := &replay.Report{}, featurelog.Incomplete(r.GetMissing())
	for _, c := range r.GetCounts() {
		report.Counts = append(report.Counts, replay.Count{Model: c.GetModel(), Version: c.GetModelVersion(), Equal: c.GetEqual(), Different: c.GetDifferent()})
	}
	for _, d := range r.GetDifferences() {
		report.Differences = append(report.Differences, replay.Difference{
			File: d.GetFile(), Row: featurelog.RowID{RequestID: d.GetRequestId(), Row: d.GetRow()}, Logged: d.GetLogged(), Now: d.GetNow(),
			Output: d.GetOutput(), LoggedText: d.GetLoggedOutput(), NowText: d.GetNowOutput(),
		})
	}
	for _, g := range r.GetGone() {
		report.Gone = append(report.Gone, replay.Gone{Model: g.GetModel(), Version: g.GetModelVersion(), CatalogVersion: g.GetCatalogVersion(), Rows: g.GetRows(), Cause: g.GetCause()})
	}
	found = errors.Join(found, replay.LeftOut(report.Gone))
	if r.GetCause() != "" {
		found = errors.Join(errors.New(r.GetCause()), found)
	}
	return report, found
}

// there has the server compare its own log. It returns the damaged files as an error.
func (s *skews) there(ctx context.Context, model string) (damaged, err error) {
	stream, err := s.server.Control.CheckSkew(ctx, &larderv1.CheckSkewRequest{Model: model})
	if err != nil {
		return nil, err
	}
	for {
		msg, err := stream.Recv()
		if err != nil {
			return nil, endedEarly(err)
		}
		s.bar.set(msg.GetRows(), msg.GetRowsTotal())
		if r := msg.GetReport(); r != nil {
			for _, m := range r.GetModels() {
				s.models = append(s.models, skewOf(m))
			}
			return featurelog.Incomplete(r.GetMissing()), nil
		}
	}
}

func skewOf(m *larderv1.ModelSkew) *modelSkew {
	out := &modelSkew{model: m.GetModel()}
	for _, f := range m.GetFeatures() {
		out.Features = append(out.Features, &featurelog.FeatureSkew{
			Feature: f.GetFeature(), Rows: f.GetRows(), Sent: f.GetSent(), Equal: f.GetEqual(), Differ: f.GetDiffer(), Missing: f.GetMissing(), Extra: f.GetExtra(),
			Unlogged: f.GetUnlogged(), MeanAbsolute: f.GetMeanAbsoluteDifference(), MeanRelative: f.GetMeanRelativeDifference(),
		})
	}
	for _, d := range m.GetDifferences() {
		out.Differences = append(out.Differences, featurelog.Difference{Feature: d.GetFeature(), RequestID: d.GetRequestId(), Row: d.GetRow(), Logged: d.GetLogged(), Rebuilt: d.GetRebuilt()})
	}
	return out
}
