package feast

import (
	"cmp"
	"context"
	"time"

	feastserving "larder/api/feast/serving"
	"larder/column"
	"larder/control/rows"
	"larder/control/runs"
	"larder/schema"
	"larder/serving"
)

// Options configure a Server.
type Options struct {
	// Serving answers the requests. Required.
	Serving *serving.Server
	// Writer stores rows that are pushed. Required.
	Writer *rows.Writer
	// Runs starts materializations. Required.
	Runs *runs.Recorder

	// FeastStatuses answers as Feast does where Larder's rules say more or other: see the
	// package's documentation.
	FeastStatuses bool
	// MaxRows bounds the rows of one request. Defaults to 10,000.
	MaxRows int
	// Version is the server's. Defaults to "dev".
	Version string
}

const defaultMaxRows = 10_000

// A Server answers clients of Feast. It is safe for concurrent use.
type Server struct {
	feastserving.UnimplementedServingServiceServer
	feastserving.UnimplementedGrpcFeatureServerServer
	opts Options
}

var (
	_ feastserving.ServingServiceServer    = (*Server)(nil)
	_ feastserving.GrpcFeatureServerServer = (*Server)(nil)
)

// New returns a server.
func New(opts Options) *Server {
	opts.MaxRows = cmp.Or(opts.MaxRows, defaultMaxRows)
	opts.Version = cmp.Or(opts.Version, "dev")
	return &Server{opts: opts}
}

// An answer is what was found for a question. The columns alias it until release.
type answer struct {
	columns  []answered
	views    []string // those that were read
	catalog  int64    // the version of the definitions
	rows     int
	released func()
}

// An answered column is one of an answer, with its name as the client knows it.
type answered struct {
	name     string
	values   *column.Column
	statuses []schema.Status // nil: all are PRESENT
	// ages are how old the rows are that the values come from, in microseconds before at;
	// nil where the values have no time.
	ages  []int64
	found []schema.Status // of those rows
	at    int64
}

// status returns the status of row i.
func (c *answered) status(i int) schema.Status {
	if c.statuses == nil {
		return schema.StatusPresent
	}
	return c.statuses[i]
}

// eventTime returns the event time of row i, in microseconds since 1970 UTC; 0 where
// there is none, as Feast has it.
func (c *answered) eventTime(i int) int64 {
	if c.ages == nil || c.found[i] == schema.StatusNotFound {
		return 0
	}
	return c.at - c.ages[i]
}

// serve answers a question. The caller releases the answer.
func (s *Server) serve(ctx context.Context, q *question) (*answer, error) {
	g := s.opts.Serving.Hold()
	found, ask, err := s.ask(ctx, g, q)
	if err != nil {
		g.Release()
		return nil, err
	}
	plan := found.Plan()
	a := &answer{catalog: plan.Catalog.Version, rows: found.Rows, released: func() { found.Release(); g.Release() }}
	for i, name := range ask.Keys.Names {
		if name != noEntity {
			a.columns = append(a.columns, answered{name: name, values: &ask.Keys.Values[i]})
		}
	}
	names, err := answerNames(plan, q.fullNames)
	if err != nil {
		a.released()
		return nil, err
	}
	for i := range plan.Features {
		f := &plan.Features[i]
		if f.Request >= 0 {
			continue
		}
		c := answered{name: names[i], values: &found.Features[i], statuses: found.Features[i].Statuses, at: *ask.At}
		if f.View >= 0 {
			c.ages, c.found = found.Ages(f.View), found.Statuses(f.View)
		}
		if s.opts.FeastStatuses {
			c.statuses = c.found
		}
		a.columns = append(a.columns, c)
	}
	for i := range plan.Views {
		a.views = append(a.views, plan.Views[i].Name)
	}
	return a, nil
}

// ask asks what a question does of a generation, which the caller holds.
func (s *Server) ask(ctx context.Context, g *serving.Generation, q *question) (*serving.Answer, *serving.Ask, error) {
	now := time.Now().UnixMicro()
	ask := &serving.Ask{At: &now, AnyAge: s.opts.FeastStatuses}
	if err := q.fill(g, ask, s.opts.MaxRows); err != nil {
		return nil, nil, err
	}
	found, err := g.Serve(ctx, ask)
	return found, ask, err
}
