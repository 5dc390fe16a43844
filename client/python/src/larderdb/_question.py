"""The rows of a request, and which of their columns it takes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from larderdb import _columns, _fit, errors
from larderdb._frames import Frame, Rows, Shape, check_lengths
from larderdb._plans import Plan
from larderdb.errors import InvalidArgumentError, InvalidRowsError, LarderError
from larderdb.v1 import values_pb2

# The most rows, and about the most bytes, that are sent at once. A server takes
# 10,000 rows and messages of 16 MiB, unless it is set otherwise.
REQUEST_ROWS = 10_000
_REQUEST_BYTES = 4 << 20

_EPOCH = datetime.fromtimestamp(0, timezone.utc)


def micros(at: datetime, name: str) -> int:
    """Return a time in microseconds since 1970 UTC."""
    if not isinstance(at, datetime):
        raise InvalidArgumentError(f"{name} is {at!r}; give a datetime with a time zone", "BAD_TIME")
    if at.tzinfo is None:
        raise InvalidArgumentError(
            f"{name} is {at}, which has no time zone; give it one, as in datetime(..., tzinfo=timezone.utc)", "BAD_TIME"
        )
    return (at - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Question:
    """The rows of a request, and how its answer is to look.

    Attributes:
        keys: the join keys, as Arrow arrays by name.
        values: the request values and overrides, likewise.
        ignored: columns that were not taken.
        absent: request values that have no column.
    """

    plan: Plan
    keys: dict[str, Any]
    values: dict[str, Any]
    rows: int
    shape: Shape
    at: int | None
    ignored: list[str]
    absent: list[str]

    @classmethod
    def of(cls, plan: Plan, entities: Rows, request: Rows | None, at: datetime | None) -> Question:
        """Take the columns that a plan needs, by their names, from one frame or two."""
        frame = Frame.of(entities)
        given = Frame.of(request) if request is not None else None
        own = given.names if given is not None else []
        types = {f.name: f.type for f in (*plan.features, *plan.request)}
        keys = {f.name: _key(frame, f.name, f.type) for f in plan.keys}
        wanted = [f.name for f in plan.request]
        beside = [name for name in wanted if name in frame.names and name not in keys]
        _refuse_both(beside, own)
        values = {name: _value(frame, name, types) for name in beside}
        if given is not None:
            values |= {name: _value(given, name, types) for name in own}
        check_lengths({name: len(column) for name, column in {**keys, **values}.items()})
        first = next(iter((keys or values).values()), None)
        return cls(
            plan=plan,
            keys=keys,
            values=values,
            rows=len(first) if first is not None else frame.rows(),
            shape=frame.shape,
            at=None if at is None else micros(at, "at"),
            ignored=[name for name in frame.names if name not in keys and name not in values],
            absent=[name for name in wanted if name not in values],
        )

    def columns(self, start: int, stop: int) -> tuple[list[values_pb2.Column], list[values_pb2.Column]]:
        """Return some of the rows as messages."""
        return _encode(self.keys, start, stop), _encode(self.values, start, stop)

    def chunk_rows(self) -> int:
        """How many rows fit a request."""
        size: int = sum(column.nbytes for column in (*self.keys.values(), *self.values.values()))
        return max(1, min(REQUEST_ROWS, self.rows * _REQUEST_BYTES // max(size, 1)))

    def hints(self) -> Iterator[str]:
        """Say what is probably a mistake, of rows that were answered."""
        features = {f.name for f in self.plan.features}
        for name in self.ignored:
            if name in features:
                yield (
                    f"the column {name!r} is ignored, and the stored feature is read; to override it, give it in "
                    f"request=, and to silence this, drop it"
                )

    def explain(self, error: LarderError) -> LarderError:
        """Add to what a server refuses what it can't know: the caller's columns."""
        if error.reason == "MISSING_REQUEST_VALUE":
            name = next((name for name in self.absent if f'"{name}"' in error.message), "")
            near = _nearest(name, self.ignored)
            if near is not None:
                return errors.saying(error, f"{error.message}; the rows have {near!r}: if it was meant, rename it to {name!r}")
            if self.ignored:
                return errors.saying(error, f"{error.message}; of other columns {_has(self.ignored)}")
        if error.reason == "VALUE_TYPE":
            for f in (*self.plan.keys, *self.plan.request, *self.plan.features):
                if f'"{f.name}"' in error.message:
                    return errors.saying(error, f"{error.message}; {_fit.conversion(f.name, f.type)}")
        return error


def _key(frame: Frame, name: str, kind: str) -> Any:
    if name in frame.names:
        return _fit.key(name, frame.column(name), kind)
    raise missing_key(frame, name, kind)


def missing_key(frame: Frame, name: str, kind: str) -> InvalidRowsError:
    """Say that the rows have no column of a join key, and which one was probably meant."""
    message = f"the rows have no column {name!r} ({kind}), which is a join key"
    near = _nearest(name, frame.names)
    if name in frame.index:
        message += "; it is their index: make it a column, as in rows.reset_index()"
    elif near is not None:
        message += f"; they have {near!r}: if it was meant, rename it to {name!r}"
    else:
        message += f"; {_has(frame.names)}"
    return InvalidRowsError(message, "MISSING_JOIN_KEY", column=name)


def _value(frame: Frame, name: str, types: Mapping[str, str]) -> Any:
    values = _columns.plain(frame.column(name))
    return _fit.value(name, values, types[name]) if name in types else values


def _refuse_both(beside: Iterable[str], given: Iterable[str]) -> None:
    twice = sorted(set(beside) & set(given))
    if twice:
        raise InvalidRowsError(
            f"{twice[0]!r} is a column of the rows and of request= too; drop it from one of them", "DUPLICATE_COLUMN", column=twice[0]
        )


def _has(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:10])) + (", ..." if len(names) > 10 else "")
    return f"they have {shown}" if names else "they have no columns"


def _nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of the names that somebody may have meant."""
    plain = {_plain(other): other for other in names}
    if _plain(name) in plain:
        return plain[_plain(name)]
    near = difflib.get_close_matches(_plain(name), plain, 1, 0.75)
    return plain[near[0]] if near else None


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _encode(columns: Mapping[str, Any], start: int, stop: int) -> list[values_pb2.Column]:
    encoded = []
    for name, values in columns.items():
        try:
            encoded.append(_columns.encode(name, values.slice(start, stop - start)))
        except InvalidRowsError as error:
            if error.row is None or not start:
                raise
            row = error.row + start
            message = error.message.replace(f"row {error.row} of", f"row {row} of", 1)
            raise InvalidRowsError(message, error.reason, column=error.column, row=row) from error.__cause__
    return encoded
