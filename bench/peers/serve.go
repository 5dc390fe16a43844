package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	larderv1 "larder/api/larder/v1"
	"larder/bench"
	"larder/internal/grpcserver"
	"larder/internal/launch"
	"larder/schema"
	"larder/scoring"
)

// A lookup reads features from where a peer keeps them.
type lookup interface {
	// read writes the features of each entity to its row, in the order of the model.
	// Safe for concurrent use.
	read(ctx context.Context, ids []int64, rows []float32) error
	close()
}

// A server answers Larder's own messages, in Larder's own shell (deadline, limits,
// metrics, log): it differs by where features come from. It leaves out what Larder
// does with them: expiry, and the status and age of each view.
type server struct {
	larderv1.UnimplementedServingServiceServer
	features lookup
	model    *scoring.Model
}

func (s *server) GetFeaturesAndScore(ctx context.Context, req *larderv1.GetFeaturesAndScoreRequest) (*larderv1.GetFeaturesAndScoreResponse, error) {
	ids := req.GetEntities()[0].GetInt64S().GetValues()
	run, err := s.model.Acquire(len(ids))
	if err != nil {
		return nil, err
	}
	defer run.Release()
	if err := s.features.read(ctx, ids, run.Dense()); err != nil {
		return nil, err
	}
	if err := run.Score(ctx); err != nil {
		return nil, err
	}
	return &larderv1.GetFeaturesAndScoreResponse{Scores: slices.Clone(run.Scores())}, nil
}

type serveOptions struct {
	peer, address           string // whose rows, and where they are
	definitions, file, name string // of the model
	library                 string
	bare                    bool // gRPC alone, without the shell
}

func newServeCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use: "serve", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.serve(cmd.Context(), cmd.ErrOrStderr()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.peer, "peer", "", "where the features are stored: redis or postgres")
	f.StringVar(&o.address, "address", "", "a socket of Redis, or a DSN of Postgres")
	f.StringVar(&o.definitions, "definitions", "", "definitions in JSON")
	f.StringVar(&o.file, "model", "", "the model in ONNX")
	f.StringVar(&o.name, "name", "", "the model's name in the definitions")
	f.StringVar(&o.library, "onnxruntime", "", "path of libonnxruntime")
	f.BoolVar(&o.bare, "bare", false, "serve without deadlines, limits, metrics and logs")
	return cmd
}

func (o serveOptions) serve(ctx context.Context, out io.Writer) error {
	catalog, err := bench.ReadGround(o.definitions)
	if err != nil {
		return err
	}
	models, close, err := o.load(ctx, catalog)
	if err != nil {
		return err
	}
	defer close()
	plan, err := catalog.ModelPlan(o.name, 0)
	if err != nil {
		return err
	}
	s := new(server)
	s.model = models.Model(plan)
	if s.features, err = o.lookup(ctx, catalog); err != nil {
		return err
	}
	defer s.features.close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(map[string]string{"msg": launch.ServingLine, "grpc": l.Addr().String()}); err != nil {
		return err
	}
	if o.bare {
		return serveBare(ctx, l, s)
	}
	shell, err := grpcserver.New(grpcserver.Options{Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		return err
	}
	larderv1.RegisterServingServiceServer(shell, s)
	return shell.Serve(ctx, l)
}

func serveBare(ctx context.Context, l net.Listener, s *server) error {
	bare := grpc.NewServer(grpc.NumStreamWorkers(uint32(4 * runtime.GOMAXPROCS(0)))) // as Larder and the echo
	larderv1.RegisterServingServiceServer(bare, s)
	stop := context.AfterFunc(ctx, bare.Stop)
	defer stop()
	return bare.Serve(l)
}

func (o serveOptions) load(ctx context.Context, catalog *schema.Catalog) (*scoring.Models, func(), error) {
	library, err := scoring.Open(scoring.Options{Library: o.library})
	if err != nil {
		return nil, nil, err
	}
	set := scoring.NewSet(library, scoring.SetOptions{})
	models, err := set.Prepare(ctx, catalog, func(context.Context, string) ([]byte, error) { return os.ReadFile(o.file) })
	if err != nil {
		return nil, nil, errors.Join(err, set.Close(), library.Close())
	}
	return models, func() {
		models.Release()
		_ = errors.Join(set.Close(), library.Close()) // the process ends
	}, nil
}

func (o serveOptions) lookup(ctx context.Context, catalog *schema.Catalog) (lookup, error) {
	var tables []table
	for _, view := range catalog.Views() {
		tables = append(tables, table{view.Name, len(view.Features)})
	}
	if o.peer == redisName {
		return openRedisLookup(o.address, tables)
	}
	return openPostgresLookup(ctx, o.address, tables)
}

// A table is a feature view's, and how many features it has.
type table struct {
	name     string
	features int
}

// sameServer is what the peers in Go have in common.
const sameServer = "the model in the same Go process, by Larder's package scoring; a gRPC server of Larder's messages in Larder's shell"

// startServer starts this program again to serve a peer's rows, and returns a
// client of it.
func (s settings) startServer(ctx context.Context, g bench.Ground, peer, address string, more ...string) (func(context.Context, []int64) ([]float64, error), func(), error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	process, err := launch.Start(ctx, self, append([]string{
		"serve", "--peer", peer, "--address", address, "--definitions", g.Definitions, "--model", g.ModelFile, "--name", g.Model, "--onnxruntime", s.opts.Library,
	}, more...), filepath.Join(g.Dir, peer+strings.Join(more, "")+".log"))
	if err != nil {
		return nil, nil, err
	}
	conn, err := grpc.NewClient(process.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		process.Stop()
		return nil, nil, err
	}
	client := larderv1.NewServingServiceClient(conn)
	score := func(ctx context.Context, ids []int64) ([]float64, error) {
		answer, err := client.GetFeaturesAndScore(ctx, &larderv1.GetFeaturesAndScoreRequest{Model: g.Model, Entities: []*larderv1.Column{
			{Name: g.JoinKey, Values: &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: ids}}},
		}})
		return answer.GetScores(), err
	}
	return score, func() { _ = conn.Close(); process.Stop() }, nil
}

func notThere(peer string, id int64, what string) error {
	return fmt.Errorf("%s has no %s of entity %d", peer, what, id)
}
