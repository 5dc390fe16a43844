"""Runs the jobs of examples/streaming with the real engines: check.py LARDER FOLDER.

LARDER is the binary, FOLDER holds what the check makes: Kafka, the server, checkpoints,
logs. Payments with known answers go through Flink and through Spark, which are killed on
the way; then each payment must be in Larder once, and features and a training set must
be what plain Python makes of the payments, bit for bit.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from threading import Thread
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "streaming"
sys.path[:0] = [str(EXAMPLE), str(ROOT / "integration" / "feast"), str(ROOT / "client" / "python" / "src")]

import larderdb
import pyarrow as pa
from kafka import Kafka, kafka
from payments import CARDS, features, in_euros, payments
from pyarrow import parquet
from servers import end, larder

VIEWS = ["card_payments", "card_payments_pushed"]
EVENTS = 30_000
SECONDS = 40.0  # in which they arrive
KILLS = 2  # of each job
PATIENCE = 180.0  # seconds, for an engine to start and to do its work


class Job:
    """A job of an engine, which can be killed and started again."""

    def __init__(self, engine: str, script: str, folder: Path, *arguments: str) -> None:
        self.engine = engine
        python = ROOT / ".larder" / "venv" / engine / "bin" / "python"
        self.command = [python, EXAMPLE / script, *arguments]
        self.log = folder / f"{engine}.log"
        self.environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": str(python), "PYTHONPATH": f"{EXAMPLE}:{ROOT}/client/python/src"}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(self.command, cwd=ROOT, env=self.environment, stdout=output, stderr=output, start_new_session=True)

    def run(self) -> None:
        """Run the job to its end."""
        self.start()
        assert self.process is not None
        try:
            code = self.process.wait(PATIENCE)
        finally:
            end(self.process)
        assert code == 0, f"the job failed:\n{self.log.read_text(errors='replace')[-4000:]}"

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        if self.process is not None:
            end(self.process)

    def until(self, what: str, done: Callable[[], bool]) -> None:
        """Wait until something is so, while the job runs."""
        assert self.process is not None
        last = time.monotonic() + PATIENCE
        while not done():
            said = self.log.read_text(errors="replace")[-4000:]
            assert self.process.poll() is None, f"the job ended before {what}:\n{said}"
            assert time.monotonic() < last, f"not {what} after {PATIENCE:.0f} s:\n{said}"
            time.sleep(0.2)


@dataclass
class Served:
    """The server under test."""

    command: Callable[..., str]
    grpc: str
    http: str
    client: larderdb.Client

    def count(self, view: str) -> int:
        """The payments that a view has, of all cards."""
        return sum(self.client.get_features([f"{view}:n_lifetime"], {"card_id": list(CARDS)}).data[f"{view}:n_lifetime"])

    def lag(self, stream: str) -> int:
        """The messages of the source that are not in the log."""
        status = json.loads(self.command("stream", "status", stream, "--json"))
        return sum(int(part["lag"]) for part in status["streams"][0]["parts"])


def drive(job: Job, seen: Callable[[], int], expected: int) -> None:
    """Run a job until all payments are out, and kill it at random moments before."""
    try:
        for _ in range(KILLS):
            before = seen()
            job.start()
            job.until("some payments are out", lambda: seen() > before)
            time.sleep(random.uniform(0, 3))
            job.kill()
            print(f"{job.engine}: killed after {seen():,} of {expected:,} payments", flush=True)
        job.start()
        job.until("all payments are out", lambda: seen() >= expected)
    finally:
        job.end()


def check_flink(broker: Kafka, server: Served, folder: Path, made: list[dict[str, Any]]) -> None:
    """Each payment is in the sink's topic once, with the very amount, and in Larder."""
    expected = in_euros(made)
    job = Job("flink", "flink_job.py", folder, "--brokers", broker.brokers, "--checkpoints", str(folder / "flink"))
    arriving = Thread(target=broker.produce, args=("raw_payments", made, SECONDS))
    arriving.start()
    try:
        drive(job, lambda: server.count("card_payments"), len(expected))
    finally:
        arriving.join()
    committed, written = broker.read("payments_eur"), broker.read("payments_eur", "read_uncommitted")
    print(f"flink: {len(committed):,} payments committed, {len(written) - len(committed):,} written and aborted", flush=True)
    assert len(committed) == len(expected), f"{len(committed)} payments are in the topic, want {len(expected)}"
    for payment in committed:
        want = expected[payment["id"]]
        got = {**payment, "happened": datetime.fromisoformat(payment["happened"])}
        assert got == {**want, "happened": datetime.fromisoformat(want["happened"])}, f"{payment}, want {want}"


def check_spark(broker: Kafka, server: Served, folder: Path, made: list[dict[str, Any]]) -> None:
    """Each payment is in Larder once, although batches were pushed again."""
    at = ["--brokers", broker.brokers, "--checkpoints", str(folder / "spark"), "--larder", server.http, "--per-batch", str(len(made) // 20)]
    drive(Job("spark", "spark_job.py", folder, *at), lambda: server.count("card_payments_pushed"), len(in_euros(made)))


def check_spark_topic(broker: Kafka, server: Served, folder: Path, made: list[dict[str, Any]]) -> None:
    """Spark writes all payments again to the topic that Flink wrote to, some twice; by their ids none counts again."""
    at = ["--brokers", broker.brokers, "--checkpoints", str(folder / "spark-topic"), "--topic", "payments_eur", "--per-batch", str(len(made) // 20)]
    expected, before = in_euros(made), broker.ends("payments_eur")

    def seen() -> int:
        new = sum(broker.ends("payments_eur")) - sum(before)
        return new if new < len(expected) else len({p["id"] for p in broker.read("payments_eur", begin=before)})

    drive(Job("spark", "spark_job.py", folder, *at), seen, len(expected))
    print(f"spark: {sum(broker.ends('payments_eur')) - sum(before) - len(expected):,} payments are in the topic twice", flush=True)
    last = time.monotonic() + PATIENCE
    while server.lag("payments") > 0:
        assert time.monotonic() < last, "Larder doesn't reach the end of the topic"
        time.sleep(0.2)


def check_features(server: Served, made: list[dict[str, Any]]) -> None:
    """What is served of both views is what plain Python makes of the payments."""
    enriched = list(in_euros(made).values())
    answer = server.client.get_features("card_risk", {"card_id": list(CARDS)}).data
    now = datetime.now(timezone.utc)
    for row, card in enumerate(CARDS):
        for view in VIEWS:
            for name, want in features(enriched, card, now).items():
                got = answer[f"{view}:{name}"][row]
                assert got == want, f"{view}:{name} of card {card} is {got!r}, want {want!r}"
    print(f"served: {len(CARDS) * len(answer):,} features are right", flush=True)


def check_training(server: Served, folder: Path, made: list[dict[str, Any]], began: datetime) -> None:
    """A training set that Spark reads has what was known: nothing before the payments had arrived, and then all."""
    enriched = list(in_euros(made).values())
    spine, out = folder / "spine.parquet", folder / "training"
    cards = [card for card in CARDS for _ in range(2)]
    times = [began, datetime.now(timezone.utc)] * len(CARDS)
    parquet.write_table(pa.table({"card_id": cards, "event_time": times, "label": range(len(cards))}), spine)
    job = Job("spark", "spark_training.py", folder, "--larder", server.grpc, "--service", "card_risk", "--spine", str(spine), "--out", str(out))
    job.run()
    rows = parquet.read_table(out).to_pylist()
    assert sorted(row["label"] for row in rows) == list(range(len(cards)))
    for row in rows:
        known = enriched if row["label"] % 2 else []
        for view in VIEWS:
            for name, want in features(known, row["card_id"], row["event_time"]).items():
                got = row[f"{view}__{name}"]
                assert got == want, f"{view}__{name} of {row['card_id']} at {row['event_time']} is {got!r}, want {want!r}"
    print(f"training set: {len(rows)} rows are right", flush=True)


@contextmanager
def serving(binary: Path, folder: Path, broker: Kafka) -> Iterator[Served]:
    """Run a server with the example's definitions, which read from a broker."""
    definitions = folder / "definitions"
    definitions.mkdir()
    text = (EXAMPLE / "definitions" / "streaming.yaml").read_text()
    assert "localhost:9092" in text
    (definitions / "streaming.yaml").write_text(text.replace("localhost:9092", broker.brokers))
    with larder(binary, folder) as server, larderdb.Client(server.grpc) as client:
        server.command("apply", str(definitions))
        yield Served(server.command, server.grpc, server.http, client)


def main() -> None:
    binary, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = datetime.now(timezone.utc)
    made = payments(EVENTS, began, seed=1)
    with kafka(folder / "kafka") as broker:
        broker.create("raw_payments", "payments_eur")
        with serving(binary, folder, broker) as server:
            check_flink(broker, server, folder, made)
            check_spark(broker, server, folder, made)
            check_spark_topic(broker, server, folder, made)
            check_features(server, made)
            check_training(server, folder, made, began)


if __name__ == "__main__":
    main()
