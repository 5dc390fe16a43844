"""More rows than a request takes: sent in chunks, answered in order."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import larderdb
import numpy as np
import pandas as pd
import pytest
from larderdb import _progress

from conftest import DEFINITIONS, Server, fill, serve, weights

ROWS = 25_001
FRAME = pd.DataFrame(
    {"courier_id": np.arange(ROWS) % 2 + 1, "km": np.arange(ROWS) / 10.0}, index=np.arange(ROWS)[::-1]
)
SCORES = pd.Series(np.where(FRAME["courier_id"] == 1, 14, 24) + FRAME["km"].astype("float32") * 10, FRAME.index, name=None).rename(None)


@pytest.fixture(scope="module")
def model(applied: Server) -> str:
    with larderdb.Client(applied.addr) as client:
        client.push_model("many", weights(1, 0, 10), service="late_v1")
    return "many"


def test_rows_come_in_order(client: larderdb.Client, model: str) -> None:
    told: list[tuple[int, int]] = []
    answer = client.score(model, FRAME, return_features=True, progress=lambda done, of: told.append((done, of)))
    pd.testing.assert_series_equal(answer.scores, SCORES.astype("float64"), rtol=1e-6)
    assert told == [(10_000, ROWS), (20_000, ROWS), (ROWS, ROWS)]
    assert [(part.start, part.rows) for part in answer.requests] == [(0, 10_000), (10_000, 10_000), (20_000, 5_001)]
    assert answer.model_versions == [answer.model_version] * ROWS
    assert answer.found.shape == answer.ages.shape == (ROWS, 1)
    assert answer.features is not None
    assert answer.features.data["request:km"].equals(FRAME["km"])
    assert client.get_features("late_v1", FRAME).data.equals(answer.features.data)


async def test_asyncio(applied: Server, model: str) -> None:
    async with larderdb.AsyncClient(applied.addr) as client:
        answer = await client.score(model, FRAME)
    pd.testing.assert_series_equal(answer.scores, SCORES.astype("float64"), rtol=1e-6)


def test_errors_say_which_rows(client: larderdb.Client, model: str) -> None:
    text = FRAME.astype({"km": object})
    text.iloc[20_003, 1] = "far"
    with pytest.raises(larderdb.InvalidRowsError, match=r"row 20003 of 'km' is 'far' \(str\)") as refused:
        client.score(model, text)
    assert refused.value.row == 20_003
    numbers = np.zeros(ROWS, "int64")
    numbers[12_345] = 2**40  # which the server refuses, of a chunk
    says = r"in rows 10000 to 19999 of 25001, counted from 0 \(row 0 below is row 10000\): .* row 2345"
    with pytest.raises(larderdb.InvalidArgumentError, match=says):
        client.get_features("numbered", FRAME, {"n": numbers})
    with pytest.raises(larderdb.InvalidArgumentError, match='^request value "n" is int32; the request sends string'):
        client.get_features("numbered", FRAME, {"n": numbers.astype(str)})
    with pytest.raises(larderdb.InvalidRowsError, match="^row 12345 of 'n' is 0.5, which is not a whole number"):
        client.get_features("numbered", FRAME, {"n": np.where(numbers > 0, 0.5, 1.0)})


def test_one_id_is_of_one_request(client: larderdb.Client, model: str) -> None:
    with pytest.raises(larderdb.InvalidArgumentError, match="25,001 rows are sent as several, of at most 10,000") as refused:
        client.score(model, FRAME, request_id="order 7")
    assert refused.value.reason == "REQUEST_ID"
    assert len(client.score(model, FRAME.iloc[:10_000], request_id="order 7").scores) == 10_000


@pytest.fixture(scope="module")
def small(binary: Path, tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[larderdb.Client]:
    """A server that takes less than others."""
    options = ["--dev", "--max-rows", "700", "--max-message-bytes", "1000000"]
    with serve(binary, tmp_path_factory.mktemp("small"), *options) as running:
        fill(running.dsn)
        with larderdb.Client(running.addr) as client:
            client.apply(folder)
            client.materialize()
            client.push_model("small", weights(1, 0, 10), service="late_v1")
            yield client


def test_a_server_that_takes_less(small: larderdb.Client) -> None:
    answer = small.score("small", FRAME.iloc[:3_000])
    pd.testing.assert_series_equal(answer.scores, SCORES.iloc[:3_000].astype("float64"), rtol=1e-6)
    assert sum(part.rows for part in answer.requests) == 3_000 and max(part.rows for part in answer.requests) <= 700


def test_definitions_that_change_meanwhile(client: larderdb.Client, applied: Server, model: str) -> None:
    """Other definitions don't matter; another version of the model ends the call."""
    changes: list[Any] = [
        lambda other: other.push_model("beside", weights(0, 0, 3), service="late_v1"),
        lambda other: other.push_model(model, weights(0, 0, 4), serve=True),
    ]
    for number, change in enumerate(changes):

        def once(done: int, of: int, change: Any = change) -> None:
            if done == 10_000:
                with larderdb.Client(applied.addr) as other:
                    change(other)

        if number == 0:
            assert len(client.score(model, FRAME, progress=once).scores) == ROWS
            continue
        with pytest.raises(larderdb.FailedPreconditionError, match="changed while the rows were sent") as refused:
            client.score(model, FRAME, progress=once)
        assert refused.value.reason == "VERSION_MOVED"
        assert client.score(model, FRAME).model_version == 2


def test_a_request_by_old_definitions_is_sent_again(small: larderdb.Client, tmp_path: Path) -> None:
    """What a client knows of a service may be old: a frame has the new value already."""
    frame = {"courier_id": [1], "km": [1.0], "night": [True]}
    small.get_features("turned", frame)
    grown = DEFINITIONS.replace(
        '{name: turned, request: [{name: km, type: float64}], features: ["stats:rating", "stats:trips", "request:km"]}',
        '{name: turned, request: [{name: night, type: bool}], features: ["request:night"]}',
    )
    assert grown != DEFINITIONS
    (tmp_path / "all.yaml").write_text(grown)
    with larderdb.Client(small._addr) as other:
        other.apply(tmp_path, allow_delete=True)
    assert small.get_features("turned", frame).data == {"request:night": [True]}
    # Without join keys, the request values are the rows.
    assert small.get_features("turned", {}, {"night": [True, False]}).data == {"request:night": [True, False]}


# Progress.

SCRIPT = """
import time
from larderdb._progress import Bar
with Bar("scoring", "rows", None) as bar:
    bar.set(1, 30)
    bar._next = 0.0
    bar.set(10_000, 25_000)
    bar._next = 0.0
    bar.set(30_000, 25_000)
"""


def run_bar(stderr: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(larderdb.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, env=environment, stderr=stderr)


def test_a_terminal_shows_progress() -> None:
    ours, theirs = pty.openpty()
    run_bar(theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as read:
        shown = read.read(4096).decode()
    lines = [line.strip() for line in shown.split("\r")]
    assert "scoring [=========               ] 10,000 of 25,000 rows 40 %" in lines
    assert "scoring [========================] 30,000 of 30,000 rows" in lines
    assert lines[-1] == "", "the bar is gone at the end"


def test_a_file_does_not(tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as log:
        run_bar(log.fileno())
    assert (tmp_path / "log").read_bytes() == b""


def test_a_notebook_does(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(sys, "stderr", stream)
    with _progress.Bar("scoring", "rows", None) as bar:
        bar._next = 0.0
        bar.set(5, 10)
    assert "5 of 10 rows 50 %" in stream.getvalue()
