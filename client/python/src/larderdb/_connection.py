"""Connections to a server, which send the calls of operations."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
import grpc.aio

from larderdb import _address, _credentials, errors
from larderdb._methods import CHANGE_TIMEOUT, REQUEST_TIMEOUT, Call, Download, Exchange, Operation, Step, Upload
from larderdb._plans import Plans
from larderdb._retries import Budget
from larderdb._version import __version__

T = TypeVar("T")

# Answers are as large as what was asked for; errors of definitions fill headers.
_CHANNEL_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", 1 << 30),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 1 << 18),
    ("grpc.absolute_max_metadata_size", 1 << 20),
    ("grpc.primary_user_agent", f"larder-python/{__version__}"),
]


PRIORITIES = ("critical", "default", "batch", "shadow")


class _Dialed:
    """What both connections know: where the server is, and what it wants to hear."""

    def __init__(
        self,
        dial: Any,  # the module that opens channels: grpc or grpc.aio
        addr: str | None,
        key: _credentials.Key,
        channel: grpc.ChannelCredentials | None,
        timeout: float,
        priority: str | None,
    ) -> None:
        self._addr = _address.parse(addr)
        if priority not in (None, *PRIORITIES):
            raise errors.InvalidArgumentError(f"priority is {priority!r}; give one of {', '.join(PRIORITIES)}", "BAD_ARGUMENT")
        self._key = key
        self._claims: tuple[tuple[str, str], ...] = (("larder-priority", priority),) if priority else ()
        self._timeout = timeout
        self._budget = Budget()
        self._plans = Plans()
        self._closed = False
        if channel is not None:
            self._channel = dial.secure_channel(self._addr, channel, _CHANNEL_OPTIONS)
        else:
            self._channel = dial.insecure_channel(self._addr, _CHANNEL_OPTIONS)

    def _timeout_of(self, step: Step) -> float:
        """The seconds that a step may take, where it has one answer."""
        if isinstance(step, Call):
            return self._timeout if step.timeout is None else step.timeout
        return CHANGE_TIMEOUT

    def _begin(self, step: Step, timeout: float) -> Any:
        """Send a step, and return what is to be waited for, or read."""
        if self._closed:
            raise errors.FailedPreconditionError("the client is closed; make a new one", "CLIENT_CLOSED")
        metadata = self._key.metadata() + self._claims
        if isinstance(step, Exchange):
            return self._channel.stream_stream(step.path)(step.requests, timeout=step.timeout, metadata=metadata)
        how: Callable[..., Any] = {
            Call: self._channel.unary_unary, Upload: self._channel.stream_unary, Download: self._channel.unary_stream
        }[type(step)]  # fmt: skip
        call = how(
            step.method.path,
            request_serializer=step.method.request.SerializeToString,
            response_deserializer=step.method.answer.FromString,
        )
        if isinstance(step, Call):
            return call(step.request, timeout=timeout, metadata=metadata)
        if isinstance(step, Upload):
            return call(iter(step.requests), timeout=timeout, metadata=metadata)
        return call(step.request, metadata=metadata)


class Connection(_Dialed):
    """A connection for ordinary code."""

    def __init__(
        self,
        addr: str | None = None,
        *,
        key: str | None = None,
        key_file: str | os.PathLike[str] | None = None,
        tls: bool = False,
        root_certificates: bytes | None = None,
        client_certificate: bytes | None = None,
        client_key: bytes | None = None,
        timeout: float = REQUEST_TIMEOUT,
        priority: str | None = None,
    ) -> None:
        credentials = _credentials.channel(tls, root_certificates, client_certificate, client_key)
        super().__init__(grpc, addr, _credentials.Key(key, key_file), credentials, timeout, priority)

    def close(self) -> None:
        """Close the connection."""
        self._closed = True
        self._channel.close()

    def _run(self, operation: Operation[T]) -> T:
        """Send the calls of an operation, and return its result."""
        try:
            step = next(operation)
            while True:
                try:
                    answer = self._send(step)
                except errors.LarderError as error:
                    step = operation.throw(error)
                else:
                    step = operation.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        except errors.LarderError as error:
            raise error.with_traceback(None) from error.__cause__  # the caller's line, not ours
        finally:
            operation.close()

    def _send(self, step: Step) -> Any:
        end = time.monotonic() + self._timeout_of(step)
        self._budget.earn()
        for attempt in itertools.count(1):
            try:
                return self._send_once(step, end - time.monotonic())
            except grpc.RpcError as error:
                pause = self._budget.pause(error, attempt, end - time.monotonic()) if isinstance(step, Call) else None
                if pause is None:
                    raise errors.of_rpc(error, self._addr) from None
            time.sleep(pause)

    def _send_once(self, step: Step, timeout: float) -> Any:
        call = None
        try:
            call = self._begin(step, timeout)
            if isinstance(step, (Call, Upload)):
                return call
            for message in call:
                step.receive(message)
            return None
        finally:
            if isinstance(step, (Download, Exchange)) and call is not None:
                call.cancel()  # which a stream that has ended well doesn't notice


class AsyncConnection(_Dialed):
    """A connection for asyncio."""

    def __init__(
        self,
        addr: str | None = None,
        *,
        key: str | None = None,
        key_file: str | os.PathLike[str] | None = None,
        tls: bool = False,
        root_certificates: bytes | None = None,
        client_certificate: bytes | None = None,
        client_key: bytes | None = None,
        timeout: float = REQUEST_TIMEOUT,
        priority: str | None = None,
    ) -> None:
        credentials = _credentials.channel(tls, root_certificates, client_certificate, client_key)
        super().__init__(grpc.aio, addr, _credentials.Key(key, key_file), credentials, timeout, priority)

    async def close(self) -> None:
        """Close the connection."""
        self._closed = True
        await self._channel.close()

    async def _run(self, operation: Operation[T]) -> T:
        """Send the calls of an operation, and return its result."""
        try:
            step = next(operation)
            while True:
                try:
                    answer = await self._send(step)
                except errors.LarderError as error:
                    step = operation.throw(error)
                else:
                    step = operation.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        except errors.LarderError as error:
            raise error.with_traceback(None) from error.__cause__  # the caller's line, not ours
        finally:
            operation.close()

    async def _send(self, step: Step) -> Any:
        end = time.monotonic() + self._timeout_of(step)
        self._budget.earn()
        for attempt in itertools.count(1):
            try:
                return await self._send_once(step, end - time.monotonic())
            except grpc.RpcError as error:
                pause = self._budget.pause(error, attempt, end - time.monotonic()) if isinstance(step, Call) else None
                if pause is None:
                    raise errors.of_rpc(error, self._addr) from None
            await asyncio.sleep(pause)

    async def _send_once(self, step: Step, timeout: float) -> Any:
        call = None
        try:
            call = self._begin(step, timeout)
            if isinstance(step, (Call, Upload)):
                return await call
            async for message in call:
                step.receive(message)
            return None
        finally:
            if isinstance(step, (Download, Exchange)) and call is not None:
                call.cancel()  # which a stream that has ended well doesn't notice
