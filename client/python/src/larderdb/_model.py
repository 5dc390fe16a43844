"""Model files, however they are given."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from larderdb import _modelfile
from larderdb.errors import InvalidArgumentError


def contents(model: Any) -> bytes:
    """Return the bytes of a model's file."""
    read = _read(model)
    if not read:
        raise InvalidArgumentError("the model is empty; export it again", "BAD_ARGUMENT")
    return read


def _read(model: Any) -> bytes:
    if isinstance(model, bytes):
        return model
    if isinstance(model, (str, os.PathLike)):
        return _modelfile.read(Path(model))
    if hasattr(model, "SerializeToString"):
        return bytes(model.SerializeToString())
    raise InvalidArgumentError(
        f"a model is an onnx.ModelProto, bytes, or the path of a file; not {type(model).__name__}", "BAD_ARGUMENT"
    )
