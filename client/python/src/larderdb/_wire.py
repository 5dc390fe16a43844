"""Requests and answers of the wire contract, without the wire: both clients use them."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Generic, TypeVar

import pyarrow as pa
from google.protobuf.message import Message

from larderdb import _columns
from larderdb._frames import Rows, Shape, read
from larderdb._version import __version__
from larderdb.answers import (
    Applied,
    BadRows,
    Change,
    Features,
    Model,
    ModelOutput,
    ModelVersion,
    Pushed,
    Run,
    Scores,
    ServerState,
    Service,
    TrainingSet,
    ViewState,
)
from larderdb.errors import IncompleteAnswerError, RunFailedError
from larderdb.v1 import control_pb2, serving_pb2, values_pb2

DEFAULT_ADDR = "127.0.0.1:6570"
REQUEST_TIMEOUT = 60.0
CHANGE_TIMEOUT = 600.0  # models are loaded and tried before they are taken

# Answers are as large as what was asked for; errors of definitions fill headers.
CHANNEL_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", 1 << 30),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 1 << 18),
    ("grpc.absolute_max_metadata_size", 1 << 20),
    ("grpc.primary_user_agent", f"larder-python/{__version__}"),
]

Req = TypeVar("Req", bound=Message)
Res = TypeVar("Res", bound=Message)


@dataclass(frozen=True)
class Method(Generic[Req, Res]):
    """One method of the server."""

    path: str
    request: type[Req]
    answer: type[Res]


_SERVING, _CONTROL = "/larder.v1.ServingService/", "/larder.v1.ControlService/"
c, s = control_pb2, serving_pb2
GET_FEATURES = Method(_SERVING + "GetFeatures", s.GetFeaturesRequest, s.GetFeaturesResponse)
SCORE = Method(_SERVING + "GetFeaturesAndScore", s.GetFeaturesAndScoreRequest, s.GetFeaturesAndScoreResponse)
GET_PLAN = Method(_CONTROL + "GetPlan", c.GetPlanRequest, c.GetPlanResponse)
PLAN = Method(_CONTROL + "Plan", c.PlanRequest, c.PlanResponse)
APPLY = Method(_CONTROL + "Apply", c.ApplyRequest, c.ApplyResponse)
PUT_MODEL = Method(_CONTROL + "PutModel", c.PutModelRequest, c.PutModelResponse)
HAS_MODELS = Method(_CONTROL + "HasModels", c.HasModelsRequest, c.HasModelsResponse)
PUSH_MODEL = Method(_CONTROL + "PushModel", c.PushModelRequest, c.PushModelResponse)
MATERIALIZE = Method(_CONTROL + "Materialize", c.MaterializeRequest, c.MaterializeResponse)
GET_STATUS = Method(_CONTROL + "GetStatus", c.GetStatusRequest, c.GetStatusResponse)
LIST_MODELS = Method(_CONTROL + "ListModels", c.ListModelsRequest, c.ListModelsResponse)
del c, s


def address(addr: str | None) -> str:
    """Return the address that is meant."""
    return addr or os.environ.get("LARDER_ADDR") or DEFAULT_ADDR


def caller() -> str:
    """Return who calls, for the server's record."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


# Plans: what a request must bring, and the types of it.


def plan_of_features(features: str | Sequence[str]) -> control_pb2.GetPlanRequest:
    if isinstance(features, str):
        return control_pb2.GetPlanRequest(feature_service=features)
    return control_pb2.GetPlanRequest(features=serving_pb2.FeatureList(references=features))


def plan_of_model(model: str, version: int | None) -> control_pb2.GetPlanRequest:
    return control_pb2.GetPlanRequest(model=model, model_version=version or 0)


def service(name: str, plan: control_pb2.GetPlanResponse) -> Service:
    return Service(
        name=name,
        keys={f.name: f.type for f in plan.keys},
        request={f.name: f.type for f in plan.request},
        features={f.name: f.type for f in plan.features},
        fingerprint=plan.fingerprint,
        catalog_version=plan.catalog_version,
    )


def _encode(columns: Mapping[str, Any], types: Mapping[str, str]) -> list[values_pb2.Column]:
    encoded = []
    for name, values in columns.items():
        if name in types:
            values = _columns.fit(values, _columns.type_of(types[name]))
        encoded.append(_columns.encode(name, values))
    return encoded


def micros(at: datetime) -> int:
    """Return a time in microseconds since 1970 UTC."""
    if at.tzinfo is None:
        raise ValueError(f"the time {at} has no time zone; give it one, as in datetime(..., tzinfo=timezone.utc)")
    return (at - datetime.fromtimestamp(0, timezone.utc)) // timedelta(microseconds=1)


def moment(us: int) -> datetime | None:
    """Return a time in microseconds since 1970 UTC; None for 0."""
    return datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=us) if us else None


@dataclass(frozen=True)
class Question:
    """The rows of a request, and how its answer is to look."""

    entities: list[values_pb2.Column]
    request: list[values_pb2.Column]
    shape: Shape
    at: int | None
    rows: int
    plan: control_pb2.GetPlanResponse

    @classmethod
    def of(
        cls, plan: control_pb2.GetPlanResponse, entities: Rows, request: Rows | None, at: datetime | None
    ) -> Question:
        keys, shape = read(entities)
        values = read(request)[0] if request is not None else {}
        types = {f.name: f.type for f in (*plan.features, *plan.request)}
        first = next(iter((keys or values).values()), ())
        return cls(
            _encode(keys, {f.name: f.type for f in plan.keys}),
            _encode(values, types),
            shape,
            None if at is None else micros(at),
            len(first),
            plan,
        )

    def for_features(self, features: str | Sequence[str]) -> serving_pb2.GetFeaturesRequest:
        asked = serving_pb2.GetFeaturesRequest(entities=self.entities, request=self.request, at=self.at)
        if isinstance(features, str):
            asked.feature_service = features
        else:
            asked.features.references.extend(features)
        return asked

    def for_score(self, model: str, version: int | None, features: bool, request_id: str) -> serving_pb2.GetFeaturesAndScoreRequest:
        return serving_pb2.GetFeaturesAndScoreRequest(
            model=model,
            model_version=version or 0,
            entities=self.entities,
            request=self.request,
            at=self.at,
            return_features=features,
            request_id=request_id,
        )


# Answers.

_STATUSES = {n: name.removeprefix("STATUS_") for name, n in values_pb2.Status.items()}


def _reads(shape: Shape, reads: Sequence[serving_pb2.ViewRead]) -> tuple[Any, Any]:
    """What was found, and how old it is, by view."""
    found, ages = {}, {}
    for read_ in reads:
        statuses = [_STATUSES[status] for status in read_.statuses]
        found[read_.feature_view] = pa.array(statuses, pa.string())
        known = [None if status == "NOT_FOUND" else age for status, age in zip(statuses, read_.ages)]
        ages[read_.feature_view] = pa.array(known, pa.duration("us"))
    return shape.frame(pa.table(found)), shape.frame(pa.table(ages))


def features(question: Question, answer: Any) -> Features[Any]:
    """Return the features of an answer of either method, after checking that all are there."""
    _check_features(question, answer)
    shape, columns = question.shape, answer.features
    found, ages = _reads(shape, answer.reads)
    statuses = {col.name: pa.array([_STATUSES[status] for status in col.statuses], pa.string()) for col in columns}
    return Features(
        data=shape.frame(pa.table({col.name: _columns.decode(col) for col in columns})),
        statuses=shape.frame(pa.table(statuses)),
        found=found,
        ages=ages,
        catalog_version=answer.catalog_version,
    )


def _check_length(what: str, got: int, rows: int) -> None:
    if got != rows:
        raise IncompleteAnswerError(f"the answer has {got} {what} for {rows} rows; send the request again")


def _check_reads(question: Question, answer: Any) -> None:
    for read_ in answer.reads:
        _check_length(f"statuses of feature view {read_.feature_view!r}", len(read_.statuses), question.rows)
        _check_length(f"ages of feature view {read_.feature_view!r}", len(read_.ages), question.rows)


def _check_features(question: Question, answer: Any) -> None:
    """Refuse an answer that lacks columns, or rows of one."""
    _check_reads(question, answer)
    names = [col.name for col in answer.features]
    wanted = [f.name for f in question.plan.features]
    if not names or (names != wanted and answer.catalog_version == question.plan.catalog_version):
        raise IncompleteAnswerError(f"the answer has the features {names}, not {wanted}; send the request again")
    for col in answer.features:
        _check_length(f"values of {col.name!r}", _columns.length(col), question.rows)
        _check_length(f"statuses of {col.name!r}", len(col.statuses), question.rows)


def scores(question: Question, answer: serving_pb2.GetFeaturesAndScoreResponse, with_features: bool) -> Scores[Any]:
    """Return the scores of an answer, after checking that it has one for each row."""
    _check_length("scores", len(answer.scores), question.rows)
    _check_reads(question, answer)
    if answer.model_versions:
        _check_length("model versions", len(answer.model_versions), question.rows)
    shape = question.shape
    found, ages = _reads(shape, answer.reads)
    scored = features(question, answer) if with_features else None
    return Scores(
        scores=shape.series(pa.array(answer.scores, pa.float64())),
        features=scored,
        found=found,
        ages=ages,
        model_version=answer.model_version,
        model_versions=list(answer.model_versions) or [answer.model_version] * len(answer.scores),
        catalog_version=answer.catalog_version,
        request_id=answer.request_id,
    )


def changes(messages: Sequence[control_pb2.Change]) -> list[Change]:
    return [
        Change(
            action=control_pb2.Change.Action.Name(m.action).removeprefix("ACTION_").lower(),
            noun=m.noun,
            name=m.name,
            field=m.field,
            before=m.before,
            after=m.after,
            effect=m.effect,
        )
        for m in messages
    ]


def output(report: control_pb2.ModelReport) -> ModelOutput:
    return ModelOutput(report.model, report.model_version, report.output, report.column, report.reason)


def applied(answer: control_pb2.ApplyResponse) -> Applied:
    return Applied(answer.version, changes(answer.changes), [output(m) for m in answer.models])


def push_request(
    name: str,
    sha256: str,
    feature_service: str | None,
    dataset: str | TrainingSet[Any] | None,
    serve: bool,
    score: tuple[str, int] | None,
    metrics: Mapping[str, float] | None,
    tags: Mapping[str, str] | None,
) -> control_pb2.PushModelRequest:
    if isinstance(dataset, TrainingSet):
        feature_service = feature_service or dataset.service.name
        dataset = dataset.id
    request = control_pb2.PushModelRequest(
        model=name,
        sha256=sha256,
        feature_service=feature_service or "",
        dataset=dataset or "",
        serve=serve,
        applied_by=caller(),
        metrics=metrics,
        tags=tags,
    )
    if score is not None:
        request.output, request.column = score
    return request


def pushed(name: str, answer: control_pb2.PushModelResponse) -> Pushed:
    keys = json.loads(answer.definition)
    definition = "{" + ", ".join(f"{key}: {json.dumps(value)}" for key, value in keys.items()) + "}"
    return Pushed(name, answer.model_version, answer.version, output(answer.report), definition)


def materialize_request(
    views: Sequence[str], full: bool, start: datetime | None, end: datetime | None
) -> control_pb2.MaterializeRequest:
    request = control_pb2.MaterializeRequest(feature_views=views, full=full)
    if start is not None:
        setattr(request, "from", micros(start))  # a word of Python's
    if end is not None:
        request.to = micros(end)
    return request


def run(message: control_pb2.Run) -> Run:
    return Run(
        id=message.id,
        feature_view=message.feature_view,
        state=control_pb2.Run.State.Name(message.state).removeprefix("STATE_").lower(),
        mode=message.mode,
        rows_read=message.rows_read,
        rows_written=message.rows_written,
        rows_superseded=message.rows_superseded,
        rows_bad=message.rows_bad,
        rows_total=message.rows_total,
        bad=[BadRows(b.reason, b.count, list(b.samples)) for b in message.bad],
        error=message.error,
        started_at=moment(message.started_at),
        ended_at=moment(message.ended_at),
    )


def ended(runs: list[Run]) -> list[Run]:
    """Return runs that have ended, unless one did not end well."""
    failed = [r for r in runs if r.state != "succeeded"]
    if failed:
        raise RunFailedError("\n".join(f"feature view {r.feature_view!r}: {r.error or r.state}" for r in failed), runs)
    return runs


def state(answer: control_pb2.GetStatusResponse) -> ServerState:
    views = {
        v.feature_view: ViewState(
            feature_view=v.feature_view,
            watermark=moment(v.watermark),
            freshness=timedelta(microseconds=v.freshness) if v.watermark else None,
            rows=v.rows,
            last_run=run(v.last_run) if v.HasField("last_run") else None,
        )
        for v in answer.views
    }
    return ServerState(
        server_version=answer.server_version,
        catalog_version=answer.catalog_version,
        fingerprint=answer.fingerprint,
        registry_version=answer.registry_version,
        catalog_error=answer.catalog_error,
        postgres_error=answer.postgres_error,
        views=views,
    )


def models(answer: control_pb2.ListModelsResponse) -> dict[str, Model]:
    return {
        m.model: Model(
            name=m.model,
            feature_service=m.feature_service,
            serve=m.serve,
            versions={
                v.model_version: ModelVersion(
                    version=v.model_version,
                    sha256=v.sha256,
                    size=v.size,
                    inputs=list(v.inputs),
                    outputs=list(v.outputs),
                    output=output(v.report),
                    loaded=v.loaded,
                    came_from=getattr(v, "from"),
                    dataset=v.dataset,
                    metrics=dict(v.metrics),
                    tags=dict(v.tags),
                    added_by=v.added_by,
                    added_at=moment(v.added_at),
                )
                for v in m.versions
            },
        )
        for m in answer.models
    }
