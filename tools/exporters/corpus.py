"""What describes a model of the corpus, and where it is written.

Beside NAME.onnx lies NAME.json, which says

    exporter  who wrote the file, with versions
    inputs    name, elem, dims of one row, and the features that fill a row, in order
    outputs   name, elem and dims, as the file declares them
    features  name, type and how values are drawn; a list type also has its length
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto

FOLDER = Path(__file__).resolve().parents[2] / "scoring" / "testdata" / "exporters"
MOST_BYTES = 50_000

ELEMS = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.BOOL: "bool",
    TensorProto.STRING: "string",
}


@dataclass
class Feature:
    """A feature, by its Larder type, and what its values are drawn from."""

    name: str
    type: str
    missing: bool = False  # some rows have no value
    length: int = 1  # of each list
    below: int = 0  # integers are 0 <= v < below
    words: Sequence[str] = ()  # strings are one of these, or texts of them
    text: bool = False

    def manifest(self) -> dict[str, Any]:
        said: dict[str, Any] = {"name": self.name, "type": self.type}
        if self.type.startswith("list"):
            said["length"] = self.length
        for key in "missing", "below", "text":
            if getattr(self, key):
                said[key] = getattr(self, key)
        if self.words:
            said["words"] = list(self.words)
        return said


@dataclass
class Model:
    """A model as an exporter wrote it."""

    name: str
    exporter: str
    file: onnx.ModelProto
    features: list[Feature]
    # The features that fill each input, in order. One input takes all unless it is told.
    groups: dict[str, list[str]] = field(default_factory=dict)
    # The dims of one row, where the file leaves them open.
    dims: dict[str, list[int]] = field(default_factory=dict)
    external: bool = False  # the weights lie in a file of their own
    refused: bool = False  # ONNX Runtime does not load it


def floats(count: int, kind: str = "float32", missing: bool = False) -> list[Feature]:
    return [Feature(f"f{i}", kind, missing=missing) for i in range(count)]


def value(v: onnx.ValueInfoProto) -> dict[str, Any]:
    """Describes an input or an output as the file declares it."""
    kind = v.type.WhichOneof("value")
    if kind == "sequence_type":
        of = v.type.sequence_type.elem_type.map_type
        return {"name": v.name, "maps": ELEMS[of.key_type], "elem": ELEMS[of.value_type.tensor_type.elem_type]}
    tensor = v.type.tensor_type
    said: dict[str, Any] = {"name": v.name, "elem": ELEMS[tensor.elem_type]}
    if tensor.HasField("shape"):
        said["dims"] = [d.dim_value if d.HasField("dim_value") else (d.dim_param or "?") for d in tensor.shape.dim]
    return said


def row_dims(model: Model, v: onnx.ValueInfoProto) -> list[int]:
    dims = model.dims.get(v.name) or [d.dim_value for d in v.type.tensor_type.shape.dim][1:]
    assert all(d > 0 for d in dims), f"{model.name}: input {v.name} has open dims; name them"
    return dims


def text(manifest: dict[str, Any]) -> str:
    """Returns JSON with a line for each value, input, output and feature."""
    lines = []
    for key, held in manifest.items():
        said = json.dumps(held, ensure_ascii=False)
        if isinstance(held, list):
            said = "[\n" + ",\n".join("    " + json.dumps(v, ensure_ascii=False) for v in held) + "\n  ]"
        lines.append(f"  {json.dumps(key)}: {said}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write(model: Model) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    inputs = []
    for v in model.file.graph.input:
        names = model.groups.get(v.name) or [f.name for f in model.features]
        dims = row_dims(model, v)
        held = sum(f.length for f in model.features if f.name in names)
        assert held == math.prod(dims), f"{model.name}: input {v.name} {dims} is fed {held} elements"
        inputs.append({"name": v.name, "elem": ELEMS[v.type.tensor_type.elem_type], "dims": dims, "features": names})
    manifest = {
        "exporter": model.exporter,
        "inputs": inputs,
        "outputs": [value(v) for v in model.file.graph.output],
        "features": [f.manifest() for f in model.features],
    }
    if model.refused:
        manifest["refused"] = True
    path = FOLDER / f"{model.name}.onnx"
    if model.external:
        beside = path.with_suffix(".onnx.data")
        beside.unlink(missing_ok=True)
        onnx.save(model.file, path, save_as_external_data=True, location=beside.name, size_threshold=0)
    else:
        path.write_bytes(model.file.SerializeToString(deterministic=True))
    assert path.stat().st_size < MOST_BYTES, f"{path} has {path.stat().st_size} bytes"
    path.with_suffix(".json").write_text(text(manifest))
    print(f"{model.name}: {path.stat().st_size} bytes")
