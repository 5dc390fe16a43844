"""Model files, with the weights that lie in files beside them.

The bytes are those that ``larder apply`` and ``larder models push`` send, so that a file has
one SHA-256 in every client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from larderdb.errors import InvalidArgumentError

# The numbers of fields in onnx.proto: ModelProto.graph, GraphProto.initializer, and of
# TensorProto name, raw_data, external_data and data_location.
_GRAPH, _INITIALIZER = 7, 5
_NAME, _RAW, _EXTERNAL, _LOCATION = 8, 9, 13, 14

_MOST_BYTES = 256 << 20


def read(path: Path, root: Path | None = None) -> bytes:
    """Read a model file, and the weights beside it. They must lie in the model's folder; links
    may not lead out of that folder, or out of root if it is given."""
    model = path.read_bytes()
    inside = (root or path.parent).resolve()

    def beside(name: str) -> bytes:
        part = PurePosixPath(name)
        if part.is_absolute() or ".." in part.parts or not part.parts:
            raise InvalidArgumentError(
                f"{path}: its weights are in {name!r}, which is outside the folder of the model; put the file beside the model, "
                "and export it again with a name alone",
                "BAD_MODEL_FILE",
            )
        file = path.parent / part
        if not file.is_file():
            raise InvalidArgumentError(
                f"{path}: its weights are in the file {name!r}, which does not lie beside the model; copy it there, or save the "
                "model in one file (onnx.save with save_as_external_data=False)",
                "BAD_MODEL_FILE",
            )
        if not file.resolve().is_relative_to(inside):
            raise PermissionError(f"{file}: a symbolic link points outside {inside}; copy the file into the folder")
        return file.read_bytes()

    try:
        return _inline(model, beside)
    except _NotAModel:
        return model  # the server says what is wrong with it


class _NotAModel(Exception):
    """The bytes are not a protobuf message."""


def _inline(model: bytes, beside: Callable[[str], bytes]) -> bytes:
    files: dict[str, bytes] = {}

    def tensor(message: bytes) -> bytes:
        return _with_data(message, beside, files)

    return _rewrite(model, _GRAPH, lambda graph: _rewrite(graph, _INITIALIZER, tensor))


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise _NotAModel
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield number, kind, begin of the field, begin of its value, and end."""
    at = 0
    while at < len(message):
        begin = at
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        value = at
        if kind == 0:
            _, at = _varint(message, at)
        elif kind == 1:
            at += 8
        elif kind == 2:
            size, value = _varint(message, at)
            at = value + size
        elif kind == 5:
            at += 4
        else:
            raise _NotAModel
        if at > len(message) or number == 0:
            raise _NotAModel
        yield number, kind, begin, value, at


def _rewrite(message: bytes, number: int, change: Callable[[bytes], bytes]) -> bytes:
    """Replace each message in a field by what change makes of it."""
    parts: list[bytes] = []
    same = 0
    for found, kind, begin, value, end in _fields(message):
        if found != number or kind != 2:
            continue
        before = message[value:end]
        after = change(before)
        if after is before:
            continue
        parts += [message[same:begin], _bytes_field(number, after)]
        same = end
    return b"".join([*parts, message[same:]]) if parts else message


def _bytes_field(number: int, content: bytes) -> bytes:
    return _encoded(number << 3 | 2) + _encoded(len(content)) + content


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _with_data(message: bytes, beside: Callable[[str], bytes], files: dict[str, bytes]) -> bytes:
    """Return a tensor with its data in it."""
    external, place = False, {"location": "", "offset": "0", "length": "-1"}
    kept: list[bytes] = []
    for number, kind, begin, value, end in _fields(message):
        if number == _EXTERNAL and kind == 2:
            entry = {n: message[value:end][v:e].decode(errors="replace") for n, _, _, v, e in _fields(message[value:end])}
            place[entry.get(1, "")] = entry.get(2, "")
        elif number == _LOCATION and kind == 0:
            external = _varint(message, value)[0] == 1
        if number not in (_RAW, _EXTERNAL, _LOCATION):
            kept.append(message[begin:end])
    if not external:
        return message
    name = place["location"]
    if name not in files:
        files[name] = beside(name)
        if sum(map(len, files.values())) > _MOST_BYTES:
            raise InvalidArgumentError(f"the files beside the model have more than {_MOST_BYTES >> 20} MiB", "BAD_MODEL_FILE")
    file = files[name]
    try:
        offset, length = int(place["offset"]), int(place["length"])
    except ValueError:
        raise InvalidArgumentError("a tensor's external data has a place that is not a number of bytes", "BAD_MODEL_FILE") from None
    if length < 0:
        length = max(0, len(file) - offset)
    if offset < 0 or offset + length > len(file):
        raise InvalidArgumentError(
            f"a tensor has {length} bytes from byte {offset} of {name!r}, which has {len(file)}; copy the whole file", "BAD_MODEL_FILE"
        )
    return b"".join([*kept, _bytes_field(_RAW, file[offset : offset + length])])
