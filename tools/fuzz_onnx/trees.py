"""Attributes of random decision trees, of which some are odd."""

import numpy as np

MODES = ["BRANCH_LEQ"] * 8 + ["BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def attributes(rng, columns, classes):
    columns = columns if isinstance(columns, int) and columns > 0 else 4
    outputs = rng.choice([1, 2, 2, 3, 5])
    one_mode = rng.choice([None, "BRANCH_LEQ", "BRANCH_EQ", "BRANCH_LT"])
    rows = {"treeids": [], "nodeids": [], "featureids": [], "values": [], "modes": [], "truenodeids": [], "falsenodeids": [], "missing_value_tracks_true": []}
    weights = {"treeids": [], "nodeids": [], "ids": [], "weights": []}
    for tree in range(rng.choice([1, 1, 2, 3, 20, 130])):
        grow(rng, rows, weights, tree, rng.choice([0, 1, 2, 3, 5]), columns, outputs, one_mode)
    prefix = "class" if classes else "target"
    attrs = {f"nodes_{k}": v for k, v in rows.items()}
    attrs |= {f"{prefix}_{k}": v for k, v in weights.items()}
    if rng.random() < 0.3:
        del attrs["nodes_missing_value_tracks_true"]
    attrs["post_transform"] = rng.choice(["NONE", "NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"])
    if rng.random() < 0.3:
        attrs["base_values"] = [rng.gauss(0, 1) for _ in range(rng.choice([1, outputs]))]
    if classes:
        labels = list(range(outputs))
        key = rng.choice(["classlabels_int64s", "classlabels_strings"])
        attrs[key] = labels if key.endswith("64s") else [f"c{k}" for k in labels]
    else:
        attrs["n_targets"] = outputs
        attrs["aggregate_function"] = rng.choice(["SUM", "AVERAGE", "MIN", "MAX"])
    if rng.random() < 0.1:
        spoil(rng, attrs)
    return {k: v for k, v in attrs.items() if v != []}


def grow(rng, rows, weights, tree, depth, columns, outputs, mode):
    """Adds one tree, its nodes in the order of a walk down the left."""
    stack, next_id = [(0, depth)], 1
    while stack:
        node, left = stack.pop()
        leaf = left == 0 or rng.random() < 0.1
        rows["treeids"].append(tree)
        rows["nodeids"].append(node)
        rows["featureids"].append(0 if leaf else rng.randrange(columns))
        rows["values"].append(0.0 if leaf else float(np.float32(rng.choice([rng.gauss(0, 1), 1.0, 2.0, 64.0, 1e9, float("nan"), float("inf")]))))
        rows["modes"].append("LEAF" if leaf else mode or rng.choice(MODES))
        rows["missing_value_tracks_true"].append(rng.randrange(2))
        rows["truenodeids"].append(0 if leaf else next_id)
        rows["falsenodeids"].append(0 if leaf else next_id + 1)
        if not leaf:
            stack += [(next_id + 1, left - 1), (next_id, left - 1)]
            next_id += 2
            continue
        for output in rng.sample(range(outputs), rng.choice([1, 1, 1, outputs])):
            weights["treeids"].append(tree)
            weights["nodeids"].append(node)
            weights["ids"].append(output)
            weights["weights"].append(rng.gauss(0, 1))


def spoil(rng, attrs):
    """Changes one number."""
    name = rng.choice([k for k, v in attrs.items() if isinstance(v, list) and v and isinstance(v[0], int)])
    values = list(attrs[name])
    values[rng.randrange(len(values))] = rng.choice([-1, 0, 1, 2, 5, 100, 2**31, 2**40])
    attrs[name] = values
