"""Training sets, for ordinary code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from larderdb import _training
from larderdb._connection import Connection
from larderdb._frames import FrameT, Rows
from larderdb._progress import Progress
from larderdb.answers import TrainingSet

AsOf = Literal["ingest_time", "event_time"]


class Training(Connection):
    """Training sets."""

    @overload
    def training_set(
        self,
        spine: Mapping[str, Sequence[Any]],
        *,
        service: str,
        as_of: AsOf = "ingest_time",
        event_time_column: str = "event_time",
        name: str = "",
        own_event_column: str = "",
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> TrainingSet[dict[str, Sequence[Any]]]: ...
    @overload
    def training_set(
        self,
        spine: FrameT,
        *,
        service: str,
        as_of: AsOf = "ingest_time",
        event_time_column: str = "event_time",
        name: str = "",
        own_event_column: str = "",
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> TrainingSet[FrameT]: ...
    def training_set(
        self,
        spine: Rows,
        *,
        service: str,
        as_of: AsOf = "ingest_time",
        event_time_column: str = "event_time",
        name: str = "",
        own_event_column: str = "",
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> TrainingSet[Any]:
        """Build a training set: for each row of a spine, what serving would have answered at its time.

        Args:
            spine: N rows: a column for each join key, a column with the time of
                the row (with a time zone), the values that must come with a
                request, and whatever else is wanted beside, such as labels.
            service: the feature service whose features the set has.
            as_of: ``"ingest_time"``: what had arrived by a row's time, as serving
                knew it; ``"event_time"``: whatever had happened by then, for
                sources that were filled after the fact.
            event_time_column: the column with the time of each row.
            name: what to call the set, for :meth:`larderdb.Client.dataset` and
                ``push_model(dataset=...)``; no other may have the name.
            own_event_column: the column with the id of the event that a row is about;
                aggregate views leave that event out.
            progress: is called with the rows done, and of how many, 0 while
                that is not known.
            timeout: in seconds; as long as it takes when not given.

        Returns:
            The spine's columns, untouched, and after them a column
            ``VIEW__FEATURE`` for each feature: N rows, in the spine's order.

        Example:
            >>> train = client.training_set(deliveries, service="late_v1")
            >>> x, y = train.data[train.features], train.data["late"]
        """
        return self._run(_training.training_set(
                spine, service, as_of, event_time_column, name, own_event_column, progress, timeout
            ))
