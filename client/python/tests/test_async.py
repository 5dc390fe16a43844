"""The client for asyncio: each method once, against the same server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import larderdb
import pytest

from conftest import DAY, Server, weights


async def test_every_method(applied: Server, folder: Path) -> None:
    async with larderdb.AsyncClient(applied.addr) as client:
        await client.plan(folder)
        pushed = await client.push_model("asked_async", weights(0, 0, 1), service="late_v1")
        assert pushed.version == 1
        answers = await asyncio.gather(
            *(client.score("asked_async", {"courier_id": [1]}, {"km": [float(n)]}) for n in range(20))
        )
        assert [answer.scores for answer in answers] == [[float(n)] for n in range(20)]
        read = await client.get_features(["stats:trips"], {"courier_id": [1]})
        assert read.data == {"stats:trips": [14]}
        assert [run.state for run in await client.materialize("stats")] == ["succeeded"]
        assert (await client.service("late_v1")).keys == {"courier_id": "int64"}
        assert "asked_async" in await client.models()
        assert "stats" in (await client.status()).views
        train = await client.training_set({"courier_id": [1], "event_time": [DAY], "km": [1.0]}, service="late_v1")
        assert train.data["stats__trips"] == [0]
        applied_ = await client.apply(folder)
        assert applied_.version == (await client.status()).catalog_version


async def test_what_is_refused(applied: Server) -> None:
    async with larderdb.AsyncClient(applied.addr) as client:
        with pytest.raises(larderdb.NotFoundError, match="trips") as refused:
            await client.get_features(["stats:trip"], {"courier_id": [1]})
        assert refused.value.reason == "UNKNOWN_FEATURE"
