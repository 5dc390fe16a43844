"""A real server, on a private Postgres, for all tests."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import larderdb
import onnx
import psycopg
import pytest
from onnx import TensorProto, helper

ROOT = Path(__file__).resolve().parents[3]
DAY = datetime(2026, 3, 1, tzinfo=timezone.utc)

DEFINITIONS = """\
entities: [{name: courier, join_keys: [{name: courier_id, type: int64}]}]
sources: [{name: couriers, table: couriers, timestamp_field: event_time, created_timestamp_column: loaded_at}]
feature_views:
  - name: stats
    entities: [courier]
    source: couriers
    features: [{name: trips, type: int64, default: 0}, {name: rating, type: float64}]
feature_services:
  - {name: late_v1, request: [{name: km, type: float64}], features: ["stats:trips", "stats:rating", "request:km"]}
  - {name: numbered, request: [{name: n, type: int32}], features: ["stats:trips", "request:n"]}
  - {name: turned, request: [{name: km, type: float64}], features: ["stats:rating", "stats:trips", "request:km"]}
"""


@dataclass
class Server:
    """A running larder serve."""

    addr: str
    dsn: str  # of its private Postgres
    http: str


def free_port() -> int:
    """A port that was free a moment ago, for servers that can't choose their own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's program, built from this checkout."""
    path = tmp_path_factory.mktemp("bin") / "larder"
    subprocess.run(["go", "build", "-o", path, "./cmd/larder"], cwd=ROOT, check=True)
    return path


@contextmanager
def serve(binary: Path, data: Path, *options: str) -> Iterator[Server]:
    """Run larder serve on free ports until the block ends."""
    command = [str(binary), "serve", "--data", str(data), "--log-format", "json", *options]
    command += ["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"]
    environment = {"LARDER_ONNXRUNTIME": str(ROOT / ".larder" / "onnxruntime"), **os.environ}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    log: list[str] = []
    serving = threading.Event()

    def follow() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            log.append(line)
            if '"msg":"serving"' in line:
                serving.set()
        serving.set()

    follower = threading.Thread(target=follow)
    follower.start()
    try:
        assert serving.wait(60) and process.poll() is None, "larder serve did not start:\n" + "".join(log)
        said = {entry["msg"]: entry for entry in (json.loads(line) for line in log if line.startswith("{"))}
        address = data / "dev.json"
        dsn = json.loads(address.read_text())["postgres"] if address.exists() else ""
        yield Server(said["serving"]["grpc"], dsn, said["serving"]["http"])
    finally:
        process.terminate()
        process.wait(60)
        follower.join()
        assert process.stderr is not None
        process.stderr.close()
    assert process.returncode == 0, "".join(log)


@pytest.fixture(scope="session")
def server(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a private Postgres, where courier i has made trips since DAY."""
    with serve(binary, tmp_path_factory.mktemp("data"), "--dev") as running:
        fill(running.dsn)
        yield running


def fill(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute(
            "CREATE TABLE couriers (courier_id bigint, event_time timestamptz, loaded_at timestamptz,"
            " trips bigint, rating float8)"
        )
        rows = [
            (courier, DAY + timedelta(days=day), DAY + timedelta(days=day, minutes=10), 10 * courier + day, rating)
            for courier in range(1, 4)
            for day in range(5)
            for rating in [None if courier == 3 else courier + day / 10]
        ]
        database.execute("CREATE INDEX ON couriers (courier_id, event_time)")  # without it, training sets come with a warning
        with database.cursor() as cursor:
            cursor.executemany("INSERT INTO couriers VALUES (%s, %s, %s, %s, %s)", rows)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the definitions."""
    path = tmp_path_factory.mktemp("defs")
    (path / "all.yaml").write_text(DEFINITIONS)
    return path


@pytest.fixture(scope="session")
def applied(server: Server, folder: Path) -> Server:
    """The server, with the definitions applied and materialized."""
    with larderdb.Client(server.addr) as client:
        client.apply(folder)
        client.materialize()
    return server


@pytest.fixture
def client(applied: Server) -> Iterator[larderdb.Client]:
    with larderdb.Client(applied.addr) as connected:
        yield connected


def weights(*values: float) -> onnx.ModelProto:
    """A model of three features whose score is their weighted sum."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["features", "weights"], ["score"])],
        "weighted",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", len(values)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        [helper.make_tensor("weights", TensorProto.FLOAT, [len(values), 1], values)],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


