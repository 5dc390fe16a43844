"""When a call that was refused is sent again."""

from __future__ import annotations

import random
import threading

import grpc
from google.rpc import error_details_pb2

from larderdb import errors

_ATTEMPTS = 4  # of one call, the first included
_SHARE = 0.1  # of a client's calls may be sent again
_AT_ONCE = 10.0  # so many calls that were saved up


class Budget:
    """Which of a client's refused calls are sent again: a tenth of its calls at most.

    A server that refuses because it has too much to do says when to try again. A call
    that it refused did nothing. Without a bound, clients that try again would keep a
    server overloaded that has just recovered.
    """

    def __init__(self) -> None:
        self._left = _AT_ONCE
        self._lock = threading.Lock()

    def earn(self) -> None:
        """Count a call."""
        with self._lock:
            self._left = min(self._left + _SHARE, _AT_ONCE)

    def pause(self, error: grpc.RpcError, attempt: int, left: float) -> float | None:
        """Return after how many seconds to send a call again; None: not at all.

        Args:
            error: of the call.
            attempt: which this was, from 1.
            left: the seconds of its timeout that are left.
        """
        delay = _retry_delay(error)
        if delay is None or attempt >= _ATTEMPTS:
            return None
        pause = delay * 2.0 ** (attempt - 1) * random.uniform(1, 1.5)  # clients that were refused together come back apart
        if pause >= left:
            return None
        with self._lock:
            if self._left < 1:
                return None
            self._left -= 1
        return pause


def _retry_delay(error: grpc.RpcError) -> float | None:
    """Return when the server says that a call may be sent again, in seconds."""
    info = error_details_pb2.RetryInfo()
    for detail in errors.details_of(error):
        if detail.Unpack(info):
            return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None
