"""Models, for asyncio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from larderdb import _versions
from larderdb._connection import AsyncConnection
from larderdb.answers import TrainingSet
from larderdb.definitions import Applied
from larderdb.models import Model, Pushed, Ramp, RolledBack


class AsyncModels(AsyncConnection):
    """Models and their versions."""

    async def models(self, name: str | None = None) -> dict[str, Model]:
        """:meth:`larderdb.Client.models`, to be awaited."""
        return await self._run(_versions.models(name))

    async def push_model(
        self,
        name: str,
        onnx: Any,
        *,
        service: str | None = None,
        dataset: str | TrainingSet[Any] | None = None,
        serve: bool = False,
        output: tuple[str, int] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Pushed:
        """:meth:`larderdb.Client.push_model`, to be awaited."""
        return await self._run(_versions.push(name, onnx, service, dataset, serve, output, metrics, tags))

    async def promote(self, name: str, version: int) -> Applied:
        """:meth:`larderdb.Client.promote`, to be awaited."""
        return await self._run(_versions.promote(name, version))

    async def rollback(self, name: str) -> RolledBack:
        """:meth:`larderdb.Client.rollback`, to be awaited."""
        return await self._run(_versions.rollback(name))

    async def retire(self, name: str, version: int | None = None, *, whole_model: bool = False) -> Applied:
        """:meth:`larderdb.Client.retire`, to be awaited."""
        return await self._run(_versions.retire(name, version, whole_model))

    async def set_traffic(
        self,
        name: str,
        weights: Mapping[int, float],
        *,
        split_by: str = "",
        salt: str = "",
        ramp: Ramp | None = None,
    ) -> Applied:
        """:meth:`larderdb.Client.set_traffic`, to be awaited."""
        return await self._run(_versions.set_traffic(name, weights, split_by, salt, ramp))

    async def shadow(self, name: str, *versions: int) -> Applied:
        """:meth:`larderdb.Client.shadow`, to be awaited."""
        return await self._run(_versions.shadow(name, versions))

    async def resume(self, name: str) -> None:
        """:meth:`larderdb.Client.resume`, to be awaited."""
        return await self._run(_versions.resume(name))

    async def release(self, name: str, version: int) -> None:
        """:meth:`larderdb.Client.release`, to be awaited."""
        return await self._run(_versions.release(name, version))
