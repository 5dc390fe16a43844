"""What a server refuses, as exceptions that carry its remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from larderdb.answers import Run

_DETAILS = "grpc-status-details-bin"


class LarderError(Exception):
    """A request that was not answered.

    ``str(error)`` is the server's message: it names the thing and says what to
    do. Catch a subclass to tell the kinds apart.

    Attributes:
        message: what went wrong, and the remedy.
        reason: a constant such as ``"UNKNOWN_FEATURE"``, for programs; ``""``
            where the server gave none.
        code: the gRPC status code.
    """

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN

    def __init__(self, message: str, reason: str = "", code: grpc.StatusCode | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[type[LarderError], tuple[str, str, grpc.StatusCode]]:
        return type(self), (self.message, self.reason, self.code)


class InvalidArgumentError(LarderError):
    """The request can never succeed as it was sent."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class NotFoundError(LarderError):
    """There is no view, service, model, run or version of that name."""

    code = grpc.StatusCode.NOT_FOUND


class FailedPreconditionError(LarderError):
    """The request doesn't fit how things stand: another version was applied, a file is missing."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class UnavailableError(LarderError):
    """The server can't be reached, or something it needs doesn't answer; try again."""

    code = grpc.StatusCode.UNAVAILABLE


class ResourceExhaustedError(LarderError):
    """The request is larger than the server takes, or it has too many at once."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class DeadlineExceededError(LarderError):
    """No answer came within the timeout."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class UnauthenticatedError(LarderError):
    """The server wants another token, or one at all."""

    code = grpc.StatusCode.UNAUTHENTICATED


class CancelledError(LarderError):
    """The call was cancelled before it was answered."""

    code = grpc.StatusCode.CANCELLED


class InternalError(LarderError):
    """A fault of the server's; its log says more."""

    code = grpc.StatusCode.INTERNAL


class IncompleteAnswerError(LarderError):
    """An answer came without all that was asked for: fewer scores than rows, or a column less."""

    code = grpc.StatusCode.DATA_LOSS

    def __init__(self, message: str, reason: str = "INCOMPLETE_ANSWER", code: grpc.StatusCode | None = None) -> None:
        super().__init__(message, reason, code)


class RunFailedError(LarderError):
    """A materialization did not succeed.

    Attributes:
        runs: all runs of the request, those that did succeed among them.
    """

    def __init__(self, message: str, runs: list[Run]) -> None:
        super().__init__(message, "RUN_FAILED")
        self.runs = runs

    def __reduce__(self) -> tuple[type[RunFailedError], tuple[str, list[Run]]]:  # type: ignore[override]
        return type(self), (self.message, self.runs)


_BY_CODE: dict[grpc.StatusCode, type[LarderError]] = {
    kind.code: kind
    for kind in (
        InvalidArgumentError,
        NotFoundError,
        FailedPreconditionError,
        UnavailableError,
        ResourceExhaustedError,
        DeadlineExceededError,
        UnauthenticatedError,
        CancelledError,
        InternalError,
    )
}


def of_code(code: grpc.StatusCode, message: str, reason: str = "") -> LarderError:
    """Return the error of a status code."""
    return _BY_CODE.get(code, LarderError)(message, reason, code)


def of_rpc(error: grpc.RpcError, addr: str) -> LarderError:
    """Return what an RPC's error says, of a call to the server at addr."""
    code: grpc.StatusCode = error.code()
    message: str = error.details() or code.name
    reason = _reason(error)
    if not reason:  # grpc's own words, not the server's
        if code is grpc.StatusCode.UNAVAILABLE:
            message += f"; is larder serve running at {addr}, and with TLS if tls was given?"
        elif code is grpc.StatusCode.DEADLINE_EXCEEDED:
            message = f"no answer from {addr} within the timeout; give a longer one, or ask for less at once"
    return of_code(code, message, reason)


def _reason(error: grpc.RpcError) -> str:
    metadata: Any = error.trailing_metadata() or ()  # pairs, in two forms
    for key, value in metadata:
        if key == _DETAILS and isinstance(value, bytes):
            return _reason_in(status_pb2.Status.FromString(value))
    return ""


def _reason_in(status: status_pb2.Status) -> str:
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            return str(info.reason)
    return ""
