package integration_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	larderv1 "larder/api/larder/v1"
	"larder/internal/onnxmodel"
	"larder/internal/pgtest"
)

// ramped writes definitions in which version 2 has half of the users and a ramp with
// guards. Its scores have the opposite sign of version 1's.
func (m *scored) ramped() {
	m.t.Helper()
	for seed := uint64(2); m.score(1, 50)*m.score(2, 50) >= 0; seed++ {
		m.models[1] = onnxmodel.NewLinear([]onnxmodel.Input{{Name: "amount", Elem: onnxmodel.Double}}, seed)
	}
	m.write("spend-2.onnx", m.file(2))
	m.write("definitions.yaml", m.base+`
models:
  - name: spend
    feature_service: spend
    versions: [{version: 1, onnx: spend-1.onnx}, {version: 2, onnx: spend-2.onnx}]
    traffic: [{version: 1, weight: 50}, {version: 2, weight: 50}]
    split_by: user_id
    salt: autumn
    ramp: {version: 2, from: 50, to: 60, over: 1h, guards: {score_distance: 0.3, min_requests: 100}}
`)
}

// An answered is the response to one request.
type answered struct {
	at      time.Time
	version int64
}

// callers score users until they are stopped, and record which version scored each.
type callers struct {
	group errgroup.Group
	stop  context.CancelFunc

	mu   sync.Mutex
	seen map[*server][]answered
}

func (m *scored) call(servers ...*server) *callers {
	ctx, stop := context.WithCancel(m.t.Context())
	c := &callers{stop: stop, seen: map[*server][]answered{}}
	for _, s := range servers {
		c.group.Go(func() error {
			for user := int64(1); ctx.Err() == nil; user = user%100 + 1 {
				got, err := s.serving.GetFeaturesAndScore(context.WithoutCancel(ctx), &larderv1.GetFeaturesAndScoreRequest{Model: "spend", Entities: []*larderv1.Column{int64Column("user_id", user)}})
				if err != nil {
					return err
				}
				version := got.GetModelVersion()
				if want := m.score(version, user); got.GetScores()[0] != want {
					return fmt.Errorf("user %d scores %v with version %d; want %v", user, got.GetScores()[0], version, want)
				}
				c.mu.Lock()
				c.seen[s] = append(c.seen[s], answered{time.Now(), version})
				c.mu.Unlock()
			}
			return nil
		})
	}
	return c
}

// last returns when a version last answered on a server.
func (c *callers) last(s *server, version int64) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	var last time.Time
	for _, a := range c.seen[s] {
		if a.version == version {
			last = a.at
		}
	}
	return last
}

func (s *server) spendStatus() *larderv1.TrafficStatus {
	s.t.Helper()
	answer, err := s.control.ListModels(s.t.Context(), &larderv1.ListModelsRequest{Model: "spend"})
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.GetModels()[0].GetTraffic()
}

// TestARampIsRolledBack: a version with scores unlike the control's loses its traffic
// within a second on both servers, although only one server judged it. No request fails.
// The traffic stays with the control, even after a restart, until a person resumes the
// ramp.
func TestARampIsRolledBack(t *testing.T) {
	db := pgtest.New(t)
	m := newScored(t, db.DSN)
	m.ramped()
	a, b := startServer(t, db.DSN), startServer(t, db.DSN)
	a.apply(m.dir)
	a.mustMaterialize()
	eventually(t, "first catalog on the other server", func() bool { return b.catalogVersion() == 1 })
	b.mustMaterialize()

	c := m.call(a, b)
	eventually(t, "trip", func() bool {
		return a.spendStatus().GetRamp().GetTrippedAt() != 0 && b.spendStatus().GetRamp().GetTrippedAt() != 0
	})
	tripped := time.UnixMicro(a.spendStatus().GetRamp().GetTrippedAt())
	settled := time.Now()
	eventually(t, "requests after the trip", func() bool {
		return c.last(a, 1).After(settled.Add(time.Second)) && c.last(b, 1).After(settled.Add(time.Second))
	})
	c.stop()
	if err := c.group.Wait(); err != nil {
		t.Error(err)
	}
	for name, s := range map[string]*server{"a": a, "b": b} {
		last := c.last(s, 2)
		if last.IsZero() {
			t.Errorf("version 2 never answered on server %s", name)
		}
		if after := last.Sub(tripped); after > time.Second {
			t.Errorf("version 2 answers on server %s for %v after the trip", name, after)
		}
		if text := s.httpText("/metrics"); !strings.Contains(text, `larder_traffic_tripped{model="spend"} 1`) || !strings.Contains(text, `larder_traffic_weight_percent{model="spend",version="2"} 0`) {
			t.Errorf("the metrics of server %s don't say that it tripped", name)
		}
		stdout, _, code := s.client("models", "show", "spend")
		if code != 0 || !strings.Contains(stdout, "TRIPPED") || !strings.Contains(stdout, "the distributions of its scores and the control's are") || !strings.Contains(stdout, "100 %, control") {
			t.Errorf("exit code %d\n%s", code, stdout)
		}
	}
	if !strings.Contains(a.logText()+b.logText(), "a guard tripped") {
		t.Error("the log says nothing")
	}

	if code := b.terminate(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	b.start()
	var user int64 // of version 2, which has the lower buckets
	if err := db.Pool.QueryRow(t.Context(), "SELECT min(n) FROM generate_series(1, 100) AS n WHERE larder.bucket('autumn', n::text) < 5000").Scan(&user); err != nil {
		t.Fatal(err)
	}
	f := func(s *server, pin, want int64) {
		t.Helper()
		req := &larderv1.GetFeaturesAndScoreRequest{Model: "spend", ModelVersion: pin, Entities: []*larderv1.Column{int64Column("user_id", user)}}
		if got, err := s.serving.GetFeaturesAndScore(t.Context(), req); err != nil || got.GetModelVersion() != want {
			t.Errorf("version %d answers (%v); want %d", got.GetModelVersion(), err, want)
		}
	}
	f(b, 0, 1)
	f(b, 2, 2) // a caller may still request the tripped version
	if stdout, stderr, code := a.client("models", "resume", "spend"); code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	f(a, 0, 2)
	eventually(t, "resumed ramp on the other server", func() bool { return b.spendStatus().GetRamp().GetTrippedAt() == 0 })
	f(b, 0, 2)
}
