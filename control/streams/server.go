package streams

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/schema"
	"larder/store/eventlog"
	"larder/store/offline"
	"larder/stream"
	"larder/stream/source"
	"larder/vector"
)

// Options configure a Server. Every field is required.
type Options struct {
	Catalog func() *schema.Catalog
	// These are nil on a server without Postgres.
	Logs    *eventlog.Store
	Offline *offline.Store
	Runner  *stream.Runner
}

// A Server answers StreamService, and the paths of HTTP. It is safe for concurrent use.
type Server struct {
	larderv1.UnimplementedStreamServiceServer
	Options
}

// New returns a Server.
func New(opts Options) *Server { return &Server{Options: opts} }

// reachable returns why a server without Postgres can't do anything with streams.
func (s *Server) reachable() error {
	if s.Runner == nil {
		return schema.NoPostgres.Errorf("this server runs without Postgres, where the logs of streams are; start it with --postgres")
	}
	return nil
}

// log returns the log of a stream.
func (s *Server) log(name string) (*eventlog.Log, error) {
	if err := s.reachable(); err != nil {
		return nil, err
	}
	found, err := s.Catalog().Stream(name)
	if err != nil {
		return nil, err
	}
	return s.Logs.Log(found), nil
}

// PushEvents appends events to the log of a stream.
func (s *Server) PushEvents(ctx context.Context, req *larderv1.PushEventsRequest) (*larderv1.PushEventsResponse, error) {
	if err := s.reachable(); err != nil {
		return nil, err
	}
	found, err := s.Catalog().Stream(req.GetStream())
	if err != nil {
		return nil, err
	}
	p := &stream.Pushed{Stream: found.Name, Key: req.GetIdempotencyKey(), Served: req.GetWaitServed(), Backfill: req.GetBackfill()}
	switch e := req.GetEvents().(type) {
	case *larderv1.PushEventsRequest_Json:
		p.Messages, err = split(e.Json)
	case *larderv1.PushEventsRequest_Columns:
		p.Events, err = fromColumns(found, e.Columns.GetColumns())
	case *larderv1.PushEventsRequest_Arrow:
		p.Events, err = fromArrow(found, e.Arrow)
	default:
		err = schema.BadEvent.Errorf("the push has no events; send json, columns or arrow")
	}
	if err != nil {
		return nil, err
	}
	added, err := s.Runner.Push(ctx, p)
	if err != nil {
		return nil, err
	}
	return answer(&added), nil
}

func answer(a *eventlog.Added) *larderv1.PushEventsResponse {
	return &larderv1.PushEventsResponse{
		Batch: a.Seq, CommittedAt: a.At, Appended: a.Appended, Duplicates: a.Duplicate, Corrected: a.Corrected, Retracted: a.Retracted, Unknown: a.Unknown, Repeated: a.Repeated,
	}
}

// GetStreams says how those streams and views do that the caller may see.
func (s *Server) GetStreams(ctx context.Context, req *larderv1.GetStreamsRequest) (*larderv1.GetStreamsResponse, error) {
	catalog := s.Catalog()
	out := new(larderv1.GetStreamsResponse)
	for i := range catalog.Definitions.Streams {
		def := &catalog.Definitions.Streams[i]
		if req.GetStream() != "" && req.GetStream() != def.Name || !observes(ctx, grpcserver.Stream, def.Name) {
			continue
		}
		state, err := s.stateOf(ctx, catalog, def)
		if err != nil {
			return nil, err
		}
		out.Streams = append(out.Streams, state)
	}
	if req.GetStream() != "" && len(out.Streams) == 0 {
		_, err := catalog.Stream(req.GetStream())
		return nil, err
	}
	return out, nil
}

// observes reports whether the caller may observe a resource.
func observes(ctx context.Context, kind grpcserver.Kind, name string) bool {
	return grpcserver.May(ctx, grpcserver.Observe, grpcserver.Resource{Kind: kind, Name: name})
}

func (s *Server) stateOf(ctx context.Context, catalog *schema.Catalog, def *schema.Stream) (*larderv1.StreamState, error) {
	log, err := s.log(def.Name)
	if err != nil {
		return nil, err
	}
	known, err := log.State(ctx)
	if err != nil {
		return nil, err
	}
	positions, err := log.Positions(ctx)
	if err != nil {
		return nil, err
	}
	out := &larderv1.StreamState{Stream: def.Name, Source: def.SourceName(), Server: known.Server, Batch: known.Seq, At: known.At, DeadLetters: known.Dead}
	var told stream.WriterState
	if len(known.Source) > 0 {
		if err := json.Unmarshal(known.Source, &told); err != nil {
			return nil, fmt.Errorf("the state of stream %q in Postgres: %w", def.Name, err)
		}
	}
	switch {
	case known.Failed != "":
		out.State, out.Error = "failed", known.Failed
	case known.Paused:
		out.State = "paused"
	case known.Held:
		out.State, out.Error = told.State, told.Error
	default:
		out.State, out.Error = s.Runner.State(def.Name)
		out.Server = ""
	}
	if out.Error == "" {
		out.Error = s.Runner.Problem(def.Name)
	}
	for _, p := range positions {
		part := &larderv1.StreamPart{Part: p.Part, Next: p.Next, Lag: -1}
		if i := slices.IndexFunc(told.Lag, func(l source.Lag) bool { return l.Part == p.Part }); i >= 0 {
			part.Lag, part.LagBytes = told.Lag[i].Events, told.Lag[i].Bytes
		}
		out.Parts = append(out.Parts, part)
	}
	sizes, err := vector.CheckAggregates(catalog)
	if err != nil {
		return nil, err
	}
	for _, v := range catalog.StreamViews(def.Name) {
		if !observes(ctx, grpcserver.View, v.Name) {
			continue
		}
		view := &larderv1.StreamView{FeatureView: v.Name, WorstBytes: sizes[v.Name]}
		if p, known := s.Runner.Progress(v); known {
			view.Batch, view.At, view.Building, view.Events = p.Batch, p.At, p.Building, p.Events
		}
		out.Views = append(out.Views, view)
	}
	return out, nil
}

// PauseStream stops the reading of a stream's source.
func (s *Server) PauseStream(ctx context.Context, req *larderv1.PauseStreamRequest) (*larderv1.PauseStreamResponse, error) {
	log, err := s.log(req.GetStream())
	if err != nil {
		return nil, err
	}
	return &larderv1.PauseStreamResponse{}, log.Pause(ctx)
}

// ResumeStream starts the reading of a stream's source again.
func (s *Server) ResumeStream(ctx context.Context, req *larderv1.ResumeStreamRequest) (*larderv1.ResumeStreamResponse, error) {
	log, err := s.log(req.GetStream())
	if err != nil {
		return nil, err
	}
	return &larderv1.ResumeStreamResponse{}, log.Resume(ctx)
}

// SeekStream lets a source be read on from other positions.
func (s *Server) SeekStream(ctx context.Context, req *larderv1.SeekStreamRequest) (*larderv1.SeekStreamResponse, error) {
	log, err := s.log(req.GetStream())
	if err != nil {
		return nil, err
	}
	if !log.Stream().HasSource() {
		return nil, schema.BadStreamPosition.Errorf("stream %q takes pushed events, and has no source to be read from elsewhere", req.GetStream())
	}
	now, err := log.Positions(ctx)
	if err != nil {
		return nil, err
	}
	var to []source.Position
	for _, p := range req.GetParts() {
		i := slices.IndexFunc(now, func(x source.Position) bool { return x.Part == p.GetPart() })
		switch {
		case i < 0:
			return nil, schema.BadStreamPosition.Errorf("stream %q has no part %q; larder stream status %[1]s shows its parts", req.GetStream(), p.GetPart())
		case p.GetNext() < 0:
			return nil, schema.BadStreamPosition.Errorf("part %q: %d is not an offset", p.GetPart(), p.GetNext())
		}
		to = append(to, source.Position{Part: p.GetPart(), Incarnation: now[i].Incarnation, Next: p.GetNext()})
	}
	return &larderv1.SeekStreamResponse{}, log.Seek(ctx, to)
}

// RebuildView makes a view of a stream again from its log.
func (s *Server) RebuildView(_ context.Context, req *larderv1.RebuildViewRequest) (*larderv1.RebuildViewResponse, error) {
	if err := s.reachable(); err != nil {
		return nil, err
	}
	view, err := s.Catalog().View(req.GetFeatureView())
	if err != nil {
		return nil, err
	}
	if view.Stream == nil {
		return nil, schema.BadRequest.Errorf("feature view %q is not made of a stream; larder materialize --full %[1]s reads its rows again", view.Name)
	}
	return &larderv1.RebuildViewResponse{}, s.Runner.Rebuild(view)
}

// The bounds on lists of dead letters.
const (
	defaultDead = 20
	maxDead     = 1000
	maxRetried  = 10_000
)

// ListDeadLetters lists messages that could not become events.
func (s *Server) ListDeadLetters(ctx context.Context, req *larderv1.ListDeadLettersRequest) (*larderv1.ListDeadLettersResponse, error) {
	log, err := s.log(req.GetStream())
	if err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	if limit <= 0 {
		limit = defaultDead
	}
	all, err := log.Dead(ctx, req.GetBefore(), min(limit, maxDead), !req.GetRetried())
	if err != nil {
		return nil, err
	}
	out := new(larderv1.ListDeadLettersResponse)
	for _, d := range all {
		out.DeadLetters = append(out.DeadLetters, &larderv1.DeadLetter{
			Id: d.ID, At: d.At.UnixMicro(), Reason: d.Reason, Detail: d.Detail, Part: d.Part, Offset: d.Offset, Message: d.Message, Bytes: d.Bytes, Retried: d.Retried,
		})
	}
	return out, nil
}

// RetryDeadLetters decodes dead letters again.
func (s *Server) RetryDeadLetters(ctx context.Context, req *larderv1.RetryDeadLettersRequest) (*larderv1.RetryDeadLettersResponse, error) {
	log, err := s.log(req.GetStream())
	if err != nil {
		return nil, err
	}
	var letters []eventlog.DeadLetter
	if len(req.GetIds()) > 0 {
		letters, err = log.DeadByID(ctx, req.GetIds()[:min(len(req.GetIds()), maxRetried)])
	} else {
		letters, err = log.Dead(ctx, 0, maxRetried, true)
	}
	if err != nil {
		return nil, err
	}
	done, err := s.Runner.Retry(ctx, log, letters)
	if err != nil {
		return nil, err
	}
	return &larderv1.RetryDeadLettersResponse{Appended: done.Appended, StillDead: int64(len(letters)) - done.Appended - done.Duplicate, Duplicates: done.Duplicate}, nil
}
