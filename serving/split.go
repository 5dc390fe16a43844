package serving

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/models/traffic"
	"larder/schema"
	"larder/vector"
)

// A route is how the rows of a model go to several versions.
type route struct {
	*traffic.Split
	generation *generation
	plans      []*schema.Plan // of each arm
}

func (g *generation) newRoutes(router *traffic.Router) map[string]*route {
	routes := map[string]*route{}
	for model, split := range router.Splits(g.catalog) {
		r := &route{Split: split, generation: g}
		for _, arm := range split.Arms {
			plan, err := g.catalog.ModelPlan(model, arm.Version)
			if err != nil {
				panic(err) // a catalog without a version that its traffic names
			}
			r.plans = append(r.plans, plan)
		}
		routes[model] = r
	}
	return routes
}

// scoreRows answers a request whose columns c has taken: by one version or, where
// traffic is split, each row by the version that it is sent to.
func (s *Server) scoreRows(ctx context.Context, c *call, ask asked) (*larderv1.GetFeaturesAndScoreResponse, error) {
	var err error
	if ask.logged, err = s.logs(c, ask.requestID); err != nil {
		return nil, err
	}
	if c.route == nil {
		return s.getFeaturesAndScore(ctx, c, ask)
	}
	now := time.Now()
	if ask.at == nil {
		micros := now.UnixMicro() // one reading for all versions
		ask.at = &micros
	}
	arm, groups, err := c.groups(s.opts.MaxRows, now)
	if err != nil {
		return nil, err
	}
	if groups == nil {
		return s.scoreGroup(ctx, c, arm, ask, now)
	}
	for i := range groups {
		if groups[i].answer, err = s.scorePart(ctx, c, &groups[i], ask, now); err != nil {
			return nil, err
		}
	}
	return merge(groups), nil
}

// A group is the rows of a request that one version scores.
type group struct {
	arm    int
	rows   []int // of the request, ascending
	answer *larderv1.GetFeaturesAndScoreResponse
}

// groups sends each row to a version: all of them to that of one arm, or else those
// of each group to its own.
func (c *call) groups(maxRows int, now time.Time) (arm int, groups []group, err error) {
	rows, err := c.rows(maxRows)
	if err != nil {
		return 0, nil, err
	}
	key, err := c.splitKey()
	if err != nil {
		return 0, nil, err
	}
	if key == nil || rows == 0 || key.Len() != rows || !c.even(rows) {
		return 0, nil, nil // binding says what is wrong
	}
	r := c.route
	first := r.Arm(bucket(r.Salt, key, 0), now)
	if rows == 1 {
		return first, nil, nil
	}
	byArm := make([][]int, len(r.Arms))
	for row := range rows {
		arm := r.Arm(bucket(r.Salt, key, row), now)
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

// splitKey returns the column that traffic is split by; nil for a join key that
// binding finds missing.
func (c *call) splitKey() (*vector.Column, error) {
	by, from := c.route.By, &c.request
	isKey := slices.ContainsFunc(c.shape.plan.Keys, func(k schema.JoinKey) bool { return k.Name == by })
	if isKey {
		from = &c.entities
	}
	at := slices.Index(from.Names, by)
	if at < 0 && isKey {
		return nil, nil
	}
	if at < 0 {
		return nil, schema.Errorf(schema.Invalid, "NO_SPLIT_VALUE", "the traffic of model %q is split by %q; send it with the request, or ask for a model_version", c.shape.plan.Model.Name, by)
	}
	column := &from.Values[at]
	if t := column.Type; t != schema.String && !t.IsInteger() {
		return nil, schema.Errorf(schema.Invalid, "SPLIT_VALUE_TYPE", "the traffic of model %q is split by %q; send it as integers or strings, or ask for a model_version", c.shape.plan.Model.Name, by)
	}
	if row := slices.Index(column.Valid, false); row >= 0 {
		return nil, schema.Errorf(schema.Invalid, "NO_SPLIT_VALUE", "%q is null in row %d, and the traffic of model %q is split by it; send a value, or ask for a model_version", by, row, c.shape.plan.Model.Name)
	}
	return column, nil
}

// even tells whether every column has a number of rows, and lists that lie within
// their elements.
func (c *call) even(rows int) bool {
	other := func(v vector.Column) bool {
		if v.Len() != rows || v.Valid != nil && len(v.Valid) != rows {
			return true
		}
		elements := v
		elements.Type = v.Type.Elem()
		return v.Type.IsList() && (!slices.IsSorted(v.Ends) || int(v.Ends[rows-1]) != elements.Len())
	}
	return !slices.ContainsFunc(c.entities.Values, other) && !slices.ContainsFunc(c.request.Values, other)
}

// bucket returns the bucket of a row's split value.
func bucket(salt string, key *vector.Column, row int) int {
	switch key.Type {
	case schema.Int32:
		return traffic.BucketInt(salt, int64(key.Int32s[row]))
	case schema.Int64:
		return traffic.BucketInt(salt, key.Int64s[row])
	}
	return traffic.Bucket(salt, key.Strings[row])
}

// scorePart scores the rows of a group.
func (s *Server) scorePart(ctx context.Context, c *call, g *group, ask asked, now time.Time) (*larderv1.GetFeaturesAndScoreResponse, error) {
	part := c.shape.begin()
	defer part.end()
	part.route, part.shadows, ask.numbers = c.route, c.shadows, g.rows
	part.entities, part.request = pickAll(c.entities, g.rows), pickAll(c.request, g.rows)
	return s.scoreGroup(ctx, part, g.arm, ask, now)
}

// scoreGroup scores all rows of a call with the version of an arm, and tells the
// guards how it went.
func (s *Server) scoreGroup(ctx context.Context, c *call, arm int, ask asked, now time.Time) (*larderv1.GetFeaturesAndScoreResponse, error) {
	r := c.route
	if arm != 0 {
		shape, err := r.generation.shape(r.plans[arm])
		if err != nil {
			return nil, err
		}
		other := shape.begin()
		defer other.end()
		other.shadows = c.shadows
		other.entities, c.entities = c.entities, other.entities
		other.request, c.request = c.request, other.request
		c = other
	}
	c.scoring = 0
	resp, err := s.getFeaturesAndScore(ctx, c, ask)
	if err == nil {
		r.Arms[arm].Rows.Add(float64(len(resp.GetScores())))
	}
	if r.Watched(arm) {
		r.observe(arm, now, c.scoring, resp, err)
	}
	return resp, err
}

// observe tells the guards of a request. What the caller did wrong or gave up says
// nothing of a version.
func (r *route) observe(arm int, now time.Time, took time.Duration, resp *larderv1.GetFeaturesAndScoreResponse, err error) {
	if err != nil {
		var said *schema.Error
		if overtaken(err) || errors.Is(err, context.Canceled) || errors.As(err, &said) && said.Kind == schema.Invalid {
			return
		}
		r.Observe(arm, traffic.Observation{At: now, Failed: true})
		return
	}
	missing, read := 0, 0
	for _, view := range resp.GetReads() {
		for _, status := range view.GetStatuses() {
			if status != larderv1.Status_STATUS_PRESENT {
				missing++
			}
		}
		read += len(view.GetStatuses())
	}
	scores := resp.GetScores()
	r.Observe(arm, traffic.Observation{
		At: now, Latency: took, Score: scores[rand.IntN(len(scores))], Missing: float64(missing) / float64(max(read, 1)),
	})
}
