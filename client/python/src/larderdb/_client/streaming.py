"""Events for streams, for ordinary code."""

from __future__ import annotations

from larderdb import _streaming
from larderdb._connection import Connection
from larderdb._streaming import Events
from larderdb.runs import PushedEvents


class Streaming(Connection):
    """Events for the streams of a server."""

    def push(
        self, stream: str, events: Events, *, key: str | None = None, wait_served: bool = False
    ) -> PushedEvents:
        """Append events to the log of a stream, and wait until they are durable.

        Args:
            stream: the stream; its definition has ``push: {}``.
            events: one row an event, with the names of the stream's fields, or a list
                of dicts.
            key: an idempotency key: sending the same events with it again, within a
                day, adds nothing.
            wait_served: wait until the server serves the events too.

        All events of 10,000 rows are appended, or none of them: a bad event raises
        :class:`larderdb.InvalidArgumentError`, which names it.

        Example:
            >>> client.push("payments", {"id": ["a1"], "card_id": [42], "amount": [12.5], "happened": [now]})
            PushedEvents(batch=7, ..., appended=1, duplicates=0, ...)
        """
        return self._run(_streaming.push(stream, events, key, wait_served))
