"""Log ONNX models to MLflow, as a training job does.

Runs in the environment of MLflow, beside the tests: its arguments are the
tracking server, the registered model, and for each version the weights of a sum.
It imports MLflow while the server starts, and waits for a line on standard input.
"""

import struct
import sys

import mlflow  # type: ignore[import-not-found]
import mlflow.onnx  # type: ignore[import-not-found]
import onnx
from onnx import TensorProto, helper


def weighted(weights: list[float], copies: int) -> onnx.ModelProto:
    """A weighted sum, taken so many times over: MLflow keeps 1 KiB of weights in a file of their own."""
    spread = [w / copies for w in weights for _ in range(copies)]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["features", "weights"], ["parts"]),
            helper.make_node("ReduceSum", ["parts", "axes"], ["score"]),
        ],
        "weighted",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", len(weights)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, [len(weights), copies], struct.pack(f"<{len(spread)}f", *spread), raw=True),
            helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
        ],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


uri, name, *versions = sys.argv[1:]
sys.stdin.readline()
mlflow.set_tracking_uri(uri)
for number, weights in enumerate(versions, 1):
    with mlflow.start_run():
        mlflow.log_metric("auc", 0.8 + number / 100)
        if weights == "none":  # a version of another flavour
            function = lambda model_input: model_input  # noqa: E731
            mlflow.pyfunc.log_model(name="model", python_model=function, pip_requirements=[], registered_model_name=name)
            continue
        model = weighted([float(w) for w in weights.split(",")], copies=1 if number == 1 else 128)
        mlflow.onnx.log_model(model, name="model", registered_model_name=name)
