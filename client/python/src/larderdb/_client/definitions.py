"""Definitions, for ordinary code."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from larderdb import _defining
from larderdb._connection import Connection
from larderdb.answers import Service
from larderdb.definitions import Applied, Definition, Plan, Shown, Version


class Definitions(Connection):
    """What is defined: planned, applied, read back."""

    def service(self, name: str) -> Service:
        """Tell what a feature service reads, with all types and the fingerprint of its definitions."""
        return self._run(_defining.service(name))

    def plan(
        self, folder: str | os.PathLike[str] | None = None, *, to_version: int | None = None, project: str | None = None
    ) -> Plan:
        """Tell what applying a folder of definitions would change. Nothing changes.

        All that :meth:`apply` checks is checked; for that, model files that the server
        lacks are sent.

        Args:
            folder: the folder that holds the definitions.
            to_version: instead: the earlier version to go back to.
            project: with to_version, the project that goes back; by default ``"default"``.

        Example:
            >>> for change in client.plan("defs"):
            ...     print(change)
            ~ feature view courier_stats ttl: "7d" -> "14d"
                applies to stored rows at once
        """
        return self._run(_defining.plan(folder, to_version, project))

    def apply(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        to_version: int | None = None,
        project: str | None = None,
        allow_delete: bool | Iterable[str] | None = None,
    ) -> Applied:
        """Make a folder of definitions the newest version, and wait until the server serves it.

        Faults of the files come with file, line and column. Model files that the
        server lacks are sent. Refused when somebody else applied meanwhile, and when it
        deletes definitions or stored rows that ``allow_delete`` doesn't name.

        Args:
            folder: the folder that holds the definitions.
            to_version: instead: the earlier version to go back to.
            project: with to_version, the project that goes back; by default ``"default"``.
                A folder names its own, with ``project: NAME`` in one of its files.
            allow_delete: the names of what may be deleted or stored anew, or True for
                all; :attr:`larderdb.Plan.destroys` has what an apply needs.

        Example:
            >>> client.apply("defs").version
            2
            >>> client.apply("defs", allow_delete=["courier_stats"]).version
            3
        """
        return self._run(_defining.apply(folder, to_version, project, allow_delete))

    def show(self, name: str, *, kind: str | None = None) -> Shown:
        """Tell one definition in full: what it is, who uses it, and how it does.

        Args:
            name: its name.
            kind: what it is, as in ``"feature view"``, where several kinds have the name.

        Example:
            >>> print(client.show("courier_stats").yaml)
        """
        return self._run(_defining.show(name, kind))

    def search(self, text: str) -> list[Definition]:
        """List the definitions that have a text anywhere: in a name, a description, an owner, a tag.

        Example:
            >>> [f"{found.name}: {found.found_in}" for found in client.search("rating")]
            ["courier_stats: ['features.rating']"]
        """
        return self._run(_defining.search(text))

    def export(self, folder: str | os.PathLike[str], *, version: int | None = None, project: str | None = None) -> list[Path]:
        """Write the applied definitions as YAML files; return their paths.

        Applying the folder changes nothing: a model version names its file by its
        SHA-256, by which the server has it.

        Args:
            folder: where to: a new folder, or an empty one.
            version: of the definitions; the newest when not given.
            project: whose definitions; ``"default"`` when not given.

        Example:
            >>> client.export("before", version=3)
            [PosixPath('before/entities.yaml'), ...]
        """
        return self._run(_defining.export(folder, version, project))

    def versions(self, limit: int = 50) -> list[Version]:
        """List the versions of the definitions, newest first."""
        return self._run(_defining.versions(limit))

    # Last, since it hides the type of that name from what follows in the class.
    def list(self, kind: str | None = None) -> list[Definition]:
        """List what is defined.

        Args:
            kind: ``"entities"``, ``"sources"``, ``"views"``, ``"services"`` or
                ``"models"``; all when not given.

        Example:
            >>> [view.name for view in client.list("views")]
            ['courier_stats']
        """
        return self._run(_defining.listed(kind, ""))
