"""Materialization, and how a server stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True)
class BadRows:
    """How many rows of a source could not be stored for one reason, with a few of them."""

    reason: str
    count: int
    samples: list[str]


@dataclass(frozen=True)
class PushedEvents:
    """What became of events that were pushed to a stream."""

    batch: int = 0  # the number of the batch in the log that has the last of them
    committed_at: datetime | None = None  # when that was committed
    appended: int = 0
    duplicates: int = 0  # events whose id is in the log already
    corrected: int = 0  # among appended: events that replace another one of their id
    retracted: int = 0
    unknown: int = 0  # retractions of ids that the log doesn't have
    repeated: bool = False  # the key was used before; these are the numbers of then


@dataclass(frozen=True)
class Run:
    """One materialization of one feature view.

    Attributes:
        id: of the run.
        feature_view: the view.
        state: ``"queued"``, ``"running"``, ``"succeeded"``, ``"failed"`` or ``"cancelled"``.
        mode: ``"full"``, ``"range"`` or ``"incremental"``.
        rows_read: rows of the source, of which the next three are parts.
        rows_written: newer than what was stored.
        rows_superseded: older than what was stored.
        rows_bad: that could not be stored.
        rows_total: an estimate of the rows to read; 0 when there is none.
        bad: the bad rows by reason.
        error: why it failed; empty when it did not.
        started_at: None before.
        ended_at: None before.
        warnings: what is probably wrong although the run went on; each was raised as
            a :class:`larderdb.LarderWarning` by :meth:`larderdb.Client.materialize`.
    """

    id: str
    feature_view: str
    state: str
    mode: str
    rows_read: int
    rows_written: int
    rows_superseded: int
    rows_bad: int
    rows_total: int
    bad: list[BadRows]
    error: str
    started_at: datetime | None
    ended_at: datetime | None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ViewState:
    """How one feature view stands.

    Attributes:
        watermark: all that could be known then is answerable; None before the first run.
        freshness: now less the watermark; None before the first run.
        rows: stored keys, an estimate.
        last_run: the newest run; None before the first.
        schedule: how often it is materialized; None when only on request.
        next_run_at: when by schedule; None when only on request.
    """

    feature_view: str
    watermark: datetime | None
    freshness: timedelta | None
    rows: int
    last_run: Run | None
    schedule: timedelta | None
    next_run_at: datetime | None


@dataclass(frozen=True)
class ServerState:
    """How a server stands.

    Attributes:
        server_version: of the program.
        catalog_version: of the definitions that it serves; 0 before the first.
        fingerprint: of these definitions.
        registry_version: the newest version applied.
        catalog_error: why the newest version is not served; empty when it is.
        postgres_error: empty when Postgres answers.
        views: by name.
        awaited: what the server waits for before it is ready; none when it is.
        data_dir: the folder of the online store.
        data_bytes: its size.
        started_at: when the server started.
    """

    server_version: str
    catalog_version: int
    fingerprint: str
    registry_version: int
    catalog_error: str
    postgres_error: str
    views: dict[str, ViewState]
    awaited: list[str]
    data_dir: str
    data_bytes: int
    started_at: datetime | None
