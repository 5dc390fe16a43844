"""The wheel installs and imports where nothing else is."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import grpc

PACKAGE = Path(__file__).resolve().parents[1]


def test_wheel(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(PACKAGE)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "larderdb/py.typed" in names and "larderdb/v1/serving_pb2.py" in names
    record = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    assert {name.split("/")[0] for name in names} == {"larderdb", record}

    # An empty environment, with the packages that the wheel asks for and no others.
    empty = tmp_path / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(empty)], check=True)
    (site,) = (empty / "lib").glob("python*/site-packages")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(site), str(wheel)], check=True, capture_output=True)
    here = Path(grpc.__file__).parents[1]
    wanted = ["grpc", "google", "pyarrow", "pyarrow.libs", "typing_extensions.py"]
    for name in wanted:
        if (here / name).exists():
            (site / name).symlink_to(here / name)
    check = "import larderdb, sys; print(larderdb.__version__); sys.exit('pandas' in sys.modules or 'onnx' in sys.modules)"
    said = subprocess.run([empty / "bin" / "python", "-c", check], check=True, capture_output=True, text=True)
    assert said.stdout.strip() in wheel.name
