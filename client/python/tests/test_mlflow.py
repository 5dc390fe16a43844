"""Models that follow an alias of a real MLflow server."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import larderdb
import pytest
from conftest import DEFINITIONS, ROOT, Server, fill, free_port, serve

VENV = ROOT / ".larder" / "venv" / "mlflow" / "bin"


class Registry:
    """An MLflow server with versions of a registered model."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def alias(self, name: str, alias: str, version: int) -> None:
        body = json.dumps({"name": name, "alias": alias, "version": str(version)}).encode()
        request = urllib.request.Request(
            self.uri + "/api/2.0/mlflow/registered-models/alias", body, {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=30).close()


def until(what: str, true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def answers(uri: str) -> bool:
    try:
        urllib.request.urlopen(uri + "/health", timeout=5).close()
    except (urllib.error.URLError, OSError):
        return False
    return True


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """MLflow with late in three versions: a sum, another, and one that is no ONNX model."""
    assert (VENV / "mlflow").exists(), "MLflow is missing; run tools/setup/mlflow.sh"
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"http://127.0.0.1:{free_port()}"
    log = (folder / "log").open("w")
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    logging = subprocess.Popen(
        [str(VENV / "python"), str(Path(__file__).with_name("mlflow_log.py")), uri, "late", "1,0,10", "2,0,10", "none"],
        stdin=subprocess.PIPE, stdout=log, stderr=log, text=True, env=quiet,
    )  # fmt: skip
    command = [str(VENV / "python"), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", uri.rsplit(":", 1)[1]]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/db", "--artifacts-destination", str(folder / "files")]
    server = subprocess.Popen(command, stdout=log, stderr=log, env=quiet)
    try:
        until("MLflow did not start", lambda: answers(uri))
        logging.communicate("go\n", timeout=120)
        assert logging.returncode == 0, (folder / "log").read_text()
        yield Registry(uri)
    finally:
        for process in (logging, server):
            process.terminate()
            process.wait(30)
        log.close()


@pytest.fixture(scope="module")
def followed(
    binary: Path, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, larderdb.Client]]:
    data = tmp_path_factory.mktemp("followed")
    registry.alias("late", "champion", 1)
    with serve(binary, data, "--dev", "--mlflow-tracking-uri", registry.uri, "--model-poll", "200ms") as running:
        fill(running.dsn)
        folder = tmp_path_factory.mktemp("defs")
        (folder / "all.yaml").write_text(
            DEFINITIONS + "models: [{name: late, feature_service: late_v1, mlflow: {alias: champion}}]\n"
        )
        with larderdb.Client(running.addr) as client:
            client.apply(folder)
            client.materialize()
            yield running, client


def test_an_alias_is_followed(binary: Path, registry: Registry, followed: tuple[Server, larderdb.Client]) -> None:
    server, client = followed

    def larder_models(*args: str) -> dict[str, object]:
        command = [str(binary), "models", *args, "--addr", server.addr, "--json"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
        answer: dict[str, object] = json.loads(shown.stdout)
        return answer

    def serves(version: int) -> Callable[[], bool]:
        return lambda: client.models()["late"].serve == version

    def fault() -> str:
        source = larder_models("show", "late")["source"]
        assert isinstance(source, dict)
        return str(source["fault"])

    def score() -> float:
        answer = client.score("late", {"courier_id": [1]}, {"km": [3.0]})
        return float(answer.scores[0])

    until("version 1 is not served", serves(1))
    first = score()
    version = client.models()["late"].versions[1]
    assert version.metrics == {"auc": 0.81} and version.came_from == "mlflow"

    registry.alias("late", "champion", 2)
    until("the alias is not followed to 2", serves(2))
    assert score() > first

    # A version that can't be served is told; what serves stays.
    registry.alias("late", "champion", 3)
    until("no fault is told", lambda: "no ONNX flavour" in fault())
    assert client.models()["late"].serve == 2

    # What a person does afterwards stays, until the alias moves again.
    registry.alias("late", "champion", 2)
    until("the fault stays", lambda: fault() == "")
    larder_models("rollback", "late")
    looked = larder_models("show", "late")["source"]
    until("it was not looked at again", lambda: larder_models("show", "late")["source"] != looked)
    assert client.models()["late"].serve == 1
    registry.alias("late", "champion", 1)
    until("no look at 1", lambda: '"alias_version": "1"' in json.dumps(larder_models("show", "late")))
    registry.alias("late", "champion", 2)
    until("the alias is not followed back to 2", serves(2))
