"""A server that wants a token."""

from __future__ import annotations

from pathlib import Path

import larderdb
import pytest

from conftest import DAY, fill, serve


def test_token(binary: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("sesame\n")
    spine = {"courier_id": [1], "event_time": [DAY], "km": [1.0]}
    with serve(binary, tmp_path / "data", "--dev", "--token-file", str(tmp_path / "token")) as guarded:
        fill(guarded.dsn)
        with larderdb.Client(guarded.addr, token="sesame") as client:
            client.apply(folder)
            assert client.training_set(spine, service="late_v1").manifest["rows"] == 1
        with larderdb.Client(guarded.addr) as stranger, pytest.raises(larderdb.UnauthenticatedError, match="token"):
            stranger.status()
