"""How far a long operation is: told to the caller, or shown on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType

Progress = Callable[[int, int], None]
"""Called with how much is done, and of how much; 0 while that is not known."""

_WIDTH = 24
_AFTER = 1.0  # seconds: what is done sooner needs no bar
_EVERY = 0.1


class Bar:
    """Tells the caller how far an operation is; or, where they didn't ask, people.

    A bar is drawn on the standard error of a terminal or a notebook, of operations
    that take a second or more; never in a file or a pipe.
    """

    def __init__(self, verb: str, noun: str, progress: Progress | None) -> None:
        self._verb, self._noun, self._progress = verb, noun, progress
        self._draws = progress is None and _is_watched()
        self._next = time.monotonic() + _AFTER
        self._drawn = 0

    def set(self, done: int, of: int) -> None:
        """Say how much is done, and of how much; 0 where that is not known."""
        if self._progress is not None:
            self._progress(done, of)
        now = time.monotonic()
        if self._draws and now >= self._next:
            self._next = now + _EVERY
            self._draw(done, of)

    def _draw(self, done: int, of: int) -> None:
        line = f"{self._verb} {done:,} {self._noun}"
        if of:
            full = min(_WIDTH, _WIDTH * done // of)
            # Of estimates, more than all may be done.
            share = f"{100 * done // of} %" if done < of else ""
            line = f"{self._verb} [{'=' * full}{' ' * (_WIDTH - full)}] {done:,} of {max(of, done):,} {self._noun} {share}".rstrip()
        sys.stderr.write("\r" + line.ljust(self._drawn))
        sys.stderr.flush()
        self._drawn = len(line)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            sys.stderr.write("\r" + " " * self._drawn + "\r")
            sys.stderr.flush()


def _is_watched() -> bool:
    """Whether somebody sees the standard error now: on a terminal, or in a notebook."""
    error = sys.stderr
    if error is None:  # as in a program without a console
        return False
    return error.isatty() or type(error).__module__.startswith("ipykernel.")
