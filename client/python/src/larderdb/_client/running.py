"""A running server, for ordinary code."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

from larderdb import _running
from larderdb._connection import Connection
from larderdb.runs import Run, ServerState


class Running(Connection):
    """Materialization, state and backups of a server."""

    def materialize(
        self,
        *views: str,
        full: bool = False,
        start: datetime | None = None,
        end: datetime | None = None,
        progress: Callable[[list[Run]], None] | None = None,
    ) -> list[Run]:
        """Bring rows of the sources to the online store, and wait until they are there.

        Args:
            views: which feature views; all when none is named.
            full: from the beginning, whatever was done before.
            start: only rows with an event time from here on.
            end: only rows with an event time up to here; alone, an incremental
                run up to that time.
            progress: is called a few times a second with the state of all runs; a
                terminal or a notebook shows how far they are when not given.

        Raises:
            RunFailedError: when a run did not succeed; its ``runs`` are all of them.

        Example:
            >>> client.materialize("courier_stats", progress=lambda runs: print(runs[0].rows_read))
        """
        return self._run(_running.materialize(views, full, start, end, progress))

    def status(self) -> ServerState:
        """Tell how the server and each of its feature views stand.

        Example:
            >>> client.status().views["courier_stats"].freshness
            datetime.timedelta(seconds=41, microseconds=208114)
        """
        return self._run(_running.status())

    def snapshot(self, path: str | os.PathLike[str]) -> int:
        """Write a backup of the server's online store to a file, while it serves.

        The file appears whole or not at all, and is for its owner alone. ``larder
        snapshot load`` restores it.

        Returns:
            The size of the file, in bytes.

        Example:
            >>> client.snapshot("rows.snapshot")
            1048576
        """
        return self._run(_running.snapshot(path))
