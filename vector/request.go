package vector

import (
	"strings"

	"larder/column"
	"larder/schema"
)

// BindRequest takes the values that come with the request: those that the plan
// declares, by name, and values for stored features, as VIEW:FEATURE. It must be
// called also when there are none. The batch keeps the columns until it is reset.
func (b *Batch) BindRequest(values column.Columns) error {
	p := b.program
	for i, name := range values.Names {
		at, known := p.request[name]
		if !known {
			return schema.UnknownRequestValue.Errorf("%s takes no request value %q; %s", p.plan.Name(), name, taken(name, p.requestNames()))
		}
		v := value{noun: "request value", name: name}
		if at < 0 {
			v.want = p.plan.Request[^at].Type
		} else {
			v.want = p.features[at].Type
		}
		if err := v.check(&values.Values[i], b.rows); err != nil {
			return err
		}
		c, err := v.convert(&values.Values[i])
		if err != nil {
			return err
		}
		if at < 0 {
			continue // declared, but no feature of the vector
		}
		if b.given[at] != nil {
			return schema.DuplicateColumn.Errorf("request value %q comes twice", name)
		}
		b.given[at] = c
	}
	for i, f := range p.features {
		if f.Request >= 0 && b.given[i] == nil {
			return schema.MissingRequestValue.Errorf("request value %q (%s) is missing; %s needs it", p.plan.Request[f.Request].Name, f.Type, p.plan.Name())
		}
	}
	return nil
}

// taken says which names there are for one that there isn't.
func taken(name string, names []string) string {
	said := schema.Nearest(name, names)
	if strings.HasPrefix(said, "did you mean") && len(names) > 1 {
		return said + " It takes " + strings.Replace(schema.OneOf(names), " or ", " and ", 1)
	}
	return said
}

// requestNames returns the names that a request may use.
func (p *Program) requestNames() []string {
	var names []string
	for i := range p.plan.Request {
		names = append(names, p.plan.Request[i].Name)
	}
	for _, f := range p.features {
		if f.Request < 0 {
			names = append(names, f.Name)
		}
	}
	return names
}
