package bench

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/internal/launch"
	"larder/internal/pgdev"
	"larder/schema"
)

const (
	streamsModel  = "trees"
	streamsFactor = 20 // features of a view: 5 windows of 4 aggregates
)

// streamed is the scenario of the suite: 2 aggregate views.
func streamed(base Scenario) Scenario {
	base.Entities, base.Views, base.Features, base.Model = 20_000, 2, streamsFactor, streamsModel
	return base
}

// A streams is the suite of streams and windows: a server on a private Postgres, and the
// definitions that it has.
type streams struct {
	*suite
	dir     string
	server  *served
	client  *larder.Client
	echo    *launch.Process
	db      *pgx.Conn
	applied int64 // the version of the definitions
}

// Streams measures the bars of streams and windows. It takes some minutes, and some
// gigabytes of the temporary folder.
func Streams(ctx context.Context, duration time.Duration, opts Options) ([]Bar, error) {
	s := &streams{suite: &suite{opts: opts, base: streamed(DefaultScenario())}}
	s.base.Duration = duration
	err := s.inFolder(func(dir string) (err error) {
		s.dir = dir
		if err := s.start(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		for _, part := range []func(context.Context) error{s.pushes, s.windows, s.hotKey, s.fromKafka, s.past, s.bootstrap} {
			if err := part(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return s.bars, err
}

// start starts a server, and an echo.
func (s *streams) start(ctx context.Context) error {
	cluster, err := pgdev.Start(ctx, pgdev.Options{Dir: filepath.Join(s.dir, "postgres"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	s.server = &served{postgres: cluster}
	if s.db, err = pgx.Connect(ctx, cluster.DSN()); err == nil {
		err = s.serve(ctx, s.dir)
	}
	if err == nil {
		s.echo, err = launch.Start(ctx, s.opts.Larder, []string{"bench", "echo-server"}, filepath.Join(s.dir, "echo.log"))
	}
	if err != nil {
		return errors.Join(err, s.stop())
	}
	return nil
}

// serve starts a server with a folder of its own.
func (s *streams) serve(ctx context.Context, dir string) (err error) {
	flags, err := postgresFlags(ctx, s.server.postgres)
	if err != nil {
		return err
	}
	if s.server.Process, err = launchServer(ctx, s.base, s.opts, dir, flags...); err != nil {
		return err
	}
	s.client, err = s.server.dial()
	return err
}

// leave stops the server; its Postgres goes on.
func (s *streams) leave() (err error) {
	if s.client != nil {
		err = s.client.Close()
	}
	if s.server.Process != nil {
		s.server.Process.Stop()
	}
	s.client, s.server.Process = nil, nil
	return err
}

// stop stops all that runs.
func (s *streams) stop() error {
	err := s.leave()
	if s.echo != nil {
		s.echo.Stop()
	}
	if s.db != nil {
		err = errors.Join(err, s.db.Close(context.Background()))
	}
	return errors.Join(err, endPostgres(s.server.postgres))
}

// apply replaces the definitions.
func (s *streams) apply(ctx context.Context, defs *schema.Definitions) error {
	err := apply(ctx, s.client, defs, s.applied)
	if err == nil {
		s.applied++
	}
	return err
}

func (s *streams) service() larderv1.StreamServiceClient {
	return larderv1.NewStreamServiceClient(s.client.Conn())
}

// push pushes events as NDJSON, and waits until they are served if it is told to.
func (s *streams) push(ctx context.Context, stream string, events []byte, served bool) error {
	_, err := s.service().PushEvents(ctx, &larderv1.PushEventsRequest{Stream: stream, Events: &larderv1.PushEventsRequest_Json{Json: events}, WaitServed: served})
	return err
}

// The windows of the views.
var (
	fourWindows = []schema.AggregateWindow{{Length: schema.Duration(10 * time.Minute)}, {Length: schema.Duration(time.Hour)}, {Length: day}, {Length: 30 * day}}
	fiveWindows = slices.Insert(slices.Clone(fourWindows), 3, schema.AggregateWindow{Length: 7 * day})
)

const day = schema.Duration(24 * time.Hour)

// pushStream is a stream of pushed events, whose duplicates are removed. Its log is
// bench.NAME.
func pushStream(name string) schema.Stream {
	return schema.Stream{
		Name: name, Push: &schema.PushSource{}, Log: schema.StreamLog{Table: "bench." + name, Create: true}, EventID: "id", TimestampField: "at",
		Fields: []schema.StreamField{
			{Name: "id", Type: schema.String},
			{Name: joinKey, Type: schema.Int64},
			{Name: "amount", Type: schema.Float64},
			{Name: "at", Type: schema.Timestamp, Format: schema.TimeEpochMicro},
		},
	}
}

// fiveByFour is a view of 5 windows × 4 aggregates.
func fiveByFour(name, stream string) schema.AggregateView {
	return schema.AggregateView{
		Name: name, Entities: []string{"entity"}, Stream: stream, Windows: fiveWindows,
		Features: []schema.AggregateFeature{{Name: "n", Count: schema.AllEvents}, {Name: "sum", Sum: "amount"}, {Name: "least", Min: "amount"}, {Name: "most", Max: "amount"}},
	}
}

// fourByFive is a view of 4 windows × 5 aggregates.
func fourByFive(name, stream string) schema.AggregateView {
	view := fiveByFour(name, stream)
	view.Windows, view.Features = fourWindows, append(view.Features, schema.AggregateFeature{Name: "mean", Mean: "amount"})
	return view
}

// streamDefinitions returns the definitions of a scenario whose views are aggregates of
// pushed events, and its model.
func (s Scenario) streamDefinitions() (*schema.Definitions, []byte) {
	d, model := s.definitions()
	d.Sources, d.FeatureViews, d.Streams = nil, nil, []schema.Stream{pushStream(pushedName)}
	for i := range s.Views {
		d.AggregateViews = append(d.AggregateViews, fiveByFour(viewName(i), pushedName))
	}
	return d, model
}

// definitionsOf returns definitions of streams and their views, and a service of all
// features of the first one.
func definitionsOf(streams []schema.Stream, views ...schema.AggregateView) *schema.Definitions {
	return &schema.Definitions{
		Entities: []schema.Entity{{Name: "entity", JoinKeys: []schema.JoinKey{{Name: joinKey, Type: schema.Int64}}}},
		Streams:  streams, AggregateViews: views,
		FeatureServices: []schema.FeatureService{{Name: historyName, Features: []string{views[0].Name + ":*"}}},
	}
}
