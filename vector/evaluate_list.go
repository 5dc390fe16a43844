package vector

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"

	"larder/column"
	"larder/schema"
)

// computes reports whether the values of a feature are computed for this request.
func (b *Batch) computes(feature int) bool {
	return b.program.features[feature].Expr != nil && b.given[feature] == nil
}

// evaluateLists computes the lists of all rows, which lie end to end. All that one
// request computes is bounded, as what it reads is.
func (b *Batch) evaluateLists(number int, x *expression) error {
	c, missing := &b.columns[x.feature], &b.program.defaults[x.feature]
	for r := range b.rows {
		b.eval.row = r
		b.putComputed(number, x, r)
		if c.Statuses[r] != schema.StatusPresent {
			c.AppendList(missing, 0)
		}
		c.Ends[r] = uint32(c.Elements())
		b.computedBytes += c.RowBytes(r)
		if b.computedBytes > MaxTextBytes {
			return valuesTooLarge()
		}
	}
	return nil
}

// appendComputed appends the elements of a result and reports whether they fit: each
// in the type, and all in what another expression may read.
func appendComputed(c *column.Column, list traits.Lister) bool {
	n := int(list.Size().(types.Int))
	if n > maxReadElements {
		return false
	}
	elements := column.New(c.Type.Elem(), n)
	for i := range n {
		if !setValue(&elements, i, list.Get(types.Int(i))) {
			return false
		}
	}
	elements.Type, elements.Ends = c.Type, []uint32{uint32(n)}
	c.AppendList(&elements, 0)
	return true
}
