package bench

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	larderv1 "larder/api/larder/v1"
	"larder/internal/launch"
)

// Options configure the run of a scenario.
type Options struct {
	Larder  string // path of the larder binary that is measured
	Library string // path of libonnxruntime; empty: the server finds it
	// Kafka is the address, HOST:PORT, of a broker, for the suite of streams. Empty: what
	// needs one is skipped.
	Kafka string
	// Events is how many events the log has that a new server reads, in the suite of
	// streams; what comes from Kafka is at most as many. Defaults to DefaultEvents.
	Events int
	// Progress is called with the current step. Required.
	Progress func(step string)
}

// warmUp is how long each target is loaded before anything is recorded.
const warmUp = 2 * time.Second

// Run measures a scenario. It needs the binary that it measures, and a private
// Postgres when the scenario materializes; all of it is in a temporary folder that is
// removed when Run returns.
func Run(ctx context.Context, s Scenario, opts Options) (*Report, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "larder-bench-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	server, err := start(ctx, s, opts, dir)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	echo, err := launch.Start(ctx, opts.Larder, []string{"bench", "echo-server"}, filepath.Join(dir, "echo.log"))
	if err != nil {
		return nil, err
	}
	defer echo.Stop()
	return measure(ctx, s, opts, server, echo)
}

func measure(ctx context.Context, s Scenario, opts Options, server *served, echo *launch.Process) (*Report, error) {
	dial := func(addr string) (*grpc.ClientConn, error) {
		return grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	}
	conn, err := dial(server.GRPC)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	echoConn, err := dial(echo.GRPC)
	if err != nil {
		return nil, err
	}
	defer echoConn.Close()
	r := &Report{Scenario: s}
	larderCall, err := s.larderCall(ctx, conn, r)
	if err != nil {
		return nil, fmt.Errorf("a first request: %w", err)
	}
	larder := &target{do: larderCall, rec: newRecording()}
	baseline := &target{do: echoCall(echoConn, r), rec: newRecording()}
	opts.Progress("warming up")
	if err := interleave(ctx, s, warmUp, larder, baseline); err != nil {
		return nil, err
	}
	if s.WhileMaterializing {
		opts.Progress(fmt.Sprintf("measuring for %s without materializing", s.Duration))
		larder.rec = newRecording()
		if err := interleave(ctx, s, s.Duration, larder); err != nil {
			return nil, err
		}
		idle := larder.rec.figures(s.Rows)
		r.Idle = &idle
	}
	larder.rec, baseline.rec = newRecording(), newRecording()
	before, err := server.stages(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := server.during(ctx, s, opts, r, func(ctx context.Context) error {
		opts.Progress(fmt.Sprintf("measuring for %s each, in turns", s.Duration))
		return interleave(ctx, s, s.Duration, larder, baseline)
	}); err != nil {
		return nil, err
	}
	r.Larder, r.Echo = larder.rec.figures(s.Rows), baseline.rec.figures(s.Rows)
	r.Ratios = ratios(r.Larder, r.Echo)
	if s.Concurrency == 1 && s.Rate == 0 { // otherwise requests wait for each other, and that time is not a part
		after, err := server.stages(ctx, s)
		if err != nil {
			return nil, err
		}
		r.Parts = parts(before, after, r.encoding, larder.rec, baseline.rec)
	}
	if r.Idle != nil {
		slower := ratios(r.Larder, *r.Idle)
		r.ToIdle = &slower
	}
	return r, nil
}

// during runs measure while the server is profiled and materializes, as the
// scenario says.
func (v *served) during(ctx context.Context, s Scenario, opts Options, r *Report, measure func(context.Context) error) error {
	side, stop := context.WithCancel(ctx)
	defer stop()
	g, side := errgroup.WithContext(side)
	if s.Profiles != "" {
		g.Go(func() error { return v.profile(side, s) })
	}
	if s.WhileMaterializing {
		g.Go(func() error { return v.materializeUntil(side, &r.RowsMaterialized) })
	}
	err := measure(side)
	if s.Profiles == "" {
		stop()
	}
	if sideErr := g.Wait(); err == nil && ctx.Err() == nil {
		err = sideErr
	}
	return err
}

// ids returns the entities of request n, which are as good as random.
func (s Scenario) ids(n int) []int64 {
	ids := make([]int64, s.Rows)
	for i := range ids {
		drawn := mixed(uint64(n*s.Rows + i))
		if s.Keys == "zipf" {
			drawn = mixed(s.zipf(drawn)) // far from the others that are asked for often
		}
		ids[i] = int64(drawn % uint64(s.Entities))
	}
	return ids
}

// zipfExponent is that of YCSB's requests (Cooper and others, "Benchmarking cloud serving
// systems with YCSB", SoCC 2010): of a million keys, the first thousand get half.
const zipfExponent = 0.99

// zipf returns the rank, from 0, of a key by 64 random bits: how often one is drawn is
// about as its rank from 1 to the power of -zipfExponent. It inverts the distribution
// as if ranks were continuous.
func (s Scenario) zipf(bits uint64) uint64 {
	const power = 1 - zipfExponent
	u := float64(bits>>11) / (1 << 53)
	rank := math.Pow(u*(math.Pow(float64(s.Entities)+1, power)-1)+1, 1/power)
	return min(uint64(rank)-1, uint64(s.Entities)-1)
}

// keys returns the entities of request n as its message has them.
func (s Scenario) keys(n int) []*larderv1.Column {
	return []*larderv1.Column{{Name: joinKey, Values: &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: s.ids(n)}}}}
}

// mixed is the finalizer of SplitMix64 (Steele, Lea and Flood, 2014): close numbers
// become far ones.
func mixed(n uint64) uint64 {
	n = (n + 1) * 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// larderCall returns the call that is measured and notes the sizes of its messages.
func (s Scenario) larderCall(ctx context.Context, conn *grpc.ClientConn, r *Report) (call, error) {
	client := larderv1.NewServingServiceClient(conn)
	if s.Model == "none" {
		request := func(n int) *larderv1.GetFeaturesRequest {
			return &larderv1.GetFeaturesRequest{What: &larderv1.GetFeaturesRequest_FeatureService{FeatureService: serviceName}, Entities: s.keys(n)}
		}
		answer, err := client.GetFeatures(ctx, request(0))
		if err == nil {
			err = allPresent(answer.GetFeatures(), s)
		}
		if err == nil {
			err = r.messages(request(0), answer)
		}
		return func(ctx context.Context, n int) error {
			_, err := client.GetFeatures(ctx, request(n))
			return err
		}, err
	}
	request := func(n int) *larderv1.GetFeaturesAndScoreRequest {
		return &larderv1.GetFeaturesAndScoreRequest{Model: modelName, Entities: s.keys(n)}
	}
	whole := request(0)
	whole.ReturnFeatures = true
	full, err := client.GetFeaturesAndScore(ctx, whole)
	if err == nil {
		err = allPresent(full.GetFeatures(), s)
	}
	if err != nil {
		return nil, err
	}
	answer, err := client.GetFeaturesAndScore(ctx, request(0))
	if err == nil {
		err = r.messages(request(0), answer)
	}
	return func(ctx context.Context, n int) error {
		_, err := client.GetFeaturesAndScore(ctx, request(n))
		return err
	}, err
}

// messages notes the sizes of messages, and what encoding and decoding them takes.
func (r *Report) messages(request, answer proto.Message) (err error) {
	r.RequestBytes, r.ResponseBytes = proto.Size(request), proto.Size(answer)
	r.encoding, err = encodingTime(request, answer)
	return err
}

// allPresent says what is wrong unless every feature of every row was found:
// what isn't found would be measured as cheaper than it is.
func allPresent(features []*larderv1.Column, s Scenario) error {
	if got, want := len(features), s.Views*s.Features; got != want {
		return fmt.Errorf("got %d features, want %d", got, want)
	}
	for _, f := range features {
		for _, status := range f.GetStatuses() {
			if status != larderv1.Status_STATUS_PRESENT {
				return fmt.Errorf("feature %s is %s", f.GetName(), status)
			}
		}
	}
	return nil
}

func echoCall(conn *grpc.ClientConn, r *Report) call {
	client := larderv1.NewEchoServiceClient(conn)
	req := &larderv1.EchoRequest{Payload: make([]byte, r.RequestBytes), AnswerBytes: uint32(r.ResponseBytes)}
	return func(ctx context.Context, _ int) error {
		_, err := client.Echo(ctx, req)
		return err
	}
}
