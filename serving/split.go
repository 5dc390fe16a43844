package serving

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"larder/column"
	"larder/models/traffic"
	"larder/schema"
)

// A route is how the rows of a model go to several versions.
type route struct {
	*traffic.Split
	maxRows int
	shapes  []*shape // of each arm
}

func (g *Generation) newRoutes() map[string]*route {
	routes := map[string]*route{}
	for model, split := range g.splits {
		r := &route{Split: split, maxRows: g.server.opts.MaxRows}
		for _, arm := range split.Arms {
			plan, err := g.catalog.ModelPlan(model, arm.Version)
			if err != nil {
				panic(err) // a catalog without a version that its traffic names
			}
			r.shapes = append(r.shapes, g.shapes[plan])
		}
		routes[model] = r
	}
	return routes
}

// serve answers a request, each row by the version that it is sent to.
func (r *route) serve(ctx context.Context, ask *Ask, t terms) (*Answer, error) {
	arm, groups, err := r.groups(ask, t)
	if err != nil {
		return nil, err
	}
	if groups == nil {
		return r.score(ctx, ask, arm, t)
	}
	defer func() {
		for i := range groups {
			if groups[i].answer != nil {
				groups[i].answer.Release()
			}
		}
	}()
	for i := range groups {
		g := &groups[i]
		part := *ask
		part.Keys, part.Request, part.numbers = ask.Keys.Pick(g.rows), ask.Request.Pick(g.rows), g.rows
		if g.answer, err = r.score(ctx, &part, g.arm, t); err != nil {
			return nil, err
		}
	}
	return merge(groups)
}

// A group is the rows of a request that one version scores.
type group struct {
	arm    int
	rows   []int // of the request, ascending
	answer *Answer
}

// groups sends each row to a version: all of them to that of one arm, or else those
// of each group to its own.
func (r *route) groups(ask *Ask, t terms) (arm int, groups []group, err error) {
	rows, err := ask.rows(r.maxRows)
	if err != nil {
		return 0, nil, err
	}
	key, err := r.key(ask)
	if err != nil {
		return 0, nil, err
	}
	uneven := func(c column.Column) bool { return !c.Even(rows) }
	if key == nil || rows == 0 || slices.ContainsFunc(ask.Keys.Values, uneven) || slices.ContainsFunc(ask.Request.Values, uneven) {
		return 0, nil, nil // binding says what is wrong
	}
	first := r.Arm(bucket(r.Salt, key, 0), t.began)
	if rows == 1 {
		return first, nil, nil
	}
	byArm := make([][]int, len(r.Arms))
	for row := range rows {
		arm := r.Arm(bucket(r.Salt, key, row), t.began)
		byArm[arm] = append(byArm[arm], row)
	}
	if len(byArm[first]) == rows {
		return first, nil, nil
	}
	for arm, rows := range byArm {
		if len(rows) > 0 {
			groups = append(groups, group{arm: arm, rows: rows})
		}
	}
	return 0, groups, nil
}

// key returns the column that traffic is split by; nil for a join key that binding
// finds missing.
func (r *route) key(ask *Ask) (*column.Column, error) {
	by, from, plan := r.By, &ask.Request, ask.Plan()
	isKey := slices.ContainsFunc(plan.Keys, func(k schema.JoinKey) bool { return k.Name == by })
	if isKey {
		from = &ask.Keys
	}
	at := slices.Index(from.Names, by)
	if at < 0 && isKey {
		return nil, nil
	}
	if at < 0 {
		return nil, schema.NoSplitValue.Errorf("the traffic of model %q is split by %q; send it with the request, or ask for a model_version", plan.Model.Name, by)
	}
	key := &from.Values[at]
	if t := key.Type; t != schema.String && !t.IsInteger() {
		return nil, schema.SplitValueType.Errorf("the traffic of model %q is split by %q; send it as integers or strings, or ask for a model_version", plan.Model.Name, by)
	}
	if row := slices.Index(key.Valid, false); row >= 0 {
		return nil, schema.NoSplitValue.Errorf("%q is null in row %d, and the traffic of model %q is split by it; send a value, or ask for a model_version", by, row, plan.Model.Name)
	}
	return key, nil
}

// bucket returns the bucket of a row's split value.
func bucket(salt string, key *column.Column, row int) int {
	if key.Type.IsInteger() {
		return traffic.BucketInt(salt, key.Integer(row))
	}
	return traffic.Bucket(salt, key.Strings[row])
}

// score scores all rows of a request with the version of an arm, and reports to
// the guards how it went.
func (r *route) score(ctx context.Context, ask *Ask, arm int, t terms) (*Answer, error) {
	answer, err := r.shapes[arm].serve(ctx, ask, t)
	if err == nil {
		r.Arms[arm].Rows.Add(float64(answer.Rows))
	}
	if r.Watched(arm) {
		r.observe(arm, answer, err, t)
	}
	return answer, err
}

// observe reports a request to the guards. A mistake of the caller, values that the model
// doesn't take, or a request that the caller gave up, say nothing about a version.
func (r *route) observe(arm int, a *Answer, err error, t terms) {
	if err != nil {
		var said *schema.Error
		if errors.Is(err, context.Canceled) || errors.As(err, &said) && (said.Kind == schema.Invalid || said.Reason == schema.ModelFailed) {
			return
		}
		r.Observe(arm, traffic.Observation{At: t.began, Failed: true})
		return
	}
	score := math.NaN() // which guards leave out
	if len(a.Scores) > 0 {
		score = a.Scores[rand.IntN(len(a.Scores))]
	}
	r.Observe(arm, traffic.Observation{At: t.began, Latency: a.scoring, Score: score, Missing: a.missing()})
}
