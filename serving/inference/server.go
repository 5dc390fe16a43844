package inference

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/grpc"

	inferencev2 "larder/api/inference"
	"larder/schema"
	"larder/scoring"
	"larder/serving"
)

// Options configure a Server.
type Options struct {
	// Serving has the catalog that serves and its models, and answers NAME.features.
	// Required.
	Serving *serving.Server
	// Models runs those models over tensors. Required.
	Models *scoring.InferSet

	// Ready returns why requests can't be answered; nil if they can. Defaults
	// to nil always.
	Ready func() error
	// Version is what the server calls its own version.
	Version string
	// MaxRows bounds the rows of one request. Defaults to 10,000.
	MaxRows int
}

const (
	defaultMaxRows = 10_000
)

// serverName and extensions are what ServerMetadata says.
const serverName = "larder"

var extensions = []string{"binary_tensor_data", "model_configuration", "model_repository", "statistics"}

// A Server answers the protocol. It is safe for concurrent use.
type Server struct {
	inferencev2.UnimplementedGRPCInferenceServiceServer
	opts       Options
	statistics statistics
}

var _ inferencev2.GRPCInferenceServiceServer = (*Server)(nil)

// New returns a server.
func New(opts Options) *Server {
	opts.MaxRows = cmp.Or(opts.MaxRows, defaultMaxRows)
	if opts.Ready == nil {
		opts.Ready = func() error { return nil }
	}
	return &Server{opts: opts}
}

// ServerLive reports that the process answers.
func (s *Server) ServerLive(context.Context, *inferencev2.ServerLiveRequest) (*inferencev2.ServerLiveResponse, error) {
	return &inferencev2.ServerLiveResponse{Live: true}, nil
}

// ServerReady reports whether models can be asked.
func (s *Server) ServerReady(context.Context, *inferencev2.ServerReadyRequest) (*inferencev2.ServerReadyResponse, error) {
	return &inferencev2.ServerReadyResponse{Ready: s.opts.Ready() == nil}, nil
}

// ServerMetadata describes the server.
func (s *Server) ServerMetadata(context.Context, *inferencev2.ServerMetadataRequest) (*inferencev2.ServerMetadataResponse, error) {
	return &inferencev2.ServerMetadataResponse{Name: serverName, Version: s.opts.Version, Extensions: extensions}, nil
}

// ModelReady reports whether a model can be asked; one that does not exist can't.
func (s *Server) ModelReady(_ context.Context, req *inferencev2.ModelReadyRequest) (*inferencev2.ModelReadyResponse, error) {
	return &inferencev2.ModelReadyResponse{Ready: s.ready(req.GetName(), req.GetVersion()) == nil}, nil
}

// ModelMetadata describes the inputs and outputs of a model.
func (s *Server) ModelMetadata(ctx context.Context, req *inferencev2.ModelMetadataRequest) (*inferencev2.ModelMetadataResponse, error) {
	d, err := s.describe(ctx, req.GetName(), req.GetVersion())
	if err != nil {
		return nil, err
	}
	return d.metadata(), nil
}

// ModelConfig describes them as Triton's clients want it.
func (s *Server) ModelConfig(ctx context.Context, req *inferencev2.ModelConfigRequest) (*inferencev2.ModelConfigResponse, error) {
	d, err := s.describe(ctx, req.GetName(), req.GetVersion())
	if err != nil {
		return nil, err
	}
	return &inferencev2.ModelConfigResponse{Config: d.config()}, nil
}

// ModelInfer runs a model.
func (s *Server) ModelInfer(ctx context.Context, req *inferencev2.ModelInferRequest) (resp *inferencev2.ModelInferResponse, err error) {
	read := func() (*request, error) { return readRequest(req) }
	write := func(asked *request, answer *answer) error {
		resp = writeResponse(answer, asked.form.isRawAsWhole(len(req.GetRawInputContents()) > 0))
		return nil
	}
	return resp, s.counted(ctx, req.GetModelName(), req.GetModelVersion(), read, write)
}

// ModelStreamInfer answers message by message. A message that can't be answered
// gets its error, and the stream goes on.
func (s *Server) ModelStreamInfer(stream grpc.BidiStreamingServer[inferencev2.ModelInferRequest, inferencev2.ModelStreamInferResponse]) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		resp, err := s.ModelInfer(stream.Context(), req)
		out := &inferencev2.ModelStreamInferResponse{InferResponse: resp}
		if err != nil {
			var said *schema.Error
			if !errors.As(err, &said) || said.Kind == schema.Internal {
				return err // for the log; its text is not for callers
			}
			out.ErrorMessage, out.InferResponse = said.Message, &inferencev2.ModelInferResponse{Id: req.GetId()}
		}
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

// A name is a model, as a caller calls it.
type name struct {
	model    string
	features bool // NAME.features
	version  int64
}

const featuresSuffix = ".features"

func parseName(model, version string) (name, error) {
	n := name{}
	n.model, n.features = strings.CutSuffix(model, featuresSuffix)
	if model == "" {
		return n, schema.NoModel.Errorf("the request names no model; say which to run")
	}
	var err error
	n.version, err = parseVersion(version)
	return n, err
}

// planOf returns the plan of a model of the catalog that serves.
func planOf(g *serving.Generation, model, version string) (*schema.Plan, name, error) {
	n, err := parseName(model, version)
	if err != nil {
		return nil, n, err
	}
	plan, err := g.Catalog().ModelPlan(n.model, n.version)
	return plan, n, err
}

// ready returns why a model can't be asked.
func (s *Server) ready(model, version string) error {
	if err := s.selfReady(); err != nil {
		return err
	}
	g := s.opts.Serving.Hold()
	defer g.Release()
	_, _, err := planOf(g, model, version)
	return err
}

// selfReady returns why no model can be asked.
func (s *Server) selfReady() error {
	if s.opts.Ready() != nil {
		return schema.NotReady.Errorf("the server is not ready")
	}
	return nil
}
