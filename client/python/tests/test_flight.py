"""The Python of docs/training.md, which needs nothing of Larder's, runs as it is printed."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from conftest import ROOT, Server


def test_docs(applied: Server) -> None:
    page = (ROOT / "docs" / "training.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block.replace("127.0.0.1:6570", applied.addr).replace('"courier_stats"', '"stats"'), names)
    train: pa.Table = names["train"]
    assert train.column_names == [*names["spine"].column_names, "stats__trips", "stats__rating", "request__km"]
    assert train.select(names["spine"].column_names).equals(names["spine"])
    assert names["manifest"]["rows"] == 2
    history: pa.Table = names["history"]
    assert history.column_names == ["courier_id", "event_time", "ingest_time", "deleted", "trips", "rating"]
    assert history.num_rows == 15
