"""Calls that a server refuses because it has too many are sent again, but not many."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import larderdb
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from larderdb.v1 import control_pb2


class Refusing(grpc.GenericRpcHandler):
    """A server that refuses the first calls, as Larder does, and answers the others."""

    def __init__(self) -> None:
        self.refuse = 0
        self.retry: float | None = 0.01
        self.came: list[dict[str, str]] = []

    def service(self, details: Any) -> Any:
        def answer(request: bytes, context: Any) -> bytes:
            self.came.append({key: str(value) for key, value in context.invocation_metadata()})
            if len(self.came) > self.refuse:
                return control_pb2.GetStatusResponse(catalog_version=7).SerializeToString()
            said = status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="the server is overloaded; retry later, and less often")
            found: list[Any] = [error_details_pb2.ErrorInfo(reason="OVERLOADED", domain="larder")]
            if self.retry is not None:
                found.append(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=int(self.retry * 1e9))))
            for detail in found:
                packed = any_pb2.Any()
                packed.Pack(detail)
                said.details.append(packed)
            context.set_trailing_metadata((("grpc-status-details-bin", said.SerializeToString()),))
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, said.message)
            raise AssertionError  # abort raises

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
def refusing() -> Iterator[tuple[Refusing, str]]:
    handler = Refusing()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield handler, f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_a_refused_call_is_sent_again(refusing: tuple[Refusing, str]) -> None:
    handler, addr = refusing
    handler.refuse = 2
    began = time.monotonic()
    with larderdb.Client(addr, priority="batch") as client:
        assert client.status().catalog_version == 7
    assert len(handler.came) == 3
    assert time.monotonic() - began >= 0.03  # 10 and 20 ms
    assert {call["larder-priority"] for call in handler.came} == {"batch"}


async def test_with_asyncio(refusing: tuple[Refusing, str]) -> None:
    handler, addr = refusing
    handler.refuse = 2
    async with larderdb.AsyncClient(addr) as client:
        assert (await client.status()).catalog_version == 7
    assert len(handler.came) == 3


def test_a_call_is_not_sent_again_for_ever(refusing: tuple[Refusing, str]) -> None:
    handler, addr = refusing
    handler.refuse = 1000
    with larderdb.Client(addr) as client:
        with pytest.raises(larderdb.ResourceExhaustedError, match="overloaded") as refused:
            client.status()
        assert refused.value.reason == "OVERLOADED"
    assert len(handler.came) == 4


def test_a_tenth_of_the_calls_is_sent_again(refusing: tuple[Refusing, str]) -> None:
    handler, addr = refusing
    handler.refuse, handler.retry = 10_000, 0.0
    calls = 200
    with larderdb.Client(addr) as client:
        for _ in range(calls):
            with pytest.raises(larderdb.ResourceExhaustedError):
                client.status()
    assert calls + 10 <= len(handler.came) <= calls * 1.1 + 10


def test_what_says_no_time_is_not_sent_again(refusing: tuple[Refusing, str]) -> None:
    handler, addr = refusing
    handler.refuse, handler.retry = 1, None
    with larderdb.Client(addr) as client, pytest.raises(larderdb.ResourceExhaustedError):
        client.status()
    assert len(handler.came) == 1


def test_the_timeout_includes_pauses(refusing: tuple[Refusing, str]) -> None:
    handler, addr = refusing
    handler.refuse, handler.retry = 1, 0.9
    with larderdb.Client(addr, timeout=0.5) as client, pytest.raises(larderdb.ResourceExhaustedError):
        client.score("m", {"courier_id": [1]})
    assert len(handler.came) == 1


def test_priorities_are_checked() -> None:
    with pytest.raises(larderdb.InvalidArgumentError, match="priority is 'urgent'; give one of critical, default, batch, shadow"):
        larderdb.Client("localhost", priority="urgent")
