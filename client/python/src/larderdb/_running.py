"""A running server: materialization, state, backups."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from larderdb import _warn
from larderdb._messages import message, moment, names, run, view_state
from larderdb._methods import GET_STATUS, MATERIALIZE, SAVE_SNAPSHOT, Download, Operation, ask
from larderdb._progress import Bar
from larderdb._question import micros
from larderdb.errors import InvalidArgumentError, RunFailedError
from larderdb.runs import Run, ServerState
from larderdb.v1 import control_pb2


def materialize(
    views: Sequence[str],
    full: bool,
    start: datetime | None,
    end: datetime | None,
    progress: Callable[[list[Run]], None] | None,
) -> Operation[list[Run]]:
    """Bring rows of the sources to the online store."""
    if full and start is not None:
        raise InvalidArgumentError("full=True reads from the beginning; leave out full or start", "BAD_ARGUMENT")
    request = message(control_pb2.MaterializeRequest, feature_views=names(views, "materialize"), full=full)
    if start is not None:
        setattr(request, "from", micros(start, "start"))  # a word of Python's
    if end is not None:
        request.to = micros(end, "end")
    runs: list[Run] = []

    def receive(answer: control_pb2.MaterializeResponse) -> None:
        runs[:] = [run(m) for m in answer.runs]
        if progress is not None:
            progress(list(runs))
        else:
            bar.set(sum(r.rows_read for r in runs), sum(r.rows_total for r in runs))

    with Bar("materializing", "rows", _silent if progress is not None else None) as bar:
        yield Download(MATERIALIZE, request, receive)
    _warn.warn(f"feature view {r.feature_view!r}: {text}" for r in runs for text in r.warnings)
    failed = [r for r in runs if r.state != "succeeded"]
    if failed:
        raise RunFailedError("\n".join(f"feature view {r.feature_view!r}: {r.error or r.state}" for r in failed), runs)
    return runs


def _silent(done: int, of: int) -> None:
    """The caller shows how far it is."""


def status() -> Operation[ServerState]:
    """Tell how the server and its views stand."""
    answer = yield from ask(GET_STATUS, control_pb2.GetStatusRequest())
    return ServerState(
        server_version=answer.server_version,
        catalog_version=answer.catalog_version,
        fingerprint=answer.fingerprint,
        registry_version=answer.registry_version,
        catalog_error=answer.catalog_error,
        postgres_error=answer.postgres_error,
        views={m.feature_view: view_state(m) for m in answer.views},
        awaited=list(answer.awaited),
        data_dir=answer.data_dir,
        data_bytes=answer.data_bytes,
        started_at=moment(answer.started_at),
    )


def snapshot(path: str | os.PathLike[str]) -> Operation[int]:
    """Write a backup of the online store to a file, which appears whole or not at all."""
    target = Path(path)
    if not target.parent.is_dir():
        raise NotADirectoryError(f"no folder {target.parent}; name a file in one that is there")
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        try:

            def receive(answer: Any) -> None:
                file.write(answer.chunk)

            yield Download(SAVE_SNAPSHOT, control_pb2.SaveSnapshotRequest(), receive)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
            os.replace(file.name, target)
        except BaseException:
            os.unlink(file.name)
            raise
    return size
