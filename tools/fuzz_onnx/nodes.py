"""Nodes whose inputs and attributes must fit each other."""

import numpy as np


def columns(graph, name):
    last = graph.tensors[name][1][-1:]
    return last[0] if last and isinstance(last[0], int) else 1


def slice_node(graph):
    rng = graph.rng
    x = graph.data(rng.choice(["float", "float", "int64", "int32", "bool", "double", "float16"]))
    axes = rng.sample(range(len(graph.tensors[x][1])), rng.choice([1, min(2, len(graph.tensors[x][1]))]))
    starts = graph.odd([rng.choice([0, 0, 1, -1, -2]) for _ in axes])
    ends = graph.odd([rng.choice([1, 2, -1, 2**31 - 1, 2**63 - 1]) for _ in axes])
    if graph.opset < 10:
        return graph.node("Slice", [x], starts=starts, ends=ends, axes=axes)
    kind = rng.choice(["int64", "int32"])
    limits = np.iinfo(kind)
    parts = [starts, ends, axes, graph.odd([rng.choice([1, 1, 2, -1]) for _ in axes])][: rng.choice([2, 3, 4])]
    return graph.node("Slice", [x, *[graph.constant([min(max(v, limits.min), limits.max) for v in p], kind) for p in parts]])


def split(graph):
    rng = graph.rng
    x = graph.data(rng.choice(["float", "float", "int64", "double", "bool"]))
    shape = graph.tensors[x][1]
    sizes = graph.odd(rng.choice([[1] * columns(graph, x), [columns(graph, x)], [1, columns(graph, x) - 1], [0, columns(graph, x)]]))
    axis = rng.choice([-1, len(shape) - 1, -1, 0])
    if graph.opset < 13:
        return graph.node("Split", [x], outputs=len(sizes), axis=axis, split=sizes)
    if graph.opset >= 18 and rng.random() < 0.4:
        return graph.node("Split", [x], outputs=2, axis=axis, num_outputs=2)
    return graph.node("Split", [x, graph.constant(sizes, "int64")], outputs=len(sizes), axis=axis)


def gemm(graph):
    rng = graph.rng
    kind = rng.choice(["float", "float", "double", "float16"])
    x, wide, flip = graph.data(kind, 2), rng.choice([1, 2, 3, 8]), rng.choice([0, 1])
    shape = [columns(graph, x), wide]
    inputs = [x, graph.constant(graph.numbers(kind, shape[::-1] if flip else shape), kind)]
    if graph.opset < 11 or rng.random() < 0.7:
        inputs.append(graph.constant(graph.numbers(kind, rng.choice([[wide], [1], [1, wide], []])), kind))
    return graph.node("Gemm", inputs, transB=flip, alpha=rng.choice([1.0, 0.5]), beta=rng.choice([1.0, 0.0, -1.0]))


def quantized(graph, kind=None):
    """Data of 8 bits, with its scale and zero point."""
    kind = kind or graph.rng.choice(["uint8", "int8"])
    x = graph.data("float", 2)
    scale, zero = graph.constant(graph.rng.choice([0.1, 1.0, 1e-30]), "float"), graph.constant(graph.rng.choice([0, 3]), kind)
    (out,) = graph.node("QuantizeLinear", [x, scale, zero]) if graph.opset >= 10 else (x,)
    graph.tensors[out] = (kind, graph.tensors[x][1])
    return out, scale, zero, kind


def qlinear_matmul(graph):
    x, scale, zero, kind = quantized(graph)
    other = graph.rng.choice([kind, "int8"])
    wide = graph.rng.choice([1, 3, 8])
    b = graph.constant(np.array([graph.rng.randrange(0, 100) for _ in range(wide * columns(graph, x))]).reshape(columns(graph, x), wide), other)
    per = graph.rng.choice([[], [wide]])
    scales = graph.constant(np.full(per, 0.02), "float"), graph.constant(np.zeros(per, dtype=int), other)
    return graph.node("QLinearMatMul", [x, scale, zero, b, *scales, graph.constant(0.3, "float"), graph.constant(1, kind)])


def feature_vectorizer(graph):
    xs = [graph.data(kind, 2) for kind in [graph.rng.choice(["float", "float", "int64", "double", "int32"])] * graph.rng.choice([1, 2, 3])]
    return graph.node("FeatureVectorizer", xs, "ai.onnx.ml", inputdimensions=graph.odd([columns(graph, x) for x in xs]))


def zip_map(graph):
    x = graph.data("float", 2)
    labels = [str(k) for k in range(columns(graph, x))]
    if graph.rng.random() < 0.5:
        return graph.node("ZipMap", [x], "ai.onnx.ml", classlabels_strings=labels)
    return graph.node("ZipMap", [x], "ai.onnx.ml", classlabels_int64s=list(map(int, labels)))


TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]


def numbers_for_linear(graph, size):
    return [float(np.float32(graph.rng.choice([graph.rng.gauss(0, 1), 0.0, 1e38, float("inf"), float("nan")]))) for _ in range(size)]


def linear_classifier(graph):
    rng = graph.rng
    x = graph.data(rng.choice(["float", "float", "double", "int64", "int32"]), 2)
    classes = rng.choice([1, 2, 2, 3])
    rows = 1 if classes == 2 and rng.random() < 0.5 else classes
    labels = {"classlabels_ints": list(range(classes))} if rng.random() < 0.5 else {"classlabels_strings": [f"c{k}" for k in range(classes)]}
    return graph.node(
        "LinearClassifier", [x], "ai.onnx.ml", outputs=2, coefficients=numbers_for_linear(graph, rows * columns(graph, x) + (rng.random() < 0.05)),
        intercepts=numbers_for_linear(graph, rows), multi_class=rng.choice([0, 1]), post_transform=rng.choice(TRANSFORMS), **labels,
    )  # fmt: skip


def linear_regressor(graph):
    rng = graph.rng
    x, targets = graph.data("float", 2), rng.choice([1, 1, 2, 5])
    more = {"intercepts": numbers_for_linear(graph, targets)} if rng.random() < 0.7 else {}
    return graph.node(
        "LinearRegressor", [x], "ai.onnx.ml", coefficients=numbers_for_linear(graph, targets * columns(graph, x)), targets=targets,
        post_transform=rng.choice(TRANSFORMS), **more,
    )  # fmt: skip


def extractor(graph):
    x = graph.data(graph.rng.choice(["float", "string", "int64", "double", "int32"]), 2)
    if graph.rng.random() < 0.3:  # labels by number, as the converters of scikit-learn write them
        labels = graph.constant([["no", "yes", "maybe"]], "string") if graph.rng.random() < 0.5 else graph.constant([[5, 6, 7]], "int64")
        return graph.node("ArrayFeatureExtractor", [labels, graph.data("int64")], "ai.onnx.ml")
    picks = [graph.rng.randrange(columns(graph, x)) for _ in range(graph.rng.choice([1, 1, 2, 3]))]
    return graph.node("ArrayFeatureExtractor", [x, graph.constant(graph.odd(picks), "int64")], "ai.onnx.ml")


def scaled(name):
    def make(graph):
        x = graph.data(graph.rng.choice(["float", "float", "double", "int64", "int32"]), 2)
        wide = graph.rng.choice([1, columns(graph, x), columns(graph, x), columns(graph, x) + 1 if graph.rng.random() < 0.1 else 1])
        if name == "Scaler":
            attrs = {"offset": numbers_for_linear(graph, wide), "scale": numbers_for_linear(graph, wide)}
        elif graph.tensors[x][0] == "int64":
            attrs = {"imputed_value_int64s": [7] * wide, "replaced_value_int64": 0}
        else:
            attrs = {"imputed_value_floats": numbers_for_linear(graph, wide), "replaced_value_float": graph.rng.choice([float("nan"), 0.0])}
        return graph.node(name, [x], "ai.onnx.ml", **attrs)

    return make


def expand(graph):
    rng = graph.rng
    x = graph.data(rng.choice(["float", "int64", "bool", "double"]))
    wide = graph.tensors[x][1][1:]
    size = graph.size()
    if rng.random() < 0.5 and all(isinstance(d, int) for d in wide):
        shape, _ = [size, graph.constant([rng.choice([d, d, 1, 2]) for d in wide], "int64")], None
        (to,) = graph.node("Concat", shape, axis=0)
        graph.tensors[to] = ("int64", [1 + len(wide)])
    else:
        to = graph.constant(graph.odd(rng.choice([[1], [1, 1], [2, 1, 1], [-1], [0]])), "int64")
    return graph.node("Expand", [x, to])


def recurrent(op, gates):
    def make(graph):
        rng = graph.rng
        x = graph.data("float", 2)
        wide, hidden, ways = columns(graph, x), rng.choice([1, 3]), rng.choice([1, 1, 2])
        axes = {"axes": [0]} if graph.opset < 13 else {}
        (steps,) = graph.node("Unsqueeze", [x] if axes else [x, graph.constant([rng.choice([0, 0, 1])], "int64")], **axes)
        shapes = [[ways, gates * hidden, wide], [ways, gates * hidden, hidden], [ways, 2 * gates * hidden]]
        inputs = [steps, *[graph.constant(graph.numbers("float", s), "float") for s in shapes[: rng.choice([2, 3])]]]
        attrs = {"hidden_size": hidden, "direction": "bidirectional" if ways == 2 else rng.choice(["forward", "reverse"])}
        if rng.random() < 0.3:
            attrs["clip"] = rng.choice([1.0, 0.0])
        if op == "GRU":
            attrs["linear_before_reset"] = rng.choice([0, 1])
        if rng.random() < 0.3:
            attrs["activations"] = rng.choices(["Tanh", "Sigmoid", "Relu", "HardSigmoid", "Softplus", "Affine", "Elu"], k=ways * {"LSTM": 3, "GRU": 2, "RNN": 1}[op])
        return graph.node(op, inputs, outputs=rng.choice([1, 2]), **attrs)

    return make


def top_k(graph):
    """TopK, often of many columns: sorting a NaN among a few is another code than among many."""
    x = graph.data(graph.rng.choice(["float", "float", "double", "int64", "int32"]))
    if graph.rng.random() < 0.6 and len(graph.tensors[x][1]) == 2:
        times = graph.rng.choice([5, 17, 64, 300])
        (wide,) = graph.node("Concat", [x] * times, axis=1)
        graph.tensors[wide] = (graph.tensors[x][0], ["N", times * columns(graph, x)])
        x = wide
    k = graph.rng.choice([1, 1, 0, columns(graph, x), columns(graph, x) // 2, 2])
    largest = {"largest": graph.rng.choice([0, 1]), "sorted": graph.rng.choice([0, 1])} if graph.opset >= 11 else {}
    if graph.opset < 10:
        return graph.node("TopK", [x], outputs=2, k=k)
    return graph.node("TopK", [x, graph.constant([k], "int64")], outputs=2, axis=-1, **largest)


def one_hot(graph):
    rng = graph.rng
    x = graph.data(rng.choice(["int64", "int64", "int32", "float"]))
    kind = rng.choice(["float", "float", "int64", "bool"])
    depth = graph.constant(graph.odd([rng.choice([1, 2, 5, 100])])[:1], rng.choice(["int64", "int32", "float"]))
    return graph.node("OneHot", [x, depth, graph.constant(graph.numbers(kind, [2]), kind)], axis=rng.choice([-1, -1, 1, 0]))


def pad(graph):
    rng = graph.rng
    x = graph.data(rng.choice(["float", "float", "int64", "double"]))
    pads = graph.odd([rng.choice([0, 0, 1, 2, -1]) for _ in range(2 * len(graph.tensors[x][1]))])
    mode = rng.choice(["constant", "constant", "edge", "reflect"])
    if graph.opset < 11:
        return graph.node("Pad", [x], pads=pads, mode=mode)
    return graph.node("Pad", [x, graph.constant(pads, "int64")], mode=mode)


def einsum(graph):
    rng = graph.rng
    kind = rng.choice(["float", "float", "double", "int64"])
    x, y = graph.data(kind, 2), graph.data(kind, 2)
    equation = rng.choice(["ij,ij->i", "ij,ik->ijk", "ij,ij->ij", "ij,kj->ik", "ij->ji", "ij->j", "ij,ij->", "ii->i", "...j,...j->...", "ij,jk"])
    return graph.node("Einsum", [x, y] if "," in equation else [x], equation=equation)


def tile(graph):
    x = graph.data(graph.rng.choice(["float", "float", "int64", "int32", "double", "bool"]))
    times = graph.odd([graph.rng.choice([1, 1, 2, 3, 0, 50]) for _ in graph.tensors[x][1]])
    return graph.node("Tile", [x, graph.constant(times, "int64")])


def cum_sum(graph):
    x = graph.data(graph.rng.choice(["float", "float", "double", "int64", "int32"]))
    axis = graph.constant(graph.rng.choice([-1, 0, len(graph.tensors[x][1]) - 1]), graph.rng.choice(["int64", "int32"]))
    return graph.node("CumSum", [x, axis], exclusive=graph.rng.choice([0, 1]), reverse=graph.rng.choice([0, 1]))


def divided(op):
    def make(graph):
        kind = graph.rng.choice(["float", "float16", "double", "int64", "int64", "int32"])
        by = [graph.rng.choice([2, 3, 7, -2, 1, 24, 2**31 - 1]) for _ in range(graph.rng.choice([1, 1, 4]))]
        if "float" in kind or kind == "double":
            by, attrs = [float(v % 60000) for v in by], {"fmod": 1}
        else:
            attrs = {"fmod": graph.rng.choice([0, 0, 1])}
        if op == "Div":
            attrs = {}
        return graph.node(op, [graph.data(kind, 2 if len(by) > 1 else None), graph.constant(by, kind)], **attrs)

    return make


def gather_elements(graph):
    rng = graph.rng
    x = graph.data(rng.choice(["float", "int64", "double", "bool"]), 2)
    return graph.node("GatherElements", [x, graph.data(rng.choice(["int64", "int32"]), 2)], axis=rng.choice([0, 1, -1]))


KERNELS = ["RBF", "RBF", "POLY", "LINEAR", "SIGMOID"]


def svm_classifier(graph):
    rng = graph.rng
    x, classes = graph.data(rng.choice(["float", "float", "double", "int64", "int32"]), 2), rng.choice([1, 2, 2, 3, 4])
    counts = [rng.choice([1, 2, 5]) for _ in range(classes)]
    pairs, vectors = classes * (classes - 1) // 2, sum(counts)
    labels = {"classlabels_ints": list(range(classes))} if rng.random() < 0.5 else {"classlabels_strings": [f"c{k}" for k in range(classes)]}
    if rng.random() < 0.5:
        labels |= {"prob_a": numbers_for_linear(graph, pairs), "prob_b": numbers_for_linear(graph, pairs)}
    return graph.node(
        "SVMClassifier", [x], "ai.onnx.ml", outputs=2, vectors_per_class=counts, support_vectors=numbers_for_linear(graph, vectors * columns(graph, x)),
        coefficients=numbers_for_linear(graph, vectors * (classes - 1)), rho=numbers_for_linear(graph, pairs), kernel_type=rng.choice(KERNELS),
        kernel_params=[rng.choice([0.2, 0.0, 1e30]), 0.5, rng.choice([3.0, 0.5, -1.0])], post_transform=rng.choice(TRANSFORMS), **{k: v for k, v in labels.items() if v},
    )  # fmt: skip


def svm_regressor(graph):
    rng = graph.rng
    x, vectors = graph.data("float", 2), rng.choice([1, 2, 5])
    return graph.node(
        "SVMRegressor", [x], "ai.onnx.ml", n_supports=vectors, support_vectors=numbers_for_linear(graph, vectors * columns(graph, x)), rho=[0.5],
        coefficients=numbers_for_linear(graph, vectors), kernel_type=rng.choice(KERNELS), kernel_params=[0.2, 0.5, rng.choice([3.0, 0.5, -1.0])],
        post_transform=rng.choice(TRANSFORMS), one_class=rng.choice([0, 0, 1]),
    )  # fmt: skip


FITTING = {
    "ai.onnx.ml:SVMClassifier": svm_classifier, "ai.onnx.ml:SVMRegressor": svm_regressor,
    "LSTM": recurrent("LSTM", 4), "GRU": recurrent("GRU", 3), "RNN": recurrent("RNN", 1), "TopK": top_k, "OneHot": one_hot, "Pad": pad, "Einsum": einsum,
    "GatherElements": gather_elements, "Tile": tile, "CumSum": cum_sum, "Mod": divided("Mod"), "Div": divided("Div"),
    "Slice": slice_node, "Split": split, "Gemm": gemm, "QLinearMatMul": qlinear_matmul, "ai.onnx.ml:FeatureVectorizer": feature_vectorizer,
    "ai.onnx.ml:ZipMap": zip_map, "ai.onnx.ml:LinearClassifier": linear_classifier, "ai.onnx.ml:LinearRegressor": linear_regressor,
    "ai.onnx.ml:ArrayFeatureExtractor": extractor, "ai.onnx.ml:Scaler": scaled("Scaler"), "ai.onnx.ml:Imputer": scaled("Imputer"), "Expand": expand,
}  # fmt: skip
