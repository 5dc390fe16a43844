package control

import (
	"context"
	"time"

	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
	"larder/control/runs"
	"larder/internal/grpcserver"
)

// progressInterval is how often a waiting client gets a progress message.
const progressInterval = 250 * time.Millisecond

// Materialize starts a run for each view. Unless the request says not to wait, it
// streams their state until all have ended. Runs continue when the client goes away.
func (s *Server) Materialize(req *larderv1.MaterializeRequest, stream grpc.ServerStreamingServer[larderv1.MaterializeResponse]) error {
	ids, err := s.parts.Runs.Start(runs.Request{Views: req.GetFeatureViews(), Full: req.GetFull(), From: req.From, To: req.To})
	if err != nil {
		return err
	}
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for {
		all, ended := s.parts.Runs.ByID(ids)
		if err := stream.Send(&larderv1.MaterializeResponse{Runs: runMessages(all)}); err != nil {
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

func runMessages(all []runs.Run) (messages []*larderv1.Run) {
	for _, run := range all {
		messages = append(messages, run.Message())
	}
	return messages
}

// GetRun returns one run. A run that the caller may not see, nor its view, is answered as one
// that isn't there.
func (s *Server) GetRun(ctx context.Context, req *larderv1.GetRunRequest) (*larderv1.GetRunResponse, error) {
	run, err := s.parts.Runs.Run(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	if !observes(ctx, grpcserver.Run, run.ID) && !observes(ctx, grpcserver.View, run.View) {
		return nil, runs.Unknown(req.GetId())
	}
	return &larderv1.GetRunResponse{Run: run.Message()}, nil
}

// CancelRun cancels a run of this server and returns it when it has ended.
func (s *Server) CancelRun(ctx context.Context, req *larderv1.CancelRunRequest) (*larderv1.CancelRunResponse, error) {
	run, err := s.parts.Runs.Cancel(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &larderv1.CancelRunResponse{Run: run.Message()}, nil
}
