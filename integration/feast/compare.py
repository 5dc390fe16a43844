"""Compares Larder with Feast: compare.py LARDER FOLDER [REPOSITORY...].

LARDER is the binary, FOLDER holds what the comparison makes: repositories, databases,
logs. For each repository, Feast and Larder read the same rows, and the same questions go
to `feast serve` and to Larder: by Feast's SDK, by HTTP, and by gRPC with Feast's stubs.
What differs and isn't listed with its reason, here or in asks.py, is a failure.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import asking
import grpc_client
import requests
import servers
from asking import Answer, Ask
from comparing import Tally, compare
from psycopg.conninfo import conninfo_to_dict

NOW = datetime.now(timezone.utc).replace(microsecond=0)
os.environ["NOW"] = NOW.isoformat()  # the times of rows that are written are the same for both servers

HERE = Path(__file__).resolve().parent
REPOSITORIES = ["template", "odd", "credit"]

# The fewest comparisons that count as a comparison, by repository and protocol.
LEAST = {
    "template, SDK": 500,
    "template, HTTP": 190,
    "template, gRPC": 60,
    "template, malformed bodies": 11,
    "template, SDK, after writes": 50,
    "template, HTTP, after writes": 18,
    "template, gRPC, after writes": 18,
    "odd, SDK": 5900,
    "odd, HTTP": 2100,
    "odd, gRPC": 2000,
    "odd, SDK, --feast-statuses": 5900,
    "odd, HTTP, --feast-statuses": 2100,
    "odd, gRPC, --feast-statuses": 2000,
    "odd, HTTP, writes": 12,
    "odd, gRPC, writes": 6,
    "odd, SDK, after writes": 240,
    "odd, HTTP, after writes": 79,
    "odd, gRPC, after writes": 79,
    "odd, ServingService": 4,
    "credit, SDK": 29_000,
    "credit, HTTP": 9_900,
    "credit, gRPC": 4_900,
    "credit, SDK, --feast-statuses": 29_000,
    "credit, training set as of event_time": 320_000,
    "credit, training set as of ingest_time": 320_000,
}

STORE = """\
project: {project}
provider: local
registry: registry.db
offline_store:
  type: postgres
  host: "{host}"
  port: {port}
  database: "{dbname}"
  db_schema: {project}
  user: "{user}"
  password: "{password}"
  sslmode: disable
online_store: {{type: sqlite, path: online.db}}
entity_key_serialization_version: 3
# Without it, Feast reads views without an entity in a way that its Postgres store can't.
materialization: {{pull_latest_features: true}}
"""

REMOTE = """\
project: {project}
provider: local
registry: {registry}
online_store: {{type: remote, path: {url}, connection_retries: 1}}
entity_key_serialization_version: 3
"""


def say(text: str) -> None:
    print(f"{time.monotonic() - STARTED:6.1f} s  {text}", flush=True)


@dataclass(frozen=True)
class Addresses:
    """Where a server answers."""

    name: str
    http: str
    grpc: str


def by_http(url: str, asks: list[Ask]) -> dict[str, Answer]:
    answers = {}
    for ask in asks:
        response = requests.post(url + "/get-online-features", json=ask.body(), timeout=servers.PATIENCE)
        if response.status_code != 200:
            answers[ask.name] = Answer(error=str(response.status_code), text=response.text)
            continue
        got = response.json()
        columns: dict[str, list[list[Any]]] = {}
        for name, result in zip(got["metadata"]["feature_names"], got["results"], strict=True):
            cells = zip(result["values"], result["statuses"], result["event_timestamps"], strict=True)
            columns[name] = [
                [[type(value).__name__, asking.scalar(value)] if value is not None else ["null", None], status, at]
                for value, status, at in cells
            ]
        answers[ask.name] = Answer(columns)
    return answers


class Comparison:
    """One repository, served by both."""

    def __init__(self, name: str, folder: Path, tally: Tally) -> None:
        self.now = NOW
        self.project = name
        self.name, self.folder, self.tally = name, folder, tally
        self.repository = folder / "repository"  # tables.make may have another, and another project
        self.tables = importlib.import_module(f"repositories.{name}.tables")
        self.questions = importlib.import_module(f"repositories.{name}.asks")

    def say(self, text: str) -> None:
        say(f"{self.name}: {text}")

    def run(self, binary: Path) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        with servers.larder(binary, self.folder) as larder:
            self.prepare(larder)
            with servers.feast_serve(self.repository) as url, servers.feast_listen(self.repository) as grpc:
                theirs = Addresses("feast", url, grpc)
                feast = self.ask_all(theirs, "ASKS")
                self.compare_all("ASKS", self.ask_all(self.addresses(larder), "ASKS"), feast)
                self.malformed(url, larder.http)
                self.tables.after(self, larder, theirs)
        self.say("Larder again, with --feast-statuses")
        with servers.larder(binary, self.folder, "--feast-statuses") as larder:
            self.compare_all("ASKS", self.ask_all(self.addresses(larder), "ASKS"), feast, mended=True)

    def prepare(self, larder: servers.Larder) -> None:
        """Fill the tables, and let both read them."""
        self.tables.make(self, larder, NOW)
        self.say("feast apply, feast materialize")
        servers.feast(self.repository, "apply")
        servers.feast(self.repository, "materialize", "--disable-event-timestamp")
        self.say("larder import feast, larder apply, larder materialize")
        definitions = self.folder / "definitions"
        print(larder.command("import", "feast", str(self.repository), "--out", str(definitions)))
        more = HERE / "repositories" / self.name / "more.yaml"  # what a team writes by hand
        if more.exists():
            shutil.copy(more, definitions)
        larder.command("apply", str(definitions), "--yes")
        larder.command("materialize")

    def write_store(self, dsn: str) -> None:
        """Make a repository of Feast whose offline store is Larder's private Postgres."""
        self.repository.mkdir()
        shutil.copy(HERE / "repositories" / self.name / "features.py", self.repository)
        at = {"password": "", **conninfo_to_dict(dsn)}
        (self.repository / "feature_store.yaml").write_text(STORE.format(project=self.project, **at))

    def remote(self, at: Addresses) -> Path:
        """A folder with the feature_store.yaml of a client of that server."""
        folder = self.folder / f"client-{at.name}"
        folder.mkdir(exist_ok=True)
        registry = next(path for path in [self.repository / "data/registry.db", self.repository / "registry.db"] if path.exists())
        (folder / "feature_store.yaml").write_text(REMOTE.format(project=self.project, registry=registry, url=at.http))
        return folder

    def ask_all(self, at: Addresses, which: str) -> dict[str, dict[str, Answer]]:
        """Ask a server the questions of a list, by every protocol."""
        asks = [ask for ask in getattr(self.questions, which) if isinstance(ask, Ask)]
        return {"SDK": self.by_sdk(at, which), "HTTP": by_http(at.http, asks), "gRPC": grpc_client.answers(at.grpc, asks)}

    def by_sdk(self, at: Addresses, which: str) -> dict[str, Answer]:
        command = [sys.executable, HERE / "client.py", self.remote(at), self.name, which]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=servers.PATIENCE)
        assert done.returncode == 0, done.stderr
        return Answer.load(done.stdout)

    def compare_all(
        self, which: str, larder: dict[str, dict[str, Answer]], feast: dict[str, dict[str, Answer]], mended: bool = False
    ) -> None:
        """Compare what both answered to the questions of a list."""
        for protocol, answers in larder.items():
            where = f"{self.name}, {protocol}" + ("" if which == "ASKS" else ", after writes") + (", --feast-statuses" if mended else "")
            before = len(self.tally.faults)
            for question in getattr(self.questions, which):
                if protocol not in getattr(question, "only", asking.EVERYWHERE) or question.name not in answers:
                    continue
                compare(self.tally, where, protocol, question, answers[question.name], feast[protocol][question.name], mended)
            say(f"{where}: {self.tally.cells[where]} comparisons, {len(self.tally.faults) - before} faults")

    @staticmethod
    def addresses(larder: servers.Larder) -> Addresses:
        return Addresses("larder", larder.http, larder.grpc)

    def same_status(self, what: str, path: str, body: dict[str, Any], larder: Addresses, feast: Addresses) -> None:
        """Send a body to both. Where Feast answers 500, what is wrong is the caller's mistake for Larder."""
        ours, theirs = (requests.post(at.http + path, json=body, timeout=servers.PATIENCE) for at in (larder, feast))
        where = f"{self.name}, HTTP, writes"
        if theirs.status_code == 500:
            self.tally.same(
                where, f"{what}: whether Larder's status is 4xx: {ours.text:.200}; {theirs.text:.200}", ours.status_code // 100, 4
            )
            self.tally.known_difference(where, "a mistake of the caller is a status 4xx; of Feast 500")
        else:
            self.tally.same(where, f"{what}: {ours.text:.200}; {theirs.text:.200}", ours.status_code, theirs.status_code)

    def malformed(self, feast: str, larder: str) -> None:
        """Bodies that are no request must get the same status of both."""
        for body in BAD_BODIES:
            got = [
                requests.post(
                    url + "/get-online-features", data=body.encode(), headers={"Content-Type": "application/json"}, timeout=30
                ).status_code
                for url in (larder, feast)
            ]
            self.tally.same(f"{self.name}, malformed bodies", body, got[0], got[1])


BAD_BODIES = [
    "",
    "{",
    "[]",
    "null",
    "7",
    "{}",
    '{"entities": []}',
    '{"entities": {"user_id": 1}}',
    '{"features": "x", "entities": {}}',
    '{"features": [1], "entities": {"user_id": [1]}}',
    '{"entities": {"user_id": [1]}, "full_feature_names": "maybe"}',
    '{"entities": {"user_id": [1]}, "features": null}',
    '{"entities": {"user_id": [1]}, "feature_service": 7}',
]


def main() -> int:
    binary, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    names = sys.argv[3:] or REPOSITORIES
    for name in names:
        try:
            Comparison(name, folder / name, tally).run(binary)
        except Exception as raised:  # report what was compared, too
            traceback.print_exc()
            tally.fault(name, f"the comparison ended with {raised!r:.500}")
    say("done")
    return tally.report({where: count for where, count in LEAST.items() if where.partition(",")[0] in names})


STARTED = time.monotonic()

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended
    sys.exit(main())
