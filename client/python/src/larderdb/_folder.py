"""Folders of definitions, as they are sent."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from larderdb import _modelfile
from larderdb.errors import FailedPreconditionError, InternalError
from larderdb.v1 import control_pb2


@dataclass(frozen=True)
class Folder:
    """A folder of definitions, and its model files by their SHA-256."""

    root: Path
    files: control_pb2.DefinitionFiles
    models: dict[str, Path]


def read(folder: str | os.PathLike[str]) -> Folder:
    """Read the definition files of a folder and of the folders in it: ``*.yaml``
    and ``*.yml``, and none that start with a dot."""
    root = Path(folder)
    if not root.is_dir():
        raise NotADirectoryError(f"no folder {root}; name the one that holds the definitions")
    files = control_pb2.DefinitionFiles()
    models: dict[str, Path] = {}
    inside = root.resolve()
    for path in _walk(root):
        if not path.resolve().is_relative_to(inside):
            raise PermissionError(f"{path}: a symbolic link points outside {root}; copy the file into the folder")
        if path.suffix == ".onnx":
            sha256 = digest(_modelfile.read(path, root))
            models[sha256] = path
            files.models[path.relative_to(root).as_posix()] = sha256
        else:
            files.files.add(name=str(path), content=path.read_bytes())
    if not files.files:
        raise FileNotFoundError(f"no definitions in {root}: the folder has no file *.yaml or *.yml")
    return Folder(root, files, models)


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir(), key=lambda p: p.name):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        elif path.suffix in (".yaml", ".yml", ".onnx"):
            yield path


def write(folder: str | os.PathLike[str], files: Sequence[control_pb2.DefinitionFile]) -> list[Path]:
    """Write files of definitions into a new or empty folder."""
    root = Path(folder)
    if not files:
        raise FailedPreconditionError("nothing was applied yet; there is nothing to export", "NOTHING_APPLIED")
    for file in files:
        if file.name != Path(file.name).name or file.name.startswith("."):
            raise InternalError(f"the server sent a file {file.name!r}, which is not a name", "BAD_MESSAGE")
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise FileExistsError(f"the folder {root} is not empty; name a new one, so that nothing in it is replaced or applied too")
    for file in files:
        (root / file.name).write_bytes(file.content)
    return [root / file.name for file in files]


def chunks(content: bytes) -> Iterator[control_pb2.PutModelRequest]:
    """Return the messages that store a model file."""
    size, sha256 = 1 << 20, digest(content)
    for at in range(0, len(content), size):
        yield control_pb2.PutModelRequest(sha256=sha256, size=len(content), chunk=content[at : at + size])


def digest(content: bytes) -> str:
    """Return the hex SHA-256 of a model file."""
    return hashlib.sha256(content).hexdigest()
