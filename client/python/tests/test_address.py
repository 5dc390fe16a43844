"""Addresses of servers, as people write them, and what is said where no server of Larder is."""

from __future__ import annotations

import http.server
import threading

import larderdb
import pytest

from conftest import Server


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("localhost", "localhost:6570"),
        ("localhost:7000", "localhost:7000"),
        (" larder.example ", "larder.example:6570"),
        ("10.0.0.7", "10.0.0.7:6570"),
        ("::1", "[::1]:6570"),
        ("[::1]", "[::1]:6570"),
        ("[::1]:7000", "[::1]:7000"),
        ("dns:///larder.svc:6570", "dns:///larder.svc:6570"),
        ("unix:///run/larder.sock", "unix:///run/larder.sock"),
    ],
)
def test_what_is_meant(written: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with larderdb.Client(written) as client:
        assert client._addr == meant
    monkeypatch.setenv("LARDER_ADDR", written)
    with larderdb.Client() as client:
        assert client._addr == meant


def test_none_is_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LARDER_ADDR", raising=False)
    with larderdb.Client() as client:
        assert client._addr == "127.0.0.1:6570"


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("http://larder.example", r'write HOST:PORT of the server\'s gRPC, as in larderdb.Client\("larder.example:6570"\)'),
        ("http://larder.example:6571/v1/score", r'larderdb.Client\("larder.example:6570"\)'),
        ("https://larder.example:7000", r'larderdb.Client\("larder.example:7000", tls=True\)'),
        ("localhost:", 'as in "localhost:6570"'),
        ("localhost:http", 'as in "localhost:6570"'),
        ("localhost:65536", "from 1 to 65535"),
        (":6570", 'as in "localhost:6570", or the host alone'),
        ("[::1", r'IPv6 as in "\[::1\]:6570"'),
        ("larder.example/v1", "a host and a port"),
        (6570, "write a string"),
    ],
)
def test_what_is_none(written: str, remedy: str) -> None:
    with pytest.raises(larderdb.InvalidArgumentError, match=remedy) as refused:
        larderdb.Client(written)
    assert refused.value.reason == "BAD_ADDRESS"


class Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing is said of requests."""


def test_the_http_port(applied: Server) -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), Quiet)
    follower = threading.Thread(target=server.serve_forever)
    follower.start()
    try:
        for addr in (f"127.0.0.1:{server.server_port}", applied.http):
            with larderdb.Client(addr, timeout=10) as client:
                with pytest.raises(larderdb.UnavailableError, match=r'give that of gRPC, as in larderdb.Client\("127.0.0.1:6570"\)'):
                    client.status()
    finally:
        server.shutdown()
        follower.join()
        server.server_close()


def test_a_server_without_tls(applied: Server) -> None:
    with larderdb.Client(applied.addr, tls=True, timeout=10) as client:
        with pytest.raises(larderdb.UnavailableError, match="has no TLS; leave tls=True out"):
            client.status()
