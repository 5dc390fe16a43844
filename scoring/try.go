package scoring

import (
	"context"
	"fmt"

	"larder/schema"
)

// try loads a model as written, checks that it can be served, and learns its facts. It
// runs in a worker process, which a bad model may end.
func (s *Set) try(ctx context.Context, m *Model, plan *schema.Plan, sig *Signature, file []byte) error {
	spec := s.spec(m, sig, plan, file)
	if err := m.learn(ctx, s.runtime, sig, plan.ModelVersion, spec); err != nil {
		return err
	}
	m.all = s.outputSession(m, sig, plan, file)
	if err := m.chooseProvider(ctx, s.runtime, spec, plan.Model.Providers); err != nil {
		return err
	}
	if m.facts.Provider == schema.CPUProvider && !m.facts.together() {
		if err := m.walkTrees(ctx, file); err != nil {
			return err
		}
	}
	var err error
	if m.Unbatched, err = m.unshared(ctx, plan.Model.Batching); err != nil {
		return err
	}
	m.Heavy, err = m.heavy(ctx)
	return err
}

// heavy says why a run of as many rows as the session ever gets is too much for the
// server's process; "" when it isn't. The work of a model on the list depends on the
// number of rows alone, but perhaps on its square, and a single operator can't be
// interrupted.
func (m *Model) heavy(ctx context.Context) (string, error) {
	if m.trees != nil || m.chunk == 1 {
		return "", nil
	}
	_, err := m.trial(ctx, m.chunk, fillTenths)
	if err == nil || ctx.Err() != nil {
		return "", ctx.Err()
	}
	return fmt.Sprintf("a run of %d rows is too much for its limits: %s", m.chunk, clipError(err)), nil
}

// chooseProvider makes the session that scores, with the first provider that works.
func (m *Model) chooseProvider(ctx context.Context, rt *Runtime, spec sessionSpec, providers []schema.Provider) error {
	if len(providers) == 0 {
		providers = []schema.Provider{{Name: schema.CPUProvider}}
	}
	for _, p := range providers {
		err := m.tryProvider(ctx, rt, spec, p)
		if err == nil {
			m.facts.Provider = p.Name
			return nil
		}
		if p.Name == schema.CPUProvider || ctx.Err() != nil {
			return err
		}
		m.Skipped = append(m.Skipped, Skipped{Provider: p.Name, Reason: clipError(err)})
	}
	return noProvider(m.Skipped)
}

func (m *Model) tryProvider(ctx context.Context, rt *Runtime, spec sessionSpec, p schema.Provider) error {
	m.all = &outputSession{runtime: rt, provider: p, outputs: m.outputs, spec: m.all.spec}
	var err error
	if m.facts.Score != nil {
		m.session, err = rt.newSession(m.scoreSpec(spec), p)
	}
	if err == nil {
		_, err = m.all.open(ctx)
	}
	if err != nil {
		m.giveUp()
		return err
	}
	if err := m.warmUp(ctx); err != nil {
		m.giveUp()
		return err
	}
	return nil
}
