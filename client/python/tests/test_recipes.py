"""The recipes of docs/recipes.md, run as they are printed."""

from __future__ import annotations

import csv
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import larderdb
import psycopg
import pytest

from conftest import DAY, ROOT, Server, serve

TEXT = (ROOT / "docs" / "recipes.md").read_text()
BEGINNING = TEXT[: TEXT.index("\n## ")]

# What each library says of the rows of X.
SAID = {
    "LightGBM": "fitted.predict_proba(X)[:, 1]",
    "XGBoost": "fitted.predict_proba(X)[:, 1]",
    "CatBoost": "fitted.predict_proba(X)[:, 1]",
    "scikit-learn": "fitted.predict_proba(X)[:, 1]",
    "PyTorch": "fitted(torch.from_numpy(X)).detach().numpy()[:, 0]",
}

CHECK = """
import numpy as np

answer = client.score("late_{name}", labels)
library = np.asarray({said}, dtype="float64")
assert len(set(library.round(6))) > 10, "the model gives all rows the same score"
np.testing.assert_allclose(np.asarray(answer.scores), library, rtol=2e-5, atol=1e-6)
"""


def code(text: str) -> str:
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    assert len(blocks) == 1
    return str(blocks[0])


def recipe(name: str) -> str:
    found = re.search(rf"^## {name}\n(.*?)(?=^## )", TEXT, flags=re.S | re.M)
    assert found, name
    return code(found[1])


def test_every_recipe_is_run() -> None:
    assert set(re.findall(r"^## (.*)$", TEXT, flags=re.M)) == set(SAID) | {"What scores it"}


@pytest.fixture(scope="module")
def couriers(binary: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with fifty couriers."""
    with serve(binary, tmp_path_factory.mktemp("data"), "--dev") as running:
        with psycopg.connect(running.dsn, autocommit=True) as database:
            database.execute(
                "CREATE TABLE couriers AS SELECT i::bigint AS courier_id, %s::timestamptz AS event_time, %s::timestamptz AS loaded_at,"
                " (i * 37 %% 200)::bigint AS trips, (1 + (i * 13 %% 40) / 10.0)::float8 AS rating FROM generate_series(0, 49) i",
                (DAY, DAY),
            )
            database.execute("CREATE INDEX ON couriers (courier_id, event_time)")
        with larderdb.Client(running.addr) as client:
            client.apply(folder)
            client.materialize()
        yield running


@pytest.mark.parametrize("name", SAID)
def test_recipe(name: str, couriers: Server, tmp_path: Path) -> None:
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["courier_id", "event_time", "km", "late"])
        for i in range(1000):
            km = (i * 7919 % 1000) / 100
            out.writerow([i % 50, (DAY + timedelta(days=1)).isoformat(), km, int(km + i * 13 % 50 * 13 % 40 / 10 > 6)])
    model = {"scikit-learn": "sklearn"}.get(name, name.lower())
    program = tmp_path / "recipe.py"
    program.write_text(code(BEGINNING) + recipe(name) + CHECK.format(name=model, said=SAID[name]))
    python = ROOT / ".larder" / "venv" / ("torch" if name == "PyTorch" else "recipes") / "bin" / "python"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "client" / "python" / "src"), "LARDER_ADDR": couriers.addr}
    done = subprocess.run([python, program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with larderdb.Client(couriers.addr) as client:
        version = client.models(f"late_{model}")[f"late_{model}"].versions[1]
    assert version.engine == ("onnxruntime" if name == "PyTorch" else "trees")
