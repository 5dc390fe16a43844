package vector

import "cel.dev/cel-go/common/cost"

// sizes tells CEL's estimate of costs nothing that it doesn't know itself: texts
// and lists have any length.
type sizes struct{}

// EstimateSize is called by CEL.
func (sizes) EstimateSize(cost.AstNode) *cost.SizeEstimate { return nil }

// EstimateCallCost is called by CEL.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}
