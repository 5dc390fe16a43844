package inference

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	inferencev2 "larder/api/inference"
	"larder/schema"
)

// statistics count the requests of this protocol, since the server started. Only
// models and versions that exist get counters. Safe for concurrent use.
type statistics struct {
	counters sync.Map // a countersKey to *counters
}

// A countersKey is a version of a model; NAME and NAME.features count apart.
type countersKey struct {
	model   string
	version int64
}

type counters struct {
	lastMillis     atomic.Uint64 // of the last answered request, since 1970
	rows, requests atomic.Uint64
	success, fail  total
	input          total // reading tensors
	infer          total // running the model
	output         total // writing tensors
}

// A total is how often something was done, and how long it took in all.
type total struct{ count, nanos atomic.Uint64 }

func (t *total) add(d time.Duration) {
	t.count.Add(1)
	t.nanos.Add(uint64(max(d, 0)))
}

func (t *total) message() *inferencev2.StatisticDuration {
	return &inferencev2.StatisticDuration{Count: t.count.Load(), Ns: t.nanos.Load()}
}

func (s *statistics) of(model string, version int64) *counters {
	key := countersKey{model, version}
	if c, found := s.counters.Load(key); found {
		return c.(*counters)
	}
	c, _ := s.counters.LoadOrStore(key, new(counters))
	return c.(*counters)
}

// counted reads, runs and writes one request, and counts it.
func (s *Server) counted(ctx context.Context, model, version string, read func() (*request, error), write func(*request, *answer) error) error {
	began := time.Now()
	req, err := read()
	if err != nil {
		s.countFailure(model, version, began)
		return err
	}
	hasRead := time.Now()
	ans, err := s.infer(ctx, req)
	hasRun := time.Now()
	if err == nil {
		err = write(req, ans)
	}
	if err != nil {
		s.countFailure(model, version, began)
		return err
	}
	ended := time.Now()
	for _, part := range ans.scored {
		c := s.statistics.of(model, part.version)
		c.lastMillis.Store(uint64(began.UnixMilli()))
		c.rows.Add(uint64(part.rows))
		c.requests.Add(1)
		c.success.add(ended.Sub(began))
		c.input.add(hasRead.Sub(began))
		c.infer.add(hasRun.Sub(hasRead))
		c.output.add(ended.Sub(hasRun))
	}
	return nil
}

// countFailure counts a request that was not answered, if it named a model that exists.
func (s *Server) countFailure(model, version string, began time.Time) {
	g := s.opts.Serving.Hold()
	defer g.Release()
	if plan, _, err := planOf(g, model, version); err == nil {
		s.statistics.of(model, plan.ModelVersion.Version).fail.add(time.Since(began))
	}
}

// ModelStatistics returns what was counted of one version of a model, of all of its
// versions, or of all models that the caller may see.
func (s *Server) ModelStatistics(ctx context.Context, req *inferencev2.ModelStatisticsRequest) (*inferencev2.ModelStatisticsResponse, error) {
	g := s.opts.Serving.Hold()
	defer g.Release()
	resp := &inferencev2.ModelStatisticsResponse{}
	if req.GetName() == "" && req.GetVersion() != "" {
		return nil, schema.NoModel.Errorf("the request names version %q of no model; name the model too, or neither", clip(req.GetVersion()))
	}
	asked := name{}
	if req.GetName() != "" {
		var err error
		if _, asked, err = planOf(g, req.GetName(), req.GetVersion()); err != nil {
			return nil, err
		}
	}
	for _, plan := range g.Catalog().ModelPlans() {
		version := plan.ModelVersion.Version
		switch {
		case req.GetName() == "":
			for _, name := range []string{plan.Model.Name, plan.Model.Name + featuresSuffix} {
				if observes(ctx, name) {
					resp.ModelStats = append(resp.ModelStats, s.statistics.message(name, version))
				}
			}
		case asked.model == plan.Model.Name && (asked.version == 0 || asked.version == version):
			resp.ModelStats = append(resp.ModelStats, s.statistics.message(req.GetName(), version))
		}
	}
	return resp, nil
}

func (s *statistics) message(model string, version int64) *inferencev2.ModelStatistics {
	c := new(counters)
	if found, is := s.counters.Load(countersKey{model, version}); is {
		c = found.(*counters)
	}
	return &inferencev2.ModelStatistics{
		Name: model, Version: strconv.FormatInt(version, 10),
		LastInference: c.lastMillis.Load(), InferenceCount: c.rows.Load(), ExecutionCount: c.requests.Load(),
		InferenceStats: &inferencev2.InferStatistics{
			Success: c.success.message(), Fail: c.fail.message(), Queue: new(total).message(),
			ComputeInput: c.input.message(), ComputeInfer: c.infer.message(), ComputeOutput: c.output.message(), CacheHit: new(total).message(),
		},
	}
}

// getStats answers with numbers, where protobuf's JSON has 64-bit ones in quotes.
func (s *Server) getStats(r *http.Request) ([]byte, error) {
	resp, err := s.ModelStatistics(r.Context(), &inferencev2.ModelStatisticsRequest{Name: r.PathValue("model"), Version: r.PathValue("version")})
	if err != nil {
		return nil, err
	}
	type duration struct {
		Count uint64 `json:"count"`
		Ns    uint64 `json:"ns"`
	}
	type model struct {
		Name           string              `json:"name"`
		Version        string              `json:"version"`
		LastInference  uint64              `json:"last_inference"`
		InferenceCount uint64              `json:"inference_count"`
		ExecutionCount uint64              `json:"execution_count"`
		InferenceStats map[string]duration `json:"inference_stats"`
		BatchStats     []struct{}          `json:"batch_stats"`
	}
	all := make([]model, len(resp.GetModelStats()))
	for i, m := range resp.GetModelStats() {
		of := func(d *inferencev2.StatisticDuration) duration { return duration{d.GetCount(), d.GetNs()} }
		stats := m.GetInferenceStats()
		all[i] = model{m.GetName(), m.GetVersion(), m.GetLastInference(), m.GetInferenceCount(), m.GetExecutionCount(), map[string]duration{
			"success": of(stats.GetSuccess()), "fail": of(stats.GetFail()), "queue": of(stats.GetQueue()), "cache_hit": of(stats.GetCacheHit()),
			"compute_input": of(stats.GetComputeInput()), "compute_infer": of(stats.GetComputeInfer()), "compute_output": of(stats.GetComputeOutput()),
		}, []struct{}{}}
	}
	return json.Marshal(map[string]any{"model_stats": all})
}
