"""Pushes odd models to a real server, and scores those that it takes with odd values.

    make fuzz-onnx [SECONDS=3600] [SEED=1]
    python tools/fuzz_onnx/serve.py --binary bin/larder --seed 4711   # one model again

It fails when the server's process dies or grows without end, or when a good model that is
scored in between stops answering or gets another score. It then leaves the model, its
seed and the command that repeats it in a folder.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "client/python/src"))

import grpc  # noqa: E402
import larderdb  # noqa: E402
from larderdb.v1 import control_pb2  # noqa: E402

import anything  # noqa: E402
import hostile  # noqa: E402

SERVICES = """\
feature_services:
  - name: fuzz
    request: [{name: f, type: float32}, {name: d, type: float64}, {name: l, type: int64, default: 0}, {name: i, type: int32, default: 0}, {name: b, type: bool, default: false}, {name: s, type: string, default: ""}]
    features: ["request:*"]
"""
GOOD = {"f": [0.25, -1.0], "d": [0.5, 2.0], "l": [3, -4], "i": [1, 0], "b": [True, False], "s": ["a", "zz"]}
MOST_MEMORY = 3 << 30  # of the server's process
ANSWER_WITHIN = 10  # seconds, for the good model


class Failure(Exception):
    """The server did what it never may."""


class Server:
    """A larder serve --dev in a folder of its own."""

    def __init__(self, binary, onnxruntime):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="larder-fuzz-"))
        command = [binary, "serve", "--dev", "--data", self.folder / "data", "--log-format", "json", "--onnxruntime", onnxruntime]
        command += ["--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=self.folder)
        self.log, ready = collections.deque(maxlen=400), threading.Event()
        self.addr = ""

        def follow():
            for line in self.process.stderr:
                self.log.append(line)
                if '"msg":"serving"' in line:
                    self.addr = json.loads(line)["grpc"]
                    ready.set()
            ready.set()

        self.follower = threading.Thread(target=follow, daemon=True)
        self.follower.start()
        if not ready.wait(120) or not self.addr:
            raise SystemExit("larder serve did not start:\n" + "".join(self.log))
        self.client = larderdb.Client(self.addr, timeout=ANSWER_WITHIN)
        definitions = self.folder / "definitions"
        definitions.mkdir()
        (definitions / "fuzz.yaml").write_text(SERVICES)
        self.client.apply(definitions)
        file = anything.reference()
        self.client.push_model("good", file, service="fuzz")
        self.client.push_model("tried", file, service="fuzz")
        self.version = 1
        self.expected = self.good()

    def good(self):
        """The bits of the scores of the good model."""
        return [struct.pack("<d", v) for v in self.client.score("good", {}, GOOD).scores]

    def memory(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) << 10
        return 0

    def check(self):
        """Raises Failure unless the server is well."""
        if self.process.poll() is not None:
            self.follower.join(5)
            raise Failure(f"the server's process ended with {self.process.returncode}")
        try:
            got = self.good()
        except larderdb.LarderError as err:
            time.sleep(0.5)  # a process that just died takes a moment to be gone
            if self.process.poll() is not None:
                return self.check()
            raise Failure(f"the good model does not answer: {err}") from err
        if got != self.expected:
            raise Failure(f"the good model scores {got}, not {self.expected}")
        if (held := self.memory()) > MOST_MEMORY:
            raise Failure(f"the server holds {held >> 20} MiB (limit {MOST_MEMORY >> 20})")
        return None

    def retire(self, version):
        call = self.client._channel.unary_unary(
            "/larder.v1.ControlService/RetireModel",
            request_serializer=control_pb2.RetireModelRequest.SerializeToString,
            response_deserializer=control_pb2.RetireModelResponse.FromString,
        )
        call(control_pb2.RetireModelRequest(model="tried", model_version=version), timeout=60)

    def stop(self):
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure("the server did not end within a minute of SIGTERM") from None
        shutil.rmtree(self.folder, ignore_errors=True)


def request(rng, rows):
    """A request of odd values."""
    return {name: hostile.enemy(rng, kind, [rows]).tolist() for name, kind in anything.FEATURES.items()}


def attempt(server, seed, file, counts):
    """Pushes a model and scores it."""
    rng = random.Random(seed)
    try:
        pushed = server.client.push_model("tried", file)
    except larderdb.LarderError as err:
        counts["refused"] += 1
        if "ended the process" in str(err):
            counts["refused: crashed in its trial"] += 1
        return server.check()
    except ValueError:
        counts["not sent"] += 1
        return None
    counts["accepted"] += 1
    version = pushed.version
    for rows in (1, 2, 10, 1, 100):
        values = request(rng, rows)
        try:
            server.client.score("tried", {}, values, version=version)
            counts["scored"] += rows
        except larderdb.LarderError as err:
            counts["failed to score"] += rows
            if err.reason.startswith("MODEL_"):
                counts[f"failed: {err.reason}"] += 1
        if server.process.poll() is not None:
            break
    server.check()
    try:
        server.retire(version)
    except grpc.RpcError as err:
        counts[f"not retired: {err.code().name}"] += 1
    return None


def report(failure, seed, what, file, server, folder, command):
    folder.mkdir(parents=True, exist_ok=True)
    name = folder / f"seed-{seed}"
    name.with_suffix(".onnx").write_bytes(file)
    text = f"{failure}\nseed {seed}: {what}\nrepeat it with: {command} --seed {seed}\n\n{''.join(server.log)}"
    name.with_suffix(".txt").write_text(text)
    print(f"FAILED: {failure}\n  seed {seed}: {what}\n  {name.with_suffix('.onnx')}\n  repeat it with: {command} --seed {seed}", flush=True)


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--binary", default=str(ROOT / "bin/larder"))
    flags.add_argument("--onnxruntime", default=str(ROOT / ".larder/onnxruntime"))
    flags.add_argument("--seconds", type=float, default=3600)
    flags.add_argument("--first-seed", type=int, default=1)
    flags.add_argument("--seed", type=int, help="only this one")
    flags.add_argument("--keep-going", action="store_true", help="start another server after a failure")
    flags.add_argument("--failures", type=pathlib.Path, default=ROOT / ".larder/fuzz-onnx", help="where failing models go")
    args = flags.parse_args()
    command = f"{os.path.relpath(sys.executable, ROOT)} tools/fuzz_onnx/serve.py --binary {args.binary}"
    counts, failures, seed = collections.Counter(), 0, args.seed if args.seed is not None else args.first_seed
    server = Server(args.binary, args.onnxruntime)
    began = shown = time.monotonic()
    while time.monotonic() - began < args.seconds:
        made = None
        try:
            made = anything.model(seed)
        except (ValueError, TypeError, RuntimeError, OverflowError):
            counts["not made"] += 1
        if made:
            counts["models"] += 1
            try:
                attempt(server, seed, made[1], counts)
            except Failure as failure:
                failures += 1
                report(failure, seed, made[0], made[1], server, args.failures, command)
                server.process.kill()
                server.process.wait()
                server.stop()
                if not args.keep_going:
                    return 1
                server = Server(args.binary, args.onnxruntime)
        if args.seed is not None:
            break
        seed += 1
        if time.monotonic() - shown > 30:
            shown = time.monotonic()
            print(f"{shown - began:.0f} s, seed {seed}, {server.memory() >> 20} MiB: {dict(counts)}", flush=True)
    server.stop()
    print(f"seeds {args.first_seed} to {seed - 1}, {failures} failures: {dict(counts)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
