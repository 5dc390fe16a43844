"""Values of every type go to the wire and come back as they were."""

from __future__ import annotations

import pickle
from datetime import datetime, timezone
from typing import Any

import larderdb
import pyarrow as pa
import pytest
from larderdb import _columns, _fit

NOON = datetime(1969, 12, 31, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("bool", [True, None, False]),
        ("int32", [-(2**31), 2**31 - 1, None]),
        ("int64", [-(2**63), 2**63 - 1]),
        ("float32", [0.5, None, -0.0]),
        ("float64", [0.1, None, float("inf")]),
        ("string", ["", "ü", None]),
        ("bytes", [b"", b"\x00\xff", None]),
        ("timestamp", [NOON, None]),
        ("list<int64>", [[1, 2], [], None, [3]]),
        ("list<string>", [None, ["a"]]),
        ("list<timestamp>", [[NOON]]),
        ("vector<float32, 2>", [[0.5, -1.0], None]),
        ("vector<int64,1>", [[7]]),
        ("int64", []),
        ("list<float64>", []),
    ],
)
def test_round_trip(kind: str, values: list[Any]) -> None:
    array = pa.array(values, _columns.type_of(kind))
    assert _columns.decode(_columns.encode("x", array)).equals(array)
    sliced = pa.concat_arrays([array, array])[len(values) :]
    assert _columns.decode(_columns.encode("x", sliced)).equals(array)


def test_nothing_is_lost_in_fitting() -> None:
    def fit(values: Any, want: str) -> Any:
        return _fit.fit(pa.array(values), _columns.type_of(want))

    assert fit([1, 2], "float64").type == pa.float64()
    assert fit([1.0, 2.0], "int64").type == pa.int64()
    assert fit([1.5], "int64").type == pa.float64(), "what doesn't fit stays, for the server to refuse"
    assert fit([2**40], "int32").type == pa.int64()
    assert fit(["5"], "int64").type == pa.string()
    assert fit([None], "timestamp").type == pa.timestamp("us", "UTC")
    assert fit([[1]], "list<float64>").type == pa.list_(pa.float64())
    assert fit([[1, 2]], "vector<float32, 2>").type == pa.list_(pa.float32())
    embedding = pa.FixedSizeListArray.from_arrays(pa.array([1.0, 2.0]), 2)
    assert _fit.fit(embedding, _columns.type_of("vector<float32, 2>")).to_pylist() == [[1.0, 2.0]]


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        _columns.encode("x", pa.array([NOON.replace(tzinfo=None)]))


def test_errors_can_be_pickled() -> None:
    """As workers of a pool hand them over."""
    error = pickle.loads(pickle.dumps(larderdb.NotFoundError("no view; ask for another", "UNKNOWN_VIEW")))
    assert (str(error), error.reason, type(error)) == ("no view; ask for another", "UNKNOWN_VIEW", larderdb.NotFoundError)
    failed = pickle.loads(pickle.dumps(larderdb.RunFailedError("no table", [])))
    assert failed.runs == [] and str(failed) == "no table"
