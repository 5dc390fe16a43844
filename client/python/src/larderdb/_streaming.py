"""Events for the streams of a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa

from larderdb._frames import Frame, Rows
from larderdb._messages import moment
from larderdb._methods import CHANGE_TIMEOUT, PUSH_EVENTS, Operation, ask
from larderdb.runs import PushedEvents
from larderdb.v1 import streams_pb2

Events: TypeAlias = "Rows | Sequence[Mapping[str, Any]]"
"""Events as rows, or one by one: a list of dicts."""

MAX_EVENTS = 10_000  # of one call


def push(stream: str, events: Events, key: str | None, wait_served: bool) -> Operation[PushedEvents]:
    """Append events to the log of a stream."""
    table: pa.Table = Frame.of(_as_rows(events)).table()
    total = PushedEvents()
    for call, start in enumerate(range(0, max(table.num_rows, 1), MAX_EVENTS)):
        request = streams_pb2.PushEventsRequest(
            stream=stream, arrow=_stream_of(table.slice(start, MAX_EVENTS)), wait_served=wait_served
        )
        if key is not None:
            request.idempotency_key = f"{key}/{call}"
        answer = yield from ask(PUSH_EVENTS, request, CHANGE_TIMEOUT)
        total = PushedEvents(
            batch=answer.batch,
            committed_at=moment(answer.committed_at),
            appended=total.appended + answer.appended,
            duplicates=total.duplicates + answer.duplicates,
            corrected=total.corrected + answer.corrected,
            retracted=total.retracted + answer.retracted,
            unknown=total.unknown + answer.unknown,
            repeated=answer.repeated,
        )
    return total


def _as_rows(events: Any) -> Any:
    """Return events that come one by one as columns; what one of them lacks is None."""
    if not isinstance(events, (list, tuple)) or not all(isinstance(event, Mapping) for event in events):
        return events
    names = dict.fromkeys(name for event in events for name in event)
    return {name: [event.get(name) for event in events] for name in names}


def _stream_of(table: pa.Table) -> bytes:
    """Return a table as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
