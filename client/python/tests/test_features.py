"""get_features and score: shapes, statuses, types."""

from __future__ import annotations

from datetime import timedelta

import larderdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conftest import DAY, weights

KEYS = [2, 9, 3]
KM = [1.5, 2.5, 3.5]
TRIPS = [24, 0, 34]
RATINGS = [2.4, None, None]


def test_lists_are_answered_with_lists(client: larderdb.Client) -> None:
    answer = client.get_features("late_v1", {"courier_id": KEYS}, {"km": KM})
    assert answer.data == {"stats:trips": TRIPS, "stats:rating": RATINGS, "request:km": KM}
    assert answer.statuses["stats:rating"] == ["PRESENT", "NOT_FOUND", "NULL_VALUE"]
    assert answer.found == {"stats": ["PRESENT", "NOT_FOUND", "PRESENT"]}
    assert answer.ages["stats"][1] is None
    assert answer.ages["stats"][0] > timedelta(days=1)


def test_pandas_is_answered_with_pandas(client: larderdb.Client) -> None:
    index = pd.Index(["x", "y", "x"])
    answer = client.get_features("late_v1", pd.DataFrame({"courier_id": KEYS}, index=index), pd.DataFrame({"km": KM}))
    want = pd.DataFrame({"stats:trips": TRIPS, "stats:rating": [2.4, None, None], "request:km": KM}, index=index)
    pd.testing.assert_frame_equal(answer.data, want)
    assert list(answer.statuses["stats:trips"]) == ["PRESENT", "NOT_FOUND", "PRESENT"]


def test_polars_is_answered_with_polars(client: larderdb.Client) -> None:
    answer = client.get_features("late_v1", pl.DataFrame({"courier_id": KEYS}), pl.DataFrame({"km": KM}))
    assert answer.data.equals(pl.DataFrame({"stats:trips": TRIPS, "stats:rating": RATINGS, "request:km": KM}))


def test_arrow_is_answered_with_arrow(client: larderdb.Client) -> None:
    answer = client.get_features(["stats:rating", "stats:trips"], pa.table({"courier_id": KEYS}))
    assert answer.data.equals(pa.table({"stats:rating": pa.array(RATINGS), "stats:trips": pa.array(TRIPS)}))


def test_integers_stand_for_floats(client: larderdb.Client) -> None:
    answer = client.get_features("late_v1", pd.DataFrame({"courier_id": [1]}, dtype="int32"), {"km": [2]})
    assert list(answer.data["request:km"]) == [2.0]


def test_an_earlier_time(client: larderdb.Client) -> None:
    answer = client.get_features(["stats:trips"], {"courier_id": [2]}, at=DAY)
    assert answer.statuses == {"stats:trips": ["NOT_FOUND"]}
    with pytest.raises(larderdb.InvalidArgumentError, match="at is 2026-03-01 00:00:00, which has no time zone"):
        client.get_features(["stats:trips"], {"courier_id": [2]}, at=DAY.replace(tzinfo=None))


def test_what_is_refused_says_what_to_do(client: larderdb.Client) -> None:
    with pytest.raises(larderdb.NotFoundError, match='"stats" has no feature "trip"; .*trips') as refused:
        client.get_features(["stats:trip"], {"courier_id": [1]})
    assert refused.value.reason == "UNKNOWN_FEATURE"
    with pytest.raises(larderdb.InvalidArgumentError, match="courier_id"):
        client.get_features(["stats:trips"], {"courier": [1]})
    with pytest.raises(larderdb.InvalidArgumentError, match="courier_id"):
        client.get_features(["stats:trips"], {"courier_id": ["one"]})
    with pytest.raises(larderdb.InvalidRowsError, match="'courier_id' is int, which is one value; give a list"):
        client.get_features(["stats:trips"], {"courier_id": 1})


def test_scores(client: larderdb.Client) -> None:
    client.push_model("scored", weights(1, 0, 10), service="late_v1")
    answer = client.score("scored", {"courier_id": [1, 2]}, {"km": [1.5, 2.5]}, return_features=True)
    assert answer.scores == [29.0, 49.0]
    assert answer.features is not None and answer.features.data["stats:trips"] == [14, 24]
    assert answer.found == {"stats": ["PRESENT", "PRESENT"]}
    assert answer.model_version == 1
    assert answer.model_versions == [1] * len(answer.scores)
    assert answer.request_id == ""  # it is not logged
    frame = client.score("scored", pd.DataFrame({"courier_id": [1, 2]}, index=[5, 6]), {"km": [1.5, 2.5]})
    pd.testing.assert_series_equal(frame.scores, pd.Series([29.0, 49.0], index=[5, 6]))
    with pytest.raises(larderdb.NotFoundError, match="scored"):
        client.score("score", {"courier_id": [1]})


def test_definitions_that_change_meanwhile(client: larderdb.Client, folder: object) -> None:
    """What a client knows of types is of the definitions that answer, from the next request on."""
    before = client.get_features(["stats:trips"], {"courier_id": [1]}).catalog_version
    client.push_model("meanwhile", weights(0, 0, 1), service="late_v1")
    assert client.get_features(["stats:trips"], {"courier_id": [1]}).catalog_version == before + 1


def test_a_server_that_is_not_there() -> None:
    with larderdb.Client("127.0.0.1:1", timeout=5) as nowhere:
        with pytest.raises(larderdb.UnavailableError, match="is larder serve running at 127.0.0.1:1"):
            nowhere.status()
