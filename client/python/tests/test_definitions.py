"""plan, apply, materialize, status, models."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import larderdb
import pytest

from conftest import DAY, DEFINITIONS


def test_plan_and_apply(client: larderdb.Client, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(DEFINITIONS)
    client.apply(tmp_path)
    (tmp_path / "all.yaml").write_text(DEFINITIONS.replace("source: couriers\n", "source: couriers\n    ttl: 36500d\n"))
    changed = [change for change in client.plan(tmp_path) if change.noun == "feature view"]
    assert [str(change) for change in changed] == [
        '+ feature view stats ttl: "36500d"\n    applies to stored rows at once'
    ]
    before = client.status().catalog_version
    applied = client.apply(tmp_path)
    assert applied.version == before + 1
    assert client.apply(tmp_path).changes == []


def test_faults_have_their_place(client: larderdb.Client, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "all.yaml").write_text(DEFINITIONS)
    (tmp_path / "sub" / "bad.yml").write_text("feature_services:\n  - {name: bad, features: ['stats:trip']}\n")
    with pytest.raises(larderdb.InvalidArgumentError) as refused:
        client.apply(tmp_path)
    assert refused.value.message.startswith(f"{tmp_path}/sub/bad.yml:2:")
    assert "trips" in refused.value.message
    assert refused.value.reason == "BAD_DEFINITIONS"


def test_many_faults_still_fit_an_answer(client: larderdb.Client, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("entities: [" + "{nome: x}, " * 900 + "]")
    with pytest.raises(larderdb.InvalidArgumentError, match="more; fix these first"):
        client.plan(tmp_path)


def test_folders_that_are_none(client: larderdb.Client, tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="name the one that holds the definitions"):
        client.plan(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"no file \*.yaml"):
        client.plan(tmp_path)
    (tmp_path / "out.yaml").symlink_to("/etc/hostname")
    with pytest.raises(PermissionError, match="points outside"):
        client.plan(tmp_path)


def test_materialize_tells_its_progress(client: larderdb.Client) -> None:
    seen: list[list[larderdb.Run]] = []
    runs = client.materialize("stats", full=True, progress=seen.append)
    assert [run.state for run in runs] == ["succeeded"]
    assert runs[0].rows_read == 15 and seen[-1] == runs
    window = client.materialize(start=DAY, end=DAY + timedelta(days=1))
    assert window[0].rows_read == 6 and window[0].mode == "range"
    with pytest.raises(larderdb.NotFoundError, match="stats"):
        client.materialize("stat")


def test_status(client: larderdb.Client) -> None:
    state = client.status()
    assert state.catalog_version == state.registry_version and not state.catalog_error and not state.postgres_error
    view = state.views["stats"]
    assert view.rows == 3
    assert view.watermark is not None and view.freshness is not None and view.freshness < timedelta(minutes=10)
    assert view.last_run is not None and view.last_run.state == "succeeded"


def test_service(client: larderdb.Client) -> None:
    service = client.service("late_v1")
    assert service.keys == {"courier_id": "int64"}
    assert service.request == {"km": "float64"}
    assert list(service.features) == ["stats:trips", "stats:rating", "request:km"]
    assert list(service.features.values()) == ["int64", "float64", "float64"]
    assert len(service.fingerprint) == 64
    assert client.service("turned").fingerprint != service.fingerprint
