package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

func definitionsFolder(t testing.TB, yaml string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "definitions.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func int64Column(name string, values ...int64) *larderv1.Column {
	return &larderv1.Column{Name: name, Values: &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: values}}}
}

func TestRequestsThatAreRefused(t *testing.T) {
	db := pgtest.New(t)
	s := startServer(t, db.DSN, "--max-rows", "100", "--max-message-bytes", "65536")
	s.apply(spend(t, db.DSN, 10))
	service := &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "spend"}
	f := func(name string, req *larderv1.GetFeaturesRequest, code codes.Code, message string) {
		t.Helper()
		_, err := s.serving.GetFeatures(t.Context(), req)
		if status.Code(err) != code || !strings.Contains(status.Convert(err).Message(), message) {
			t.Errorf("%s: %v; want %s with %q", name, err, code, message)
		}
	}
	f("unknown service", &larderv1.GetFeaturesRequest{
		What: &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "spent"}, Entities: []*larderv1.Column{int64Column("user_id", 1)},
	}, codes.NotFound, `no feature service "spent"; did you mean "spend"?`)
	f("unknown view", &larderv1.GetFeaturesRequest{
		What:     &larderv1.GetFeaturesRequest_Features{Features: &larderv1.FeatureList{References: []string{"spend:amuont"}}},
		Entities: []*larderv1.Column{int64Column("user_id", 1)},
	}, codes.NotFound, `feature view "spend" has no feature "amuont"; did you mean "amount"?`)
	f("unknown key", &larderv1.GetFeaturesRequest{What: service, Entities: []*larderv1.Column{int64Column("user", 1)}},
		codes.InvalidArgument, "user_id")
	f("a string for a number", &larderv1.GetFeaturesRequest{What: service, Entities: []*larderv1.Column{textColumn(t, "user_id", "string", []string{"1"})}},
		codes.InvalidArgument, "int64")
	f("null key", &larderv1.GetFeaturesRequest{What: service, Entities: []*larderv1.Column{textColumn(t, "user_id", "int64", []string{"null"})}},
		codes.InvalidArgument, "null")
	f("too many rows", &larderv1.GetFeaturesRequest{What: service, Entities: []*larderv1.Column{int64Column("user_id", make([]int64, 101)...)}},
		codes.ResourceExhausted, "100")
	big := make([]int64, 65536)
	for i := range big {
		big[i] = 1 << 40
	}
	f("too large", &larderv1.GetFeaturesRequest{What: service, Entities: []*larderv1.Column{int64Column("user_id", big...)}},
		codes.ResourceExhausted, "65536")
	if _, err := s.control.Materialize(t.Context(), &larderv1.MaterializeRequest{FeatureViews: []string{"spned"}}); err != nil {
		t.Error(err) // a stream reports it with its first message
	}
	if _, err := s.materialize(t.Context(), &larderv1.MaterializeRequest{FeatureViews: []string{"spned"}}); status.Code(err) != codes.NotFound {
		t.Errorf("an unknown view to materialize: %v", err)
	}
}

func TestCommandsThatAreRefused(t *testing.T) {
	f := func(code int, message string, args ...string) {
		t.Helper()
		_, stderr, got := runLarder(t, args...)
		if got != code || !strings.Contains(stderr, message) {
			t.Errorf("larder %s: exit code %d, %s; want %d with %q", strings.Join(args, " "), got, stderr, code, message)
		}
	}
	f(2, "unknown flag: --fulll", "materialize", "--fulll")
	f(2, "is not a time; write it as", "materialize", "--to", "yesterday")
	f(2, "--postgres is missing: the address of Postgres", "migrate")
	f(1, "cannot reach a server at 127.0.0.1:1 (connection refused); start one with larder serve, or set --addr", "status", "--addr", "127.0.0.1:1")
	f(1, "definitions.yaml:2:", "plan", definitionsFolder(t, "entities:\n  - nmae: user\n"), "--addr", "127.0.0.1:1")
}
