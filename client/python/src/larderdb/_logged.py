"""Checks of a server's feature log: vectors that are scored again, and rebuilt."""

from __future__ import annotations

from collections.abc import Sequence

from larderdb import _warn
from larderdb._messages import message
from larderdb._methods import CHECK_SKEW, REPLAY_LOG, Download, Operation
from larderdb._progress import Bar, Progress
from larderdb.errors import InternalError
from larderdb.logged import FeatureSkew, ModelSkew, Replay, ReplayCount, ReplayDifference, ReplayGone, Skew, SkewDifference
from larderdb.v1 import control_pb2


def replay(model: str | None, progress: Progress | None) -> Operation[Replay]:
    """Score the vectors of the log again."""
    reports: list[control_pb2.ReplayReport] = []

    def receive(answer: control_pb2.ReplayLogResponse) -> None:
        if answer.HasField("report"):
            reports.append(answer.report)
        else:
            bar.set(answer.rows, 0)

    with Bar("replaying", "rows", progress) as bar:
        yield Download(REPLAY_LOG, message(control_pb2.ReplayLogRequest, model=model or ""), receive)
    if not reports:
        raise _no_report("replay")
    report = reports[-1]
    _warn_of(report.missing)
    gone = [ReplayGone(g.model, g.model_version, g.catalog_version, g.rows, g.cause) for g in report.gone]
    if gone:
        versions = "; ".join(f"{g.model}@{g.version}, {g.rows} rows: {g.cause}" for g in gone)
        _warn.warn([f"versions in the feature log are gone, and the report is of the other rows: {versions}"])
    return Replay(
        counts=[ReplayCount(c.model, c.model_version, c.equal, c.different) for c in report.counts],
        differences=[
            ReplayDifference(d.file, d.request_id, d.row, d.logged, d.now, d.output, d.logged_output, d.now_output)
            for d in report.differences
        ],
        cause=report.cause,
        missing=list(report.missing),
        gone=gone,
    )


def skew(model: str | None, progress: Progress | None) -> Operation[Skew]:
    """Compare the vectors of the log with those of a training set."""
    reports: list[control_pb2.SkewReport] = []

    def receive(answer: control_pb2.CheckSkewResponse) -> None:
        bar.set(answer.rows, answer.rows_total)
        if answer.HasField("report"):
            reports.append(answer.report)

    with Bar("rebuilding", "rows", progress) as bar:
        yield Download(CHECK_SKEW, message(control_pb2.CheckSkewRequest, model=model or ""), receive)
    if not reports:
        raise _no_report("skew")
    report = reports[-1]
    _warn_of(report.missing)
    return Skew(models={m.model: _model_skew(m) for m in report.models}, missing=list(report.missing))


def _model_skew(m: control_pb2.ModelSkew) -> ModelSkew:
    features = {
        f.feature: FeatureSkew(
            feature=f.feature,
            rows=f.rows,
            equal=f.equal,
            differ=f.differ,
            missing=f.missing,
            extra=f.extra,
            sent=f.sent,
            unlogged=f.unlogged,
            mean_absolute_difference=f.mean_absolute_difference,
            mean_relative_difference=f.mean_relative_difference,
        )
        for f in m.features
    }
    return ModelSkew(features, [SkewDifference(d.feature, d.request_id, d.row, d.logged, d.rebuilt) for d in m.differences])


def _no_report(what: str) -> InternalError:
    return InternalError(f"the server ended the {what} without a report", "NO_REPORT")


def _warn_of(files: Sequence[str]) -> None:
    if files:
        _warn.warn(
            [
                "files of the feature log can't be read to their end, and the report is of the other rows; restore them from a backup "
                "or move them away: " + "; ".join(files)
            ]
        )
