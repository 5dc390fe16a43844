"""Versions of models: pushed, promoted, retired, and what shares the traffic."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from larderdb import _folder
from larderdb._messages import caller, changes, message, moment, output, said
from larderdb._methods import (
    CHANGE_TIMEOUT,
    HAS_MODELS,
    LIST_MODELS,
    PROMOTE_MODEL,
    PUSH_MODEL,
    PUT_MODEL,
    RELEASE_MODEL,
    RESUME_RAMP,
    RETIRE_MODEL,
    ROLLBACK_MODEL,
    SET_TRAFFIC,
    Operation,
    Upload,
    ask,
)
from larderdb._model import contents
from larderdb._words import as_arguments
from larderdb.answers import TrainingSet
from larderdb.definitions import Applied
from larderdb.errors import InvalidArgumentError, saying
from larderdb.models import Model, ModelVersion, Pushed, Ramp, RampState, RolledBack, Traffic
from larderdb.v1 import control_pb2


def put(file: bytes) -> Operation[None]:
    """Store a model file."""
    yield Upload(PUT_MODEL, _folder.chunks(file))


def push(
    name: str,
    onnx: Any,
    service: str | None,
    dataset: str | TrainingSet[Any] | None,
    serve: bool,
    score: tuple[str, int] | None,
    metrics: Mapping[str, float] | None,
    tags: Mapping[str, str] | None,
) -> Operation[Pushed]:
    """Make a model file the next version of a model."""
    if isinstance(dataset, TrainingSet):
        service = service or dataset.service.name
        dataset = dataset.id
    file = contents(onnx)
    request = message(
        control_pb2.PushModelRequest,
        model=name,
        sha256=_folder.digest(file),
        feature_service=service or "",
        dataset=dataset or "",
        serve=serve,
        applied_by=caller(),
        metrics=metrics,
        tags=tags,
    )
    if score is not None:
        try:
            request.output, request.column = score
        except (TypeError, ValueError, OverflowError):
            raise InvalidArgumentError(
                f'output is {score!r}; give the name of an output and a column of it, as in ("probabilities", 1)', "BAD_ARGUMENT"
            ) from None
    lacking = yield from ask(HAS_MODELS, control_pb2.HasModelsRequest(sha256=[request.sha256]), CHANGE_TIMEOUT)
    if lacking.missing:
        yield from put(file)
    try:
        answer = yield from ask(PUSH_MODEL, request, CHANGE_TIMEOUT)
    except InvalidArgumentError as error:
        raise saying(error, as_arguments(error.message)) from None
    keys = json.loads(answer.definition)
    definition = "{" + ", ".join(f"{key}: {json.dumps(value)}" for key, value in keys.items()) + "}"
    return Pushed(name, answer.model_version, answer.version, output(answer.report), definition)


def promote(name: str, version: int) -> Operation[Applied]:
    """Make a version the one that answers."""
    request = message(control_pb2.PromoteModelRequest, model=name, model_version=version, applied_by=caller())
    answer = yield from ask(PROMOTE_MODEL, request, CHANGE_TIMEOUT)
    return Applied(answer.version, changes(answer.changes))


def rollback(name: str) -> Operation[RolledBack]:
    """Bring back what answered before."""
    answer = yield from ask(ROLLBACK_MODEL, message(control_pb2.RollbackModelRequest, model=name, applied_by=caller()), CHANGE_TIMEOUT)
    return RolledBack(answer.model_version, answer.as_of_version, answer.version, changes(answer.changes))


def retire(name: str, version: int | None, whole_model: bool) -> Operation[Applied]:
    """Take a version, or a model, out of the definitions."""
    if (version is None) != whole_model:
        raise InvalidArgumentError("give a version to retire, or whole_model=True for the model with all its versions", "BAD_ARGUMENT")
    request = message(
        control_pb2.RetireModelRequest, model=name, model_version=version or 0, applied_by=caller(), whole_model=whole_model
    )
    answer = yield from ask(RETIRE_MODEL, request, CHANGE_TIMEOUT)
    return Applied(answer.version, changes(answer.changes))


def set_traffic(name: str, weights: Mapping[int, float], split_by: str, salt: str, ramp: Ramp | None) -> Operation[Applied]:
    """Split the traffic of a model."""
    if not isinstance(weights, Mapping) or not weights:
        raise InvalidArgumentError(
            f"weights is {weights!r}; give the percent of each version, the control first, as in {{3: 95, 4: 5}}", "BAD_ARGUMENT"
        )
    request = message(
        control_pb2.SetTrafficRequest,
        model=name,
        weights=[message(control_pb2.VersionWeight, model_version=v, weight=weight) for v, weight in weights.items()],
        split_by=split_by,
        salt=salt,
        applied_by=caller(),
    )
    if ramp is not None:
        if not isinstance(ramp, Ramp) or not isinstance(ramp.over, timedelta):
            raise InvalidArgumentError(
                f"ramp is {said(ramp)}; give one such as larderdb.Ramp(version=4, to=50, over=timedelta(days=2))", "BAD_ARGUMENT"
            )
        request.ramp.CopyFrom(
            message(
                control_pb2.RampSettings,
                model_version=ramp.version,
                to=ramp.to,
                over=ramp.over // timedelta(microseconds=1),
                guards=dict(ramp.guards),
            )
        )
    return (yield from _set(request))


def shadow(name: str, versions: Iterable[int]) -> Operation[Applied]:
    """Let versions score logged requests without answering them."""
    versions = list(versions)
    if len(versions) == 1 and isinstance(versions[0], (list, tuple, set)):
        raise InvalidArgumentError("give the versions one by one, as in shadow(name, 4, 5)", "BAD_ARGUMENT")
    settings = message(control_pb2.ShadowSettings, model_versions=list(versions))
    return (yield from _set(message(control_pb2.SetTrafficRequest, model=name, shadow=settings, applied_by=caller())))


def _set(request: control_pb2.SetTrafficRequest) -> Operation[Applied]:
    try:
        answer = yield from ask(SET_TRAFFIC, request, CHANGE_TIMEOUT)
    except InvalidArgumentError as error:
        raise saying(error, as_arguments(error.message)) from None
    return Applied(answer.version, changes(answer.changes))


def resume(name: str) -> Operation[None]:
    """Restart a ramp that a guard stopped."""
    yield from ask(RESUME_RAMP, message(control_pb2.ResumeRampRequest, model=name), CHANGE_TIMEOUT)


def release(name: str, version: int) -> Operation[None]:
    """Run a version again that the server has quarantined."""
    yield from ask(RELEASE_MODEL, message(control_pb2.ReleaseModelRequest, model=name, model_version=version), CHANGE_TIMEOUT)


def models(name: str | None) -> Operation[dict[str, Model]]:
    """Tell models and their versions."""
    answer = yield from ask(LIST_MODELS, message(control_pb2.ListModelsRequest, model=name or ""))
    return {m.model: model(m) for m in answer.models}


def model(m: control_pb2.ModelStatus) -> Model:
    return Model(
        name=m.model,
        service=m.feature_service,
        serve=m.serve,
        versions={v.model_version: _version(v) for v in m.versions},
        traffic=_traffic(m.traffic) if m.HasField("traffic") else None,
        shadow=list(m.shadow),
        source=m.source.source,
        fault=m.source.fault,
    )


def _version(v: control_pb2.ModelVersionStatus) -> ModelVersion:
    return ModelVersion(
        version=v.model_version,
        sha256=v.sha256,
        size=v.size,
        inputs=list(v.inputs),
        outputs=list(v.outputs),
        output=output(v.report),
        loaded=v.loaded,
        came_from=getattr(v, "from"),  # a word of Python's
        dataset=v.dataset,
        metrics=dict(v.metrics),
        tags=dict(v.tags),
        added_by=v.added_by,
        added_at=moment(v.added_at),
        engine=v.engine,
        provider=v.provider,
        isolation=v.isolation,
        quarantine=v.quarantine,
    )


def _traffic(t: control_pb2.TrafficStatus) -> Traffic:
    return Traffic(
        weights={w.model_version: w.weight for w in t.weights},
        split_by=t.split_by,
        salt=t.salt,
        ramp=_ramp(t.ramp) if t.HasField("ramp") else None,
    )


def _ramp(r: control_pb2.RampStatus) -> RampState:
    return RampState(
        version=r.model_version,
        start=getattr(r, "from"),
        to=r.to,
        over=timedelta(microseconds=r.over),
        began=moment(r.began),
        tripped_at=moment(r.tripped_at),
        tripped_by=r.tripped_by,
        reason=r.reason,
    )
