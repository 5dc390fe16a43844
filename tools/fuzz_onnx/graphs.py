"""Random graphs of operators, for models that may run in the server's process.

Each operator has hints: what its inputs look like in a model that works. One in ten inputs
and attributes is odd instead. Data inputs come from the features, all others are constants
or follow from the number of rows.
"""

import random

import numpy as np
from onnx import ModelProto, TensorProto, defs, helper, numpy_helper

import trees
from attributes import choose, consistent
from nodes import FITTING

COLUMNS = 4
OPSETS = [7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26]
NUMPY = {
    "float": np.float32, "double": np.float64, "float16": np.float16, "int64": np.int64, "int32": np.int32,
    "bool": np.bool_, "uint8": np.uint8, "int8": np.int8, "string": np.object_,
}
ELEMENT = {
    "float": TensorProto.FLOAT, "double": TensorProto.DOUBLE, "float16": TensorProto.FLOAT16, "int64": TensorProto.INT64,
    "int32": TensorProto.INT32, "bool": TensorProto.BOOL, "uint8": TensorProto.UINT8, "int8": TensorProto.INT8, "string": TensorProto.STRING,
}  # fmt: skip
# The inputs of every model, as features feed them.
INPUTS = {
    "x": ("float", ["N", COLUMNS]), "f": ("float", ["N", 1]), "d": ("double", ["N", 1]), "l": ("int64", ["N", 1]),
    "i": ("int32", ["N", 1]), "b": ("bool", ["N", 1]), "s": ("string", ["N", 1]), "v": ("float", ["N"]), "w": ("string", ["N"]),
}  # fmt: skip

# Hints for the inputs of an operator: a letter each, the last for all that follow.
#   d  data of any shape       D  data of two dimensions      b  stretched to the first: data or constant
#   K  a constant matrix of as many rows as the first has columns    R  a constant of one value for each column
#   0  a constant scalar       1  a constant of one value       a  constant axes      s  a shape or sizes      i  indices, data or constant
#   I  constant indices        -  left out
#   P  a positive scalar       S  the same shape as the first    p  pads for each dimension
HINTS = {
    **dict.fromkeys("Add Sub Mul Div Pow Max Min Sum Mean Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor PRelu Mod BitwiseAnd BitShift".split(), "db"),
    "Where": "dbb", "Clip": "d00", "CumSum": "d0", "MatMul": "DK", "Gemm": "DKR", "BatchNormalization": "DRRRR", "LayerNormalization": "DRR",
    "RMSNormalization": "DR", "InstanceNormalization": "dRR", "GroupNormalization": "dRR", "Dropout": "d00",
    **dict.fromkeys([f"Reduce{k}" for k in "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare".split()], "da"),
    "Squeeze": "da", "Unsqueeze": "da", "Reshape": "ds", "Expand": "ds", "ConstantOfShape": "s", "Slice": "dIIaI", "Split": "dI", "Gather": "di",
    "Tile": "ds", "Pad": "dp0a", "TopK": "d1", "OneHot": "d0I", "GatherElements": "dS", "GatherND": "di", "ScatterElements": "dSS", "ScatterND": "did",
    "Range": "000", "Concat": "dS", "DequantizeLinear": "dP0", "QuantizeLinear": "dP0", "QLinearMatMul": "DP0KP0P0", "MatMulInteger": "DK00",
    "ai.onnx.ml:ArrayFeatureExtractor": "DI", "ai.onnx.ml:FeatureVectorizer": "D", "Trilu": "d0", "Resize": "d-P-", "CastLike": "d0", "Einsum": "DK",
    "LSTM": "dbbb-dd", "GRU": "dbbb-d", "RNN": "dbbb-d", "ai.onnx.ml:TfIdfVectorizer": "D",
}  # fmt: skip
for _name in "Scaler Imputer Normalizer Binarizer LinearClassifier LinearRegressor SVMClassifier SVMRegressor TreeEnsembleClassifier TreeEnsembleRegressor".split():
    HINTS[f"ai.onnx.ml:{_name}"] = "D"

EXTREMES = [0, 1, -1, 2, 3, 7, 100, 2**31 - 1, -(2**31), 2**31, 2**62, -(2**63), 2**63 - 1]
TEXTS = ["a", "b", "", "1", "0", "-1", "2.5", "nan", "x" * 40]


class Unfit(Exception):
    """The generator has no graph for this seed."""


class Graph:
    """A graph that grows by one operator at a time."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.opset = rng.choice(OPSETS)
        self.ml = rng.choice([1, 2, 3, 3, 4, 5])
        self.nodes, self.constants = [], []
        self.tensors = {name: kind for name, kind in INPUTS.items()}  # the type and shape of each
        self.used = set()
        self.operators = []

    # Constants and data.

    def name(self, prefix="t"):
        return f"{prefix}{len(self.tensors)}"

    def constant(self, array, kind):
        name = self.name("c")
        self.constants.append(numpy_helper.from_array(np.asarray(array, dtype=NUMPY[kind]), name))
        self.tensors[name] = (kind, list(np.shape(array)))
        return name

    def numbers(self, kind, shape):
        """Values for a constant."""
        rng = self.rng
        size = int(np.prod(shape)) if len(shape) else 1
        if size > 4096:
            raise Unfit
        if kind == "string":
            values = [rng.choice(TEXTS) for _ in range(size)]
        elif kind == "bool":
            values = [rng.random() < 0.5 for _ in range(size)]
        elif kind in ("float", "double", "float16"):
            odd = [np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0] if rng.random() < 0.1 else [0.5]
            values = [rng.choice([rng.gauss(0, 1), 1.0, *odd]) for _ in range(size)]
        else:
            info = np.iinfo(NUMPY[kind])
            pool = EXTREMES if rng.random() < 0.1 else [0, 1, 1, 2, 3]
            values = [min(max(rng.choice(pool), info.min), info.max) for _ in range(size)]
        with np.errstate(all="ignore"):
            return np.array(values, dtype=NUMPY[kind]).reshape(shape)

    def node(self, op, inputs, domain="", outputs=1, **attrs):
        names = [self.name() + (f"_{k}" if k else "") for k in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, domain=domain, **attrs))
        self.used.update(inputs)
        return names

    def data(self, kind, rank=None):
        """A tensor of features of a type."""
        fits = [n for n, (k, shape) in self.tensors.items() if k == kind and "N" in shape and (rank is None or len(shape) == rank)]
        recent = [n for n in fits if n not in INPUTS]
        if fits and self.rng.random() < 0.9:
            return self.rng.choice(recent if recent and self.rng.random() < 0.7 else fits)
        source = self.rng.choice(["x", "x", "f", "v"] if kind != "string" else ["s", "w", "l", "x"]) if rank is None else "x" if kind != "string" else "s"
        if self.tensors[source][0] == kind:
            return source
        (out,) = self.node("Cast", [source], to=ELEMENT[kind])
        self.tensors[out] = (kind, list(self.tensors[source][1]))
        return out

    def size(self):
        """A tensor of one int64 that follows from the number of rows."""
        rng = self.rng
        (shape,) = self.node("Shape", [self.data(rng.choice(["float", "int64", "string"]))])
        self.tensors[shape] = ("int64", [2])
        (one,) = self.node("Gather", [shape, self.constant([0], "int64")])
        self.tensors[one] = ("int64", [1])
        if rng.random() < 0.2:
            (one,) = self.node("Mul", [one, self.constant([rng.choice([1, 2, -1, 2**40, 0])], "int64")])
            self.tensors[one] = ("int64", [1])
        return one

    # The inputs of an operator.

    def operand(self, hint, kind, first):
        rng = self.rng
        shape = list(self.tensors[first][1]) if first else ["N", COLUMNS]
        if rng.random() < 0.05:
            hint = rng.choice("db01RKaI")
        last = shape[-1] if shape and shape[-1] != "N" else COLUMNS
        rank = max(1, len(shape))
        if hint == "d":
            return self.data(kind)
        if hint == "D":
            return self.data(kind, 2)
        if hint == "b" and rng.random() < 0.5:
            return self.data(kind)
        if hint == "S" and rng.random() < 0.7:
            return self.reshaped(kind, shape)
        if hint == "i" and rng.random() < 0.6:
            return self.data(kind if kind in ("int64", "int32") else "int64")
        if hint == "s" and rng.random() < 0.3:
            rest = self.constant([rng.choice([1, -1, 2, COLUMNS]) for _ in range(rng.choice([0, 1, 1, 2]))], "int64")
            (out,) = self.node("Concat", rng.sample([self.size(), rest], 2), axis=0)
            self.tensors[out] = ("int64", [2])
            return out
        if hint == "s":
            choices = [[-1, last], [-1, 1], [-1], [0, -1], [1, 1], [0, 0, 1], [2, 1], [-1, 2], [1] * rank, [2, -1, 2]]
            return self.constant(self.odd(rng.choice(choices)), "int64")
        if hint == "a":
            axes = rng.choice([[0], [1], [-1], [0, 1], [rank - 1], [], [2]])
            if kind == "int64":
                return self.constant(self.odd(axes), "int64")
        if hint == "I":
            return self.constant(self.odd([rng.choice([0, 0, 1, 1, 2, -1, 3, 100]) for _ in range(rng.choice([1, 1, 1, 2, 2, 3]))]), kind)
        if hint == "p":
            return self.constant(self.odd([rng.choice([0, 1, 0, 2, -1]) for _ in range(2 * rank)]), "int64")
        if hint == "K":
            return self.constant(self.numbers(kind, [last, rng.choice([1, 2, 3, 8])]), kind)
        if hint == "R":
            return self.constant(self.numbers(kind, [last]), kind)
        if hint == "P":
            return self.constant(np.abs(self.numbers(kind, rng.choice([[], [], [last]]))) + 0.01, kind)
        if hint == "0":
            return self.constant(self.numbers(kind, []), kind)
        if hint == "1":
            return self.constant(self.numbers(kind, [1]), kind)
        return self.constant(self.numbers(kind, rng.choice([[last], [1], [], [1, last], [1, 1], [2, 1, last]])), kind)

    def odd(self, ints):
        if self.rng.random() < 0.1:
            ints = [self.rng.choice([v, *EXTREMES]) for v in ints] + self.rng.choice([[], [0]])
        return ints

    def reshaped(self, kind, shape):
        fits = [n for n, (k, s) in self.tensors.items() if k == kind and s == shape]
        return self.rng.choice(fits) if fits else self.data(kind)

    # Operators.

    def add(self, op):
        """Adds a node of an operator; its outputs are not known yet."""
        domain, _, name = op.rpartition(":")
        self.op = name
        try:
            schema = defs.get_schema(name, self.ml if domain else self.opset, domain)
        except defs.SchemaError:
            raise Unfit from None
        self.operators.append(op)
        if name.startswith("TreeEnsemble"):
            column = self.data(self.rng.choice(["float"] * 5 + ["double", "int64"]), 2)
            classes = name.endswith("Classifier")
            return self.node(name, [column], domain, 2 if classes else 1, **trees.attributes(self.rng, self.tensors[column][1][-1], classes))
        if op in FITTING and self.rng.random() < (0.5 if op == "Div" else 0.85):
            return FITTING[op](self)
        hints, bound, inputs = HINTS.get(op, "d"), {}, []
        for at, formal in enumerate(schema.inputs):
            hint = hints[min(at, len(hints) - 1)]
            option = formal.option.name
            if hint == "-" or option == "Optional" and self.rng.random() < 0.4:
                inputs.append("")
                continue
            for _ in range(self.rng.choice([1, 2, 3]) if option == "Variadic" else 1):
                kind = bound.get(formal.type_str) or self.kind(formal)
                if option != "Variadic" or formal.is_homogeneous:
                    bound[formal.type_str] = kind
                inputs.append(self.operand(hint, kind, inputs[0] if inputs else ""))
        while inputs and not inputs[-1]:
            inputs.pop()
        outputs = schema.min_output
        if name in ("Split",):
            outputs = self.rng.choice([1, 2, 2, 3])
        elif schema.max_output < 5 and self.rng.random() < 0.3:
            outputs = self.rng.randint(schema.min_output, schema.max_output)
        return self.node(name, inputs, domain, outputs, **self.attributes(schema, inputs))

    def kind(self, formal):
        fits = [k for k in NUMPY if f"tensor({k})" in formal.types]
        if not fits:
            raise Unfit
        return "float" if "float" in fits and self.rng.random() < 0.5 else self.rng.choice(fits)

    def attributes(self, schema, inputs):
        shape = self.tensors[inputs[0]][1] if inputs and inputs[0] else ["N", COLUMNS]
        chosen = {}
        for attr in schema.attributes.values():
            if not attr.required and self.rng.random() < 0.4:
                continue
            value = choose(self, schema, attr, shape)
            if value is not None:
                chosen[attr.name] = value
        return consistent(self, schema.name, self.tensors[inputs[0]][0] if inputs and inputs[0] else "", chosen)

    def model(self, outputs) -> ModelProto:
        graph = helper.make_graph(
            self.nodes, "fuzz",
            [helper.make_tensor_value_info(n, ELEMENT[k], shape) for n, (k, shape) in INPUTS.items() if n in self.used],
            [helper.make_empty_tensor_value_info(o) for o in outputs],
            self.constants,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("ai.onnx.ml", self.ml)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8 if self.opset < 21 else 10)
