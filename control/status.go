package control

import (
	"context"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

// GetStatus answers how this server and each of its views stand. It answers
// without Postgres too; what only Postgres knows is then missing.
func (s *Server) GetStatus(ctx context.Context, _ *larderv1.GetStatusRequest) (*larderv1.GetStatusResponse, error) {
	catalog, state, now := s.Registry.Catalog(), s.Registry.State(), time.Now().UnixMicro()
	out := &larderv1.GetStatusResponse{
		ServerVersion: s.Version, Server: s.Name, CatalogVersion: catalog.Version, Fingerprint: catalog.Fingerprint,
		RegistryVersion: state.NewestVersion, CatalogError: errorText(state.CatalogError), PostgresError: errorText(state.PostgresError),
		StartedAt: s.started.UnixMicro(), DataDir: s.DataDir, DataBytes: s.Online.DiskBytes(),
	}
	recorded := map[string]*larderv1.Run{}
	if s.Offline != nil && state.PostgresError == nil {
		recorded = s.recordedRuns(ctx)
	}
	for _, v := range catalog.Views() {
		view, err := s.viewStatus(v, now)
		if err != nil {
			return nil, err
		}
		if view.LastRun == nil {
			view.LastRun = recorded[v.Name]
		}
		out.Views = append(out.Views, view)
	}
	return out, nil
}

func (s *Server) viewStatus(v *schema.View, now int64) (*larderv1.ViewStatus, error) {
	out := &larderv1.ViewStatus{FeatureView: v.Name, Schedule: v.Schedule.Micros()}
	mark, found, err := s.Online.Watermark(v.ID)
	if err != nil {
		return nil, err
	}
	if found {
		out.Watermark, out.Freshness = mark.Time, max(0, now-mark.Time)
	}
	if out.NewestEventTime, err = s.Online.NewestEventTime(v.ID); err != nil {
		return nil, err
	}
	if out.Rows, err = s.Online.RowCount(v.ID); err != nil {
		return nil, err
	}
	if s.Runner == nil {
		return out, nil
	}
	out.NextRunAt = s.Runner.NextRun(v.Name)
	if run, found := s.Runner.Last(v.Name); found {
		out.LastRun = s.runMessage(run)
	}
	return out, nil
}

// recordedRuns returns the newest recorded run of each view; none when the
// record can't be read, which is logged.
func (s *Server) recordedRuns(ctx context.Context) map[string]*larderv1.Run {
	out := map[string]*larderv1.Run{}
	runs, err := s.Registry.LastRuns(ctx, s.Name)
	if err != nil {
		s.Logger.Warn("the record of runs can't be read", "error", err)
		return out
	}
	for _, r := range runs {
		if run, err := recordedRun(r); err == nil {
			out[r.FeatureView] = run
		}
	}
	return out
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
