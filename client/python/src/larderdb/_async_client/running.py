"""A running server, for asyncio."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

from larderdb import _running
from larderdb._connection import AsyncConnection
from larderdb.runs import Run, ServerState


class AsyncRunning(AsyncConnection):
    """Materialization, state and backups of a server."""

    async def materialize(
        self,
        *views: str,
        full: bool = False,
        start: datetime | None = None,
        end: datetime | None = None,
        progress: Callable[[list[Run]], None] | None = None,
    ) -> list[Run]:
        """:meth:`larderdb.Client.materialize`, to be awaited."""
        return await self._run(_running.materialize(views, full, start, end, progress))

    async def status(self) -> ServerState:
        """:meth:`larderdb.Client.status`, to be awaited."""
        return await self._run(_running.status())

    async def snapshot(self, path: str | os.PathLike[str]) -> int:
        """:meth:`larderdb.Client.snapshot`, to be awaited."""
        return await self._run(_running.snapshot(path))
