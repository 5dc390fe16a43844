package control

import (
	"context"
	"sync"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/scoring"
	"larder/store/registry"
)

// pastIdle is how long a model of definitions that don't serve stays loaded after a
// request: a replay sends many.
const pastIdle = 30 * time.Second

// A pastModel is the last model of past definitions that a request named.
type pastModel struct {
	mu     sync.Mutex
	plan   *schema.Plan
	models *scoring.Models // nil while none is loaded
	idle   *time.Timer     // unloads it
}

// model returns the plan and the model of past definitions, and a function that ends
// their use. One request at a time uses them.
func (p *pastModel) model(ctx context.Context, from *registry.Registry, set *scoring.Set, req *larderv1.ScoreVectorsRequest) (*schema.Plan, *scoring.Model, func(), error) {
	catalog, err := from.CatalogOf(ctx, req.GetCatalogVersion())
	if err != nil {
		return nil, nil, nil, err
	}
	plan, err := catalog.ModelPlan(req.GetModel(), req.GetModelVersion())
	if err != nil {
		return nil, nil, nil, err
	}
	p.mu.Lock()
	if p.plan != plan {
		p.unload()
		models, err := set.PreparePlans(ctx, []*schema.Plan{plan}, from.ModelFile)
		if err != nil {
			p.mu.Unlock()
			return nil, nil, nil, err
		}
		p.plan, p.models = plan, models
	}
	if p.idle != nil {
		p.idle.Stop()
	}
	return plan, p.models.Model(plan), func() {
		p.idle = time.AfterFunc(pastIdle, p.close)
		p.mu.Unlock()
	}, nil
}

// close unloads the model.
func (p *pastModel) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unload()
}

func (p *pastModel) unload() {
	if p.models != nil {
		p.models.Release()
	}
	p.plan, p.models = nil, nil
}
