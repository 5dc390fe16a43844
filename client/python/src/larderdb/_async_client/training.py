"""Training sets, for asyncio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

from larderdb import _training
from larderdb._client.training import AsOf
from larderdb._connection import AsyncConnection
from larderdb._frames import FrameT, Rows
from larderdb._progress import Progress
from larderdb.answers import TrainingSet


class AsyncTraining(AsyncConnection):
    """Training sets."""

    @overload
    async def training_set(
        self,
        spine: Mapping[str, Sequence[Any]],
        *,
        service: str,
        as_of: AsOf = "ingest_time",
        event_time_column: str = "event_time",
        name: str = "",
        own_event_column: str = "",
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> TrainingSet[dict[str, Sequence[Any]]]: ...
    @overload
    async def training_set(
        self,
        spine: FrameT,
        *,
        service: str,
        as_of: AsOf = "ingest_time",
        event_time_column: str = "event_time",
        name: str = "",
        own_event_column: str = "",
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> TrainingSet[FrameT]: ...
    async def training_set(
        self,
        spine: Rows,
        *,
        service: str,
        as_of: AsOf = "ingest_time",
        event_time_column: str = "event_time",
        name: str = "",
        own_event_column: str = "",
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> TrainingSet[Any]:
        """:meth:`larderdb.Client.training_set`, to be awaited."""
        return await self._run(_training.training_set(
                spine, service, as_of, event_time_column, name, own_event_column, progress, timeout
            ))
