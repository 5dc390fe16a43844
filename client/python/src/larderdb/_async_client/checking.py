"""Checks of what is served, for asyncio."""

from __future__ import annotations

from datetime import datetime

from larderdb import _checking
from larderdb._connection import AsyncConnection
from larderdb._progress import Progress
from larderdb.checks import Dataset, Experiment, Verification


class AsyncChecking(AsyncConnection):
    """Checks of what is served, and the training sets on record."""

    async def verify(
        self, *views: str, service: str | None = None, sample: int | None = 10_000, progress: Progress | None = None
    ) -> Verification:
        """:meth:`larderdb.Client.verify`, to be awaited."""
        return await self._run(_checking.verify(views, service, sample, progress))

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

    async def datasets(self, limit: int = 50) -> list[Dataset]:
        """:meth:`larderdb.Client.datasets`, to be awaited."""
        return await self._run(_checking.datasets(limit))

    async def dataset(self, name: str) -> Dataset:
        """:meth:`larderdb.Client.dataset`, to be awaited."""
        return await self._run(_checking.dataset(name))
