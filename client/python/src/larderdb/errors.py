"""What a server refuses, as exceptions that carry its remedy."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.rpc import error_details_pb2, status_pb2

from larderdb._words import in_python

if TYPE_CHECKING:
    from larderdb.runs import Run

_DETAILS = "grpc-status-details-bin"


class LarderWarning(UserWarning):
    """What a server, or this package, found that is probably a mistake.

    ``warnings.filterwarnings("error", category=larderdb.LarderWarning)`` makes errors
    of them, ``"ignore"`` silences them.
    """


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

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.reason, self.code)


class InvalidArgumentError(LarderError):
    """The request can never succeed as it was sent."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class InvalidRowsError(InvalidArgumentError, ValueError):
    """Rows that can't be sent as they are: a value, a column or the shape of them.

    Attributes:
        column: the name of the column; None where it is none alone.
        row: the number of the first such row, from 0; None where it is none alone.
    """

    def __init__(
        self,
        message: str,
        reason: str = "INVALID_ROWS",
        code: grpc.StatusCode | None = None,
        *,
        column: str | None = None,
        row: int | None = None,
    ) -> None:
        super().__init__(message, reason, code)
        self.column = column
        self.row = row

    def __reduce__(self) -> tuple[Any, ...]:
        return (*super().__reduce__(), {"column": self.column, "row": self.row})


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
    """The server wants another key, token or certificate, or one at all."""

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

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.runs)


E = TypeVar("E", bound=LarderError)


def saying(error: E, message: str) -> E:
    """Return an error with another text."""
    other = copy.copy(error)
    other.message, other.args = message, (message,)
    return other


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
    if reason:
        return of_code(code, in_python(message), reason)
    return of_code(code, _of_grpc(code, message, addr))


def _of_grpc(code: grpc.StatusCode, message: str, addr: str) -> str:
    """Return the remedy for what gRPC says itself, without the server."""
    host = addr.rpartition(":")[0]
    if "http1.x" in message or "Failed parsing HTTP/2" in message or "with status: 4" in message:
        return (
            f"what {addr} answers is not gRPC; if that is the server's HTTP port, give that of gRPC, as in "
            f'larderdb.Client("{host}:6570"), and if the server has a certificate, give tls=True'
        )
    if "WRONG_VERSION_NUMBER" in message:
        return f"{addr} has no TLS; leave tls=True out"
    if "CERTIFICATE_VERIFY_FAILED" in message:
        return (
            f"the certificate of {addr} is not trusted; give root_certificates, the PEM of who has signed it, and the name "
            f"that it is for ({message})"
        )
    if code is grpc.StatusCode.UNAVAILABLE:
        return (
            f"cannot reach a server at {addr} ({_cause(message)}); is larder serve running at {addr}, and with TLS if tls was given?"
        )
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"no answer from {addr} within the timeout; give a longer one, or ask for less at once"
    if (sizes := re.search(r"message larger than max \((\d+) vs. (\d+)\)", message)) is not None:
        return (
            f"a message of {int(sizes[1]):,} bytes is larger than the server takes (limit {int(sizes[2]):,}; message larger than max); "
            "send less at once, or raise --max-message-bytes on the server"
        )
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return f"the server at {addr} does not know this method ({message}); it is older than this package: update it"
    return message


def _cause(message: str) -> str:
    """The part of gRPC's text that says what happened: it nests one in another."""
    for known in ("Connection refused", "No route to host", "Connection reset", "Name or service not known", "Domain name not found", "DNS resolution failed"):
        if known.lower() in message.lower():
            return known
    return message


def details_of(error: grpc.RpcError) -> list[Any]:
    """Return the details that the server gave with an error."""
    metadata: Any = error.trailing_metadata() or ()  # pairs, in two forms
    for key, value in metadata:
        if key == _DETAILS and isinstance(value, bytes):
            return list(status_pb2.Status.FromString(value).details)
    return []


def _reason(error: grpc.RpcError) -> str:
    info = error_details_pb2.ErrorInfo()
    for detail in details_of(error):
        if detail.Unpack(info):
            return str(info.reason)
    return ""
