"""Reading features and scoring them: questions to the data plane."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from larderdb import _plans, _warn, errors
from larderdb._frames import Rows
from larderdb._gathered import Gathered, moved
from larderdb._messages import message as make
from larderdb._methods import GET_FEATURES, GET_PLAN, SCORE, Method, Operation, ask
from larderdb._plans import Plan, Plans
from larderdb._progress import Bar, Progress
from larderdb._question import Question
from larderdb.answers import Features, Scores
from larderdb.errors import InvalidArgumentError, InvalidRowsError, LarderError, NotFoundError
from larderdb.v1 import control_pb2, serving_pb2

# Errors that are of all rows, whichever were sent.
_OF_ALL = {"REQUEST_ID", "VERSION_MOVED"}

# What a server says of a request that is too large, and that a smaller one is not.
_TOO_LARGE = {"TOO_MANY_ROWS", "VALUES_TOO_LARGE", "MESSAGE_TOO_LARGE"}


def get_features(
    plans: Plans, features: str | Sequence[str], entities: Rows, request: Rows | None, at: datetime | None, progress: Progress | None
) -> Operation[Features[Any]]:
    """Read the features of rows."""

    def message(question: Question, start: int, stop: int) -> serving_pb2.GetFeaturesRequest:
        keys, values = question.columns(start, stop)
        asked = serving_pb2.GetFeaturesRequest(entities=keys, request=values, at=question.at)
        if isinstance(features, str):
            asked.feature_service = features
        else:
            asked.features.references.extend(features)
        return asked

    def read(plan: Plan) -> Operation[Features[Any]]:
        question = Question.of(plan, entities, request, at)
        chunks = _Chunks(plans, wanted, question, GET_FEATURES, message, Gathered(question, True))
        return (yield from chunks.send(Bar("reading", "rows", progress))).features()

    wanted = _plans.of_features(features)
    return (yield from plans.use(wanted, read))


def score(
    plans: Plans,
    model: str,
    entities: Rows,
    request: Rows | None,
    version: int | None,
    at: datetime | None,
    return_features: bool,
    outputs: str | Sequence[str],
    request_id: str,
    progress: Progress | None,
) -> Operation[Scores[Any]]:
    """Read the features of rows and score them."""

    def message(question: Question, start: int, stop: int) -> serving_pb2.GetFeaturesAndScoreRequest:
        if request_id and stop - start < question.rows:
            raise InvalidArgumentError(
                f"request_id names one request, and {question.rows:,} rows are sent as several, of at most {stop - start:,}; score that "
                "many at once, or leave request_id out: the answer's requests have the ids of all",
                "REQUEST_ID",
            )
        keys, values = question.columns(start, stop)
        return make(
            serving_pb2.GetFeaturesAndScoreRequest,
            model=model,
            model_version=version or 0,
            entities=keys,
            request=values,
            at=question.at,
            return_features=return_features,
            outputs=[outputs] if isinstance(outputs, str) else list(outputs),
            request_id=request_id,
        )

    def read(plan: Plan) -> Operation[Scores[Any]]:
        question = Question.of(plan, entities, request, at)
        chunks = _Chunks(plans, wanted, question, SCORE, message, Gathered(question, return_features))
        return (yield from chunks.send(Bar("scoring", "rows", progress))).scores()

    wanted = _plans.of_model(model, version)
    return (yield from plans.use(wanted, read))


class _Chunks:
    """The rows of a question, sent in requests that a server takes."""

    def __init__(
        self,
        plans: Plans,
        wanted: control_pb2.GetPlanRequest,
        question: Question,
        method: Method[Any, Any],
        message: Callable[[Question, int, int], Any],
        gathered: Gathered,
    ) -> None:
        self._plans, self._wanted, self._question = plans, wanted, question
        self._method, self._message, self._gathered = method, message, gathered

    def send(self, bar: Bar) -> Operation[Gathered]:
        question, gathered = self._question, self._gathered
        rows, most = question.rows, question.chunk_rows()
        with bar:
            while gathered.rows < rows:
                start, stop = gathered.rows, min(gathered.rows + most, rows)
                try:
                    yield from self._send(start, stop)
                except LarderError as error:
                    if _is_too_large(error) and stop - start > 1:
                        most = (stop - start + 1) // 2
                        continue
                    raise _placed(question.explain(error), start, stop, rows) from error.__cause__
                bar.set(gathered.rows, rows)
        _warn.warn(question.hints())
        return gathered

    def _send(self, start: int, stop: int) -> Operation[None]:
        before = self._gathered.catalog_version
        answer = yield from ask(self._method, self._message(self._question, start, stop))
        if before and answer.catalog_version != before:
            yield from self._check_same()
        self._gathered.add(answer, stop - start)
        self._plans.saw(answer.catalog_version)

    def _check_same(self) -> Operation[None]:
        """Refuse to go on with other definitions, or another version, than before."""
        plan = yield from ask(GET_PLAN, self._wanted)
        known = self._question.plan
        if (plan.fingerprint, plan.model_version) != (known.fingerprint, known.model_version):
            raise moved()


def _is_too_large(error: LarderError) -> bool:
    return error.reason in _TOO_LARGE or (not error.reason and "message larger than max" in error.message)


def _placed(error: LarderError, start: int, stop: int, rows: int) -> LarderError:
    """Say of which rows an error is, when they were not sent all at once."""
    names_row = re.search(r"\brow \d", error.message) is not None
    of_columns = start == 0 and isinstance(error, (InvalidArgumentError, NotFoundError)) and not names_row
    if (start == 0 and stop == rows) or isinstance(error, InvalidRowsError) or error.reason in _OF_ALL or of_columns:
        return error
    place = f"in rows {start} to {stop - 1} of {rows}" if stop > start + 1 else f"in row {start} of {rows}"
    counted = f" (row 0 below is row {start})" if start and names_row else ""
    return errors.saying(error, f"{place}, counted from 0{counted}: {error.message}")
