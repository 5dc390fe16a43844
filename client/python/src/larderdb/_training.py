"""Training sets."""

from __future__ import annotations

from typing import Any

from larderdb import _defining, _flight, _question, _warn
from larderdb._frames import Frame, Rows
from larderdb._methods import Exchange, Operation
from larderdb._progress import Bar, Progress
from larderdb.answers import TrainingSet


def training_set(
    spine: Rows, service: str, as_of: str, event_time_column: str, name: str, own_event_column: str, progress: Progress | None, timeout: float | None
) -> Operation[TrainingSet[Any]]:
    """Build a training set."""
    frame = Frame.of(spine)
    reads = yield from _defining.service(service)
    for key, kind in reads.keys.items():
        if key not in frame.names:
            raise _question.missing_key(frame, key, kind)
    with Bar("building", "rows", progress) as bar:
        exchange = _flight.Exchange(frame, reads, _flight.Command(service, as_of, event_time_column, name, own_event_column), bar.set)
        yield Exchange(_flight.DO_EXCHANGE, exchange.requests(), exchange.receive, timeout)
    built = exchange.result()
    _warn.warn(built.warnings)
    return built
