"""Warnings, raised where the caller's own code is."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

from larderdb.errors import LarderWarning

_PACKAGE = str(Path(__file__).parent)


def warn(messages: Iterable[str]) -> None:
    """Raise each message as a Python warning, of the line that called this package."""
    for message in messages:
        warnings.warn(message, LarderWarning, stacklevel=_level())


def _level() -> int:
    """How many frames above warn's the caller's code is."""
    level = 1
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    return level
