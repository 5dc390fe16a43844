package scoring

import (
	"math"
	"slices"

	"larder/scoring/forest"
)

// The rules here are those of ONNX Runtime's kernels of TreeEnsembleRegressor and
// TreeEnsembleClassifier (tree_ensemble_common.h and tree_ensemble_aggregator.h), which
// differ from the specification of ONNX. An ensemble is walked only if these rules add
// the weights of its leaves, one for each tree, and nothing else. All other ensembles
// are left to ONNX Runtime.

// known are the attributes that are read or that don't affect the sum.
var known = map[string]bool{
	"nodes_treeids": true, "nodes_nodeids": true, "nodes_featureids": true, "nodes_values": true, "nodes_modes": true, "nodes_hitrates": true,
	"nodes_truenodeids": true, "nodes_falsenodeids": true, "nodes_missing_value_tracks_true": true, "base_values": true, "post_transform": true,
	"class_treeids": true, "class_nodeids": true, "class_ids": true, "class_weights": true, "classlabels_int64s": true, "classlabels_strings": true,
	"target_treeids": true, "target_nodeids": true, "target_ids": true, "target_weights": true, "n_targets": true,
}

// An ensemble is the attributes of a node of trees.
type ensemble struct {
	table     *forest.Table
	base      []float32
	transform string
	columns   int // that the node makes
	column    int // the one that is the score
}

// readEnsemble returns the ensemble of attributes whose weights have names that begin
// with prefix. It returns false where an attribute, a column or a weight is unknown.
func readEnsemble(attrs map[string]attribute, prefix string, columns int64, column int) (*ensemble, bool) {
	for name := range attrs {
		if !known[name] {
			return nil, false
		}
	}
	e := &ensemble{base: attrs["base_values"].floats, transform: attrs["post_transform"].text, columns: int(columns), column: column}
	e.table = &forest.Table{
		NodesTreeIDs: attrs["nodes_treeids"].ints, NodesNodeIDs: attrs["nodes_nodeids"].ints, NodesFeatureIDs: attrs["nodes_featureids"].ints,
		NodesTrueNodeIDs: attrs["nodes_truenodeids"].ints, NodesFalseNodeIDs: attrs["nodes_falsenodeids"].ints,
		NodesMissingValueTracksTrue: attrs["nodes_missing_value_tracks_true"].ints,
		NodesModes:                  attrs["nodes_modes"].texts, NodesValues: attrs["nodes_values"].floats,
		WeightTreeIDs: attrs[prefix+"_treeids"].ints, WeightNodeIDs: attrs[prefix+"_nodeids"].ints, WeightTargets: attrs[prefix+"_ids"].ints,
		Weights: attrs[prefix+"_weights"].floats,
	}
	if int64(column) >= columns || e.table.Check() != nil {
		return nil, false
	}
	for _, target := range e.table.WeightTargets {
		if target < 0 || target >= columns {
			return nil, false
		}
	}
	for _, b := range e.base {
		if b == 0 && math.Signbit(float64(b)) {
			return nil, false // ONNX Runtime returns it as it is where it adds nothing to it
		}
	}
	return e, e.transform == "" || e.transform == "NONE" || e.transform == "LOGISTIC"
}

func (e *ensemble) logistic() bool { return e.transform == "LOGISTIC" }

// regressor returns the trees of a TreeEnsembleRegressor. It transforms the scores
// only if there are several targets, so a transform is left to ONNX Runtime.
func regressor(attrs map[string]attribute, column int) (*trees, *forest.Table) {
	targets := int64(1)
	if n, given := attrs["n_targets"]; given {
		targets = n.integer
	}
	e, ok := readEnsemble(attrs, "target", targets, column)
	if !ok || e.logistic() {
		return nil, nil
	}
	if e.columns == 1 {
		return e.alone(e.base)
	}
	return e.ofSeveral(e.base)
}

// classifier returns the trees of a TreeEnsembleClassifier. Two classes are a case of
// their own for ONNX Runtime.
func classifier(attrs map[string]attribute, column int) (*trees, *forest.Table) {
	labels := len(attrs["classlabels_int64s"].ints) + len(attrs["classlabels_strings"].texts)
	e, ok := readEnsemble(attrs, "class", int64(labels), column)
	switch {
	case !ok || labels < 2:
		return nil, nil
	case labels > 2 && !e.alwaysAny():
		return nil, nil // ONNX Runtime fails where no class has a weight
	case labels > 2:
		return e.ofSeveral(e.base)
	}
	if e.onlyFirst() {
		return e.firstOfTwo()
	}
	return e.bothOfTwo()
}

// firstOfTwo returns the trees of two classes if all weights are for class 0. Column 1
// is then the sum, but for two cases in which ONNX Runtime has rules of its own: it takes
// weights of which none is negative for probabilities, to which it applies no logistic,
// and it negates column 1 if some weights are negative, the sum is not positive and there
// is no logistic. With two base values it leaves out the sum.
func (e *ensemble) firstOfTwo() (*trees, *forest.Table) {
	probabilities := len(e.table.Weights) > 0 && slices.Min(e.table.Weights) >= 0
	if e.column != 1 || len(e.base) > 1 || e.logistic() == probabilities {
		return nil, nil
	}
	return e.alone(e.base)
}

// bothOfTwo returns the trees of two classes if class 1 has weights. ONNX Runtime adds
// class 0 to the base value of class 1. If no leaf that a row reaches has a weight for
// class 1, it makes both columns from the sum of class 0.
func (e *ensemble) bothOfTwo() (*trees, *forest.Table) {
	if len(e.base) > 0 {
		return nil, nil
	}
	if !e.always(1) {
		return nil, nil
	}
	return e.sum(int64(e.column), 0)
}

// alone returns the trees of the only column that ONNX Runtime adds up. It then reads
// nodes_values in the place of a weight that a leaf lacks.
func (e *ensemble) alone(base []float32) (*trees, *forest.Table) {
	for _, i := range e.table.Unweighted(0) {
		if e.table.NodesValues[i] != 0 {
			return nil, nil
		}
	}
	switch len(base) {
	case 0:
		return e.sum(0, 0)
	case 1:
		return e.sum(0, base[0])
	}
	return nil, nil
}

// ofSeveral returns the trees of one of several columns. A leaf without a weight for it
// adds nothing. If no leaf that a row reaches has one, a regressor of ONNX Runtime leaves
// out the base value too.
func (e *ensemble) ofSeveral(base []float32) (*trees, *forest.Table) {
	switch len(base) {
	case 0:
		return e.sum(int64(e.column), 0)
	case e.columns:
		if !e.always(int64(e.column)) {
			return nil, nil
		}
		return e.sum(int64(e.column), base[e.column])
	}
	return nil, nil
}

// always reports whether each row reaches a leaf with a weight for a target: one of the
// trees has such weights in all its leaves.
func (e *ensemble) always(target int64) bool {
	lacking, all := map[int64]bool{}, map[int64]bool{}
	for _, i := range e.table.Unweighted(target) {
		lacking[e.table.NodesTreeIDs[i]] = true
	}
	for _, id := range e.table.NodesTreeIDs {
		all[id] = true
	}
	return len(lacking) < len(all)
}

// alwaysAny reports whether there is a target for which always is true.
func (e *ensemble) alwaysAny() bool {
	for target := range int64(e.columns) {
		if e.always(target) {
			return true
		}
	}
	return false
}

// sum returns the trees that add up the weights for a target. Package forest refuses
// those whose leaves don't have one weight for it each.
func (e *ensemble) sum(target int64, base float32) (*trees, *forest.Table) {
	f, err := forest.New(e.table, target)
	if err != nil {
		return nil, nil
	}
	return &trees{Forest: f, base: base, logistic: e.logistic()}, e.table
}

// onlyFirst reports whether all weights are for target 0.
func (e *ensemble) onlyFirst() bool {
	return !slices.ContainsFunc(e.table.WeightTargets, func(id int64) bool { return id != 0 })
}
