"""The package beside code that a program has generated from the wire contract itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from conftest import ROOT

SOURCES = ROOT / "client/python/src"


def test_own_generated_code(tmp_path: Path) -> None:
    """Code of another release of the contract, imported first or last, is no conflict."""
    protos = tmp_path / "protos" / "larder" / "v1"
    protos.mkdir(parents=True)
    for name in ("values", "serving", "monitor", "control"):
        text = (ROOT / f"api/larder/v1/{name}.proto").read_text()
        (protos / f"{name}.proto").write_text(text + "\nmessage OnlyInTheOtherRelease {}\n".replace("Only", f"Only{name}"))
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(tmp_path / "protos"), f"--python_out={tmp_path}"]
    subprocess.run([*protoc, *map(str, protos.glob("*.proto"))], check=True)

    ours = "import larderdb, larderdb.v1.control_pb2"
    own = "import larder.v1.control_pb2, larder.v1.serving_pb2"
    for order in (f"{ours}\n{own}", f"{own}\n{ours}"):
        environment = {"PYTHONPATH": f"{SOURCES}:{tmp_path}"}
        subprocess.run([sys.executable, "-c", order], check=True, env=environment)


def test_no_package_of_the_old_name() -> None:
    """The name larder belongs to another project on PyPI."""
    assert sorted(path.name for path in SOURCES.iterdir() if path.is_dir()) == ["larderdb"]
