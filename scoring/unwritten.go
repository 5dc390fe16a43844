package scoring

import "slices"

// checkWritten refuses a classifier of two classes by trees whose second score ONNX Runtime
// leaves as it is in memory for some rows: where the transform is PROBIT, or there is one
// base value and weights of both classes, and no leaf that a row reaches has a weight for
// class 1. The trial finds such models only if its rows reach such leaves.
func (n *node) checkWritten(attrs map[string]attribute) error {
	labels := len(attrs["classlabels_int64s"].ints) + len(attrs["classlabels_strings"].texts)
	if n.op != "TreeEnsembleClassifier" || labels != 2 {
		return nil
	}
	e, _ := readEnsemble(attrs, "class", 2, 1)
	if e == nil || e.always(1) {
		return nil
	}
	targets := e.table.WeightTargets
	mixed := len(targets) == 0 || slices.Min(targets) != slices.Max(targets)
	if e.transform == "PROBIT" || len(e.base) == 1 && mixed {
		return bad("%s: for some rows, ONNX Runtime leaves the second of its two scores as the memory held it before, because no leaf that they reach has a weight for class 1; "+
			"export the model with a weight for both classes in every leaf, or with another post_transform", n)
	}
	return nil
}
