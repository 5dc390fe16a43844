"""Makes the models of this folder, and scores.json: the scores that ONNX Runtime gives their rows in Python.

Run it with onnx and onnxruntime, in this folder. A network of 6 features is made,
then made smaller in three ways: int8 by dynamic and by static quantization, and
float16, weights, input and output.
"""

import json

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

FEATURES, HIDDEN, ROWS = 6, [16, 8], 40
rng = np.random.default_rng(5)
rows = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)


def network():
    nodes, weights, last, width = [], [], "features", FEATURES
    for i, out in enumerate(HIDDEN + [1]):
        w = rng.normal(scale=width**-0.5, size=(width, out)).astype(np.float32)
        b = rng.normal(scale=0.1, size=out).astype(np.float32)
        weights += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes += [helper.make_node("MatMul", [last, f"w{i}"], [f"m{i}"]), helper.make_node("Add", [f"m{i}", f"b{i}"], [f"a{i}"])]
        nodes.append(helper.make_node("Relu" if i < len(HIDDEN) else "Sigmoid", [f"a{i}"], [f"h{i}" if i < len(HIDDEN) else "score"]))
        last, width = f"h{i}", out
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", FEATURES])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class Rows(CalibrationDataReader):
    def __init__(self):
        self.left = iter([{"features": rows}])

    def get_next(self):
        return next(self.left, None)


model = network()
onnx.save(model, "network.onnx")
quantize_dynamic("network.onnx", "int8-dynamic.onnx", weight_type=QuantType.QInt8)
quantize_static("network.onnx", "int8-static.onnx", Rows(), quant_format=QuantFormat.QDQ, weight_type=QuantType.QInt8)
onnx.save(convert_float_to_float16(model, keep_io_types=False), "float16.onnx")

scores = {}
for name in ["network", "int8-dynamic", "int8-static", "float16"]:
    session = ort.InferenceSession(f"{name}.onnx", providers=["CPUExecutionProvider"])
    kind = np.float16 if name == "float16" else np.float32
    # Row by row: a dynamic quantization depends on the rows beside it.
    scores[name] = [float(session.run(None, {"features": row[None].astype(kind)})[0][0, 0]) for row in rows]
with open("scores.json", "w") as f:
    json.dump({"rows": [[float(v) for v in row] for row in rows], "scores": scores}, f)
