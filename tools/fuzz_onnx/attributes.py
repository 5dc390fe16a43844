"""Values for the attributes of operators."""

import numpy as np
from onnx import TensorProto, numpy_helper

WORDS = [
    "", "constant", "reflect", "edge", "wrap", "NOTSET", "SAME_UPPER", "VALID", "none", "add", "mul", "max", "TF", "IDF", "TFIDF", "SOFTMAX", "SOFTMAX_ZERO",
    "PROBIT", "NONE", "LOGISTIC", "RBF", "POLY", "LINEAR", "SIGMOID", "bidirectional", "forward", "reverse", "MAX", "L1", "L2", "tanh", "OVR",
    "ij,jk->ik", "ij->ji", "ij->i", "...i->...", "linear", "nearest", "cubic", "asymmetric", "half_pixel", "align_corners",
]  # fmt: skip


def columns_of(shape):
    return shape[-1] if shape and isinstance(shape[-1], int) else 1


def choose(graph, schema, attr, shape):
    """A value for an attribute of an operator whose first input has a shape."""
    rng, name, op = graph.rng, attr.name, schema.name
    kind = attr.type.name
    wide = columns_of(shape)
    named = SPECIAL.get((op, name)) or SPECIAL.get(name)
    if named and rng.random() < 0.93:
        return named(graph, wide, shape)
    if kind == "INT":
        return rng.choice([0, 1, 1, -1, 2]) if rng.random() < 0.9 else rng.choice([3, 100, -7, 2**31, 2**62, -(2**63)])
    if kind == "INTS":
        return [rng.choice([0, 1, 1, 2, -1, 3]) for _ in range(rng.choice([1, 1, 2, wide, 2 * len(shape)]))]
    if kind == "FLOAT":
        return rng.choice([0.0, 1.0, 0.5, 1e-5, -1.0, 1e30, float("nan")])
    if kind == "FLOATS":
        return [rng.choice([rng.gauss(0, 1), 0.0, 1.0]) for _ in range(rng.choice([1, wide, wide, wide, 2 * wide, 3]))]
    if kind == "STRING":
        return rng.choice(WORDS)
    if kind == "STRINGS":
        return [rng.choice(["a", "b", "c", "1", "", "Tanh", "Sigmoid", "Relu"]) for _ in range(rng.choice([1, 2, 3]))]
    if kind == "TENSOR":
        return numpy_helper.from_array(graph.numbers(rng.choice(["float", "int64", "string", "bool"]), rng.choice([[1], [1], [3], []])), "t")
    return None


def consistent(graph, op, kind, attrs):
    """Leaves out attributes that exclude others, most of the time."""
    rng = graph.rng
    suffix = {"string": "strings", "int64": "int64s", "float": "floats"}.get(kind, "floats")
    drop = set()
    if op == "LabelEncoder" and graph.ml >= 2:
        keys, values = f"keys_{suffix}", rng.choice(["values_strings", "values_int64s", "values_floats"])
        drop = {k for k in attrs if k.startswith(("keys_", "values_")) or k == "default_tensor"} - {keys, values}
        for name in (keys, values):
            attrs[name] = SPECIAL[name](graph, 1, [])
    elif op == "CategoryMapper":
        attrs |= {"cats_strings": ["a", "b", "1"], "cats_int64s": [0, 1, 2**40]}
    elif op == "OneHotEncoder":
        drop = {"cats_int64s"} if kind == "string" else {"cats_strings"}
        keep = "cats_strings" if kind == "string" else "cats_int64s"
        attrs.setdefault(keep, SPECIAL[keep](graph, 1, []))
    elif op == "Imputer":
        drop = {"imputed_value_int64s", "replaced_value_int64"} if kind != "int64" else {"imputed_value_floats", "replaced_value_float"}
    elif op in ("LinearClassifier", "SVMClassifier"):
        drop = {rng.choice(["classlabels_ints", "classlabels_strings"])}
        if "classlabels_strings" in attrs:
            attrs["classlabels_strings"] = ["no", "yes"]
        attrs["intercepts"] = [0.5, -0.5]
    elif op == "Constant":
        drop = set(attrs) - {rng.choice(sorted(attrs))} if attrs else set()
    for name in drop:
        if rng.random() < 0.97:
            attrs.pop(name, None)
    return attrs


def distinct(values):
    return lambda graph, wide, shape: graph.rng.sample(values, graph.rng.choice([1, 2, 3]))


def ints_by_columns(graph, wide, shape):
    return [graph.rng.choice([1, wide])]


def permutation(graph, wide, shape):
    return graph.rng.sample(range(len(shape)), len(shape)) or None


def element(graph, wide, shape):
    return graph.rng.choice([TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.STRING, TensorProto.FLOAT16])


def per_column(graph, wide, shape):
    return [graph.rng.gauss(0, 1) for _ in range(graph.rng.choice([1, wide, wide]))]


def coefficients(graph, wide, shape):
    return [graph.rng.gauss(0, 1) for _ in range(2 * wide)]


def pair(graph, wide, shape):
    return [0.5, -0.5]


def axis(graph, wide, shape):
    return graph.rng.choice([0, 1, -1, len(shape) - 1])


def either(*values):
    return lambda graph, wide, shape: graph.rng.choice(values)


def only(*names):
    """Keeps one of several attributes that exclude each other: the others get nothing."""

    def pick(graph, wide, shape):
        return None

    return pick


SPECIAL = {
    "post_transform": either("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"),
    "axis": axis,
    "perm": permutation,
    "to": element,
    "keepdims": either(0, 1),
    "saturate": either(0, 1),
    "block_size": either(0),
    "training_mode": either(0),
    "layout": either(0),
    "output_dtype": either(0),
    "coefficients": coefficients,
    "intercepts": pair,
    "classlabels_ints": lambda g, w, s: [0, 1],
    "targets": either(2),
    "scale": per_column,
    "offset": per_column,
    "imputed_value_floats": per_column,
    "inputdimensions": ints_by_columns,
    "cats_int64s": distinct([0, 1, 2, 3, 5, -1, 2**40]),
    "cats_strings": distinct(["a", "b", "", "1", "x"]),
    "keys_strings": lambda g, w, s: ["a", "b", "1"],
    "keys_int64s": lambda g, w, s: [0, 1, 2**40],
    "keys_floats": lambda g, w, s: [0.0, 1.0, float("nan")],
    "values_strings": lambda g, w, s: ["p", "q", "r" * 60],
    "values_int64s": lambda g, w, s: [3, -1, 2**62],
    "values_floats": lambda g, w, s: [0.5, 1.5, float("inf")],
    "default_string": either("", "none"),
    "num_outputs": either(2),
    "alpha": either(0.1, 1.0, -1.0, 1e30),
    "activations": only(),
    "activation_alpha": only(),
    "activation_beta": only(),
    "stash_type": either(1),
    "precision": only(),
    "round_mode": only(),
}
