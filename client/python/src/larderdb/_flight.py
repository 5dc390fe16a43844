"""Training sets over Arrow Flight, as messages of gRPC: on the connection of the
client, with its errors. ``pyarrow.flight`` would open another, and loses the reason
of an error.

A message of Flight is a protobuf of four fields of bytes::

    1     descriptor: what is asked, in the first message of a stream
    2     header:     an Arrow IPC message, as a flatbuffer
    3     metadata:   of the application; JSON, from Larder
    1000  body:       the buffers of the IPC message
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from larderdb import _columns, _fit, errors
from larderdb._frames import Frame, Shape
from larderdb._progress import Progress
from larderdb._words import in_python
from larderdb.answers import Service, TrainingSet

DO_EXCHANGE = "/arrow.flight.protocol.FlightService/DoExchange"

_DESCRIPTOR, _HEADER, _METADATA, _BODY = 1, 2, 3, 1000
_COMMAND = b"\x08\x02"  # the type of a descriptor, whose field 2 is the command
_CONTINUED = b"\xff\xff\xff\xff"
_BATCH_ROWS = 1 << 16
_BATCH_BYTES = 2 << 20  # or thereabouts: a server takes messages of 16 MiB, unless it is set otherwise


@dataclass(frozen=True)
class Command:
    """What a training set is asked by."""

    service: str
    as_of: str
    event_time_column: str
    name: str
    own_event_column: str


class Exchange:
    """One training set: what is sent, and what comes."""

    def __init__(self, frame: Frame, service: Service, command: Command, progress: Progress) -> None:
        table, self._shape = frame.table(), frame.shape
        self._spine = _typed(_sendable(table), service, command.event_time_column)
        self._service = service
        self._command = command
        self._progress = progress
        self._stream: list[bytes] = []
        self._end: dict[str, Any] = {}

    def requests(self) -> Iterator[bytes]:
        """Return the messages to send: the spine, as an Arrow IPC stream."""
        command = json.dumps(asdict(self._command)).encode()
        descriptor = _field(_DESCRIPTOR, _COMMAND + _field(2, command))
        sink = _Sink()
        with pa.ipc.new_stream(pa.PythonFile(sink, "w"), self._spine.schema) as out:
            for batch in self._spine.to_batches(max_chunksize=_batch_rows(self._spine)):
                out.write_batch(batch)
                for message in sink.messages():
                    yield descriptor + message
                    descriptor = b""
        for message in sink.messages():  # the schema of a spine without rows
            yield descriptor + message
            descriptor = b""

    def receive(self, message: bytes) -> None:
        """Take in a message that has come."""
        fields = _fields(message)
        if header := fields.get(_HEADER):
            header += bytes(-len(header) % 8)
            self._stream += [_CONTINUED, len(header).to_bytes(4, "little"), header, fields.get(_BODY, b"")]
        if told := fields.get(_METADATA):
            said = json.loads(told)
            if "progress" in said:
                self._progress(said["progress"]["rows"], said["progress"].get("of", 0))
            if "manifest" in said:
                self._end = said

    def result(self) -> TrainingSet[Any]:
        """Return the training set, when all has come."""
        if not self._end:
            raise errors.InternalError("the server ended the training set without a manifest", "NO_MANIFEST")
        manifest = self._end["manifest"]
        if manifest["catalog_version"] != self._service.catalog_version:
            raise errors.FailedPreconditionError(
                "the definitions changed while the training set was built; build it again", "VERSION_MOVED"
            )
        stream, self._stream = b"".join([*self._stream, _CONTINUED, bytes(4)]), []
        built = pa.ipc.open_stream(stream).read_all()
        features = built.select(range(self._spine.num_columns, built.num_columns))
        shape: Shape = self._shape
        return TrainingSet(
            data=shape.beside(features),
            features=features.column_names,
            service=self._service,
            manifest=manifest,
            warnings=[in_python(text) for text in self._end.get("warnings") or []],
        )


def _batch_rows(table: Any) -> int:
    """How many rows of a table fit a message."""
    rows: int = table.num_rows * _BATCH_BYTES // max(table.nbytes, 1)
    return min(max(rows, 1), _BATCH_ROWS)


def _typed(table: Any, service: Service, event_time: str) -> Any:
    """The table, its keys and request values as the schema declares them where nothing is lost."""
    for name, kind in {event_time: "timestamp", **service.keys, **service.request}.items():
        if name in table.column_names:
            at = table.column_names.index(name)
            column = _columns.plain(table.column(at))
            table = table.set_column(at, name, _fit.fit(column, _columns.type_of(kind)))
    return table


def _sendable(table: Any) -> Any:
    """The columns that a server can read. The others stay in the caller's rows, beside the features."""
    columns = {}
    for name, column in zip(table.column_names, table.columns):
        if not _is_known(column.type):
            column = _columns.plain(column)
        if pa.types.is_decimal(column.type) and column.type.bit_width < 128:
            column = column.cast(pa.decimal128(column.type.precision, column.type.scale))
        if _is_known(column.type):
            columns[name] = column
    return pa.table(columns) if columns else table.select([])


def _is_known(kind: Any) -> bool:
    """Whether Arrow's library for Go, which servers use, reads a type as it is."""
    t = pa.types
    if t.is_union(kind) or (t.is_decimal(kind) and kind.bit_width < 128):
        return False
    if t.is_dictionary(kind):
        values = kind.value_type
        return _is_known(values) and not (isinstance(values, pa.BaseExtensionType) or t.is_run_end_encoded(values))
    if isinstance(kind, pa.BaseExtensionType):
        return _is_known(kind.storage_type)
    return all(_is_known(kind.field(i).type) for i in range(kind.num_fields))


class _Sink:
    """A file that turns what is written into messages of Flight."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What was written is still to be sent."""

    def messages(self) -> Iterator[bytes]:
        stream, self._written = b"".join(self._written), []
        for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(stream)):
            body = b"" if message.body is None else message.body.to_pybytes()
            yield _field(_HEADER, message.metadata.to_pybytes()) + _field(_BODY, body)


def _field(number: int, content: bytes) -> bytes:
    """One field of bytes, as protobuf has it."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def _fields(message: bytes) -> dict[int, bytes]:
    """The fields of bytes of a protobuf."""
    fields: dict[int, bytes] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        n = shift = 0
        while True:
            byte = message[at]
            at += 1
            n |= (byte & 0x7F) << shift
            if byte < 0x80:
                return n
            shift += 7

    while at < len(message):
        tag = varint()
        if tag & 7 != 2:
            raise errors.InternalError("the server's message is none of Arrow Flight's", "BAD_MESSAGE")
        length = varint()
        fields[tag >> 3] = message[at : at + length]
        at += length
    return fields
