"""Checks of what is served: verification, experiments, and the training sets on record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from larderdb import _warn
from larderdb._messages import message, moment, names, notes
from larderdb._methods import GET_DATASET, GET_DRIFT, GET_EXPERIMENT, LIST_DATASETS, VERIFY, Download, Operation, ask
from larderdb._progress import Bar, Progress
from larderdb._question import micros
from larderdb.checks import (
    ColumnDrift,
    Dataset,
    Difference,
    Drift,
    Estimate,
    Experiment,
    ExperimentVersion,
    SampleRatio,
    Verification,
    ViewVerification,
)
from larderdb.errors import InternalError, InvalidArgumentError
from larderdb.v1 import control_pb2, monitor_pb2


def verify(views: Sequence[str], service: str | None, sample: int | None, progress: Progress | None) -> Operation[Verification]:
    """Compare what is served with what a training set would have."""
    if views and service:
        raise InvalidArgumentError("give feature views, or service= for those that it reads; not both", "BAD_ARGUMENT")
    if sample is not None and (not isinstance(sample, int) or sample < 1):
        raise InvalidArgumentError(f"sample is {sample!r}; give 1 or more, or None for every key", "BAD_ARGUMENT")
    request = message(control_pb2.VerifyRequest, feature_views=names(views, "verify"), feature_service=service or "", sample=sample or 0)
    last = control_pb2.VerifyResponse()

    def receive(answer: control_pb2.VerifyResponse) -> None:
        last.CopyFrom(answer)
        bar.set(sum(v.keys for v in answer.views), sum(max(v.keys, v.keys_total) for v in answer.views))

    with Bar("verifying", "keys", progress) as bar:
        yield Download(VERIFY, request, receive)
    return Verification({m.feature_view: _verified(m) for m in last.views})


def _verified(m: control_pb2.ViewVerification) -> ViewVerification:
    return ViewVerification(
        feature_view=m.feature_view,
        at=moment(m.time),
        keys=m.keys,
        equal=m.equal,
        mismatched=m.mismatched,
        missing=m.missing,
        extra=m.extra,
        stale=m.stale,
        newer=m.newer,
        features={f.feature: f.mismatched for f in m.features},
        differences=[Difference(d.kind, d.key, d.feature, d.online, d.source) for d in m.differences],
    )


def experiment(
    model: str,
    metric: str,
    threshold: float | None,
    control: int | None,
    since: datetime | None,
    until: datetime | None,
    alpha: float,
    progress: Progress | None,
) -> Operation[Experiment]:
    """Compare versions of a model by the outcomes of the rows that they scored."""
    request = message(
        control_pb2.GetExperimentRequest,
        model=model,
        metric=metric,
        threshold=threshold,
        control=control or 0,
        since=None if since is None else micros(since, "since"),
        until=None if until is None else micros(until, "until"),
        alpha=alpha,
    )
    reports: list[control_pb2.ExperimentReport] = []

    def receive(answer: control_pb2.GetExperimentResponse) -> None:
        if answer.HasField("report"):
            reports.append(answer.report)
        else:
            bar.set(answer.rows + answer.labels, 0)

    with Bar("reading", "rows", progress) as bar:
        yield Download(GET_EXPERIMENT, request, receive)
    if not reports:
        raise InternalError("the server ended the experiment without a report", "NO_REPORT")
    report = _experiment(reports[-1])
    _warn.warn(_doubts(report))
    return report


def drift(model: str, version: int | None, since: datetime | None, until: datetime | None) -> Operation[Drift]:
    """Compare what a model is fed with what it was trained on."""
    request = message(
        monitor_pb2.GetDriftRequest,
        model=model,
        model_version=version or 0,
        since=None if since is None else micros(since, "since"),
        until=None if until is None else micros(until, "until"),
    )
    answer = yield from ask(GET_DRIFT, request)
    return Drift(
        model=answer.model,
        version=answer.model_version,
        since=moment(answer.since),
        until=moment(answer.until),
        dataset=answer.dataset,
        reference_rows=answer.reference_rows,
        rows=answer.rows,
        windows=answer.windows,
        columns=[_column_drift(c) for c in answer.columns],
        why_empty="".join(notes([answer.missing])),
    )


def _column_drift(c: monitor_pb2.ColumnDrift) -> ColumnDrift:
    return ColumnDrift(
        name=c.name,
        kind=c.kind,
        reference_rows=c.reference_rows,
        rows=c.rows,
        reference_missing=c.reference_missing,
        missing=c.missing,
        psi=c.psi,
        jensen_shannon=c.jensen_shannon,
        kolmogorov_smirnov=c.kolmogorov_smirnov,
        total_variation=c.total_variation,
        wasserstein=c.wasserstein,
        chi_square_p=c.chi_square_p,
        unseen=c.unseen,
        vanished=c.vanished,
        drifts=c.drifts,
        importance=c.importance,
        change=c.change,
        drifts_since=moment(c.drifts_since),
    )


def _doubts(report: Experiment) -> list[str]:
    """What makes a report worth less, or nothing."""
    doubts = []
    if report.sample_ratio is not None and report.sample_ratio.mismatch:
        doubts.append(
            f"the versions of model {report.model!r} don't have their shares of the traffic, so that the comparison means nothing; look "
            "for requests to one of them that fail, time out or aren't logged"
        )
    if report.missing:
        doubts.append("files of the feature log can't be read to their end, and the report is of the other rows: " + "; ".join(report.missing))
    return doubts


def _experiment(r: control_pb2.ExperimentReport) -> Experiment:
    ratio = r.sample_ratio
    return Experiment(
        model=r.model,
        metric=r.metric,
        threshold=r.threshold,
        alpha=r.alpha,
        since=moment(r.since),
        until=moment(r.until),
        unit=r.unit,
        versions=[_experiment_version(v) for v in r.versions],
        sample_ratio=SampleRatio(ratio.chi_squared, ratio.p_value, ratio.mismatch) if r.HasField("sample_ratio") else None,
        labels=r.labels,
        labels_unknown=r.labels_unknown,
        notes=notes(r.notes),
        missing=list(r.missing),
    )


def _experiment_version(v: control_pb2.ExperimentVersion) -> ExperimentVersion:
    return ExperimentVersion(
        version=v.model_version,
        role=v.role,
        weight=v.weight,
        rows=v.rows,
        units=v.units,
        undefined=v.undefined,
        labelled=v.labelled,
        positives=v.positives,
        figure=_estimate(v.figure) if v.HasField("figure") else None,
        difference=_estimate(v.difference) if v.HasField("difference") else None,
        p_value=v.p_value if v.HasField("p_value") else None,
        paired=v.paired,
        verdict=v.verdict,
    )


def _estimate(e: control_pb2.Estimate) -> Estimate:
    return Estimate(e.value, e.low if e.HasField("low") else None, e.high if e.HasField("high") else None)


def datasets(limit: int) -> Operation[list[Dataset]]:
    """List training sets, newest first."""
    answer = yield from ask(LIST_DATASETS, message(control_pb2.ListDatasetsRequest, limit=limit))
    return [_dataset(m) for m in answer.datasets]


def dataset(name: str) -> Operation[Dataset]:
    """Tell what a training set is made of."""
    answer = yield from ask(GET_DATASET, message(control_pb2.GetDatasetRequest, id=name))
    return _dataset(answer.dataset)


def _dataset(m: control_pb2.Dataset) -> Dataset:
    manifest: dict[str, Any] = json.loads(m.manifest)
    return Dataset(id=m.id, name=m.name, service=m.feature_service, created_at=moment(m.created_at), manifest=manifest)
