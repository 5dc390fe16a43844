"""Lists of Python values as Arrow arrays; what can't be one is refused by column and row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, KeysView, Mapping, Sequence, Set, Sized
from datetime import datetime
from typing import Any

import pyarrow as pa

from larderdb.errors import InvalidRowsError

# What pyarrow raises for values that it can't take. Overflow is of Python's integers.
REFUSED = (pa.ArrowException, TypeError, ValueError, OverflowError, NotImplementedError, AttributeError)

_UTC = "datetime(..., tzinfo=timezone.utc)"


def array(name: str, values: Any) -> Any:
    """Return the values of a column as an Arrow array."""
    if isinstance(values, pa.ChunkedArray):
        return whole(values)
    if isinstance(values, pa.Array):
        return values
    _check_is_list(name, values)
    if not hasattr(values, "dtype"):
        values = list(values)
    if _holds_objects(values):
        check_objects(name, values)
    try:
        return whole(pa.array(values))
    except REFUSED as error:
        raise refused(name, values, error, lambda some: pa.array(some)) from error


def _check_is_list(name: str, values: Any) -> None:
    kind = type(values).__name__
    if isinstance(values, Set) and not isinstance(values, KeysView):
        raise InvalidRowsError(
            f"{name!r} is a {kind}, which has no order, so its values can't be matched to rows; give a list", column=name
        )
    if isinstance(values, Mapping):
        raise InvalidRowsError(f"{name!r} is a {kind}; give a list with a value for each row", column=name)
    if isinstance(values, (str, bytes, bytearray)) or not isinstance(values, Iterable):
        raise InvalidRowsError(
            f"{name!r} is {kind}, which is one value; give a list with a value for each row, as in [{values!r:.40}]", column=name
        )
    if not isinstance(values, Sized):
        raise InvalidRowsError(f"{name!r} is a {kind}, which can be read once; give a list, as in list(...)", column=name)
    shape = getattr(values, "shape", ())
    if hasattr(values, "dtype") and len(shape) != 1:
        raise InvalidRowsError(
            f"{name!r} is an array of {len(shape)} dimensions; give one with a value for each row, or a list of lists", column=name
        )


def whole(column: Any) -> Any:
    """Return a column of a table as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    combined = column.combine_chunks()
    return combined.combine_chunks() if isinstance(combined, pa.ChunkedArray) else combined


def _holds_objects(values: Any) -> bool:
    return str(getattr(values, "dtype", "object")) == "object"


def check_objects(name: str, values: Iterable[Any]) -> None:
    """Refuse what pyarrow would take without a word: times of which some have a time zone
    and some have none, which it would read as UTC, and sets as lists. And what ends the
    process: times of numpy beside other values."""
    seen: dict[bool, int] = {}
    kinds: dict[bool, int] = {}  # whether values are times of numpy, by the first such row
    for row, value in enumerate(values):
        if isinstance(value, Set):
            raise InvalidRowsError(
                f"row {row} of {name!r} is a {type(value).__name__}, which has no order; give a list", column=name, row=row
            )
        if value is not None:
            kinds.setdefault(_is_numpy_time(value), row)
        if len(kinds) == 2:
            raise InvalidRowsError(
                f"row {kinds[True]} of {name!r} is a time of numpy, and row {kinds[False]} is none; give every row a value of one type, "
                "or None",
                column=name,
                row=max(kinds.values()),
            )
        for one in value if isinstance(value, (list, tuple)) else (value,):
            # NaT of pandas is a datetime without a time.
            if isinstance(one, datetime) and one == one:
                seen.setdefault(one.tzinfo is not None, row)
        if len(seen) == 2:
            raise InvalidRowsError(
                f"some times of {name!r} have a time zone (row {seen[True]}) and some have none (row {seen[False]}), so that "
                f"nobody knows when these are; give all of them one, as in {_UTC}",
                column=name,
                row=seen[False],
            )


def _is_numpy_time(value: Any) -> bool:
    return type(value).__module__ == "numpy" and type(value).__name__ in ("datetime64", "timedelta64")


def refused(name: str, values: Any, error: BaseException, convert: Callable[[Any], Any]) -> InvalidRowsError:
    """Return why values can't be an Arrow array, by the first row that can't.

    ``convert`` is what failed for all of them.
    """
    rows = list(values)
    row = _first_bad(rows, convert)
    if row is None:
        return InvalidRowsError(f"{name!r} can't be sent: {_brief(error)}; give a list of values of one type", column=name)
    value = rows[row]
    if _is_too_large(value):
        why = f"{_shown(value)}, which is too large for an int64; a number of that size is sent as text, where the schema says string"
    elif type(value).__name__ in ("NAType", "NaTType"):
        why = f"{_shown(value)}; in a list, write None where there is no value"
    elif isinstance(error, UnicodeError) or (isinstance(value, str) and _is_broken(value)):
        why = f"{_shown(value)}, which is no text: half of a character is missing; encode and decode it again, with errors='replace'"
    elif _fails(convert, [value]):
        why = f"{_shown(value)}, which has no Arrow type; convert the column, or leave it out and join it to the answer by an id"
    else:
        before = next((one for one in rows[:row] if not _is_missing(one)), math.nan)
        why = (
            f"{_shown(value)}, and the rows before it are {type(before).__name__}; "
            "give every row a value of one type, or None"
        )
    return InvalidRowsError(f"row {row} of {name!r} is {why}", column=name, row=row)


def _is_too_large(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_too_large, value))
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def _is_broken(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _first_bad(rows: Sequence[Any], convert: Callable[[Any], Any]) -> int | None:
    """The first row that can't be converted together with those before it."""
    low, high = 0, len(rows)
    if not _fails(convert, rows):
        return None
    while low + 1 < high:  # the first low rows convert, the first high don't
        middle = (low + high) // 2
        if _fails(convert, rows[:middle]):
            high = middle
        else:
            low = middle
    return high - 1 if high else None


def _fails(convert: Callable[[Any], Any], rows: Sequence[Any]) -> bool:
    try:
        convert(rows)
    except REFUSED:
        return True
    return False


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 40 else text[:37] + '...'} ({type(value).__name__})"


def _brief(error: BaseException) -> str:
    return str(error).split("\n")[0].rstrip(".") or type(error).__name__
