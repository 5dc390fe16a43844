// Package forest adds up the leaves of decision trees, as the tree ensembles of ONNX
// do. It is several times faster than ONNX Runtime, and its results have the same
// bits.
//
// # Layout
//
// A float comparison that a processor can't predict costs more than the rest of a step
// down a tree. So the floats of a row are converted once to integers that sort the
// same way. A step is then a subtraction, and its sign says where to go:
//
//	node, 64 bits:  key 32 | distance to the left child 16 | feature 16
//	next = node + distance + (key < feature's key ? 1 : 0)
//
// The right child lies behind the left one. A leaf is its own left child, with a key
// that nothing exceeds. So all trees of a group can be walked to the depth of the
// deepest, four at a time: while one waits for memory, the others go on.
//
//	float x          key of x
//	NaN              0, or 2^32-1: a node that sends NaN to the left reads the first
//	negative         the bits of x, inverted
//	-0, positive     the bits of |x|, plus 2^31
//
// # What it promises
//
// The sum of a row adds the trees in their order, in float32, no matter what rows are
// beside it. So does ONNX Runtime with one thread.
//
// # What it refuses
//
// It refuses trees that it might not read as ONNX Runtime does: comparisons other than
// <, <=, > and >=, several weights of a leaf for one target, weights of nodes that are
// not leaves, weights that are not finite, ids of more than 31 bits, nodes that are
// reached twice or never, and sizes that the layout has no room for. ONNX Runtime still
// scores these. Whether a leaf may lack a weight depends on the operator: see
// [Table.Unweighted].
package forest
