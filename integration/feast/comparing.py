"""Compares two answers, cell by cell, and counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from asking import Answer, Ask, Differs, Read, Reason, Write

NOTHING = ["null", None]
JSON_KINDS = ["string_val", "json_val"]


class Tally:
    """Counts comparisons and keeps what differs."""

    def __init__(self) -> None:
        self.cells: Counter[str] = Counter()
        self.known: Counter[str] = Counter()
        self.faults: list[str] = []

    def same(self, where: str, what: str, got: Any, want: Any) -> None:
        """Count a comparison, and keep it if the two aren't the same."""
        self.cells[where] += 1
        if got != want:
            self.faults.append(f"{where}: {what}: Larder {got!r:.300}; Feast {want!r:.300}")

    def fault(self, where: str, text: str) -> None:
        """Count a comparison that has failed."""
        self.cells[where] += 1
        self.faults.append(f"{where}: {text}")

    def known_difference(self, where: str, reason: str) -> None:
        self.cells[where] += 1
        self.known[reason] += 1

    def report(self, least: dict[str, int]) -> int:
        """Print the counts and faults; 1 if there are faults or too few comparisons."""
        for where, count in self.cells.items():
            print(f"{count:8} comparisons: {where}")
        for reason, count in self.known.items():
            print(f"{count:8} known differences: {reason}")
        for where, count in least.items():
            if self.cells[where] < count:
                self.faults.append(f"{where}: only {self.cells[where]} comparisons; at least {count} are expected")
        for fault in self.faults:
            print("DIFFERENT: " + fault)
        print(f"{sum(self.cells.values())} comparisons, {sum(self.known.values())} known differences, {len(self.faults)} others")
        return 1 if self.faults else 0


def compare(tally: Tally, where: str, protocol: str, question: Ask | Read | Write, larder: Answer, feast: Answer, mended: bool) -> None:
    """Compare the answers to a question. Mended: whether Larder runs with --feast-statuses."""
    if isinstance(question, Ask) and (protocol in question.fails or question.raises or (question.sdk_raises and protocol == "SDK")):
        compare_errors(tally, where, protocol, question, larder, feast, mended)
        return
    if isinstance(question, Write) and question.sdk_raises:
        tally.same(where, f"{question.name}: what the SDK raises", [larder.error, feast.error], [question.sdk_raises] * 2)
        return
    if larder.error or feast.error:
        tally.fault(where, f"{question.name}: Larder {larder.error} {larder.text:.300}; Feast {feast.error} {feast.text:.300}")
        return
    tally.same(where, f"{question.name}: columns", sorted(larder.columns), sorted(feast.columns.keys() - without(question)))
    for name, reason in lacking(question).items():
        tally.same(where, f"{question.name}: whether only Feast answers {name}", name in feast.columns and name not in larder.columns, True)
        tally.known_difference(where, reason)
    differs: Differs = {} if isinstance(question, Write) else question.differs
    seen: set[tuple[str, int]] = set()
    for name in sorted(larder.columns.keys() & feast.columns.keys()):
        ours, theirs = larder.columns[name], feast.columns[name]
        tally.same(where, f"{question.name}: rows of {name}", len(ours), len(theirs))
        feature = name.removeprefix("to_dict ").removeprefix("to_df ")
        reasons = {row: reason for row, reason in differs.get(feature, {}).items() if not (mended and reason.mended)}
        if name == feature:
            seen |= {(name, row) for row in reasons if row < len(ours)}
        elif reasons and name.startswith("to_df "):
            # One null more or less changes the type that pandas gives to a whole column.
            reasons = dict.fromkeys(range(len(ours)), next(iter(reasons.values())))
        for row, (got, want) in enumerate(zip(ours, theirs, strict=False)):
            what, reason = f"{question.name}: {name}[{row}]", reasons.get(row)
            if reason is None:
                compare_cells(tally, where, what, got, want)
            elif name == feature:
                differs_as(tally, where, what, reason, got, want, mended)
            else:
                tally.known_difference(where, reason.text)
    listed = {(name, row) for name, rows in differs.items() for row, reason in rows.items() if not (mended and reason.mended)}
    tally.same(where, f"{question.name}: cells that are listed as different", sorted(seen), sorted(listed))


def compare_cells(tally: Tally, where: str, what: str, got: list[Any], want: list[Any]) -> None:
    (kind, value), (feast_kind, feast_value) = got[0], want[0]
    if [kind, feast_kind] == JSON_KINDS and value == feast_value and got[1:] == want[1:]:
        tally.known_difference(where, "JSON is a text, string_val by gRPC; Feast has json_val")
    else:
        tally.same(where, what, got, want)


def compare_errors(tally: Tally, where: str, protocol: str, question: Ask, larder: Answer, feast: Answer, mended: bool) -> None:
    """Compare how both fail, or that Feast fails where Larder answers."""
    name = question.name
    ours, theirs = f"{larder.error} {larder.text:.300}", f"{feast.error} {feast.text:.300}"
    if protocol in question.fails:
        tally.same(where, f"{name}: whether Feast fails: {theirs}", bool(feast.error), True)
        tally.same(where, f"{name}: whether Larder answers: {ours}", larder.error, "")
        for column, want in (mended and question.instead_mended or question.instead).items():
            got = [[value, status] for (_, value), status, *_ in larder.columns.get(column, [])]
            tally.same(where, f"{name}: {column}, where Feast fails", got, want)
        tally.known_difference(where, question.fails[protocol])
    elif protocol == "SDK":
        want = question.sdk_raises or question.raises
        tally.same(where, f"{name}: what the SDK raises with Larder: {ours}", larder.error, want)
        if question.feast_raises:
            tally.same(where, f"{name}: what it raises with Feast: {theirs}", feast.error in question.feast_raises, True)
            tally.known_difference(
                where, f"with Larder the SDK raises {want} at once; with Feast {' or '.join(question.feast_raises)}, after trying again"
            )
        else:
            tally.same(where, f"{name}: what the SDK raises with Feast: {theirs}", feast.error, want)
    elif protocol == "HTTP" and feast.error == "500":
        tally.same(where, f"{name}: whether Larder's status is the caller's fault: {ours}", larder.error[:1], "4")
        tally.known_difference(where, "a mistake of the caller is a status 4xx; of Feast 500")
    elif protocol == "HTTP":
        tally.same(where, f"{name}: status", larder.error, feast.error)
        tally.same(where, f"{name}: class in the body", error_class(larder.text), error_class(feast.text))
    else:
        tally.same(where, f"{name}: whether both fail: {ours}; {theirs}", bool(larder.error), bool(feast.error))


def error_class(body: str) -> str:
    """The class that an error's body names: the body is JSON within a JSON text."""
    try:
        return str(json.loads(json.loads(body))["class"])
    except (ValueError, KeyError, TypeError):
        return body


def lacking(question: Ask | Read | Write) -> Mapping[str, str]:
    return question.lacks if isinstance(question, Ask) else {}


def without(question: Ask | Read | Write) -> set[str]:
    """The columns that only Feast answers, also as what the SDK makes of them."""
    return {prefix + name for name in lacking(question) for prefix in ("", "to_dict ", "to_df ")}


def differs_as(tally: Tally, where: str, what: str, reason: Reason, got: list[Any], want: list[Any], mended: bool) -> None:
    """Check that a listed cell differs in the way that its reason says."""
    status = reason.feast_status if mended else reason.larder_status
    shape = [got[1], got[0] != NOTHING, want[1], want[0] != NOTHING]
    if got != want and shape == [status, reason.larder_value, reason.feast_status, reason.feast_value]:
        tally.known_difference(where, reason.text)
    else:
        tally.fault(where, f"{what}: Larder {got!r:.300}; Feast {want!r:.300}; that isn't: {reason.text}")
