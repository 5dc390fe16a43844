"""Tries operators for the list of those that may run in the server's process.

    python tools/fuzz_onnx/candidates.py --seconds 600 --first-seed 1
    python tools/fuzz_onnx/candidates.py --seed 4711          # one model again, in this process

A model whose trial passes, and which the list allows, must survive any values of its
features. The program makes random models of the operators of the list, runs each like the
server does on harmless values, and then on those of an enemy, in processes of its own. It
prints how many models of each operator were scored, and each death: a death while scoring
is a fault of the list. With --all it also scores what the list doesn't allow.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import resource
import select
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime
from onnx import TensorProto

import hostile
from graphs import ELEMENT, INPUTS, Graph, Unfit

ROOT = pathlib.Path(__file__).resolve().parents[2]
SILENCE = 20  # seconds until a process that says nothing is killed: a model that never ends is as bad as one that crashes
ROWS = [1, 2, 10, 1024]
TYPES = {f"tensor({kind})": kind for kind in ELEMENT}
MORE = """GRU LSTM RNN OneHot TopK Tile Pad GatherElements GatherND ScatterElements ScatterND Range Mod Trilu Einsum BitShift
    InstanceNormalization GroupNormalization RMSNormalization Resize Tan Sinh Cosh Asin Acos Atan Asinh Acosh Atanh BitwiseAnd BitwiseNot Hardmax LpNormalization
    MeanVarianceNormalization CastLike ReduceLogSum Shrink Det ai.onnx.ml:SVMClassifier ai.onnx.ml:SVMRegressor ai.onnx.ml:TfIdfVectorizer""".split()


def listed_operators():
    """The operators of the table in scoring/allow_table.go."""
    table = (ROOT / "scoring/allow_table.go").read_text()
    return re.findall(r'^\t"([A-Za-z0-9.:]+)": +row\(', table, re.M)


class List:
    """Asks Larder whether a model is on the list."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(prefix="larder-fuzz-")
        self.path = os.path.join(self.folder.name, "model.onnx")
        self.asked = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def outside(self, model):
        with open(self.path, "wb") as f:
            f.write(model)
        self.asked.stdin.write(self.path + "\n")
        self.asked.stdin.flush()
        return self.asked.stdout.readline().strip()


def session(model, optimize):
    """A session as scoring/session.go makes it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_mem_pattern = False
    options.log_severity_level = 4
    options.add_session_config_entry("session.use_env_allocators", "1")
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def feed(inputs, rows, values):
    return {i.name: values(TYPES[i.type], [rows if isinstance(d, str) else d for d in i.shape]) for i in inputs}


def grow(graph, rng, operators):
    """Makes a model. Each node is run at once, so that the next knows its shapes."""
    last = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        names = graph.add(rng.choice(operators))
        made = session(graph.model(names).SerializeToString(), False)
        outs = made.run(names, feed(made.get_inputs(), 3, hostile.harmless))
        for name, out, meta in zip(names, outs, made.get_outputs()):
            if not isinstance(out, np.ndarray) or meta.type not in TYPES or out.size > 1 << 16:
                continue
            again = made.run([name], feed(made.get_inputs(), 5, hostile.harmless))[0]
            if again.ndim == out.ndim:
                graph.tensors[name] = (TYPES[meta.type], [a if a == b else "N" for a, b in zip(out.shape, again.shape)])
        last = names + [n for n in last if rng.random() < 0.3]
    return graph.model(last).SerializeToString()


def attempt(seed, operators, ask, say):
    """Scores the model of a seed. say reports where a death would be."""
    say("make", seed, [])
    rng = random.Random(seed)
    graph = Graph(rng)
    try:
        model = grow(graph, rng, operators)
    except Unfit:
        return say("unfit", seed, graph.operators)
    except Exception as err:  # ONNX and ONNX Runtime refuse it
        return say("refused", seed, graph.operators, str(err)[:200])
    outside = ask(model)
    if outside and outside != "all":
        return say("outside", seed, graph.operators, outside)
    say("trial", seed, graph.operators)
    try:
        for optimize in (False, True):
            made = session(model, optimize)
            for rows in ROWS:
                made.run(None, feed(made.get_inputs(), rows, hostile.harmless))
    except Exception as err:
        return say("refused", seed, graph.operators, str(err)[:200])
    say("score", seed, graph.operators)
    rng, scored = random.Random(seed), 0
    for _ in range(4):
        for rows in ROWS:
            try:
                made.run(None, feed(made.get_inputs(), rows, lambda kind, shape: hostile.enemy(rng, kind, shape)))
            except Exception:  # an error is an answer
                pass
            scored += rows
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return say("scored", seed, graph.operators, scored, held)


def bounded():
    """Bounds this process: a model on the list asks its arena for memory, and nothing else."""
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    info = onnxruntime.OrtMemoryInfo("Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT)
    onnxruntime.create_and_register_allocator(info, onnxruntime.OrtArenaCfg({"max_mem": 1 << 30, "arena_extend_strategy": 1}))


def work(first, seeds, operators, program):
    """Tries seeds in this process, and says on its output how far it is."""
    bounded()
    resource.setrlimit(resource.RLIMIT_CPU, (900, 900))
    ask = List(program).outside if program else lambda model: "all"

    def say(*what):
        os.write(1, (json.dumps(what) + "\n").encode())

    for seed in range(first, first + seeds):
        attempt(seed, operators, ask, say)
    say("done", first + seeds)


def spawn(first, seeds, operators, program):
    """Tries seeds in a process of its own, and yields what it says."""
    command = [sys.executable, __file__, "--work", str(seeds), "--first-seed", str(first), "--operators", ",".join(operators)]
    child = subprocess.Popen([*command, *(["--program", program] if program else ["--all"])], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    pending = b""
    while True:
        if not select.select([child.stdout], [], [], SILENCE)[0]:
            child.kill()
        chunk = os.read(child.stdout.fileno(), 1 << 16)
        if not chunk:
            break
        *lines, pending = (pending + chunk).split(b"\n")
        yield from map(json.loads, lines)
    child.stdout.close()
    yield ["ended", max(0, -child.wait())]


class Tally:
    def __init__(self):
        self.stages, self.scored, self.deaths, self.refused = collections.Counter(), collections.Counter(), [], collections.defaultdict(collections.Counter)
        self.rows = self.held = 0

    def run(self, first, seeds, operators, program):
        """Counts what the seeds do, and returns the next one."""
        at = None
        for what in spawn(first, seeds, operators, program):
            stage = what[0]
            if stage == "done":
                return what[1]
            if stage == "ended":
                return self.died(at, what[1])
            at = what
            self.stages[stage] += 1
            if stage == "scored":
                self.rows += what[3]
                self.held = max(self.held, what[4])
                self.scored.update(set(what[2]))
            elif stage in ("refused", "outside"):
                for op in set(what[2]):
                    self.refused[op][re.sub(r'"[^"]*"', "_", str(what[3]))[:120]] += 1
        raise RuntimeError("a worker said nothing at its end")

    def died(self, at, number):
        stage, seed, operators = at[:3]
        self.stages[f"died while: {stage}"] += 1
        if stage == "score":
            self.deaths.append((seed, number, operators))
        print(f"{'DEATH' if stage == 'score' else 'death'} by signal {number}, stage {stage}: seed {seed}, {operators}", flush=True)
        return seed + 1

    def print(self, operators, verbose):
        print(f"stages {dict(self.stages)}, rows scored {self.rows:,}, most memory {self.held} MiB")
        for op in operators:
            print(f"  {op:40} {self.scored[op]:6}", *([self.refused[op].most_common(2)] if verbose else []))


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--seconds", type=float, default=600)
    flags.add_argument("--first-seed", type=int, default=1)
    flags.add_argument("--seed", type=int, help="only this seed, in this process")
    flags.add_argument("--operators", help="only these, separated by commas")
    flags.add_argument("--all", action="store_true", help="score what the list doesn't allow too")
    flags.add_argument("--work", type=int, help=argparse.SUPPRESS)
    flags.add_argument("--verbose", action="store_true", help="print why models were refused")
    flags.add_argument("--program", help="the program that says what is on the list; built unless given")
    args = flags.parse_args()
    operators = args.operators.split(",") if args.operators else listed_operators() + (MORE if args.all else [])
    program = None if args.all else args.program or build()
    if args.work:
        work(args.first_seed, args.work, operators, program)
        return 0
    if args.seed is not None:
        bounded()
        attempt(args.seed, operators, List(program).outside if program else lambda model: "all", print)
        return 0
    tally, seed, began = Tally(), args.first_seed, time.monotonic()
    shown = began
    while time.monotonic() - began < args.seconds:
        seed = tally.run(seed, 200, operators, program)
        if time.monotonic() - shown > 60:
            shown = time.monotonic()
            print(f"{shown - began:.0f} s, seed {seed}: {dict(tally.stages)}", flush=True)
    print(f"seeds {args.first_seed} to {seed - 1}, ONNX Runtime {onnxruntime.__version__}")
    tally.print(operators, args.verbose)
    for death in tally.deaths:
        print("death: seed %d, signal %d, %s" % death)
    return 1 if tally.deaths else 0


def build():
    program = os.path.join(tempfile.mkdtemp(prefix="larder-fuzz-"), "listed")
    subprocess.run(["go", "build", "-buildvcs=false", "-o", program, "./internal/listed"], cwd=ROOT, check=True)
    return program


if __name__ == "__main__":
    sys.exit(main())
