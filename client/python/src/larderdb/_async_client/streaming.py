"""Events for streams, for asyncio."""

from __future__ import annotations

from larderdb import _streaming
from larderdb._connection import AsyncConnection
from larderdb._streaming import Events
from larderdb.runs import PushedEvents


class AsyncStreaming(AsyncConnection):
    """Events for the streams of a server."""

    async def push(
        self, stream: str, events: Events, *, key: str | None = None, wait_served: bool = False
    ) -> PushedEvents:
        """:meth:`larderdb.Client.push`, to be awaited."""
        return await self._run(_streaming.push(stream, events, key, wait_served))
