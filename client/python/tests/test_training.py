"""Training sets, and models from them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import larderdb
import larderdb.onnx
import numpy as np
import onnx
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conftest import DAY, weights

TIMES = [DAY + timedelta(days=2), DAY + timedelta(days=2, hours=1), DAY - timedelta(days=1)]
SPINE: dict[str, list[Any]] = {
    "label": ["a", None, "c"],
    "courier_id": [1, 1, 2],
    "event_time": TIMES,
    "km": [1.0, 2.0, 3.0],
}
# The row of day 2 arrives ten minutes after midnight.
TRIPS = [11, 12, 0]
RATINGS = [1.1, 1.2, None]
FEATURES = ["stats__trips", "stats__rating", "request__km"]


def test_lists(client: larderdb.Client) -> None:
    done: list[tuple[int, int]] = []
    train = client.training_set(SPINE, service="late_v1", progress=lambda *rows: done.append(rows))
    assert train.data == {**SPINE, "stats__trips": TRIPS, "stats__rating": RATINGS, "request__km": SPINE["km"]}
    assert train.features == FEATURES
    assert train.manifest["rows"] == 3 and train.manifest["id"] == train.id
    assert train.service == client.service("late_v1")
    assert not done or done[-1][0] <= 3


def test_by_event_time(client: larderdb.Client) -> None:
    train = client.training_set(SPINE, service="late_v1", as_of="event_time")
    assert train.data["stats__trips"] == [12, 12, 0]


def test_pandas(client: larderdb.Client) -> None:
    spine = pd.DataFrame(SPINE, index=[7, 7, 8])
    train = client.training_set(spine, service="late_v1")
    pd.testing.assert_frame_equal(train.data[list(spine.columns)], spine)
    assert list(train.data["stats__trips"]) == TRIPS
    assert np.isnan(train.data["stats__rating"].iloc[2])
    assert train.data[train.features].to_numpy("float32").shape == (3, 3)


def test_polars(client: larderdb.Client) -> None:
    spine = pl.DataFrame(SPINE)
    train = client.training_set(spine, service="late_v1")
    assert train.data.select(spine.columns).equals(spine)
    assert train.data["stats__rating"].to_list() == RATINGS


def test_arrow_of_any_size(client: larderdb.Client) -> None:
    n = 200_000
    spine = pa.table(
        {"courier_id": np.arange(n) % 4, "event_time": pa.array([DAY + timedelta(days=10)] * n), "km": np.arange(n)}
    )
    train = client.training_set(spine, service="late_v1")
    assert train.data.select(spine.column_names).equals(spine)
    assert train.data["stats__trips"].to_pylist()[:5] == [0, 14, 24, 34, 0]
    assert train.data.num_rows == n


def test_arrow_of_any_width(client: larderdb.Client) -> None:
    n = 20_000
    labels = {f"x{i}": np.arange(n, dtype="float64") * i for i in range(150)}
    times = [DAY + timedelta(days=10)] * n
    spine = pa.table({"courier_id": np.arange(n) % 4, "event_time": times, "km": np.arange(n), **labels})
    train = client.training_set(spine, service="late_v1")
    assert train.data.select(spine.column_names).equals(spine)


def test_no_rows(client: larderdb.Client) -> None:
    train = client.training_set(pd.DataFrame(SPINE).iloc[:0], service="late_v1")
    assert len(train.data) == 0 and train.features == FEATURES


def test_what_is_refused(client: larderdb.Client) -> None:
    naive = pd.DataFrame({**SPINE, "event_time": [t.replace(tzinfo=None) for t in TIMES]})
    with pytest.raises(larderdb.InvalidArgumentError, match="tz_localize") as refused:
        client.training_set(naive, service="late_v1")
    assert refused.value.reason == "NAIVE_TIMESTAMP"
    with pytest.raises(larderdb.InvalidArgumentError, match="courier_id"):
        client.training_set({name: SPINE[name] for name in ("event_time", "km")}, service="late_v1")
    with pytest.raises(larderdb.NotFoundError, match="late_v1"):
        client.training_set(SPINE, service="late_v2")
    with pytest.raises(ValueError, match="different numbers of rows"):
        client.training_set({**SPINE, "km": [1.0]}, service="late_v1")
    with larderdb.Client("127.0.0.1:1", timeout=5) as nowhere, pytest.raises(larderdb.UnavailableError):
        nowhere.training_set(SPINE, service="late_v1")


def test_a_failing_progress_ends_the_set(client: larderdb.Client) -> None:
    def fail(rows: int, of: int) -> None:
        raise RuntimeError("enough")

    n = 400_000
    spine = {"courier_id": [1] * n, "event_time": [DAY] * n, "km": [1.0] * n}
    with pytest.raises(RuntimeError, match="enough"):
        client.training_set(spine, service="late_v1", progress=fail)
    assert client.training_set(SPINE, service="late_v1").manifest["rows"] == 3


def test_from_a_training_set_to_scores(client: larderdb.Client, tmp_path: Path) -> None:
    train = client.training_set(SPINE, service="late_v1")
    stamped = larderdb.onnx.stamp(weights(1, 0, 2), train)
    pushed = client.push_model("toured", stamped, dataset=train)
    assert (pushed.version, pushed.output.output, pushed.output.column) == (1, "score", 0)
    assert (pushed.output.engine, pushed.output.notes) == ("onnxruntime", [])
    assert f'dataset: "{train.id}"' in pushed.definition
    assert client.score("toured", {"courier_id": [1]}, {"km": [3.0]}).scores == [20.0]
    path = tmp_path / "next.onnx"
    path.write_bytes(larderdb.onnx.stamp(weights(2, 0, 2), train.service))
    assert client.push_model("toured", path, serve=True, metrics={"auc": 0.87}, tags={"team": "risk"}).version == 2
    assert client.push_model("toured", stamped).version == 1, "a file that is a version already is not another"
    model = client.models()["toured"]
    assert (model.serve, sorted(model.versions), model.service) == (2, [1, 2], "late_v1")
    assert model.versions[2].inputs == ["features float32[N, 3]"] and model.versions[2].loaded
    assert (model.versions[2].metrics, model.versions[2].tags) == ({"auc": 0.87}, {"team": "risk"})
    assert model.versions[1].dataset == train.id and model.versions[1].added_by and model.versions[1].added_at


def test_stamps_that_do_not_fit(client: larderdb.Client) -> None:
    stamped = larderdb.onnx.stamp(weights(1, 0, 2), client.service("late_v1"))
    first = "feature 1 is stats:trips in the model and stats:rating in the service"
    with pytest.raises(larderdb.InvalidArgumentError, match=first):
        client.push_model("misplaced", stamped, service="turned")
    with pytest.raises(larderdb.InvalidArgumentError, match="name the feature service that new model") as refused:
        client.push_model("nameless", weights(1, 0, 2))
    assert refused.value.reason == "NO_FEATURE_SERVICE"


def test_a_stamp_replaces_the_one_before(client: larderdb.Client) -> None:
    model = weights(1, 0, 2)
    model.metadata_props.add(key="author", value="us")
    once = larderdb.onnx.stamp(model, client.service("late_v1"))
    twice = onnx.load_model_from_string(larderdb.onnx.stamp(once, client.service("turned")))
    properties = {entry.key: entry.value for entry in twice.metadata_props}
    assert len(twice.metadata_props) == 4 and properties["author"] == "us"
    assert properties["larder.feature_service"] == "turned"
    assert properties["larder.features"] == '["stats:rating", "stats:trips", "request:km"]'
