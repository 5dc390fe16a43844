"""One frame with keys and request values; and rows that can't be sent, by column and row."""

from __future__ import annotations

import math
import pickle
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import larderdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conftest import DAY, weights

NAIVE = DAY.replace(tzinfo=None)
KEYS = [2, 1, 2]
KM = [1.5, 2.5, 3.5]
SCORES = [39.0, 39.0, 59.0]


@pytest.fixture(scope="module")
def model(applied: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    with larderdb.Client(applied.addr) as client:
        client.push_model("rows", weights(1, 0, 10), service="late_v1")
    return "rows"


def table() -> pa.Table:
    return pa.table({"note": ["a", "b", "c"], "km": KM, "courier_id": KEYS})


@pytest.mark.parametrize(
    "rows",
    [
        {"km": KM, "courier_id": KEYS},
        {"km": tuple(KM), "courier_id": dict(enumerate(KEYS)).values()},
        {"km": np.array(KM, "float16"), "courier_id": np.array(KEYS, object)},
        {"km": pl.Series(KM), "courier_id": pd.Series(KEYS, dtype="UInt8")},
        {"km": [np.float32(1.5), 2.5, np.float64(3.5)], "courier_id": [np.int64(2), 1, np.int8(2)]},
        {"km": pa.chunked_array([KM[:1], KM[1:]]), "courier_id": pa.chunked_array([KEYS[:2], KEYS[2:]])},
        {"km": KM, "courier_id": [2.0, 1.0, 2.0]},
        {"km": pa.array(KM).dictionary_encode(), "courier_id": pa.RunEndEncodedArray.from_arrays([1, 2, 3], KEYS)},
        pd.DataFrame({"note": [object()] * 3, "km": KM, "courier_id": KEYS}),
        pd.DataFrame({"km": pd.Categorical(KM), "courier_id": pd.Categorical(KEYS), 0: KEYS, None: KEYS}),
        pd.DataFrame({"km": pd.array(KM, "Float32"), "courier_id": pd.array(KEYS, "Int16")}, index=["x", "y", "y"]),
        pd.DataFrame({"km": pd.array(KM, "double[pyarrow]"), "courier_id": pd.array(KEYS, "int64[pyarrow]")}),
        pd.DataFrame({"km": pd.Series(KM, dtype=object), "courier_id": pd.Series(KEYS, dtype=object)}),
        pl.DataFrame({"note": pl.Series([object()] * 3, dtype=pl.Object), "km": KM, "courier_id": KEYS}),
        pl.DataFrame({"km": pl.Series(KM, dtype=pl.Float32), "courier_id": pl.Series(KEYS, dtype=pl.UInt64)}),
        table(),
    ],
)
def test_one_frame(client: larderdb.Client, model: str, rows: Any) -> None:
    answer = client.score(model, rows)
    assert [float(score if not isinstance(score, pa.Scalar) else score.as_py()) for score in answer.scores] == SCORES
    assert len(answer.found["stats"]) == 3
    if isinstance(rows, pd.DataFrame):
        assert answer.scores.index.equals(rows.index)
    features = client.get_features("late_v1", rows)
    assert [float(str(km)) for km in features.data["request:km"]] == KM


def test_one_row_and_none(client: larderdb.Client, model: str) -> None:
    assert client.score(model, table().slice(1, 1)).scores.to_pylist() == [39.0]
    frame = table().to_pandas()
    none = client.score(model, frame.iloc[:0], return_features=True)
    assert none.scores.dtype == "float64" and len(none.scores) == 0 and none.requests == []
    assert none.features is not None
    assert none.features.data.dtypes.astype(str).to_dict() == {"stats:trips": "int64", "stats:rating": "float64", "request:km": "float64"}
    assert none.model_version == 1 and none.catalog_version == client.status().catalog_version
    assert client.score(model, {"courier_id": [], "km": []}).scores == []
    assert client.score(model, pl.DataFrame(table()).head(0)).scores.dtype == pl.Float64
    assert client.get_features("late_v1", table().slice(0, 0)).data.num_rows == 0
    with pytest.raises(larderdb.InvalidRowsError, match="no column 'courier_id'"):
        client.score(model, {"km": []})


def test_columns_that_are_missing(client: larderdb.Client, model: str) -> None:
    frame = table().to_pandas()
    for rows, says, reason in [
        (frame.rename(columns={"courier_id": "CourierID"}), "they have 'CourierID': if it was meant, rename it to 'courier_id'", "MISSING_JOIN_KEY"),
        (frame.drop(columns="courier_id"), "they have 'note', 'km'", "MISSING_JOIN_KEY"),
        (frame.set_index("courier_id"), r"it is their index: make it a column, as in rows.reset_index\(\)", "MISSING_JOIN_KEY"),
        (frame.rename(columns={"km": "kms"}), "the rows have 'kms': if it was meant, rename it to 'km'", "MISSING_REQUEST_VALUE"),
        (frame.drop(columns="km"), "of other columns they have 'note'", "MISSING_REQUEST_VALUE"),
        (pd.DataFrame(), "they have no columns", "MISSING_JOIN_KEY"),
    ]:
        with pytest.raises(larderdb.InvalidArgumentError, match=says) as refused:
            client.score(model, rows)
        assert refused.value.reason == reason
    with pytest.raises(larderdb.InvalidRowsError, match="it is their index"):
        client.training_set(frame.assign(event_time=DAY).set_index("courier_id"), service="late_v1")


def test_overrides_are_meant(client: larderdb.Client, model: str) -> None:
    """A frame that has the features of an earlier answer is no override of them."""
    rows = {"courier_id": KEYS, "km": KM, "stats:trips": [0, 0, 0]}
    with pytest.warns(larderdb.LarderWarning, match="'stats:trips' is ignored, and the stored feature is read"):
        assert client.score(model, rows).scores == SCORES
    assert client.score(model, {"courier_id": KEYS, "km": KM}, {"stats:trips": [0, 0, 0]}).scores == [15.0, 25.0, 35.0]
    with pytest.raises(larderdb.InvalidRowsError, match="'km' is a column of the rows and of request= too"):
        client.score(model, {"courier_id": KEYS, "km": KM}, {"km": KM})
    with pytest.raises(larderdb.InvalidRowsError, match="'courier_id' has 3, 'km' has 1"):
        client.score(model, {"courier_id": KEYS}, {"km": [1.0]})
    with pytest.raises(larderdb.InvalidArgumentError, match='did you mean "km"'):
        client.score(model, {"courier_id": KEYS, "km": KM}, {"kmm": KM})


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (table().to_pylist(), r"not a list; for a list of records, give pandas.DataFrame\(records\)"),
        (pl.DataFrame(table()).lazy(), r"not a LazyFrame; collect it first"),
        (pd.Series(KEYS), r"not a Series; give rows.to_frame\(\)"),
        (table().to_batches()[0], r"not a RecordBatch; give pyarrow.table\(rows\)"),
        (np.zeros((3, 2)), "not a ndarray"),
        (None, "not a NoneType"),
        (pd.DataFrame([[1, 2.0, 3.0]], columns=["courier_id", "km", "km"]), "two columns 'km'; drop or rename one"),
        (pa.table([[1], [2.0], [2.0]], names=["courier_id", "km", "km"]), "two columns 'km'; drop or rename one"),
        (pd.DataFrame([[1, 2.0]], columns=pd.MultiIndex.from_tuples([("courier_id", ""), ("km", "")])), "names of several levels"),
        ({"courier_id": [1], "km": [1.0], 0: [1]}, r"the name of a column is 0 \(int\)"),
    ],
)
def test_what_is_no_frame(client: larderdb.Client, model: str, rows: Any, says: str) -> None:
    for ask in (lambda: client.score(model, rows), lambda: client.training_set(rows, service="late_v1")):
        with pytest.raises(larderdb.InvalidRowsError, match=says):
            ask()


MISSING = "row 1 of join key 'courier_id' has no value; every row needs its key"
BAD: list[tuple[Any, str, int | None]] = [
    ({1, 2}, "'courier_id' is a set, which has no order", None),
    (frozenset([1, 2]), "'courier_id' is a frozenset, which has no order", None),
    ({1: 1}, "'courier_id' is a dict; give a list", None),
    ((key for key in KEYS), "'courier_id' is a generator, which can be read once", None),
    ("12", "'courier_id' is str, which is one value", None),
    (7, "'courier_id' is int, which is one value", None),
    (np.array([[1], [2]]), "an array of 2 dimensions", None),
    (np.array(1), "an array of 0 dimensions", None),
    ([1, "2"], r"row 1 of 'courier_id' is '2' \(str\), and the rows before it are int", 1),
    ([None, True, 2], r"row 2 of 'courier_id' is 2 \(int\), and the rows before it are bool", 2),
    (pd.Series([1, 2, "3"], dtype=object), r"row 2 of 'courier_id' is '3' \(str\)", 2),
    ([1, [2]], r"row 1 of 'courier_id' is \[2\] \(list\)", 1),
    ([1, 2**63], "row 1 of 'courier_id' is 9223372036854775808 .*too large for an int64", 1),
    ([1, -(2**70)], "too large for an int64", 1),
    ([1.5, 2**1030], r"row 1 of 'courier_id' is 1150\d+\.\.\. .*too large for an int64", 1),
    (np.array([1, 2**63], "uint64"), "row 1 of 'courier_id' is 9223372036854775808, which no int64 holds", 1),
    (pd.Series([1, 2**70], dtype=object), "too large for an int64", 1),
    ([1, None], MISSING, 1),
    ([1, math.nan], MISSING, 1),
    (np.array([1, math.nan], "float32"), MISSING, 1),
    (pd.Series([1, None]), MISSING, 1),
    (pd.Series([1, None], dtype="Int64"), MISSING, 1),
    (pd.Categorical([1, None]), MISSING, 1),
    (np.ma.array([1, 2], mask=[False, True]), MISSING, 1),
    ([1, pd.NA], "row 1 of 'courier_id' is <NA> .*write None", 1),
    ([1.0, 2.5], "row 1 of join key 'courier_id' is 2.5, which is not a whole number", 1),
    ([1.0, 2.0**53], "which is too large for a float to be exact", 1),
    ([1.0, math.inf], "is inf, which is not a whole number", 1),
    ([Decimal(1), Decimal(2)], r"'courier_id' are decimal128\(1, 0\).*astype\(\"int64\"\)", None),
    ([Decimal(1), 2.5], "row 1 of 'courier_id' is 2.5", 1),
    ([date(2026, 1, 1)], r"'courier_id' are date32\[day\].*pandas.to_datetime", None),
    ([timedelta(1)], r"duration\[us\].*total_seconds", None),
    ([{"a": 1}], "each field of them a column of its own", None),
    ([DAY, NAIVE], r"have a time zone \(row 0\) and some have none \(row 1\)", 1),
    ([np.datetime64("2026-01-01"), np.bool_(True)], "row 0 of 'courier_id' is a time of numpy, and row 1 is none", 1),
    ([np.datetime64("2026-01-01"), DAY], "is a time of numpy", 1),
    ([math.nan, "far"], r"row 1 of 'courier_id' is 'far' \(str\), and the rows before it are float", 1),
    ([None, NAIVE, DAY], r"have a time zone \(row 2\) and some have none \(row 1\)", 1),
    ([[DAY], [DAY, NAIVE]], r"have a time zone \(row 0\) and some have none \(row 1\)", 1),
    (pd.Series([DAY, NAIVE], dtype=object), r"have a time zone \(row 0\) and some have none \(row 1\)", 1),
    ([NAIVE], "have no time zone", None),
    (np.array(["2026-01-01"], "datetime64[s]"), "have no time zone", None),
    (pd.to_datetime([1001], unit="ns", utc=True), r"row 0 of 'courier_id' is 1970-01-01 .*, which no timestamp holds.*dt.floor", 0),
    (["a", "\ud800"], "row 1 of 'courier_id' is .*half of a character is missing", 1),
    ([[1], {2}], "row 1 of 'courier_id' is a set", 1),
    ([[1], [2**70]], r"row 1 of 'courier_id' is \[1180591620717411303424\] \(list\), which is too large", 1),
    (pa.array([[1], [], [1, 2**63]], pa.list_(pa.uint64())), "an element of row 2 of 'courier_id' is 9223372036854775808", 2),
    ([1j, 2j], "has no Arrow type", 0),
    ([object()], "has no Arrow type", 0),
    (np.array([1, 2], "longdouble"), "has no Arrow type", 0),
]


@pytest.mark.parametrize(("values", "says", "row"), BAD)
def test_values_that_cannot_be_sent(client: larderdb.Client, values: Any, says: str, row: int | None) -> None:
    with pytest.raises(larderdb.InvalidRowsError, match=says) as refused:
        client.get_features(["stats:trips"], {"courier_id": values})
    assert (refused.value.column, refused.value.row) == ("courier_id", row)
    assert isinstance(refused.value, ValueError) and isinstance(refused.value, larderdb.InvalidArgumentError)
    again = pickle.loads(pickle.dumps(refused.value))
    assert (str(again), again.column, again.row) == (str(refused.value), "courier_id", row)


@pytest.mark.parametrize(
    ("values", "remedy"),
    [(["1", "2"], r"rows\['courier_id'\].astype\(\"int64\"\)"), ([DAY], "request sends timestamp"), ([[1]], "request sends list<int64>")],
)
def test_another_type_says_how_to_convert(client: larderdb.Client, model: str, values: Any, remedy: str) -> None:
    with pytest.raises(larderdb.InvalidArgumentError, match=remedy) as refused:
        client.score(model, {"courier_id": values, "km": [1.0] * len(values)})
    assert refused.value.reason == "VALUE_TYPE"


def test_spines_are_refused_alike(client: larderdb.Client) -> None:
    times = [DAY, NAIVE]
    for spine in (
        {"courier_id": [1, 2], "event_time": times, "km": [1.0, 2.0]},
        pd.DataFrame({"courier_id": [1, 2], "event_time": pd.Series(times, dtype=object), "km": [1.0, 2.0]}),
    ):
        with pytest.raises(larderdb.InvalidRowsError, match="some have none"):
            client.training_set(spine, service="late_v1")
    with pytest.raises(larderdb.InvalidRowsError, match="'event_time' is a set"):
        client.training_set({"courier_id": [1], "event_time": {DAY}, "km": [1.0]}, service="late_v1")
