"""Buckets agree with the published vectors, which Go and SQL are tested with too."""

from __future__ import annotations

import json

import larderdb
import pytest
from conftest import ROOT

VECTORS = json.loads((ROOT / "models" / "traffic" / "testdata" / "buckets.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_bucket(vector: dict[str, str | int]) -> None:
    salt, value = str(vector["salt"]), str(vector["value"])
    assert larderdb.bucket(salt, value) == vector["bucket"]
    if value.lstrip("-").isdigit() and str(int(value)) == value:
        assert larderdb.bucket(salt, int(value)) == vector["bucket"]


@pytest.mark.parametrize("value", [True, 1.0, None, b"x"])
def test_other_types_have_no_bucket(value: object) -> None:
    with pytest.raises(TypeError, match="int or a str"):
        larderdb.bucket("m", value)  # type: ignore[arg-type]
