"""The lifecycle of definitions and models, by both clients."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import larderdb
import psycopg
import pytest

from conftest import DAY, DEFINITIONS, fill, serve, weights


class Both:
    """A client for ordinary code, whose every call is one of the client for asyncio."""

    def __init__(self, addr: str, dsn: str) -> None:
        self._addr, self.dsn = addr, dsn

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **named: Any) -> Any:
            async with larderdb.AsyncClient(self._addr) as client:
                return await getattr(client, name)(*args, **named)

        return lambda *args, **named: asyncio.run(call(*args, **named))


@pytest.fixture(params=["ordinary", "asyncio"])
def own(request: pytest.FixtureRequest, binary: Path, tmp_path: Path, folder: Path) -> Iterator[Any]:
    """A client of a server of its own, with a feature log."""
    options = ["--dev", "--feature-log", str(tmp_path / "log")]
    with serve(binary, tmp_path / "data", *options) as running:
        fill(running.dsn)
        with larderdb.Client(running.addr) as client:
            client.apply(folder)
            client.materialize()
            client.dsn = running.dsn  # type: ignore[attr-defined]
            yield client if request.param == "ordinary" else Both(running.addr, running.dsn)


def test_models(own: Any) -> None:
    for version in (1, 2, 3):
        own.push_model("late", weights(1, 0, version), service="late_v1", metrics={"auc": 0.5 + version / 10})
    model = own.models("late")["late"]
    assert (model.name, model.service, model.serve, sorted(model.versions)) == ("late", "late_v1", 1, [1, 2, 3])
    assert model.versions[3].metrics == {"auc": 0.8} and model.traffic is None and model.shadow == []

    promoted = own.promote("late", 2)
    assert ("model", "late", "serve", "1", "2") in [(c.noun, c.name, c.field, c.before, c.after) for c in promoted.changes]
    back = own.rollback("late")
    assert (back.model_version, own.models()["late"].serve) == (1, 1) and back.version == promoted.version + 1

    with pytest.raises(larderdb.InvalidArgumentError, match="shadow scores go to the feature log"):
        own.shadow("late", 3)

    ramp = larderdb.Ramp(version=3, to=50, over=timedelta(days=2), guards={"error_share": 0.01})
    own.set_traffic("late", {2: 90, 3: 10}, split_by="courier_id", salt="spring", ramp=ramp)
    traffic = own.models()["late"].traffic
    assert (traffic.weights, traffic.split_by, traffic.salt) == ({2: 90, 3: 10}, "courier_id", "spring")
    assert (traffic.ramp.version, traffic.ramp.start, traffic.ramp.to, traffic.ramp.over) == (3, 10, 50, timedelta(days=2))
    with pytest.raises(larderdb.FailedPreconditionError, match=r"client.models\(\)") as refused:
        own.resume("late")
    assert refused.value.reason == "NOT_TRIPPED"

    own.promote("late", 2)
    with pytest.raises(larderdb.FailedPreconditionError):
        own.retire("late", 2)
    own.retire("late", 1)
    assert sorted(own.models()["late"].versions) == [2, 3]
    own.retire("late", whole_model=True)
    assert own.models() == {}
    with pytest.raises(larderdb.NotFoundError):
        own.release("late", 2)


def test_definitions(own: Any, tmp_path: Path) -> None:
    defs = tmp_path / "defs"
    defs.mkdir()
    (defs / "all.yaml").write_text(DEFINITIONS.replace('"stats:trips", "stats:rating", "request:km"]}', '"request:km"]}'))
    other = tmp_path / "other"
    other.mkdir()
    without = DEFINITIONS.replace("stats", "totals")
    (other / "all.yaml").write_text(without)

    first = own.versions()[0]
    assert (first.version, first.reverts_to) == (1, 0) and "@" in first.applied_by
    plan = own.plan(defs)
    assert {change.name for change in plan} == {"late_v1"} and plan.base_version == 1 and plan.destroys == []
    assert own.apply(defs).version == 2

    # A plan finds what an apply refuses: a model that takes other features.
    (defs / "late.onnx").write_bytes(weights(1, 0, 1).SerializeToString())
    models = "models: [{name: late, feature_service: %s, versions: [{version: 1, onnx: late.onnx}]}]\n"
    for service, fits in (("late_v1", False), ("turned", True)):
        (defs / "models.yaml").write_text(models % service)
        if fits:
            assert [(output.model, output.column) for output in own.plan(defs).models] == [("late", 0)]
            continue
        for ask in (own.plan, own.apply):
            with pytest.raises(larderdb.InvalidArgumentError, match="late"):
                ask(defs)
    (defs / "models.yaml").unlink()

    plan = own.plan(other)
    assert "stats" in plan.destroys and "- feature view stats" in str(plan)
    with pytest.raises(larderdb.FailedPreconditionError, match=r"allow_delete=\['stats'\], or allow_delete=True") as refused:
        own.apply(other)
    assert refused.value.reason == "DELETES_NOT_ALLOWED" and "larder" not in str(refused.value)
    with pytest.raises(larderdb.FailedPreconditionError, match="allow_delete="):
        own.apply(other, allow_delete=["totals"])
    assert own.versions()[0].version == 2
    assert own.apply(other, allow_delete=plan.destroys).version == 3
    assert "stats" in [change.name for change in own.plan(to_version=1)]
    back = own.apply(to_version=1, allow_delete=True)
    assert (back.version, own.versions()[0].reverts_to) == (4, 1)


def test_drift(own: Any) -> None:
    own.push_model("late", weights(1, 0, 1), service="late_v1")
    found = own.drift("late")
    assert (found.model, found.version, found.columns, found.drifting, found.rows) == ("late", 1, [], [], 0)
    assert "first 1,000 rows" in found.why_empty and "client.push_model(..., dataset=...)" in found.why_empty
    assert found.since is not None and found.until is not None and found.until - found.since == timedelta(days=1)
    assert own.drift("late", since=DAY, until=DAY + timedelta(days=1)).since == DAY
    with pytest.raises(larderdb.InvalidArgumentError, match="since must be before until"):
        own.drift("late", since=DAY, until=DAY)
    with pytest.raises(larderdb.NotFoundError, match="no version 9"):
        own.drift("late", version=9)


def test_projects(own: Any, tmp_path: Path) -> None:
    night = tmp_path / "night"
    night.mkdir()
    (night / "project.yaml").write_text("project: night")
    (night / "views.yaml").write_text(
        "on_demand_views: [{name: twice, sources: [default/stats], features: [{name: trips, type: int64, expr: stats.trips * 2}]}]\n"
        "feature_services: [{name: late_v1, features: ['default/stats:trips', 'twice:trips']}]\n"
    )
    before = own.versions()[0].version
    applied = own.apply(night)
    assert {(c.noun, c.name) for c in applied.changes} == {("on-demand view", "night/twice"), ("feature service", "night/late_v1")}
    assert list(own.service("night/late_v1").features) == ["stats:trips", "night/twice:trips"]
    assert "on-demand view night/twice" in [str(user) for view in own.list("views") if view.name == "stats" for user in view.used_by]
    assert sorted(path.name for path in own.export(tmp_path / "out", project="night")) == [
        "feature_services.yaml",
        "on_demand_views.yaml",
        "project.yaml",
    ]
    assert list(own.plan(tmp_path / "out")) == []
    gone = own.apply(to_version=before, project="night", allow_delete=["night/twice", "night/late_v1"])
    assert {c.name for c in gone.changes} == {"night/twice", "night/late_v1"} and own.service("late_v1")
    with pytest.raises(larderdb.NotFoundError, match="night"):
        own.export(tmp_path / "none", project="night")


def test_reading_back(own: Any, tmp_path: Path) -> None:
    own.push_model("late", weights(1, 0, 1), service="late_v1")
    assert {(d.kind, d.name) for d in own.list()} >= {
        ("entity", "courier"),
        ("source", "couriers"),
        ("feature view", "stats"),
        ("feature service", "late_v1"),
        ("model", "late"),
    }
    (view,) = own.list("views")
    assert (view.name, view.parts) == ("stats", ["trips", "rating"])
    assert "feature service late_v1" in map(str, view.used_by) and "entity courier" in map(str, view.uses)
    assert [d.name for d in own.list("models")] == ["late"]
    for kind, says in (("tables", "no kind"), ("datasets", r"client.datasets\(\) lists them")):
        with pytest.raises(larderdb.InvalidArgumentError, match=says):
            own.list(kind)

    found = own.search("RATING")
    assert "stats" in [d.name for d in found] and all(d.found_in for d in found)
    assert own.search("no such word") == []

    shown = own.show("stats")
    assert shown.fields["features"][0]["name"] == "trips" and "stats" in shown.yaml
    assert shown.view is not None and shown.view.rows >= 0 and shown.runs[0].state == "succeeded" and shown.model is None
    model = own.show("late", kind="model").model
    assert model is not None and model.serve == 1
    with pytest.raises(larderdb.NotFoundError):
        own.show("nothing")

    files = own.export(tmp_path / "out")
    assert files and all(path.read_text() for path in files)
    assert list(own.plan(tmp_path / "out")) == []
    with pytest.raises(FileExistsError, match="name a new one"):
        own.export(tmp_path / "out")
    assert own.export(tmp_path / "first", version=1)


def test_a_running_server(own: Any, tmp_path: Path) -> None:
    found = own.verify(sample=None)
    assert found.ok and found.views["stats"].keys == found.views["stats"].equal == 3
    assert own.verify("stats", sample=2).views["stats"].keys == 2
    assert own.verify(service="late_v1").ok

    state = own.status()
    assert state.awaited == [] and state.views["stats"].watermark is not None and state.data_bytes >= 0
    path = tmp_path / "rows.snapshot"
    assert own.snapshot(path) == os.path.getsize(path) > 0
    assert path.stat().st_mode & 0o777 == 0o600 and list(tmp_path.glob(".rows*")) == []
    with pytest.raises(NotADirectoryError, match="no folder"):
        own.snapshot(tmp_path / "none" / "rows.snapshot")

    spine = {"courier_id": [1], "event_time": [DAY + timedelta(days=2)], "km": [1.0]}
    train = own.training_set(spine, service="late_v1", name="spring")
    (listed,) = own.datasets()
    assert (listed.id, listed.name, listed.service, listed.manifest["rows"]) == (train.id, "spring", "late_v1", 1)
    assert own.dataset("spring") == own.dataset(train.id) == listed
    pushed = own.push_model("late", weights(1, 0, 1), service="late_v1", dataset="spring")
    assert own.models()["late"].versions[pushed.version].dataset == train.id

    with pytest.raises(larderdb.FailedPreconditionError, match="no labels") as refused:
        own.experiment("late", since=DAY, until=DAY + timedelta(days=1))
    assert refused.value.reason == "NO_LABELS"


LOGGED = """
models:
  - name: late
    feature_service: late_v1
    log: {rate: 1}
    labels:
      source: outcomes
      request_id: request_id
      label: {name: was_late, type: bool}
    versions: [{version: 1, onnx: late-1.onnx}, {version: 2, onnx: late-2.onnx}]
    serve: 1
"""


def test_a_feature_log(own: Any, tmp_path: Path) -> None:
    with pytest.raises(larderdb.FailedPreconditionError) as refused:
        own.replay()
    assert refused.value.reason == "NO_LOGGED_ROWS"

    defs = tmp_path / "defs"
    defs.mkdir()
    with psycopg.connect(own.dsn, autocommit=True) as database:
        database.execute("CREATE TABLE outcomes (request_id text, event_time timestamptz, was_late boolean)")
    sources = "sources: [{name: outcomes, table: outcomes, timestamp_field: event_time}, "
    (defs / "all.yaml").write_text(DEFINITIONS.replace("sources: [", sources) + LOGGED)
    for version in (1, 2):
        (defs / f"late-{version}.onnx").write_bytes(weights(version, 0, 1).SerializeToString())
    own.apply(defs)
    own.shadow("late", 2)
    assert own.models()["late"].shadow == [2]

    for number in range(4):
        rows = {"courier_id": [1, 2], "km": [number / 2, 1.5]}
        assert own.score("late", rows, request_id=f"r{number}").request_id == f"r{number}"
    told: list[tuple[int, int]] = []
    replayed = own.replay("late", progress=lambda done, of: told.append((done, of)))
    assert replayed.ok and replayed.cause == ""
    assert [(c.model, c.version, c.equal, c.different) for c in replayed.counts if c.version == 1] == [("late", 1, 8, 0)]
    skew = own.skew()
    assert skew.ok, skew
    features = skew.models["late"].features
    assert list(features) == ["stats:trips", "stats:rating", "request:km"] and features["stats:trips"].rows >= 8

    with psycopg.connect(own.dsn, autocommit=True) as database:
        database.execute("UPDATE couriers SET trips = trips + 1 WHERE courier_id = 2")
        outcomes = [(f"r{number}", DAY, number % 2 == 0) for number in range(4)]
        with database.cursor() as cursor:
            cursor.executemany("INSERT INTO outcomes VALUES (%s, %s, %s)", outcomes)
    skew = own.skew("late", progress=lambda done, of: told.append((done, of)))
    trips = skew.models["late"].features["stats:trips"]
    assert not skew.ok and trips.share == 0.5 and trips.differ == trips.rows / 2 and trips.mean_absolute_difference == 0.5
    assert {d.feature for d in skew.models["late"].differences} == {"stats:trips"}
    assert told[-1][0] == told[-1][1] > 0

    report = own.experiment("late", metric="accuracy", threshold=20.0, since=DAY)
    assert report.model == "late" and report.labels == 4 and report.versions[0].role == "control"
    assert report.versions[0].rows == 8 and report.until is not None


def test_every_method_is_called_here_or_elsewhere() -> None:
    """A method without a test fails this one."""
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for name, _ in inspect.getmembers(larderdb.Client, inspect.isfunction):
        assert name.startswith("_") or f".{name}(" in text, name
