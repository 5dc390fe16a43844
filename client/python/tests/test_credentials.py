"""A server that wants to know who calls."""

from __future__ import annotations

import os
import time
from pathlib import Path

import larderdb
import pytest

from conftest import DAY, fill, serve

WRONG = "lk_AAAAAAAAAAAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def test_token(binary: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("sesame\n")
    spine = {"courier_id": [1], "event_time": [DAY], "km": [1.0]}
    with serve(binary, tmp_path / "data", "--dev", "--token-file", str(tmp_path / "token")) as guarded:
        fill(guarded.dsn)
        with larderdb.Client(guarded.addr, key="sesame") as client:
            client.apply(folder)
            assert client.training_set(spine, service="late_v1").manifest["rows"] == 1
        with larderdb.Client(guarded.addr) as stranger, pytest.raises(larderdb.UnauthenticatedError, match="credentials"):
            stranger.status()


def test_keys(binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in a file, in variables, and another in its place while the client is open."""
    data = tmp_path / "data"
    with serve(binary, data, "--dev", "--keys") as guarded:
        key = (data / "dev.key").read_text().strip()
        file = tmp_path / "key"
        file.write_text(WRONG + "\n")
        with larderdb.Client(guarded.addr, key_file=file) as client:
            with pytest.raises(larderdb.UnauthenticatedError):
                client.status()
            file.write_text(key + "\n")
            os.utime(file, ns=(1, 1))  # the clock of files may be coarse
            deadline = time.monotonic() + 10
            while True:
                try:
                    client.status()
                    break
                except larderdb.UnauthenticatedError:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
        for variable, value in {"LARDER_KEY_FILE": str(file), "LARDER_KEY": key}.items():
            monkeypatch.setenv(variable, value)
            with larderdb.Client(guarded.addr) as client:
                client.status()
            monkeypatch.delenv(variable)


def test_wrong_arguments(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    for arguments, part in [
        ({"key": "a", "key_file": "b"}, "both"),
        ({"key": "a b"}, "larder keys create"),
        ({"key": "a\nb"}, "larder keys create"),
        ({"key": ""}, "larder keys create"),
        ({"key_file": tmp_path / "none"}, "can't be read"),
        ({"key_file": tmp_path / "empty"}, "larder keys create"),
        ({"client_certificate": b"a"}, "go together"),
    ]:
        with pytest.raises(larderdb.InvalidArgumentError, match=part):
            larderdb.Client("localhost", **arguments)  # type: ignore[arg-type]
