"""Features and scores, for ordinary code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, overload

from larderdb import _scoring
from larderdb._connection import Connection
from larderdb._frames import FrameT, Rows
from larderdb._progress import Progress
from larderdb.answers import Features, Scores


class Scoring(Connection):
    """The data plane: features and scores."""

    @overload
    def get_features(
        self,
        features: str | Sequence[str],
        entities: Mapping[str, Sequence[Any]],
        request: Rows | None = None,
        *,
        at: datetime | None = None,
        progress: Progress | None = None,
    ) -> Features[dict[str, list[Any]]]: ...
    @overload
    def get_features(
        self,
        features: str | Sequence[str],
        entities: FrameT,
        request: Rows | None = None,
        *,
        at: datetime | None = None,
        progress: Progress | None = None,
    ) -> Features[FrameT]: ...
    def get_features(
        self,
        features: str | Sequence[str],
        entities: Rows,
        request: Rows | None = None,
        *,
        at: datetime | None = None,
        progress: Progress | None = None,
    ) -> Features[Any]:
        """Read the newest features of N entities.

        Columns are found by their names, and more than 10,000 rows are sent in
        chunks, as :meth:`score` says.

        Args:
            features: the name of a feature service, or a list of references
                ``VIEW:FEATURE`` and ``VIEW:*``.
            entities: N rows, with a column for each join key and for each value that
                must come with the request, by their names. Other columns are ignored.
            request: N rows, for request values that are apart from the entities; and
                for columns ``VIEW:FEATURE`` that override a stored feature.
            at: read as if the clock showed this time; now when not given.
            progress: is called with the rows done, and of how many.

        Example:
            >>> client.get_features("late_v1", {"courier_id": [7], "km": [1.5]}).data
            {'courier_stats:trips_7d': [12], 'courier_stats:rating': [3.7], 'request:km': [1.5]}
        """
        return self._run(_scoring.get_features(self._plans, features, entities, request, at, progress))

    @overload
    def score(
        self,
        model: str,
        entities: Mapping[str, Sequence[Any]],
        request: Rows | None = None,
        *,
        version: int | None = None,
        at: datetime | None = None,
        return_features: bool = False,
        outputs: str | Sequence[str] = (),
        request_id: str = "",
        progress: Progress | None = None,
    ) -> Scores[dict[str, list[Any]]]: ...
    @overload
    def score(
        self,
        model: str,
        entities: FrameT,
        request: Rows | None = None,
        *,
        version: int | None = None,
        at: datetime | None = None,
        return_features: bool = False,
        outputs: str | Sequence[str] = (),
        request_id: str = "",
        progress: Progress | None = None,
    ) -> Scores[FrameT]: ...
    def score(
        self,
        model: str,
        entities: Rows,
        request: Rows | None = None,
        *,
        version: int | None = None,
        at: datetime | None = None,
        return_features: bool = False,
        outputs: str | Sequence[str] = (),
        request_id: str = "",
        progress: Progress | None = None,
    ) -> Scores[Any]:
        """Read the features of N entities and score them.

        One frame is enough: the join keys and the request values that the model's
        feature service asks for are found in it by their names. Its other columns are
        ignored; where one is missing, the error names the column that has nearly its
        name. A column with the name of a stored feature is ignored with a
        :class:`larderdb.LarderWarning`: it overrides the feature only in ``request``.

        Up to 10,000 rows are one request: all are read at one time. More are sent in
        chunks, one after the other, by one version of the definitions; the scores come
        in the order of the rows. An error says which rows it is of. A terminal or a
        notebook shows how far it is, unless ``progress`` is given.

        Args:
            model: the model's name.
            entities: N rows, with a column for each join key, and for each value that
                must come with the request.
            request: N rows, for request values that are apart from the entities; and
                for columns ``VIEW:FEATURE`` that override a stored feature.
            version: the model's version; the one it serves when not given.
            at: read as if the clock showed this time; now when not given.
            return_features: whether to return what was scored, too.
            outputs: the outputs of the model to return, by their names in its file; ``"*"``
                for all. A model without a score returns all of them if none is named.
            request_id: what you call the request, of at most 10,000 rows; the feature
                log has it under this id, and labels find it by it.
            progress: is called with the rows done, and of how many.

        Example:
            >>> client.score("late", pd.DataFrame({"courier_id": [7], "km": [1.5]})).scores
            0    0.0056
            dtype: float64
            >>> client.score("late", {"courier_id": [7]}, {"km": [1.5]}).scores
            [0.0056]
            >>> client.score("species", {"plant_id": [7]}, outputs="*").outputs
            {"label": ["setosa"], "probabilities[setosa]": [0.98], "probabilities[virginica]": [0.02]}
        """
        return self._run(
            _scoring.score(self._plans, model, entities, request, version, at, return_features, outputs, request_id, progress)
        )
