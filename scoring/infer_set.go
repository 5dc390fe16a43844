package scoring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"larder/schema"
)

// An InferSet runs the models of a Set over tensors. The shapes of tensors are the
// caller's, and no trial has tried them, so these runs are in worker processes: that of
// the model if it has one, or else one that is started when it is first needed and
// ends after the model is unloaded. Safe for concurrent use.
type InferSet struct {
	models *Set
	fetch  func(ctx context.Context, sha256 string) ([]byte, error)

	mu     sync.Mutex
	loaded map[*Model]*InferModel
}

// NewInferSet returns the models of a set. fetch returns the file with a SHA-256, and
// the sum is checked.
func NewInferSet(models *Set, fetch func(ctx context.Context, sha256 string) ([]byte, error)) *InferSet {
	return &InferSet{models: models, fetch: fetch, loaded: map[*Model]*InferModel{}}
}

// Model returns a model of the set over tensors, given the plan that it was loaded
// for. The first call for a model reads its file. The model must stay loaded during
// the call and as long as the result is used.
func (s *InferSet) Model(ctx context.Context, m *Model, plan *schema.Plan) (*InferModel, error) {
	if known := s.find(m); known != nil {
		return known, nil
	}
	raw, err := s.file(ctx, plan)
	if err != nil {
		return nil, err
	}
	sig, err := Inspect(raw)
	if err != nil {
		return nil, err
	}
	made := newInferModel(m, sig)
	if made.host = m.host; made.host == nil {
		made.host = s.models.newHost(m, plan, func(ctx context.Context, _ string) ([]byte, error) { return s.file(ctx, plan) })
		made.host.order.Tried, made.host.order.Scores = &m.facts, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.loaded[m]; known != nil {
		return known, nil
	}
	s.forget()
	s.loaded[m] = made
	return made, nil
}

// inferSession returns the session of all outputs over tensors.
func (s *Set) inferSession(m *Model, sig *Signature, plan *schema.Plan, file []byte) *outputSession {
	return &outputSession{runtime: s.runtime, provider: providerOf(m, plan), outputs: candidates(sig), spec: func(context.Context) (sessionSpec, error) {
		return sessionSpec{file: file, inputs: names(sig.Inputs), threads: s.opts.IntraOpThreads, memory: plan.Model.RunMemory(), nested: sig.nested, optimize: true}, nil
	}}
}

// providerOf returns the provider that runs a model.
func providerOf(m *Model, plan *schema.Plan) schema.Provider {
	for _, p := range plan.Model.Providers {
		if p.Name == m.facts.Provider {
			return p
		}
	}
	return schema.Provider{Name: m.facts.Provider}
}

func (s *InferSet) find(m *Model) *InferModel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loaded[m]
}

func (s *InferSet) file(ctx context.Context, plan *schema.Plan) ([]byte, error) {
	file, err := s.fetch(ctx, plan.ModelVersion.SHA256)
	if err != nil {
		return nil, fmt.Errorf("fetch the file of %s: %w", planName(plan), err)
	}
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != plan.ModelVersion.SHA256 {
		return nil, fmt.Errorf("the file of %s is damaged: its SHA-256 is %x, not %s", planName(plan), sum, plan.ModelVersion.SHA256)
	}
	return file, nil
}

// forget closes the sessions of unloaded models. No run uses these.
func (s *InferSet) forget() {
	for m, made := range s.loaded {
		select {
		case <-m.unloaded:
			made.close()
			delete(s.loaded, m)
		default:
		}
	}
}

// Close closes all sessions. The Set must have been closed.
func (s *InferSet) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
}
