"""Trains a network of three layers, and makes it smaller twice: int8 by dynamic quantization, and float16.

Needs numpy, onnx and onnxruntime. Writes definitions/models/{network,int8,float16}.onnx.
"""

import logging
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16

WIDTHS = [8, 256, 128, 1]
MODELS = Path(__file__).parent / "definitions" / "models"


def draw(rng, rows):
    """Rows and labels as data.sql draws them."""
    x = rng.normal(size=(rows, 8)).astype(np.float32)
    logit = 2 * np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] - x[:, 3] ** 2 / 2 + x[:, 4]
    return x, (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.float32)


def train(rng, steps=3000, batch=256, rate=1e-3):
    """Fits weights and biases with Adam to fresh rows at each step."""
    params = []
    for width, out in zip(WIDTHS, WIDTHS[1:]):
        params += [rng.normal(scale=(2 / width) ** 0.5, size=(width, out)), np.zeros(out)]
    means, squares = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    for step in range(1, steps + 1):
        x, y = draw(rng, batch)
        layers = [x]
        for i in range(0, len(params), 2):
            z = layers[-1] @ params[i] + params[i + 1]
            layers.append(np.maximum(z, 0) if i < len(params) - 2 else 1 / (1 + np.exp(-z)))
        delta = (layers[-1] - y[:, None]) / batch
        for i in range(len(params) - 2, -1, -2):
            gradients = layers[i // 2].T @ delta, delta.sum(0)
            delta = (delta @ params[i].T) * (layers[i // 2] > 0)
            for at, g in zip((i, i + 1), gradients):
                means[at] = 0.9 * means[at] + 0.1 * g
                squares[at] = 0.999 * squares[at] + 0.001 * g**2
                params[at] -= rate * (means[at] / (1 - 0.9**step)) / (np.sqrt(squares[at] / (1 - 0.999**step)) + 1e-8)
    return [p.astype(np.float32) for p in params]


def to_onnx(params):
    nodes, last = [], "features"
    for i in range(len(params) // 2):
        out = "score" if i == len(params) // 2 - 1 else f"h{i}"
        nodes += [helper.make_node("MatMul", [last, f"w{i}"], [f"m{i}"]), helper.make_node("Add", [f"m{i}", f"b{i}"], [f"a{i}"])]
        nodes.append(helper.make_node("Sigmoid" if out == "score" else "Relu", [f"a{i}"], [out]))
        last = out
    weights = [numpy_helper.from_array(p, f"{'wb'[i % 2]}{i // 2}") for i, p in enumerate(params)]
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", WIDTHS[0]])
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])
    graph = helper.make_graph(nodes, "network", [features], [score], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # the quantizer advises to infer shapes first, which these are too plain for
    MODELS.mkdir(exist_ok=True)
    model = to_onnx(train(np.random.default_rng(7)))
    onnx.save(model, MODELS / "network.onnx")
    quantize_dynamic(MODELS / "network.onnx", MODELS / "int8.onnx", weight_type=QuantType.QInt8)
    onnx.save(convert_float_to_float16(model), MODELS / "float16.onnx")
    for file in ["network", "int8", "float16"]:
        print(file, (MODELS / f"{file}.onnx").stat().st_size, "bytes")
