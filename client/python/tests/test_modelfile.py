"""Models whose weights lie in files beside them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import larderdb
import onnx
import pytest
from larderdb import _modelfile
from larderdb.errors import InvalidArgumentError

from conftest import Server, weights


def save(folder: Path, name: str = "beside.data") -> Path:
    """Save a model with its weights in a file beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "m.onnx"
    model = weights(1, 2, 3)
    values = onnx.numpy_helper.to_array(model.graph.initializer[0])
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(values, "weights"))  # raw: others stay inside
    onnx.save_model(model, path, save_as_external_data=True, location=name, size_threshold=0, convert_attribute=False)
    return path


def test_weights_beside_are_read(tmp_path: Path) -> None:
    path = save(tmp_path)
    whole = onnx.load_from_string(_modelfile.read(path))
    assert list(onnx.numpy_helper.to_array(whole.graph.initializer[0]).flatten()) == [1, 2, 3]
    assert _modelfile.read(path) == _modelfile.read(path)


def test_the_command_line_sends_the_same_bytes(applied: Server, binary: Path, tmp_path: Path) -> None:
    path = save(tmp_path)
    with larderdb.Client(applied.addr) as client:
        pushed = client.push_model("beside", path, service="late_v1")
        answer = client.score("beside", {"courier_id": [1], "km": [1.0]})
    assert answer.scores[0] > 0
    command = [str(binary), "models", "push", "beside", str(path), "--addr", applied.addr]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert f"This file is already version {pushed.version} of model beside" in said.stdout, said.stderr


def test_weights_elsewhere_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "in")
    model = path.read_bytes()
    path.write_bytes(model.replace(b"beside.data", b"../e.secret"))
    with pytest.raises(InvalidArgumentError, match="outside the folder of the model"):
        _modelfile.read(path)
    path.write_bytes(model)
    (tmp_path / "in" / "beside.data").unlink()
    with pytest.raises(InvalidArgumentError, match="does not lie beside the model"):
        _modelfile.read(path)
    (tmp_path / "secret").write_bytes(bytes(12))
    (tmp_path / "in" / "beside.data").symlink_to(tmp_path / "secret")
    with pytest.raises(PermissionError, match="points outside"):
        _modelfile.read(path)


def test_what_is_no_model_is_left_to_the_server(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"no model")
    assert _modelfile.read(path) == b"no model"
