package feast

import (
	"fmt"
	"slices"
	"strings"

	"larder/column"
	"larder/schema"
	"larder/serving"
)

// noEntity is the join key that views without an entity have in Feast. The importer
// gives such views this key, and its only value is "".
const noEntity = "__dummy_id"

// A question is a request for features, over whichever protocol it came.
type question struct {
	service   string
	features  []string // VIEW:FEATURE; where there is no service
	given     []given  // join keys and request values, row by row, in the order of the request
	fullNames bool     // VIEW__FEATURE in the answer
	versions  bool     // name the views and their version in the answer
}

// A given column is one that a request brings. What it is depends on the plan.
type given struct {
	name   string
	values values
}

// values are the values of a given column, yet to be read.
type values interface {
	// rows returns how many there are, or max+1 where there are more than max.
	rows(max int) (int, error)
	// column returns them as a column of a type. Errors name the row.
	column(t schema.Type, maxRows int) (column.Column, error)
}

// fill makes an ask of the question. Columns that the features don't need are ignored, as
// Feast does.
func (q *question) fill(g *serving.Generation, ask *serving.Ask, maxRows int) error {
	references, err := plainReferences(q.features)
	switch {
	case err != nil:
	case q.service != "":
		err = g.ForService(ask, q.service)
	case references != nil:
		err = g.ForFeatures(ask, references)
	default:
		err = schema.NoFeatures.Errorf(`the request names neither a feature_service nor features; write "features": ["VIEW:FEATURE"]`)
	}
	if err != nil {
		return err
	}
	for _, c := range q.given {
		if err := c.add(ask, maxRows); err != nil {
			return err
		}
	}
	return q.addNoEntity(ask, maxRows)
}

// plainReferences returns references without @latest after the name of a view.
func plainReferences(references []string) ([]string, error) {
	var plain []string
	for _, ref := range references {
		view, feature, _ := strings.Cut(ref, ":")
		if name, version, has := strings.Cut(view, "@"); has {
			if version != "latest" {
				return nil, schema.UnknownFeatureView.Errorf("%q asks for version %q of feature view %q; Larder serves the newest definition only: leave out @%[2]s", ref, version, name)
			}
			ref = name + ":" + feature
		}
		plain = append(plain, ref)
	}
	return plain, nil
}

// add adds the column to an ask that takes it.
func (c *given) add(ask *serving.Ask, maxRows int) error {
	plan, to, noun := ask.Plan(), &ask.Keys, "join key"
	name, t := c.name, plan.KeyType(c.name)
	if t == 0 {
		for i := range plan.Request {
			if plan.Request[i].Name == name {
				to, noun, t = &ask.Request, "request value", plan.Request[i].Type
			}
		}
	}
	if t == 0 {
		name, t = keyOfEntity(plan, name)
	}
	if t == 0 {
		return nil
	}
	values, err := c.values.column(t, maxRows)
	if err != nil {
		return fmt.Errorf("%s %q: %w", noun, c.name, err)
	}
	to.Add(name, values)
	return nil
}

// keyOfEntity returns the join key of an entity that the plan reads, and its type: Feast
// takes names of entities too. The type is 0 where there is none.
func keyOfEntity(plan *schema.Plan, name string) (string, schema.Type) {
	reads := func(v schema.PlanView) bool { return slices.Contains(v.Entities, name) }
	if !slices.ContainsFunc(plan.Views, reads) {
		return "", 0
	}
	for _, e := range plan.Catalog.Definitions.Entities {
		if e.Name == name && len(e.JoinKeys) == 1 {
			return e.JoinKeys[0].Name, e.JoinKeys[0].Type
		}
	}
	return "", 0
}

// addNoEntity gives views without an entity their key, in as many rows as the request
// has.
func (q *question) addNoEntity(ask *serving.Ask, maxRows int) error {
	if ask.Plan().KeyType(noEntity) != schema.String || len(q.given) == 0 {
		return nil
	}
	for _, c := range q.given {
		if c.name == noEntity {
			return nil
		}
	}
	rows, err := q.given[0].values.rows(maxRows)
	if err != nil {
		return fmt.Errorf("%q: %w", q.given[0].name, err)
	}
	ask.Keys.Add(noEntity, column.New(schema.String, min(rows, maxRows+1)))
	return nil
}

// answerNames returns the name of each feature of a plan in the answer.
func answerNames(plan *schema.Plan, full bool) ([]string, error) {
	names := make([]string, len(plan.Features))
	first := make(map[string]string, len(plan.Features)) // the feature that has a name first
	for i := range plan.Features {
		reference := plan.Features[i].Name
		view, feature, _ := strings.Cut(reference, ":")
		if names[i] = feature; full {
			names[i] = view + "__" + feature
		}
		if before, twice := first[names[i]]; twice && plan.Features[i].Request < 0 {
			return nil, schema.FeatureNameCollision.Errorf("%s and %s would both be named %s in the answer; ask with full_feature_names, or rename one", before, reference, names[i])
		}
		first[names[i]] = reference
	}
	return names, nil
}
