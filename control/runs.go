package control

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	larderv1 "larder/api/larder/v1"
	"larder/materialize"
	"larder/schema"
	"larder/store/registry"
)

// progressInterval is how often a waiting client hears of its runs.
const progressInterval = 250 * time.Millisecond

// Materialize starts a run for each view and, unless told not to wait, streams
// their state until all have ended. Runs go on when the client goes away.
func (s *Server) Materialize(req *larderv1.MaterializeRequest, stream grpc.ServerStreamingServer[larderv1.MaterializeResponse]) error {
	requests, err := s.runRequests(req)
	if err != nil {
		return err
	}
	ids := make([]string, len(requests))
	for i, r := range requests {
		run, err := s.Runner.Start(r)
		if err != nil {
			return err
		}
		ids[i] = run.ID
	}
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for {
		runs, ended := s.runsByID(ids)
		if err := stream.Send(&larderv1.MaterializeResponse{Runs: runs}); err != nil {
			return err
		}
		if ended || req.GetNoWait() {
			return nil
		}
		select {
		case <-stream.Context().Done():
			return context.Cause(stream.Context())
		case <-tick.C:
		}
	}
}

// runRequests checks a request and names its views one by one.
func (s *Server) runRequests(req *larderv1.MaterializeRequest) ([]materialize.Request, error) {
	if s.Runner == nil {
		return nil, schema.Errorf(schema.FailedPrecondition, "NO_POSTGRES", "this server was started without Postgres: there is nothing to materialize from")
	}
	if req.GetFull() && req.From != nil {
		return nil, schema.Errorf(schema.Invalid, "BAD_WINDOW", "a full run starts at the beginning; leave out from, or full")
	}
	if req.From != nil && req.To != nil && req.GetFrom() > req.GetTo() {
		return nil, schema.Errorf(schema.Invalid, "BAD_WINDOW", "the window ends before it begins; swap from and to")
	}
	template := materialize.Request{Mode: schema.Incremental, From: req.GetFrom(), To: req.GetTo()}
	switch {
	case req.GetFull():
		template.Mode = schema.Full
	case req.From != nil:
		template.Mode = schema.Range
	}
	catalog := s.Registry.Catalog()
	names := req.GetFeatureViews()
	if len(names) == 0 {
		for _, v := range catalog.Views() {
			names = append(names, v.Name)
		}
	}
	if len(names) == 0 {
		return nil, schema.Errorf(schema.FailedPrecondition, "NO_FEATURE_VIEWS", "there are no feature views yet; `larder apply DIR` brings some")
	}
	requests := make([]materialize.Request, len(names))
	for i, name := range names {
		if _, err := catalog.View(name); err != nil {
			return nil, err
		}
		requests[i] = template
		requests[i].View = name
	}
	return requests, nil
}

func (s *Server) runsByID(ids []string) (runs []*larderv1.Run, ended bool) {
	ended = true
	for _, id := range ids {
		run, found := s.Runner.Get(id)
		if !found { // so long ago that the runner forgot it
			continue
		}
		runs = append(runs, s.runMessage(run))
		ended = ended && run.Ended()
	}
	return runs, ended
}

// GetRun answers one run: of this server from memory, else from the record.
func (s *Server) GetRun(ctx context.Context, req *larderv1.GetRunRequest) (*larderv1.GetRunResponse, error) {
	if s.Runner != nil {
		if run, found := s.Runner.Get(req.GetId()); found {
			return &larderv1.GetRunResponse{Run: s.runMessage(run)}, nil
		}
	}
	recorded, err := s.Registry.RunByID(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	if recorded == nil {
		return nil, schema.Errorf(schema.NotFound, "UNKNOWN_RUN", "no run %q; `larder status` shows the newest of each view", req.GetId())
	}
	run, err := recordedRun(*recorded)
	if err != nil {
		return nil, err
	}
	return &larderv1.GetRunResponse{Run: run}, nil
}

// CancelRun ends a run of this server and answers once it has ended.
func (s *Server) CancelRun(ctx context.Context, req *larderv1.CancelRunRequest) (*larderv1.CancelRunResponse, error) {
	if s.Runner == nil {
		return nil, schema.Errorf(schema.FailedPrecondition, "NO_POSTGRES", "this server was started without Postgres: it has no runs")
	}
	if err := s.Runner.Cancel(req.GetId()); err != nil {
		return nil, err
	}
	run, err := s.Runner.Wait(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &larderv1.CancelRunResponse{Run: s.runMessage(run)}, nil
}

func recordedRun(r registry.Run) (*larderv1.Run, error) {
	run := new(larderv1.Run)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(r.Detail, run); err != nil {
		return nil, fmt.Errorf("run %s as recorded: %w", r.ID, err)
	}
	return run, nil
}

// recordRuns writes each change of a run's state to Postgres. While Postgres
// can't be reached the newest state of each run waits.
func (s *Server) recordRuns(ctx context.Context) error {
	if s.Runner == nil {
		<-ctx.Done()
		return nil
	}
	const retryInterval = 2 * time.Second
	updates := s.Runner.Watch(ctx)
	waiting := map[string]materialize.Run{}
	recorded := map[string]materialize.State{}
	retry := time.NewTicker(retryInterval)
	defer retry.Stop()
	s.failAbandoned(ctx)
	for {
		select {
		case run, open := <-updates:
			if !open {
				s.record(context.WithoutCancel(ctx), waiting, recorded)
				return nil
			}
			if run.State == materialize.Queued || recorded[run.ID] == run.State {
				continue // not begun, or progress only
			}
			waiting[run.ID] = run
		case <-retry.C:
		}
		s.record(ctx, waiting, recorded)
	}
}

// recordTimeout bounds one write of a run's record.
const recordTimeout = 5 * time.Second

func (s *Server) record(ctx context.Context, waiting map[string]materialize.Run, recorded map[string]materialize.State) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	for id, run := range waiting {
		if err := s.recordRun(ctx, s.runMessage(run)); err != nil {
			s.Logger.Warn("a run can't be recorded yet", "run", id, "error", err)
			return
		}
		delete(waiting, id)
		recorded[id] = run.State
		if run.Ended() {
			delete(recorded, id)
		}
	}
}

func (s *Server) recordRun(ctx context.Context, run *larderv1.Run) error {
	detail, err := protojson.Marshal(run)
	if err != nil {
		return err
	}
	return s.Registry.RecordRun(ctx, registry.Run{
		ID: run.GetId(), FeatureView: run.GetFeatureView(), Server: run.GetServer(),
		State: run.GetState().String(), StartedAt: time.UnixMicro(run.GetStartedAt()), Detail: detail,
	})
}

// failAbandoned marks runs that were under way when this server last stopped.
// Their rows up to then are stored; the watermark did not move, so that the
// next run reads the same window again.
func (s *Server) failAbandoned(ctx context.Context) {
	runs, err := s.Registry.LastRuns(ctx, s.Name)
	if err != nil {
		s.Logger.Warn("the record of earlier runs can't be read", "error", err)
		return
	}
	for _, r := range runs {
		run, err := recordedRun(r)
		if err != nil || run.GetEndedAt() != 0 || run.GetStartedAt() >= s.started.UnixMicro() {
			continue
		}
		run.State, run.Error = larderv1.Run_STATE_FAILED, "the server stopped during the run; the next one reads its window again"
		run.EndedAt = s.started.UnixMicro()
		if err := s.recordRun(ctx, run); err != nil {
			s.Logger.Warn("an abandoned run can't be recorded", "run", r.ID, "error", err)
		}
	}
}

var runStates = map[materialize.State]larderv1.Run_State{
	materialize.Queued:    larderv1.Run_STATE_QUEUED,
	materialize.Running:   larderv1.Run_STATE_RUNNING,
	materialize.Succeeded: larderv1.Run_STATE_SUCCEEDED,
	materialize.Failed:    larderv1.Run_STATE_FAILED,
	materialize.Cancelled: larderv1.Run_STATE_CANCELLED,
}

func (s *Server) runMessage(r materialize.Run) *larderv1.Run {
	out := &larderv1.Run{
		Id: r.ID, FeatureView: r.View, State: runStates[r.State], Mode: string(r.Mode), From: r.From, To: r.To,
		RowsRead: r.RowsRead, RowsWritten: r.RowsWritten, RowsSuperseded: r.RowsSuperseded, RowsBad: r.RowsBad, RowsTotal: r.RowsTotal,
		Error: r.Error, StartedAt: r.StartedAt, EndedAt: r.EndedAt, Server: s.Name, CatalogVersion: r.CatalogVersion, Attempt: int32(r.Attempt),
	}
	for _, b := range r.Bad {
		out.Bad = append(out.Bad, &larderv1.BadRows{Reason: string(b.Reason), Count: b.Count, Samples: b.Samples})
	}
	return out
}
