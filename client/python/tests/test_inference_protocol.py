"""The Open Inference Protocol of a running server, as bytes: its own clients are tested elsewhere."""

from __future__ import annotations

import grpc
from conftest import Server

SERVICE = "/inference.GRPCInferenceService/"


def test_the_server_speaks_the_protocol(server: Server) -> None:
    def call(method: str, request: bytes) -> bytes:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(SERVICE + method)
        return ask(request)

    with grpc.insecure_channel(server.addr) as channel:
        assert call("ServerLive", b"") == b"\x08\x01"  # field 1: true
        assert call("ServerReady", b"") == b"\x08\x01"
        assert call("ModelReady", b"\x0a\x04nope") == b""  # false
