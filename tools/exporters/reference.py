"""Asks ONNX Runtime in Python what the models of the corpus give, and keeps its bits.

    .larder/venv/exporters/bin/python tools/exporters/reference.py FOLDER [SEED]

For each model and each number of rows it writes FOLDER/MODEL/ROWS/run.json: the columns
of the features, the inputs that they make, and all outputs, both of the graph as written
and of the graph as ONNX Runtime optimizes it. An array has a name, elem, dims, and either
strings or the file of its elements, little-endian. Where a file makes maps, the output
is the tensor of their values, in the order of the classes that the file gives.
"""

from __future__ import annotations

import json
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

import corpus

ROWS = [1, 7, 400]
SPECIAL = [0.0, -0.0, math.inf, -math.inf, 1e30]


def thresholds(model: onnx.ModelProto) -> dict[int, list[float]]:
    """Returns what trees compare each column with."""
    found: dict[int, list[float]] = {}
    for node in model.graph.node:
        attrs = {a.name: a for a in node.attribute}
        if not node.op_type.startswith("TreeEnsemble") or "nodes_featureids" not in attrs:
            continue
        values = attrs["nodes_values"].floats if "nodes_values" in attrs else onnx.numpy_helper.to_array(attrs["nodes_values_as_tensor"].t)
        for column, held, mode in zip(attrs["nodes_featureids"].ints, values, attrs["nodes_modes"].strings):
            if mode != b"LEAF":
                found.setdefault(column, []).append(float(held))
    return found


def floats(rng: np.random.Generator, count: int, kind: str, ties: list[float], missing: bool) -> np.ndarray:
    """Draws floats, of which many equal a threshold or lie next to one."""
    values = rng.normal(size=count).astype(kind)
    if ties:
        near = rng.choice(np.array(ties, dtype="float32"), count)
        step = rng.integers(-1, 2, count)
        near = np.where(step == 0, near, np.nextafter(near, np.float32(math.inf) * step.astype("float32")))
        values = np.where(rng.random(count) < 0.4, near, values).astype(kind)
        special = rng.choice(np.array(SPECIAL), count)
        values = np.where(rng.random(count) < 0.05, special, values).astype(kind)
    if missing:
        values[rng.random(count) < 0.1] = math.nan
    return values


def column(rng: np.random.Generator, feature: dict[str, Any], rows: int, ties: list[float]) -> np.ndarray:
    """Draws a feature's values: [rows], or [rows, length] for lists."""
    kind = feature["type"].removeprefix("list<").removesuffix(">")
    count = rows * feature.get("length", 1)
    if kind == "string":
        words = feature["words"]
        drawn = [" ".join(rng.choice(words, rng.integers(0, 8))) if feature.get("text") else words[rng.integers(len(words))] for _ in range(count)]
        values = np.array([str(v) for v in drawn], dtype=object)
    elif kind.startswith("float"):
        values = floats(rng, count, kind, ties, feature.get("missing", False))
    else:
        values = rng.integers(feature["below"], size=count).astype(kind)
    return values.reshape(rows, -1) if "length" in feature else values


def tensor(declared: dict[str, Any], columns: dict[str, np.ndarray], rows: int) -> np.ndarray:
    """Makes an input of features: row by row, each feature's elements one after the other."""
    kind = object if declared["elem"] == "string" else declared["elem"]
    parts = []
    for name in declared["features"]:
        part = columns[name].reshape(rows, -1)
        if kind == "float16" and part.dtype == "float64":
            part = part.astype("float32")  # a feature reaches float16 by way of float32
        parts.append(part.astype(kind))
    return np.concatenate(parts, axis=1).reshape([rows, *declared["dims"]])


def class_order(model: onnx.ModelProto) -> dict[str, list[Any]]:
    """Returns the keys of maps, by output, in the order of the file."""
    order: dict[str, list[Any]] = {}
    for node in model.graph.node:
        if node.op_type == "ZipMap":
            for attr in node.attribute:
                order[node.output[0]] = list(attr.ints) or [s.decode() for s in attr.strings]
    return order


def session(path: Path, level: ort.GraphOptimizationLevel) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = level
    options.log_severity_level = 4
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Folder:
    """Where one run is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = 0
        path.mkdir(parents=True, exist_ok=True)

    def array(self, name: str, values: np.ndarray) -> dict[str, Any]:
        said: dict[str, Any] = {"name": name, "elem": str(values.dtype), "dims": list(values.shape)}
        if values.dtype.kind in "OU":
            said |= {"elem": "string", "strings": [str(v) for v in values.reshape(-1)]}
            return said
        self.files += 1
        said["file"] = f"{self.files}.bin"
        little = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
        (self.path / said["file"]).write_bytes(little.tobytes())
        return said


def outputs(made: ort.InferenceSession, inputs: dict[str, np.ndarray], order: dict[str, list[Any]], folder: Folder) -> list[dict[str, Any]]:
    all_outputs = []
    for declared, value in zip(made.get_outputs(), made.run(None, inputs)):
        if isinstance(value, list):
            value = np.array([[row[key] for key in order[declared.name]] for row in value], dtype="float32")
        all_outputs.append(folder.array(declared.name, value))
    return all_outputs


def run_model(name: str, folder: Path, seed: int) -> None:
    path = corpus.FOLDER / f"{name}.onnx"
    manifest = json.loads(path.with_suffix(".json").read_text())
    if manifest.get("refused"):
        try:
            session(path, ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
        except Exception as refusal:  # ONNX Runtime has no common class of its errors
            print(f"{name}: refused: {str(refusal)[:120]}")
            return
        raise SystemExit(f"{name}: ONNX Runtime loads it, and its manifest says that it is refused")
    model = onnx.load(path)
    ties, order = thresholds(model), class_order(model)
    plain = session(path, ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    optimized = session(path, ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
    for rows in ROWS:
        rng = np.random.default_rng([seed, rows, *name.encode()])
        held = Folder(folder / name / str(rows))
        columns = {f["name"]: column(rng, f, rows, ties.get(i, [])) for i, f in enumerate(manifest["features"])}
        inputs = {v["name"]: tensor(v, columns, rows) for v in manifest["inputs"]}
        run = {
            "features": [held.array(n, v) for n, v in columns.items()],
            "inputs": [held.array(n, v) for n, v in inputs.items()],
            "as_written": outputs(plain, inputs, order, held),
            "optimized": outputs(optimized, inputs, order, held),
        }
        (held.path / "run.json").write_text(json.dumps(run))


def main() -> None:
    warnings.simplefilter("ignore")
    folder, seed = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    names = sorted(p.stem for p in corpus.FOLDER.glob("*.onnx"))
    for name in names:
        run_model(name, folder, seed)
    (folder / "about.json").write_text(json.dumps({"onnxruntime": ort.__version__, "seed": seed}))
    print(f"ONNX Runtime {ort.__version__} ran {len(names)} models")


if __name__ == "__main__":
    main()
