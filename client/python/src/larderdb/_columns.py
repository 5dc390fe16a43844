"""Columns of the wire contract to Arrow arrays and back."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from larderdb.errors import InvalidRowsError
from larderdb.v1 import values_pb2

TIMESTAMP = pa.timestamp("us", tz="UTC")

# By what a column's values are called on the wire.
_ARROW_TYPES: dict[str, Any] = {
    "bools": pa.bool_(),
    "int32s": pa.int32(),
    "int64s": pa.int64(),
    "floats": pa.float32(),
    "doubles": pa.float64(),
    "strings": pa.string(),
    "blobs": pa.binary(),
    "timestamps": TIMESTAMP,
}

_NAMES = {
    "bool": "bools",
    "int32": "int32s",
    "int64": "int64s",
    "float32": "floats",
    "float64": "doubles",
    "string": "strings",
    "bytes": "blobs",
    "timestamp": "timestamps",
}

_ZEROS: dict[str, Any] = {"bools": False, "strings": "", "blobs": b""}


def type_of(name: str) -> Any:
    """Return the Arrow type of a type as definitions write it: int64, list<string>,
    vector<float32, 64>, which is a list."""
    if name.startswith("vector<"):
        return pa.list_(type_of(name[len("vector<") :].split(",")[0]))
    if name.startswith("list<"):
        return pa.list_(type_of(name[len("list<") : -1]))
    return _ARROW_TYPES[_NAMES[name]]


def decode(column: values_pb2.Column) -> Any:
    """Return the values of a column as an Arrow array, with null where it has none."""
    kind = column.WhichOneof("values")
    if kind is None:
        raise ValueError(f"column {column.name!r} of the answer has no values")
    if kind == "lists":
        return _decode_lists(column)
    values = list(getattr(column, kind).values)
    for row in column.nulls:
        values[row] = None
    return pa.array(values, _ARROW_TYPES[kind])


def length(column: values_pb2.Column) -> int:
    """Return how many rows a column has values for; 0 where the values contradict each other."""
    kind = column.WhichOneof("values")
    if kind is None:
        return 0
    rows = len(column.lists.ends if kind == "lists" else getattr(column, kind).values)
    if any(row >= rows for row in column.nulls):
        return 0
    if kind == "lists" and rows and column.lists.ends[-1] != length(column.lists.elements):
        return 0
    return rows


def _decode_lists(column: values_pb2.Column) -> Any:
    offsets = [0, *column.lists.ends]
    nulls = [False] * (len(offsets) - 1)
    for row in column.nulls:
        nulls[row] = True
    mask = pa.array(nulls, pa.bool_()) if column.nulls else None
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), decode(column.lists.elements), mask=mask)


def encode(name: str, values: Any) -> values_pb2.Column:
    """Return an Arrow array as a column."""
    column = values_pb2.Column(name=name)
    if values.null_count:
        column.nulls.extend(pc.indices_nonzero(pc.is_null(values)).to_pylist())
    if is_list(values.type):
        _encode_lists(column, values)
        return column
    kind = _kind(name, values.type)
    try:
        plain = values.cast(_ARROW_TYPES[kind])
    except pa.ArrowInvalid as error:
        raise _does_not_fit(name, values, _ARROW_TYPES[kind]) from error
    if kind == "timestamps":
        plain = plain.cast(pa.int64())
    if plain.null_count:
        plain = plain.fill_null(_ZEROS.get(kind, 0))
    sent = getattr(column, kind)
    sent.SetInParent()  # a column without rows says its type too
    sent.values.extend(plain.to_pylist())
    return column


def _does_not_fit(name: str, values: Any, want: Any) -> InvalidRowsError:
    """Say which row is the first that can't be of a type without a loss."""

    def fails(rows: int) -> bool:
        try:
            values.slice(0, rows).cast(want)
        except pa.ArrowInvalid:
            return True
        return False

    row = bisect.bisect_left(range(len(values) + 1), True, key=fails) - 1
    value, remedy = values[row], "send numbers that fit"
    if pa.types.is_timestamp(want):
        remedy = 'times are kept in microseconds; round them, as in Series.dt.floor("us")'
    return InvalidRowsError(f"row {row} of {name!r} is {_text(value)}, which no {_name(want)} holds; {remedy}", column=name, row=row)


def _text(value: Any) -> str:
    """A value of Arrow as text: nanoseconds are more than Python's times hold."""
    try:
        return repr(value.as_py()) if not pa.types.is_timestamp(value.type) else str(value.cast(pa.string()).as_py())
    except (ValueError, pa.ArrowException):
        return str(value)


def _name(kind: Any) -> str:
    """What definitions call a type of Arrow."""
    return next((name for name, wire in _NAMES.items() if _ARROW_TYPES[wire] == kind), str(kind))


def _encode_lists(column: values_pb2.Column, values: Any) -> None:
    flat = pc.list_flatten(values)  # without what lies below nulls
    lengths = pc.list_value_length(values).fill_null(0)
    column.lists.ends.extend(pc.cumulative_sum(lengths).to_pylist())
    try:
        column.lists.elements.CopyFrom(encode("", flat))
    except InvalidRowsError as error:
        if error.row is None:
            raise InvalidRowsError(error.message.replace("''", repr(column.name), 1), column=column.name) from error
        row = bisect.bisect_right(column.lists.ends, error.row)
        text = error.message.replace(f"row {error.row} of ''", f"an element of row {row} of {column.name!r}", 1)
        raise InvalidRowsError(text, column=column.name, row=row) from error


def is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _kind(name: str, kind: Any) -> str:
    t = pa.types
    if t.is_boolean(kind):
        return "bools"
    if t.is_integer(kind):
        return "int64s" if kind.bit_width > 32 or kind == pa.uint32() else "int32s"
    if t.is_floating(kind):
        return "doubles" if kind.bit_width == 64 else "floats"
    if t.is_string(kind) or t.is_large_string(kind) or t.is_string_view(kind):
        return "strings"
    if t.is_binary(kind) or t.is_large_binary(kind) or t.is_fixed_size_binary(kind) or t.is_binary_view(kind):
        return "blobs"
    if t.is_timestamp(kind):
        if kind.tz is None:
            raise InvalidRowsError(
                f"the times of {name!r} have no time zone, so that nobody knows when they are; "
                "give them one, as in datetime(..., tzinfo=timezone.utc) or Series.dt.tz_localize('UTC')",
                column=name,
            )
        return "timestamps"
    if t.is_null(kind):
        return "strings"
    if t.is_dictionary(kind):
        return _kind(name, kind.value_type)
    remedy = next((remedy for is_kind, remedy in _REMEDIES if is_kind(kind)), "convert the column, or leave it out")
    raise InvalidRowsError(f"the values of {name!r} are {kind}, which no feature or key is; {remedy}", column=name)


_REMEDIES: list[tuple[Callable[[Any], bool], str]] = [
    (pa.types.is_decimal, 'convert them, as in Series.astype("int64") of whole numbers, or Series.astype("float64") where that is close enough'),
    (pa.types.is_date, 'give times with a zone, as in pandas.to_datetime(column, utc=True), or texts, as in column.astype("string")'),
    (pa.types.is_duration, "convert them to numbers, as in Series.dt.total_seconds()"),
    (pa.types.is_time, "convert them to numbers, such as seconds"),
    (pa.types.is_struct, "give each field of them a column of its own"),
]


def plain(values: Any) -> Any:
    """Return categories, runs and views of lists as their values, where pyarrow can, and
    other columns as they are."""
    if pa.types.is_run_end_encoded(values.type) and isinstance(values, pa.Array):
        return pc.run_end_decode(values)
    if isinstance(values, (pa.ListViewArray, pa.LargeListViewArray)):
        lengths = pc.list_value_length(values).fill_null(0).to_pylist()
        offsets = pa.array([0, *accumulate(lengths)], pa.int32())
        return pa.ListArray.from_arrays(offsets, pc.list_flatten(values), mask=pc.is_null(values))
    if not pa.types.is_dictionary(values.type):
        return values
    try:
        return values.cast(values.type.value_type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return values
