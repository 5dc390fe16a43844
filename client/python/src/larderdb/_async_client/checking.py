"""Checks of what is served, for asyncio."""

from __future__ import annotations

from datetime import datetime

from larderdb import _checking, _logged
from larderdb._connection import AsyncConnection
from larderdb._progress import Progress
from larderdb.checks import Dataset, Drift, Experiment, Verification
from larderdb.logged import Replay, Skew


class AsyncChecking(AsyncConnection):
    """Checks of what is served, and the training sets on record."""

    async def verify(
        self, *views: str, service: str | None = None, sample: int | None = 10_000, progress: Progress | None = None
    ) -> Verification:
        """:meth:`larderdb.Client.verify`, to be awaited."""
        return await self._run(_checking.verify(views, service, sample, progress))

    async def replay(self, model: str | None = None, *, progress: Progress | None = None) -> Replay:
        """:meth:`larderdb.Client.replay`, to be awaited."""
        return await self._run(_logged.replay(model, progress))

    async def skew(self, model: str | None = None, *, progress: Progress | None = None) -> Skew:
        """:meth:`larderdb.Client.skew`, to be awaited."""
        return await self._run(_logged.skew(model, progress))

    async def experiment(
        self,
        model: str,
        *,
        metric: str = "auc",
        threshold: float | None = None,
        control: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        alpha: float = 0.05,
        progress: Progress | None = None,
    ) -> Experiment:
        """:meth:`larderdb.Client.experiment`, to be awaited."""
        return await self._run(_checking.experiment(model, metric, threshold, control, since, until, alpha, progress))

    async def drift(
        self, model: str, *, version: int | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> Drift:
        """:meth:`larderdb.Client.drift`, to be awaited."""
        return await self._run(_checking.drift(model, version, since, until))

    async def datasets(self, limit: int = 50) -> list[Dataset]:
        """:meth:`larderdb.Client.datasets`, to be awaited."""
        return await self._run(_checking.datasets(limit))

    async def dataset(self, name: str) -> Dataset:
        """:meth:`larderdb.Client.dataset`, to be awaited."""
        return await self._run(_checking.dataset(name))
