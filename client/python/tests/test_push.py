"""Events that are pushed move the windows, whatever they come as."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import larderdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conftest import DEFINITIONS, Server

STREAM = """\
streams:
  - name: trips
    push: {}
    log: {table: trips_log, create: true}
    event_id: id
    timestamp_field: ended
    fields: [{name: id, type: string}, {name: courier_id, type: int64}, {name: km, type: float64, nullable: true}, {name: ended, type: timestamp}]
aggregate_views:
  - name: recent
    entities: [courier]
    stream: trips
    windows: [1h]
    features: [{name: trips, count: "*", default: 0}, {name: km, sum: km}]
"""


@pytest.fixture
def streaming(applied: Server, folder: Path, tmp_path: Path) -> Any:
    with larderdb.Client(applied.addr) as client:
        (tmp_path / "all.yaml").write_text(DEFINITIONS)
        (tmp_path / "stream.yaml").write_text(STREAM)
        client.apply(str(tmp_path))
        yield client
        client.apply(str(folder), allow_delete=["trips", "recent"])


def test_events_as_anything(streaming: larderdb.Client) -> None:
    now = datetime.now(timezone.utc) - timedelta(seconds=5)

    def rows(first: int, n: int) -> dict[str, list[Any]]:
        return {
            "id": [f"t{i}" for i in range(first, first + n)],
            "courier_id": [900] * n,
            "km": [0.1] * n,
            "ended": [now] * n,
        }

    shapes = [rows(0, 3), pd.DataFrame(rows(3, 3)), pl.DataFrame(rows(6, 3)), pa.table(rows(9, 3))]
    for shape in shapes:
        assert streaming.push("trips", shape, wait_served=True).appended == 3
    done = streaming.push("trips", rows(0, 12), wait_served=True)
    assert (done.appended, done.duplicates) == (0, 12)
    got = streaming.get_features(["recent:trips_1h", "recent:km_1h"], {"courier_id": [900]})
    assert list(got.data["recent:trips_1h"]) == [12]
    assert list(got.data["recent:km_1h"]) == [math.fsum([0.1] * 12)]


def test_events_one_by_one(streaming: larderdb.Client) -> None:
    now = datetime.now(timezone.utc) - timedelta(seconds=5)
    events = [{"id": "o1", "courier_id": 902, "km": 1.5, "ended": now}, {"ended": now, "id": "o2", "courier_id": 902}]
    assert streaming.push("trips", events, wait_served=True).appended == 2
    got = streaming.get_features(["recent:trips_1h", "recent:km_1h"], {"courier_id": [902]})
    assert (list(got.data["recent:trips_1h"]), list(got.data["recent:km_1h"])) == ([2], [1.5])
    with pytest.raises(larderdb.InvalidArgumentError, match='"courier_id" is null'):
        streaming.push("trips", [{"id": "o3", "ended": now}, {"id": "o4", "courier_id": 902, "ended": now}])


def test_a_key_adds_once(streaming: larderdb.Client) -> None:
    event = {"id": ["k1"], "courier_id": [901], "ended": [datetime.now(timezone.utc)]}
    assert not streaming.push("trips", event, key="once").repeated
    again = streaming.push("trips", event, key="once")
    assert again.repeated and again.appended == 1


def test_bad_events_are_named(streaming: larderdb.Client) -> None:
    ahead = datetime.now(timezone.utc) + timedelta(hours=1)
    with pytest.raises(larderdb.InvalidArgumentError, match="ahead of the clock"):
        streaming.push("trips", {"id": ["f"], "courier_id": [1], "ended": [ahead]})
    with pytest.raises(larderdb.InvalidArgumentError, match='no field "kms"; did you mean "km"'):
        streaming.push("trips", {"id": ["f"], "courier_id": [1], "kms": [1.0], "ended": [ahead]})
    with pytest.raises(larderdb.NotFoundError, match='no stream "trip"'):
        streaming.push("trip", {"id": ["f"]})
