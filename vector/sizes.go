package vector

import (
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"

	"larder/column"
	"larder/schema"
)

// The sizes of what an expression may read. A larger value ends the evaluation:
// CEL counts what a function costs when it has run, which is too late where a
// text is repeated for each letter of another. With these, the worst that an
// expression can cost is known when it is compiled.
const (
	maxReadBytes    = 4096 // of a text, and of each text of a list
	maxReadElements = 1024 // of a list
)

// sizes gives CEL's estimate of costs the largest sizes of inputs.
type sizes struct{}

// EstimateSize is called by CEL.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if len(node.Path()) == 0 || node.Type() == nil {
		return nil // a result, which CEL estimates itself
	}
	var size cost.SizeEstimate
	switch node.Type().Kind() {
	case types.StringKind, types.BytesKind:
		size = cost.RangedSizeEstimate(0, maxReadBytes)
	case types.ListKind:
		element := cost.FixedSizeEstimate(1)
		if k := node.Type().Parameters()[0].Kind(); k == types.StringKind || k == types.BytesKind {
			element = cost.RangedSizeEstimate(0, maxReadBytes)
		}
		size = cost.ListSizeEstimate(cost.RangedSizeEstimate(0, maxReadElements), element)
	default:
		return nil
	}
	return &size
}

// EstimateCallCost is called by CEL.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

func limitBytes(n int) error {
	if n > maxReadBytes {
		return errTooLarge
	}
	return nil
}

// limitList reports whether expressions may read the list of a row.
func limitList(c *column.Column, row int) error {
	start, end := c.List(row)
	if end-start > maxReadElements {
		return errTooLarge
	}
	for i := start; i < end; i++ {
		switch c.Type.Elem() {
		case schema.String:
			if len(c.Strings[i]) > maxReadBytes {
				return errTooLarge
			}
		case schema.Bytes:
			if len(c.Bytes[i]) > maxReadBytes {
				return errTooLarge
			}
		}
	}
	return nil
}
