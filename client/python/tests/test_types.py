"""Spines with columns of every type: each value passes, or the column is refused by its name."""

from __future__ import annotations

import decimal
import json
import threading
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import arrow_types
import larderdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import flight

from conftest import DAY, Server

ROWS = 3
BASE: dict[str, Any] = {"courier_id": [1, 2, 1], "event_time": [DAY + timedelta(days=2, hours=1)] * ROWS, "km": [1.5, 2.5, 3.5]}
TRIPS = [12, 22, 12]
ARROW = arrow_types.every()
EMPTY = {name: array.slice(0, 0) for name, array in ARROW.items()}

# What Arrow's library for Go doesn't know, so that a server refuses it.
UNKNOWN = {"decimal32", "decimal64", "sparse_union", "dense_union"}
UNKNOWN |= {f"dictionary of {name}" for name in ("decimal32", "decimal64", "run_end_encoded")}
# What pyarrow itself doesn't read from a stream that it wrote.
UNREADABLE = {f"dictionary of {name}" for name in arrow_types.extended()}


def with_column(array: Any) -> pa.Table:
    base = {name: values[: len(array)] for name, values in BASE.items()}
    return pa.table({**base, "event_time": pa.array(base["event_time"], pa.timestamp("us", "UTC")), "x": array})


@pytest.mark.parametrize("name", ARROW)
def test_pyarrow(client: larderdb.Client, name: str) -> None:
    spine = with_column(ARROW[name])
    train = client.training_set(spine, service="late_v1")
    assert train.data.select(spine.column_names).equals(spine)
    assert train.data["stats__trips"].to_pylist() == TRIPS
    assert train.manifest["rows"] == ROWS
    assert client.training_set(spine.slice(0, 0), service="late_v1").data.num_rows == 0


def exchange(addr: str, tables: list[pa.Table]) -> pa.Table:
    """A training set by Arrow Flight alone: what comes has passed through the server."""
    with flight.connect(f"grpc://{addr}") as connected:
        command = flight.FlightDescriptor.for_command(json.dumps({"service": "late_v1"}).encode())
        writer, reader = connected.do_exchange(command, flight.FlightCallOptions(timeout=30))

        def send() -> None:
            try:
                writer.begin(tables[0].schema)
                for table in tables:
                    writer.write_table(table)
                writer.done_writing()
            except pa.ArrowException:
                pass  # the reader knows why

        sender = threading.Thread(target=send)
        sender.start()
        try:
            return pa.Table.from_batches([chunk.data for chunk in reader if chunk.data is not None])
        finally:
            sender.join()


@pytest.mark.parametrize("name", [name for name in ARROW if name not in UNREADABLE])
def test_flight(applied: Server, name: str) -> None:
    array = ARROW[name]
    parts = [with_column(array), with_column(array.slice(1, 2)), with_column(array)]
    if pa.types.is_dictionary(array.type) and len(array.dictionary) > 1 and name not in UNKNOWN:
        turned = pa.concat_arrays([array.dictionary.slice(1), array.dictionary.slice(0, 1)])
        other = pa.DictionaryArray.from_arrays(array.indices, turned, ordered=array.type.ordered)
        parts[1] = with_column(other)
    if name in UNKNOWN:
        with pytest.raises(pa.ArrowInvalid, match="the spine's column \"x\""):
            exchange(applied.addr, parts)
        return
    got = exchange(applied.addr, parts)
    assert got.schema.field("x").type == array.type
    assert got["x"].to_pylist() == [value for part in parts for value in part["x"].to_pylist()]
    assert exchange(applied.addr, [with_column(array.slice(0, 0))]).schema.field("x").type == array.type


# What pandas makes, but can't take a row of.
NOT_IN_PANDAS = {"string_view", "binary_view", "interval", "list_view", "large_list_view", "list of string_view", "run_end_encoded"}

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
PANDAS: dict[str, Any] = {
    "str": pd.Series(["a", None, "c"]),
    "object": pd.Series(["a", None, "c"], dtype=object),
    "categories of text": pd.Categorical(["web", None, "app"]),
    "ordered categories": pd.Categorical(["low", "high", None], categories=["low", "high"], ordered=True),
    "categories of integers": pd.Categorical([1, None, 3]),
    "categories of floats": pd.Categorical([1.5, None, 3]),
    "categories of bools": pd.Categorical([True, None, False]),
    "categories of times": pd.Series([NOON, None, NOON]).astype("category"),
    "categories of intervals": pd.cut(pd.Series([1, 5, 9]), [0, 4, 10]),
    "no categories": pd.Categorical([None, None, None]),
    "Int64": pd.array([1, None, 3], "Int64"),
    "UInt8": pd.array([1, None, 3], "UInt8"),
    "Float32": pd.array([1, None, 3], "Float32"),
    "boolean": pd.array([True, None, False], "boolean"),
    "string[pyarrow]": pd.array(["a", None, "c"], "string[pyarrow]"),
    "float16": np.array([1, 2, 3], "float16"),
    "uint64": np.array([1, 2, 2**64 - 1], "uint64"),
    "naive times": pd.Series([datetime(2026, 1, 1), None, datetime(2026, 1, 2)]),
    "times": pd.Series([NOON, None, NOON]).dt.tz_convert("Asia/Tokyo"),
    "timedelta": pd.to_timedelta(["1 day", None, "2 days"]),
    "period": pd.period_range("2026-01", periods=3, freq="M"),
    "interval": pd.interval_range(0, 3),
    "bytes": pd.Series([b"a", None, b"c"]),
    "decimal": pd.Series([decimal.Decimal("1.10"), None, decimal.Decimal("2.5")]),
    "dates": pd.Series([date(2026, 1, 1), None, date(2026, 1, 2)]),
    "clock": pd.Series([time(1), None, time(2)]),
    "lists": pd.Series([[1, 2], None, []]),
    "dicts": pd.Series([{"a": 1}, None, {"a": 2}]),
    **{
        f"arrow {name}": pd.Series(pd.arrays.ArrowExtensionArray(array))
        for name, array in {**arrow_types.plain(), **arrow_types.nested()}.items()
        if name not in UNKNOWN | NOT_IN_PANDAS
    },
}


@pytest.mark.parametrize("name", PANDAS)
def test_pandas(client: larderdb.Client, name: str) -> None:
    spine = pd.DataFrame(BASE, index=[7, 7, 9])
    spine["x"] = pd.Series(PANDAS[name]).set_axis(spine.index)
    before = spine.copy()
    train = client.training_set(spine, service="late_v1")
    pd.testing.assert_frame_equal(train.data[list(before.columns)], before)
    assert list(train.data["stats__trips"]) == TRIPS


@pytest.mark.parametrize("values", [[1j, 2j, 3j], [object()] * ROWS, [1, "a", {}], pd.arrays.SparseArray([0, 0, 1])])
def test_pandas_without_an_arrow_type(client: larderdb.Client, values: Any) -> None:
    with pytest.raises(larderdb.InvalidRowsError, match="'x' .*(has no Arrow type|one type, or None)"):
        client.training_set(pd.DataFrame({**BASE, "x": values}), service="late_v1")


POLARS: dict[str, Any] = {
    **{str(kind): pl.Series([1, None, 2], dtype=kind) for kind in (
        pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.Float32, pl.Float64,
    )},  # fmt: skip
    "Boolean": pl.Series([True, None, False]),
    "String": pl.Series(["a", None, "a text that is longer than a view holds"]),
    "Binary": pl.Series([b"a", None, b"c"]),
    "Null": pl.Series([None, None, None]),
    "Categorical": pl.Series(["web", None, "app"], dtype=pl.Categorical),
    "Enum": pl.Series(["web", None, "app"], dtype=pl.Enum(["app", "web"])),
    "Date": pl.Series([date(2026, 1, 1), None, date(2026, 1, 2)]),
    "Time": pl.Series([time(1), None, time(2)]),
    "Duration": pl.Series([timedelta(days=1), None, timedelta(0)]),
    "Datetime": pl.Series([NOON.replace(tzinfo=None), None, NOON.replace(tzinfo=None)]),
    "Datetime with a zone": pl.Series([NOON, None, NOON]).dt.convert_time_zone("Asia/Tokyo"),
    "Decimal": pl.Series(["1.10", None, "2.5"]).cast(pl.Decimal(10, 2)),
    "List": pl.Series([["a"], None, []], dtype=pl.List(pl.String)),
    "List of categories": pl.Series([["a"], None, ["b", "a"]], dtype=pl.List(pl.Categorical)),
    "Array": pl.Series([[1, 2], None, [None, 3]], dtype=pl.Array(pl.Int64, 2)),
    "Struct": pl.Series([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}]),
    "Struct of categories": pl.Series([{"a": "x"}, {"a": "y"}, {"a": None}], dtype=pl.Struct({"a": pl.Categorical})),
}


@pytest.mark.parametrize("name", POLARS)
def test_polars(client: larderdb.Client, name: str) -> None:
    spine = pl.DataFrame({**BASE, "x": POLARS[name]})
    train = client.training_set(spine, service="late_v1")
    assert train.data.select(spine.columns).equals(spine)
    assert train.data["stats__trips"].to_list() == TRIPS


@pytest.mark.parametrize("kind", [pl.Object, pl.Int128])
def test_polars_without_an_arrow_type(client: larderdb.Client, kind: Any) -> None:
    with pytest.raises(larderdb.InvalidRowsError, match="'x' .* has no Arrow type"):
        client.training_set(pl.DataFrame({**BASE, "x": pl.Series([1, 2, 3], dtype=kind)}), service="late_v1")


def test_polars_without_an_arrow_type_inside(client: larderdb.Client) -> None:
    spine = pl.DataFrame({**BASE, "x": pl.Series([[1], [2], [3]], dtype=pl.List(pl.Int128))})
    with pytest.raises(larderdb.InvalidRowsError, match="'x' .* has no Arrow type"):
        client.training_set(spine, service="late_v1")


@pytest.mark.parametrize("named", ["courier_id", "event_time", "km"])
@pytest.mark.parametrize("by", ["flight", "client"])
def test_what_is_read_may_be_categories(applied: Server, client: larderdb.Client, named: str, by: str) -> None:
    spine = with_column(pa.array([1, 2, 3]))
    at = spine.column_names.index(named)
    spine = spine.set_column(at, named, pa.chunked_array([spine[named].combine_chunks().dictionary_encode()]))
    if by == "flight":
        got = exchange(applied.addr, [spine])
    else:
        got = client.training_set(spine, service="late_v1").data
    assert got["stats__trips"].to_pylist() == TRIPS and got["request__km"].to_pylist() == BASE["km"]
    assert got.select(spine.column_names).equals(spine)


def test_a_null_category_is_null(applied: Server, client: larderdb.Client) -> None:
    keys = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array([1, None]))
    spine = with_column(pa.array([1, 2, 3])).drop_columns("courier_id").append_column("courier_id", keys)
    with pytest.raises(larderdb.InvalidArgumentError, match="null in row 1") as refused:
        client.training_set(spine, service="late_v1")
    assert refused.value.reason == "NULL_JOIN_KEY"
    with pytest.raises(pa.ArrowInvalid, match="null in row 1"):
        exchange(applied.addr, [spine])


def test_two_columns_of_one_name(applied: Server, client: larderdb.Client) -> None:
    twice = with_column(pa.array([1, 2, 3])).append_column("x", pa.array([4, 5, 6]))
    for spine in (twice, pd.DataFrame([[1, DAY, 1.0, 2, 3]], columns=[*BASE, "x", "x"])):
        with pytest.raises(larderdb.InvalidRowsError, match="two columns 'x'; drop or rename one"):
            client.training_set(spine, service="late_v1")
    with pytest.raises(pa.ArrowInvalid, match='two columns "x"; drop or rename one'):
        exchange(applied.addr, [twice])


@pytest.mark.parametrize("named", ["courier_id", "event_time", "km"])
def test_categories_that_are_not_there(applied: Server, named: str) -> None:
    spine = with_column(pa.array([1, 2, 3]))
    values = spine[named].combine_chunks().slice(0, 1)
    broken = pa.DictionaryArray.from_arrays(pa.array([0, 1 << 20, -7], pa.int32()), values, safe=False)
    spine = spine.set_column(spine.column_names.index(named), named, broken)
    for _ in range(3):  # more often than a server has slots for sets
        with pytest.raises(pa.ArrowInvalid, match="cannot process the columns of the request"):
            exchange(applied.addr, [spine])
