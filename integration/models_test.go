package integration_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// scored is the folder of spend with a model of two versions. score returns their
// scores; serve rewrites the definitions to serve another version.
type scored struct {
	t      testing.TB
	dir    string
	base   string
	models [3]*onnxmodel.Linear
}

func newScored(t testing.TB, dsn string) *scored {
	t.Helper()
	m := &scored{t: t, dir: spend(t, dsn, 100)}
	raw, err := os.ReadFile(filepath.Join(m.dir, "definitions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	m.base = string(raw)
	for i := range m.models {
		m.models[i] = onnxmodel.NewLinear([]onnxmodel.Input{{Name: "amount", Elem: onnxmodel.Double}}, uint64(i+1))
	}
	m.write("spend-1.onnx", m.file(1))
	m.write("spend-2.onnx", m.file(2))
	m.serve(1)
	return m
}

func (m *scored) write(name, content string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(content), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *scored) file(version int) string {
	model := m.models[version-1].Model()
	return string(model.Encode())
}

func (m *scored) serve(version int) {
	m.t.Helper()
	m.write("definitions.yaml", m.base+fmt.Sprintf(`
models:
  - name: spend
    feature_service: spend
    serve: %d
    on_missing: fail
    versions: [{version: 1, onnx: spend-1.onnx}, {version: 2, onnx: spend-2.onnx}]
`, version))
}

func (m *scored) score(version, user int64) float64 {
	return float64(m.models[version-1].Score([]any{float64(user)}))
}

// check returns what is wrong with a response for users 1 to n.
func (m *scored) check(answer *larderv1.GetFeaturesAndScoreResponse, n int) error {
	version := answer.GetModelVersion()
	if version < 1 || int(version) > len(m.models) || len(answer.GetScores()) != n {
		return fmt.Errorf("%d scores of version %d", len(answer.GetScores()), version)
	}
	for i, got := range answer.GetScores() {
		if want := m.score(version, int64(i+1)); got != want {
			return fmt.Errorf("catalog %d, model version %d: user %d scores %v, want %v", answer.GetCatalogVersion(), version, i+1, got, want)
		}
	}
	return nil
}

func users(n int) []*larderv1.Column {
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = int64(i + 1)
	}
	return []*larderv1.Column{int64Column("user_id", ids...)}
}

// TestModelIsSwappedUnderLoad applies one version after the other while callers
// score: no request fails, and no answer mixes two versions.
func TestModelIsSwappedUnderLoad(t *testing.T) {
	const rows, swaps = 50, 10
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	s := startServer(t, db.DSN)
	other := startServer(t, db.DSN) // it reads each swap from the database
	s.apply(m.dir)
	s.mustMaterialize()
	eventually(t, "first catalog on the other server", func() bool { return other.catalogVersion() == 1 })
	other.mustMaterialize()

	stop := m.load(rows, s, other)
	for swap := range swaps {
		m.serve(2 - swap%2)
		s.apply(m.dir)
		want := int64(swap + 2)
		eventually(t, "swap on both servers", func() bool { return s.catalogVersion() == want && other.catalogVersion() == want })
	}
	if answers := stop(); answers[0] == 0 || answers[1] == 0 {
		t.Errorf("answers by version: %v; want both", answers)
	}
}

// load makes four callers score on servers until it is stopped. No request may fail, no
// response may mix versions, and no caller may see an older catalog after a newer one.
// It returns how many responses each model version gave.
func (m *scored) load(rows int, servers ...*server) (stop func() [3]int64) {
	load, ctx := errgroup.WithContext(context.Background())
	var done atomic.Bool
	var answers [3]atomic.Int64
	for caller := range 4 {
		client := servers[caller%len(servers)].serving
		load.Go(func() error {
			var newest int64
			for !done.Load() {
				answer, err := client.GetFeaturesAndScore(ctx, &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: users(rows)})
				if err != nil {
					return err
				}
				if err := m.check(answer, rows); err != nil {
					return err
				}
				if answer.GetCatalogVersion() < newest {
					return fmt.Errorf("catalog %d after %d", answer.GetCatalogVersion(), newest)
				}
				newest = answer.GetCatalogVersion()
				answers[answer.GetModelVersion()-1].Add(1)
			}
			return nil
		})
	}
	return func() (counts [3]int64) {
		m.t.Helper()
		done.Store(true)
		if err := load.Wait(); err != nil {
			m.t.Error(err)
		}
		for i := range answers {
			counts[i] = answers[i].Load()
		}
		return counts
	}
}

func (s *server) catalogVersion() int64 {
	s.t.Helper()
	st, err := s.control.GetStatus(context.Background(), &larderv1.GetStatusRequest{})
	if err != nil {
		s.t.Fatal(err)
	}
	return st.GetCatalogVersion()
}

func TestScoreStreamsAndPins(t *testing.T) {
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	s := startServer(t, db.DSN)
	s.apply(m.dir)
	s.mustMaterialize()
	stream, err := s.serving.StreamFeaturesAndScore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, pinned := range []int64{0, 2, 1} {
		req := &larderv1.GetFeaturesAndScoreRequest{Model: "spend", ModelVersion: pinned, Entities: users(5), ReturnFeatures: true}
		if err := stream.Send(&larderv1.StreamFeaturesAndScoreRequest{Request: req}); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if err := m.check(answer.GetResponse(), 5); err != nil {
			t.Error(err)
		}
		if got := answer.GetResponse().GetModelVersion(); got != max(pinned, 1) {
			t.Errorf("pinned %d: version %d", pinned, got)
		}
		if got := answer.GetResponse().GetFeatures()[0].GetDoubles().GetValues()[4]; got != 5 {
			t.Errorf("feature of user 5 is %v", got)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("the end of the stream: %v", err)
	}

	f := func(code codes.Code, message string, req *larderv1.GetFeaturesAndScoreRequest) {
		t.Helper()
		_, err := s.serving.GetFeaturesAndScore(t.Context(), req)
		if status.Code(err) != code || !strings.Contains(status.Convert(err).Message(), message) {
			t.Errorf("%v; want %s with %q", err, code, message)
		}
	}
	f(codes.NotFound, `no model "spent"; did you mean "spend"?`, &larderv1.GetFeaturesAndScoreRequest{Model: "spent", Entities: users(1)})
	f(codes.NotFound, "3", &larderv1.GetFeaturesAndScoreRequest{Model: "spend", ModelVersion: 3, Entities: users(1)})
	missing := []*larderv1.Column{int64Column("user_id", 101)}
	f(codes.FailedPrecondition, "spend:amount is NOT_FOUND in row 0 (user_id=101)", &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: missing})
}
