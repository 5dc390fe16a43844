"""The client for asyncio."""

from __future__ import annotations

from types import TracebackType

from larderdb._async_client.checking import AsyncChecking
from larderdb._async_client.definitions import AsyncDefinitions
from larderdb._async_client.models import AsyncModels
from larderdb._async_client.running import AsyncRunning
from larderdb._async_client.scoring import AsyncScoring
from larderdb._async_client.streaming import AsyncStreaming
from larderdb._async_client.training import AsyncTraining


class AsyncClient(AsyncScoring, AsyncDefinitions, AsyncModels, AsyncRunning, AsyncChecking, AsyncTraining, AsyncStreaming):
    """:class:`larderdb.Client` for asyncio: the same methods, to be awaited.

    Make one inside of the event loop that it is used in.

    Example:
        >>> async with larderdb.AsyncClient("localhost") as client:
        ...     answer = await client.score("late", {"courier_id": [7, 4711], "km": [1.5, 9.0]})
    """

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
