"""An array of three rows, the second null, of every type of Arrow."""

from __future__ import annotations

import decimal
import uuid
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import pyarrow as pa

_NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
_ADAY = timedelta(days=1, microseconds=7)


def _number(kind: Any) -> Any:
    return pa.array([1, None, 2], kind)


def _dictionary(index: Any, values: Any) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array([0, None, 1], index), values)


def plain() -> dict[str, Any]:
    """Types without children."""
    texts, blobs = ["a", None, "a text that is longer than a view holds"], [b"a", None, b"\x00" * 20]
    arrays = {str(kind): _number(kind) for kind in (
        pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
        pa.float16(), pa.float32(), pa.float64(),
    )}  # fmt: skip
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        arrays[str(kind)] = pa.array(texts, kind)
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view()):
        arrays[str(kind)] = pa.array(blobs, kind)
    for unit in ("s", "ms", "us", "ns"):
        arrays[f"timestamp[{unit}]"] = pa.array([_NOON.replace(tzinfo=None), None, datetime(1960, 1, 1)], pa.timestamp(unit))
        arrays[f"timestamp[{unit}, zone]"] = pa.array([_NOON, None, _NOON], pa.timestamp(unit, "Europe/Berlin"))
        arrays[f"duration[{unit}]"] = pa.array([timedelta(days=1), None, timedelta(days=-2)], pa.duration(unit))
    for unit in ("s", "ms"):
        arrays[f"time32[{unit}]"] = pa.array([time(1, 2, 3), None, time(0)], pa.time32(unit))
    for unit in ("us", "ns"):
        arrays[f"time64[{unit}]"] = pa.array([time(1, 2, 3), None, time(0)], pa.time64(unit))
    numbers = [decimal.Decimal("1.10"), None, decimal.Decimal("-2.25")]
    return arrays | {
        "null": pa.nulls(3),
        "bool": pa.array([True, None, False]),
        "fixed_size_binary": pa.array([b"abc", None, b"def"], pa.binary(3)),
        "date32": pa.array([date(2026, 1, 1), None, date(1960, 1, 1)], pa.date32()),
        "date64": pa.array([date(2026, 1, 1), None, date(1960, 1, 1)], pa.date64()),
        "interval": pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([0, 0, 0])]),
        "decimal32": pa.array(numbers, pa.decimal32(9, 2)),
        "decimal64": pa.array(numbers, pa.decimal64(18, 2)),
        "decimal128": pa.array(numbers, pa.decimal128(38, 2)),
        "decimal256": pa.array(numbers, pa.decimal256(76, 2)),
    }


def nested() -> dict[str, Any]:
    """Types with children."""
    i, words = pa.int64(), pa.dictionary(pa.int32(), pa.string())
    lists = [[1, 2], None, [None, 3]]
    return {
        "list": pa.array(lists, pa.list_(i)),
        "large_list": pa.array(lists, pa.large_list(i)),
        "list_view": pa.array(lists, pa.list_view(i)),
        "large_list_view": pa.array(lists, pa.large_list_view(i)),
        "fixed_size_list": pa.array(lists, pa.list_(i, 2)),
        "fixed_size_list without nulls": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(i, 2)),
        "list of text": pa.array([["a"], None, []], pa.list_(pa.string())),
        "list of string_view": pa.array([["a"], None, []], pa.list_(pa.string_view())),
        "list of lists": pa.array([[[1], []], None, []], pa.list_(pa.list_(i))),
        "list of fixed_size_list": pa.array([[[1, 2], None], None, []], pa.list_(pa.list_(i, 2))),
        "list of categories": pa.array([["a"], None, ["b", "a"]], pa.list_(words)),
        "struct": pa.array([{"x": 1, "y": "a"}, None, {"x": None, "y": "b"}]),
        "struct of categories": pa.array([{"x": "a"}, None, {"x": "b"}], pa.struct({"x": words})),
        "struct without fields": pa.array([{}, None, {}], pa.struct([])),
        "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), i)),
        "run_end_encoded": pa.RunEndEncodedArray.from_arrays(pa.array([1, 2, 3], pa.int32()), pa.array(["a", None, "b"])),
        "sparse_union": pa.UnionArray.from_sparse(
            pa.array([0, 1, 0], pa.int8()), [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])]
        ),
        "dense_union": pa.UnionArray.from_dense(
            pa.array([0, 1, 0], pa.int8()), pa.array([0, 0, 1], pa.int32()), [pa.array([1, 3]), pa.array(["b"])]
        ),
    }


def categories() -> dict[str, Any]:
    """Dictionaries, as pandas and polars write categories: with every type of values and of indexes."""
    arrays = {
        f"dictionary by {index}": _dictionary(index, pa.array(["a", "b"]))
        for index in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
    }
    for name, array in {**plain(), **nested(), **extended()}.items():
        if name != "null" and "union" not in name:
            try:
                values = pa.concat_arrays([array.slice(0, 1), array.slice(2, 1)])
                arrays[f"dictionary of {name}"] = _dictionary(pa.int32(), values)
            except (pa.ArrowException, TypeError, NotImplementedError):  # pyarrow can't make it
                continue
    return arrays | {
        "ordered dictionary": pa.DictionaryArray.from_arrays(pa.array([0, None, 1]), pa.array(["a", "b"]), ordered=True),
        "dictionary with a null value": pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array(["a", None])),
        "dictionary without values": pa.DictionaryArray.from_arrays(pa.nulls(3, pa.int32()), pa.array([], pa.string())),
    }


def extended() -> dict[str, Any]:
    """Extension types that are everyone's."""
    ids = pa.array([uuid.UUID(int=1).bytes, None, uuid.UUID(int=2).bytes], pa.binary(16))
    return {
        "uuid": pa.ExtensionArray.from_storage(pa.uuid(), ids),
        "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a":1}', None, "[]"])),
        "bool8": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None, 0], pa.int8())),
        "opaque": pa.ExtensionArray.from_storage(
            pa.opaque(pa.string(), "point", "postgres"), pa.array(["(1,2)", None, "(3,4)"])
        ),
        "tensor": pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(pa.float32(), [2]), pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2))
        ),
    }


def every() -> dict[str, Any]:
    return {**plain(), **nested(), **categories(), **extended()}
