"""Features and scores, for asyncio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, overload

from larderdb import _scoring
from larderdb._connection import AsyncConnection
from larderdb._frames import FrameT, Rows
from larderdb._progress import Progress
from larderdb.answers import Features, Scores


class AsyncScoring(AsyncConnection):
    """The data plane: features and scores."""

    @overload
    async def get_features(
        self,
        features: str | Sequence[str],
        entities: Mapping[str, Sequence[Any]],
        request: Rows | None = None,
        *,
        at: datetime | None = None,
        progress: Progress | None = None,
    ) -> Features[dict[str, list[Any]]]: ...
    @overload
    async def get_features(
        self,
        features: str | Sequence[str],
        entities: FrameT,
        request: Rows | None = None,
        *,
        at: datetime | None = None,
        progress: Progress | None = None,
    ) -> Features[FrameT]: ...
    async def get_features(
        self,
        features: str | Sequence[str],
        entities: Rows,
        request: Rows | None = None,
        *,
        at: datetime | None = None,
        progress: Progress | None = None,
    ) -> Features[Any]:
        """:meth:`larderdb.Client.get_features`, to be awaited."""
        return await self._run(_scoring.get_features(self._plans, features, entities, request, at, progress))

    @overload
    async def score(
        self,
        model: str,
        entities: Mapping[str, Sequence[Any]],
        request: Rows | None = None,
        *,
        version: int | None = None,
        at: datetime | None = None,
        return_features: bool = False,
        outputs: str | Sequence[str] = (),
        request_id: str = "",
        progress: Progress | None = None,
    ) -> Scores[dict[str, list[Any]]]: ...
    @overload
    async def score(
        self,
        model: str,
        entities: FrameT,
        request: Rows | None = None,
        *,
        version: int | None = None,
        at: datetime | None = None,
        return_features: bool = False,
        outputs: str | Sequence[str] = (),
        request_id: str = "",
        progress: Progress | None = None,
    ) -> Scores[FrameT]: ...
    async def score(
        self,
        model: str,
        entities: Rows,
        request: Rows | None = None,
        *,
        version: int | None = None,
        at: datetime | None = None,
        return_features: bool = False,
        outputs: str | Sequence[str] = (),
        request_id: str = "",
        progress: Progress | None = None,
    ) -> Scores[Any]:
        """:meth:`larderdb.Client.score`, to be awaited."""
        return await self._run(
            _scoring.score(self._plans, model, entities, request, version, at, return_features, outputs, request_id, progress)
        )
