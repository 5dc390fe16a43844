package control

import (
	"context"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/control/runs"
	"larder/internal/grpcserver"
	"larder/schema"
	"larder/store/registry"
)

// GetStatus returns the state of this server, to those who may observe it, and of each of the
// views that the caller may see. It works without Postgres too, but leaves out what only
// Postgres has.
func (s *Server) GetStatus(ctx context.Context, _ *larderv1.GetStatusRequest) (*larderv1.GetStatusResponse, error) {
	catalog, state := s.Registry.Catalog(), s.Registry.State()
	out := &larderv1.GetStatusResponse{ServerVersion: s.Version, Server: s.Name, CatalogVersion: catalog.Version, Fingerprint: catalog.Fingerprint}
	if observesServer(ctx) {
		s.addServer(out, state)
	}
	now := s.now()
	recorded := map[string]runs.Run{}
	if s.Offline != nil && state.PostgresError == nil {
		recorded = s.recorded(ctx)
	}
	for _, v := range catalog.Views() {
		if !observes(ctx, grpcserver.View, v.Name) {
			continue
		}
		view, err := s.viewStatus(v, now)
		if err != nil {
			return nil, err
		}
		if run, found := recorded[v.Name]; found && view.LastRun == nil {
			view.LastRun = run.Message()
		}
		out.Views = append(out.Views, view)
	}
	return out, nil
}

// addServer adds what the server as a whole says.
func (s *Server) addServer(out *larderv1.GetStatusResponse, state registry.State) {
	out.RegistryVersion, out.CatalogError, out.PostgresError = state.NewestVersion, errorText(state.CatalogError), errorText(state.PostgresError)
	out.PostgresAnsweredAt, out.ClockAhead = micros(state.AnsweredAt), state.ClockAhead.Microseconds()
	out.StartedAt, out.DataDir, out.DataBytes = s.started.UnixMicro(), s.DataDir, s.Online.DiskBytes()
	out.Building = s.buildingMessage(state.Building)
	if s.Awaited != nil {
		out.Awaited = s.Awaited()
	}
}

// now returns the time in microseconds since 1970 UTC, of Postgres's clock: freshness is
// a difference of its times.
func (s *Server) now() int64 {
	return time.Now().UnixMicro() - s.Registry.State().ClockAhead.Microseconds()
}

// recordWithin is how long the status waits for Postgres. It has the rest from memory.
const recordWithin = time.Second

// recorded returns the newest recorded run of each view, if Postgres answers quickly.
func (s *Server) recorded(ctx context.Context) map[string]runs.Run {
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	return s.parts.Runs.Recorded(ctx)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func (s *Server) viewStatus(v *schema.View, now int64) (*larderv1.ViewStatus, error) {
	out := &larderv1.ViewStatus{FeatureView: v.Name, Schedule: v.Schedule.Micros()}
	mark, found, err := s.Online.Watermark(v.ID)
	if err != nil {
		return nil, err
	}
	if found {
		out.Watermark, out.Freshness = mark.Time, now-mark.Time
	}
	if out.NewestEventTime, err = s.Online.NewestEventTime(v.ID); err != nil {
		return nil, err
	}
	if out.Rows, err = s.Online.RowCount(v.ID); err != nil {
		return nil, err
	}
	run, found, next := s.parts.Runs.Last(v.Name)
	if out.NextRunAt = next; found {
		out.LastRun = run.Message()
	}
	return out, nil
}

func (s *Server) buildingMessage(b *registry.Building) *larderv1.Building {
	if b == nil {
		return nil
	}
	out := &larderv1.Building{Version: b.Version, Since: b.Since.UnixMicro(), Until: b.Until.UnixMicro()}
	for _, view := range b.Views {
		message := &larderv1.BuildingView{FeatureView: view}
		if run, found := s.parts.Runs.LastBuilding(view); found {
			message.Run = run.Message()
		}
		out.Views = append(out.Views, message)
	}
	return out
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
