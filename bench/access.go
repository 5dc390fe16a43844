package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"larder/access"
	larderv1 "larder/api/larder/v1"
	"larder/internal/launch"
	"larder/store/keyring"
)

// accessEntities are few, so that the row caches of both servers have all rows soon.
const accessEntities = 2_000

// access measures what it costs to know who calls: a request of one row with an API key beside
// one to a server that asks for nothing, and how fast one without a right is refused.
func (s *suite) access(ctx context.Context) error {
	scenario := s.base
	scenario.Rows, scenario.Concurrency, scenario.Entities = 1, 1, accessEntities
	return s.serve(ctx, scenario, func(open *served, _ *launch.Process) error {
		return s.inFolder(func(dir string) error { return s.beside(ctx, scenario, open, dir) })
	})
}

// beside measures a server that wants keys, in a folder, beside one that wants none.
func (s *suite) beside(ctx context.Context, scenario Scenario, open *served, dir string) error {
	if err := fill(ctx, scenario, s.opts, dir); err != nil {
		return err
	}
	may, key := access.NewKey()
	may.Name, may.Roles = "bench", []string{"scorer"}
	mayNot, other := access.NewKey()
	mayNot.Name = "nothing"
	if err := keyring.Keep(filepath.Join(dir, "registry"), []access.Key{may, mayNot}); err != nil {
		return err
	}
	token := filepath.Join(dir, "token") // which makes the server ask for credentials
	if err := os.WriteFile(token, []byte(key), 0o600); err != nil {
		return err
	}
	process, err := launchServer(ctx, scenario, s.opts, dir, "--token-file", token)
	if err != nil {
		return err
	}
	defer process.Stop()
	var calls []call
	for _, to := range []struct{ addr, key string }{{open.GRPC, ""}, {process.GRPC, key}} {
		conn, err := grpc.NewClient(to.addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(bearer(to.key)))
		if err != nil {
			return err
		}
		defer conn.Close()
		do, err := scenario.larderCall(ctx, conn, new(Report))
		if err != nil {
			return fmt.Errorf("a first request: %w", err)
		}
		calls = append(calls, do)
	}
	stranger, err := grpc.NewClient(process.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(bearer(other)))
	if err != nil {
		return err
	}
	defer stranger.Close()
	calls = append(calls, scenario.refusedCall(stranger))
	targets := make([]*target, len(calls))
	for i, do := range calls {
		targets[i] = &target{do: do, rec: newRecording()}
	}
	if err := interleave(ctx, scenario, warmUp, targets...); err != nil {
		return err
	}
	for _, t := range targets {
		t.rec = newRecording()
	}
	if err := interleave(ctx, scenario, scenario.Duration, targets...); err != nil {
		return err
	}
	nobody, known, refused := targets[0].rec.figures(1), targets[1].rec.figures(1), targets[2].rec.figures(1)
	s.add(Bar{Name: "1 row with an API key: p50", Figure: known.P50, Unit: microseconds, Baseline: nobody.P50, Against: "a server that asks for nothing", Bar: 1.02}.compare())
	s.add(Bar{Name: "a refusal for want of a right: p50", Figure: refused.P50, Unit: microseconds, Bar: 200}.compare())
	return nil
}

// refusedCall returns a call that must be refused because its caller lacks a right.
func (s Scenario) refusedCall(conn *grpc.ClientConn) call {
	client := larderv1.NewServingServiceClient(conn)
	return func(ctx context.Context, n int) error {
		_, err := client.GetFeaturesAndScore(ctx, &larderv1.GetFeaturesAndScoreRequest{Model: modelName, Entities: s.keys(n)})
		if status.Code(err) != codes.PermissionDenied {
			return fmt.Errorf("a key without a right is answered: %w", err)
		}
		return nil
	}
}

// A bearer sends a key with every call; an empty one sends nothing.
type bearer string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if b == "" {
		return nil, nil
	}
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (bearer) RequireTransportSecurity() bool { return false }
