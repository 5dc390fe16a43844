"""Answers to the chunks of a question, put together as one."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from larderdb import _columns, _outputs
from larderdb._question import Question
from larderdb.answers import Features, Scores, ScoredRequest
from larderdb.errors import FailedPreconditionError, IncompleteAnswerError
from larderdb.v1 import serving_pb2, values_pb2

_STATUSES = {n: name.removeprefix("STATUS_") for name, n in values_pb2.Status.items()}

_AGE = pa.duration("us")


class Gathered:
    """The answers so far. Each is checked to have all of its rows and columns."""

    def __init__(self, question: Question, with_features: bool) -> None:
        self._question = question
        self._with_features = with_features
        self._data: dict[str, list[Any]] = {}
        self._statuses: dict[str, list[Any]] = {}
        self._found: dict[str, list[Any]] = {}
        self._ages: dict[str, list[Any]] = {}
        self._scores: list[Any] = []
        self._outputs: dict[str, list[Any]] = {}
        self._model_versions: list[int] = []
        self._requests: list[ScoredRequest] = []
        self.catalog_version = 0
        self.rows = 0

    def add(self, answer: Any, rows: int) -> None:
        """Take in the answer to the next rows, of either method."""
        scored = isinstance(answer, serving_pb2.GetFeaturesAndScoreResponse)
        if scored:
            if answer.scores or not answer.outputs:  # a model without a score has outputs
                _check_length("scores", len(answer.scores), rows)
            _check_length("model versions", len(answer.model_versions) or rows, rows)
        _check_reads(answer, rows)
        for read in answer.reads:
            statuses = [_STATUSES[status] for status in read.statuses]
            ages = [None if status == "NOT_FOUND" else age for status, age in zip(statuses, read.ages)]
            self._append(self._found, read.feature_view, pa.array(statuses, pa.string()))
            self._append(self._ages, read.feature_view, pa.array(ages, _AGE))
        if self._with_features:
            _check_features(self._question, answer, rows)
            for column in answer.features:
                statuses = [_STATUSES[status] for status in column.statuses]
                self._append(self._data, column.name, _columns.decode(column))
                self._append(self._statuses, column.name, pa.array(statuses, pa.string()))
        if scored:
            self._add_scores(answer, rows)
        self.catalog_version = answer.catalog_version
        self.rows += rows

    def _add_scores(self, answer: serving_pb2.GetFeaturesAndScoreResponse, rows: int) -> None:
        if answer.scores:
            self._scores.append(pa.array(answer.scores, pa.float64()))
        for output in answer.outputs:
            for name, values in _outputs.decode(output, rows):
                self._append(self._outputs, name, values)
        self._model_versions += list(answer.model_versions) or [answer.model_version] * rows
        self._requests.append(ScoredRequest(answer.request_id, self.rows, rows))

    def _append(self, columns: dict[str, list[Any]], name: str, values: Any) -> None:
        chunks = columns.setdefault(name, [])
        if chunks and values.type != chunks[0].type or self.rows != sum(map(len, chunks)):
            raise moved()
        chunks.append(values)

    def _frame(self, columns: dict[str, list[Any]]) -> Any:
        return self._question.shape.frame(pa.table({name: pa.chunked_array(chunks) for name, chunks in columns.items()}))

    def features(self) -> Features[Any]:
        """Return the features of all rows."""
        if not self.rows:
            for f in self._question.plan.features:
                self._append(self._data, f.name, pa.array([], _columns.type_of(f.type)))
                self._append(self._statuses, f.name, pa.array([], pa.string()))
        return Features(
            data=self._frame(self._data),
            statuses=self._frame(self._statuses),
            found=self._frame(self._found),
            ages=self._frame(self._ages),
            catalog_version=self.catalog_version or self._question.plan.catalog_version,
        )

    def scores(self) -> Scores[Any]:
        """Return the scores of all rows."""
        scores = None
        if self._scores or not self._outputs:
            scores = self._question.shape.series(pa.chunked_array(self._scores, pa.float64()).combine_chunks())
        versions = self._model_versions or [self._question.plan.model_version]
        return Scores(
            scores=scores,
            outputs=self._frame(self._outputs) if self._outputs else None,
            features=self.features() if self._with_features else None,
            found=self._frame(self._found),
            ages=self._frame(self._ages),
            model_version=versions[0],
            model_versions=self._model_versions,
            catalog_version=self.catalog_version or self._question.plan.catalog_version,
            request_id=self._requests[0].id if self._requests else "",
            requests=self._requests,
        )


def moved() -> FailedPreconditionError:
    """Say that the rows of one call were answered by different definitions."""
    return FailedPreconditionError(
        "the definitions, or the version that serves, changed while the rows were sent; send them again", "VERSION_MOVED"
    )


def _check_length(what: str, got: int, rows: int) -> None:
    if got != rows:
        raise IncompleteAnswerError(f"the answer has {got} {what} for {rows} rows; send the request again")


def _check_reads(answer: Any, rows: int) -> None:
    for read in answer.reads:
        _check_length(f"statuses of feature view {read.feature_view!r}", len(read.statuses), rows)
        _check_length(f"ages of feature view {read.feature_view!r}", len(read.ages), rows)


def _check_features(question: Question, answer: Any, rows: int) -> None:
    """Refuse an answer that lacks columns, or rows of one."""
    names = [column.name for column in answer.features]
    wanted = [f.name for f in question.plan.features]
    if not names or (names != wanted and answer.catalog_version == question.plan.catalog_version):
        raise IncompleteAnswerError(f"the answer has the features {names}, not {wanted}; send the request again")
    for column in answer.features:
        _check_length(f"values of {column.name!r}", _columns.length(column), rows)
        _check_length(f"statuses of {column.name!r}", len(column.statuses), rows)
