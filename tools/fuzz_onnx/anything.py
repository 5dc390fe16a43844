"""Models of any operator with odd attributes, shapes and constants, each from a seed."""

import random

import numpy as np
from onnx import TensorProto, defs, helper, numpy_helper

import contrib
from graphs import ELEMENT, NUMPY

# The features, each an input of every model.
FEATURES = {"f": "float", "d": "double", "l": "int64", "i": "int32", "b": "bool", "s": "string"}
LETTERS = {"f": "float", "d": "double", "l": "int64", "i": "int32", "b": "bool", "s": "string", "u": "uint8", "c": "int8", "h": "float16"}
LEFT_OUT = {"If", "Loop", "Scan", "SequenceMap", "Constant", "Optional", "OptionalGetElement", "OptionalHasElement"}
SIZES = [0, 1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 16]
SMALL = [0, 1, 1, 2, 2, 3, -1, -2, 4, 5, 8]
EXTREME = [-7, 16, 32, 64, 100, 1000, 10**6, 2**31 - 1, -(2**31), 2**31, 2**32, 2**62, -(2**63), 2**63 - 1]
WORDS = """SUM MAX constant reflect edge wrap linear cubic nearest asymmetric align_corners NOTSET SAME_UPPER VALID TFIDF TF IDF SOFTMAX NONE LOGISTIC RBF POLY
    bidirectional reverse forward ij->ji ii->i i,j->ij ...ij->... LOWER en_US DCR CRD mul add border zeros half_pixel avg""".split() + ["", "a" * 40]  # fmt: skip
TEXTS = ["", "a", "b c", "éé", "x" * 50, "1", "\xff"]


class Maker:
    """Makes the parts of one model."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.opset = self.rng.choice([13, 17, 18, 19, 20, 21, 22, 22, 23])
        self.ml = self.rng.choice([3, 4, 5])
        self.constants, self.before = [], []

    def integer(self):
        return self.rng.choice(SMALL) if self.rng.random() < 0.65 else self.rng.choice(EXTREME)

    def tensor(self, kind, rank):
        rng = self.rng
        shape = [rng.choice(SIZES) for _ in range(rank)]
        size = int(np.prod(shape)) if shape else 1
        if size > 1 << 16:
            shape, size = [2] * rank, 2**rank
        if kind == "string":
            values = [rng.choice(TEXTS) for _ in range(size)]
        elif kind in ("float", "double", "float16"):
            odd = [np.nan, np.inf, -np.inf, 1e30, -1e30] if rng.random() < 0.15 else []
            values = [rng.choice([0.0, 1.0, -1.0, 0.5, 3.0, rng.gauss(0, 3), *odd]) for _ in range(size)]
        elif kind == "bool":
            values = [rng.random() < 0.5 for _ in range(size)]
        else:
            limits, small = np.iinfo(NUMPY[kind]), rng.random() < 0.6
            values = [min(max(rng.choice(SMALL) if small else self.integer(), limits.min), limits.max) for _ in range(size)]
        with np.errstate(all="ignore"):
            return np.array(values, dtype=NUMPY[kind]).reshape(shape)

    def operand(self, kind, rank, fed):
        """The name of a constant, or of a feature in its type and of as many dimensions."""
        name = f"in{len(self.constants) + len(self.before)}"
        if not fed:
            self.constants.append(numpy_helper.from_array(self.tensor(kind, rank), name))
            return name
        source = "s" if kind == "string" else next((n for n, k in FEATURES.items() if k == kind), self.rng.choice("flid"))
        self.before.append(helper.make_node("Cast", [source], [f"{name}_cast"], to=ELEMENT[kind]))
        shape = self.rng.choice([[-1] + [1] * (rank - 1), [1] * (rank - 1) + [-1]]) if rank else []
        self.constants.append(numpy_helper.from_array(np.array(shape, dtype=np.int64), f"{name}_shape"))
        self.before.append(helper.make_node("Reshape", [f"{name}_cast", f"{name}_shape"], [name]))
        return name

    def attribute(self, kind):
        rng = self.rng
        match kind:
            case "INT" | "i":
                return self.integer()
            case "INTS" | "I":
                return [self.integer() for _ in range(rng.choice([0, 1, 2, 2, 3, 4, 4, 8]))]
            case "FLOAT" | "f":
                return rng.choice([0.0, 1.0, -1.0, 0.5, 1e-5, 1e30, float("nan")])
            case "FLOATS":
                return [rng.choice([0.0, 1.0, -1.0, 0.5]) for _ in range(rng.choice([0, 1, 2, 3, 6]))]
            case "STRING":
                return rng.choice(WORDS)
            case "STRINGS" | "S":
                return [rng.choice(["", " ", "a", "BRANCH_LEQ", "LEAF", "Tanh", "Sigmoid", "Relu", "b", "BRANCH_LT", "BRANCH_EQ"]) for _ in range(rng.choice([0, 1, 2, 3, 6]))]
            case "TENSOR":
                return numpy_helper.from_array(self.tensor(rng.choice(["float", "int64", "uint8"]), 1), "t")
            case list():
                return rng.choice(kind)
        return None

    def contrib(self, fed):
        rng = self.rng
        op = rng.choice(sorted(contrib.OPERATORS))
        letters, hints = contrib.OPERATORS[op]
        inputs = []
        for at, code in enumerate(letters.split()):
            rank = max(0, int(code[1]) + (rng.choice([-1, 1]) if rng.random() < 0.1 else 0))
            left_out = at >= 2 and rng.random() < 0.08
            inputs.append("" if left_out else self.operand(LETTERS[code[0]], rank, fed and rng.random() < 0.5))
        attrs = {name: self.attribute(kind) for name, kind in hints.items() if rng.random() > 0.12}
        return op, "com.microsoft", inputs, attrs, rng.choice([1, 1, 1, 2, 3])

    def standard(self, fed):
        rng = self.rng
        schema = rng.choice(STANDARD[self.opset] if rng.random() < 0.9 else CLASSIC[self.ml])
        inputs, bound = [], {}
        for formal in schema.inputs:
            option = formal.option.name
            if option == "Optional" and rng.random() < 0.4:
                inputs.append("")
                continue
            kinds = [k for k in ELEMENT if f"tensor({k})" in formal.types]
            if not kinds:
                return None
            kind = bound.setdefault(formal.type_str, "float" if "float" in kinds and rng.random() < 0.6 else rng.choice(kinds))
            rank = rng.choice([0, 1, 1, 2, 2, 3, 4, 4, 5])
            inputs += [self.operand(kind, rank, fed and rng.random() < 0.5) for _ in range(rng.choice([1, 2, 3]) if option == "Variadic" else 1)]
        attrs = {a.name: self.attribute(a.type.name) for a in schema.attributes.values() if a.required or rng.random() > 0.45}
        return schema.name, schema.domain, inputs, attrs, rng.randint(max(1, schema.min_output), max(1, min(schema.max_output, 4)))

    def node(self, fed, after=None):
        """A node of any operator, which reads what another makes if that is given."""
        made = self.contrib(fed) if self.rng.random() < 0.35 else self.standard(fed)
        if not made:
            return None
        op, domain, inputs, attrs, outputs = made
        if after and inputs:
            inputs[self.rng.randrange(len(inputs))] = after
        attrs = {k: v for k, v in attrs.items() if v is not None and v != []}
        prefix = f"out{len(self.before)}_{len(self.constants)}_"
        return helper.make_node(op, inputs, [f"{prefix}{k}" for k in range(outputs)], domain=domain, **attrs)


def schemas(version, domain):
    names = sorted({s.name for s in defs.get_all_schemas() if s.domain == domain and s.name not in LEFT_OUT})
    found = []
    for name in names:
        try:
            found.append(defs.get_schema(name, version, domain))
        except defs.SchemaError:
            continue  # it came with a later version
    return [s for s in found if not s.deprecated]


STANDARD = {v: schemas(v, "") for v in (13, 17, 18, 19, 20, 21, 22, 23)}
CLASSIC = {v: schemas(v, "ai.onnx.ml") for v in (3, 4, 5)}


def model(seed):
    """The operators of a model, and its bytes; None when the seed makes none."""
    maker = Maker(seed)
    rng = maker.rng
    form = rng.choice(["constants"] * 4 + ["fed"] * 3 + ["branch"] * 3 + ["chain"] * 2 + ["flipped"])
    nodes = []
    for _ in range(rng.choice([2, 3]) if form == "chain" else 1):
        node = maker.node(form in ("fed", "chain"), nodes[-1].output[0] if nodes else None)
        if node is None:
            return None
        nodes.append(node)
    operators = [n.op_type for n in nodes]
    last = nodes[-1].output[0]
    if form == "branch":
        counted = [*nodes, helper.make_node("Size", [last], ["inner_size"])]
        none = helper.make_node("Constant", [], ["none"], value=numpy_helper.from_array(np.array(0, dtype=np.int64)))
        bodies = [
            helper.make_graph(counted, "then", [], [helper.make_tensor_value_info("inner_size", TensorProto.INT64, [])]),
            helper.make_graph([none], "else", [], [helper.make_tensor_value_info("none", TensorProto.INT64, [])]),
        ]
        nodes = [
            helper.make_node("ReduceMax", ["f"], ["most"], keepdims=0),
            helper.make_node("Greater", ["most", "limit"], ["entered"]),
            helper.make_node("If", ["entered"], ["size"], then_branch=bodies[0], else_branch=bodies[1]),
        ]
        maker.constants.append(numpy_helper.from_array(np.array(1000, dtype=np.float32), "limit"))
    else:
        nodes.append(helper.make_node("Size", [last], ["size"]))
    return f"{form} {'+'.join(operators)}", finish(maker, [*maker.before, *nodes], form == "flipped")


def finish(maker, nodes, flipped):
    """The file: the score is a feature, and nothing more from the size of what was made."""
    nodes += [
        helper.make_node("Cast", ["size"], ["size_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["size_float", "zero"], ["nothing"]),
        helper.make_node("Add", ["f", "nothing"], ["score"]),
    ]
    maker.constants.append(numpy_helper.from_array(np.array(0, dtype=np.float32), "zero"))
    inputs = [helper.make_tensor_value_info(n, ELEMENT[k], ["N", 1]) for n, k in FEATURES.items()]
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])
    graph = helper.make_graph(nodes, "fuzz", inputs, [score], maker.constants)
    opsets = [helper.make_opsetid("", maker.opset), helper.make_opsetid("ai.onnx.ml", maker.ml), helper.make_opsetid("com.microsoft", 1)]
    file = bytearray(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())
    for _ in range(maker.rng.choice([1, 2, 8]) if flipped else 0):
        file[maker.rng.randrange(len(file))] ^= 1 << maker.rng.randrange(8)
    return bytes(file)


def reference():
    """A model on the list that any server serves: it reads all features."""
    nodes = [helper.make_node("Cast", [n], [f"{n}_float"], to=TensorProto.FLOAT) for n in FEATURES if n != "s"]
    nodes.append(helper.make_node("LabelEncoder", ["s"], ["s_float"], domain="ai.onnx.ml", keys_strings=["a", "b"], values_floats=[1.0, 2.0], default_float=0.5))
    nodes.append(helper.make_node("Concat", [f"{n}_float" for n in FEATURES], ["all"], axis=1))
    nodes += [helper.make_node("MatMul", ["all", "weights"], ["sum"]), helper.make_node("Sigmoid", ["sum"], ["score"])]
    weights = numpy_helper.from_array(np.linspace(-1, 1, 6, dtype=np.float32).reshape(6, 1), "weights")
    inputs = [helper.make_tensor_value_info(n, ELEMENT[k], ["N", 1]) for n, k in FEATURES.items()]
    graph = helper.make_graph(nodes, "reference", inputs, [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])], [weights])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
