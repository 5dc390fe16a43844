"""Definitions, for asyncio."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from larderdb import _defining
from larderdb._connection import AsyncConnection
from larderdb.answers import Service
from larderdb.definitions import Applied, Definition, Plan, Shown, Version


class AsyncDefinitions(AsyncConnection):
    """What is defined: planned, applied, read back."""

    async def service(self, name: str) -> Service:
        """:meth:`larderdb.Client.service`, to be awaited."""
        return await self._run(_defining.service(name))

    async def plan(
        self, folder: str | os.PathLike[str] | None = None, *, to_version: int | None = None, project: str | None = None
    ) -> Plan:
        """:meth:`larderdb.Client.plan`, to be awaited."""
        return await self._run(_defining.plan(folder, to_version, project))

    async def apply(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        to_version: int | None = None,
        project: str | None = None,
        allow_delete: bool | Iterable[str] | None = None,
    ) -> Applied:
        """:meth:`larderdb.Client.apply`, to be awaited."""
        return await self._run(_defining.apply(folder, to_version, project, allow_delete))

    async def show(self, name: str, *, kind: str | None = None) -> Shown:
        """:meth:`larderdb.Client.show`, to be awaited."""
        return await self._run(_defining.show(name, kind))

    async def search(self, text: str) -> list[Definition]:
        """:meth:`larderdb.Client.search`, to be awaited."""
        return await self._run(_defining.search(text))

    async def export(self, folder: str | os.PathLike[str], *, version: int | None = None, project: str | None = None) -> list[Path]:
        """:meth:`larderdb.Client.export`, to be awaited."""
        return await self._run(_defining.export(folder, version, project))

    async def versions(self, limit: int = 50) -> list[Version]:
        """:meth:`larderdb.Client.versions`, to be awaited."""
        return await self._run(_defining.versions(limit))

    # Last, since it hides the type of that name from what follows in the class.
    async def list(self, kind: str | None = None) -> list[Definition]:
        """:meth:`larderdb.Client.list`, to be awaited."""
        return await self._run(_defining.listed(kind, ""))
