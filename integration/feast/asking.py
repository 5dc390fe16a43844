"""What is asked of both servers, and how their answers are written down.

A cell of an answer is a value, its status and, where the protocol tells it, the event
time. Values keep their type: [field of Feast's Value message, value].
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Int32(int):
    """An integer that gRPC sends as one of 32 bits."""


@dataclass(frozen=True)
class Reason:
    """Why a cell differs, and what each side answers there."""

    text: str
    feast_status: str
    larder_status: str
    feast_value: bool = False  # whether Feast answers a value
    larder_value: bool = False
    mended: bool = True  # whether --feast-statuses makes Larder answer as Feast does


NULL = Reason("a stored null is NULL_VALUE; Feast says PRESENT", "PRESENT", "NULL_VALUE")
NULL_TIME = Reason(
    "Feast stores a null timestamp as the smallest int64 and answers that", "PRESENT", "NULL_VALUE", feast_value=True, mended=False
)
NAN = Reason("a stored NaN is NaN; Feast reads it as null", "PRESENT", "PRESENT", larder_value=True, mended=False)
FUTURE = Reason(
    "a row with an event time in the future is served when its time comes; in Feast at once", "PRESENT", "NOT_FOUND", feast_value=True
)
EXPIRED = Reason("a row past the TTL is OUTSIDE_MAX_AGE, without a value; Feast answers it", "PRESENT", "OUTSIDE_MAX_AGE", feast_value=True)
LATE = Reason(
    "a late row never replaces a newer one; in Feast the row that was written last counts",
    "PRESENT",
    "PRESENT",
    feast_value=True,
    larder_value=True,
    mended=False,
)

ON_DEMAND_MISSING = Reason("an on-demand feature that reads a missing value is NULL_VALUE; Feast says PRESENT", "PRESENT", "NULL_VALUE")
ON_DEMAND_EXPIRED = Reason(
    "an on-demand feature doesn't read what is past the TTL; Feast's does", "PRESENT", "NULL_VALUE", feast_value=True
)

# Feast answers 500 where the caller has made a mistake. Its SDK retries that, and then says that it has.
RETRIED = ("RetryError", "ConnectionError")
NO_VALUES_OF_REQUESTS = "the gRPC server of Feast can't take values of requests"
EVERYWHERE = ("SDK", "HTTP", "gRPC")

Differs = dict[str, dict[int, Reason]]


@dataclass(frozen=True)
class Ask:
    """A request, and where the answers may differ: by column (* is every feature) and row."""

    name: str
    rows: dict[str, list[Any]]
    features: list[str] = field(default_factory=list)
    service: str = ""
    full: bool = False
    differs: Differs = field(default_factory=dict)
    raises: str = ""  # the class of what Feast's SDK raises when it asks Larder; HTTP and gRPC fail too
    feast_raises: tuple[str, ...] = ()  # one of these is what it raises when it asks Feast, where that is another
    sdk_raises: str = ""  # what the SDK itself raises of any server's answer; HTTP and gRPC answer
    fails: Mapping[str, str] = field(default_factory=dict)  # by protocol, why Feast fails where Larder answers
    instead: Mapping[str, list[list[Any]]] = field(default_factory=dict)  # what Larder answers then: value and status, row by row
    instead_mended: Mapping[str, list[list[Any]]] = field(default_factory=dict)  # and with --feast-statuses, if that differs
    lacks: Mapping[str, str] = field(default_factory=dict)  # columns that only Feast answers, with the reason
    only: tuple[str, ...] = EVERYWHERE  # the protocols by which it is asked

    def records(self) -> list[dict[str, Any]]:
        """The rows as the SDK takes them."""
        return [dict(zip(self.rows, values, strict=True)) for values in zip(*self.rows.values(), strict=True)]

    def body(self) -> dict[str, Any]:
        """The body of POST /get-online-features."""
        what = {"feature_service": self.service} if self.service else {"features": self.features}
        return {**what, "entities": self.rows, "full_feature_names": self.full}


@dataclass(frozen=True)
class Read:
    """A read by the older way of the SDK, online_read of a view."""

    name: str
    view: str
    features: list[str]
    key: str
    values: list[Any]
    differs: Differs = field(default_factory=dict)


@dataclass(frozen=True)
class Write:
    """Rows that the SDK writes, to a push source or to a view."""

    name: str
    rows: dict[str, list[Any]]
    source: str = ""
    view: str = ""
    sdk_raises: str = ""  # what the SDK raises before it sends anything


@dataclass
class Answer:
    """An answer, column by column, or the class of what was raised."""

    columns: dict[str, list[list[Any]]] = field(default_factory=dict)
    error: str = ""
    text: str = ""

    @staticmethod
    def load(text: str) -> dict[str, Answer]:
        return {name: Answer(**answer) for name, answer in json.loads(text).items()}


def plain(value: Any) -> list[Any]:
    """A Value message as [field, value] that JSON holds without loss."""
    kind = value.WhichOneof("val")
    if kind is None or kind == "null_val":
        return ["null", None]
    got = getattr(value, kind)
    return [kind, [scalar(one) for one in got.val] if hasattr(got, "val") else scalar(got)]


def scalar(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return repr(value) if isinstance(value, float) else value
