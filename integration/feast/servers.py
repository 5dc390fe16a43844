"""Starts the servers that are compared, and ends them also when a test fails."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FEAST = Path(sys.executable).parent / "feast"
PATIENCE = 120.0  # seconds


@dataclass
class Larder:
    """A running larder serve --dev."""

    binary: Path
    grpc: str
    http: str
    postgres: str

    def command(self, *arguments: str) -> str:
        """Run a command of Larder that asks this server or its Postgres, and return what it prints."""
        at = ["--postgres", self.postgres] if arguments[0] == "load" else ["--addr", self.grpc]
        done = subprocess.run([self.binary, *arguments, *at], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
        assert done.returncode == 0, f"larder {' '.join(arguments)}:\n{done.stdout}"
        return done.stdout


def free_port() -> int:
    """A port that was free a moment ago, for servers that can't choose their own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: list[str | Path], log: Path, ready: Callable[[], bool], directory: Path | None = None) -> Iterator[None]:
    """Run a server, with its children in a group of its own, until the block ends."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=output, start_new_session=True)
    try:
        last = time.monotonic() + PATIENCE
        while not ready():
            said = f"{' '.join(map(str, command))}:\n{log.read_text(errors='replace')[-4000:]}"
            assert process.poll() is None, f"ended at once: {said}"
            assert time.monotonic() < last, f"not ready after {PATIENCE:.0f} s: {said}"
            time.sleep(0.05)
        yield
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server and whatever it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            continue
        # Children that have outlived their parent, as workers of gunicorn may.
        if number == signal.SIGTERM and not group_lives(process.pid):
            break


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def listens(port: int) -> bool:
    """Whether a connection is taken."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def larder(binary: Path, folder: Path, *options: str) -> Iterator[Larder]:
    """Run larder serve --dev on free ports; the folder keeps its data."""
    data = folder / "larder-data"
    addresses = data / "dev.json"
    command = [binary, "serve", "--dev", "--data", data, "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0", *options]

    def ready() -> bool:
        try:
            at = json.loads(addresses.read_text())
        except (FileNotFoundError, ValueError):
            return False
        return answers(f"http://{at['http']}/healthz")

    with running([*command], folder / "larder.log", ready):
        at = json.loads(addresses.read_text())
        yield Larder(binary, at["grpc"], "http://" + at["http"], at["postgres"])


@contextmanager
def feast_serve(repository: Path) -> Iterator[str]:
    """Run feast serve, and yield its address."""
    port = free_port()
    command = [FEAST, "serve", "--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    url = f"http://127.0.0.1:{port}"
    with running([*command], repository.parent / "feast-serve.log", lambda: answers(url + "/health"), repository):
        yield url


@contextmanager
def feast_listen(repository: Path) -> Iterator[str]:
    """Run feast listen, Feast's server for gRPC, and yield its address."""
    address = f"127.0.0.1:{free_port()}"
    port = int(address.rpartition(":")[2])
    with running([FEAST, "listen", "--address", address], repository.parent / "feast-listen.log", lambda: listens(port), repository):
        yield address


def feast(repository: Path, *arguments: str) -> None:
    """Run a command of Feast in a repository."""
    done = subprocess.run(
        [FEAST, *arguments], cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, f"feast {' '.join(arguments)}:\n{done.stdout}"
