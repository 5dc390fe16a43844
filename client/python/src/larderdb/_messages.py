"""What is common to messages of the wire contract: how they are made, and what they say."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from larderdb import errors
from larderdb._words import in_python
from larderdb.definitions import Change
from larderdb.models import ModelOutput, OutputShape
from larderdb.runs import BadRows, Run, ViewState
from larderdb.v1 import control_pb2

M = TypeVar("M", bound=Message)

_EPOCH = datetime.fromtimestamp(0, timezone.utc)

# What arguments are called where the field has another name.
_ARGUMENTS = {"model_version": "version", "feature_service": "service", "feature_views": "views", "sha256": "onnx"}

_WANTED = {
    FieldDescriptor.CPPTYPE_INT32: "an int",
    FieldDescriptor.CPPTYPE_INT64: "an int",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_BOOL: "a bool",
    FieldDescriptor.CPPTYPE_STRING: "a str",
}


def message(kind: type[M], /, **fields: Any) -> M:
    """Return a message of arguments; refuse an argument of another type by its name."""
    try:
        return kind(**fields)
    except (TypeError, ValueError, OverflowError) as error:
        for name, value in fields.items():
            try:
                kind(**{name: value})
            except (TypeError, ValueError, OverflowError):
                raise _bad_argument(kind, name, value) from error
        raise


def _bad_argument(kind: type[Message], name: str, value: Any) -> errors.InvalidArgumentError:
    field = kind.DESCRIPTOR.fields_by_name[name]
    wanted = _WANTED.get(field.cpp_type, "of another type")
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        of = field.message_type.fields_by_name["value"]
        wanted = f"a mapping of str to {_WANTED[of.cpp_type].split()[-1]}"
    elif field.is_repeated:
        wanted = f"a list, each {wanted}"
    argument = _ARGUMENTS.get(name, name)
    return errors.InvalidArgumentError(f"{argument} is {said(value)}; give {wanted}", "BAD_ARGUMENT")


def said(value: Any) -> str:
    """Return a value with its type, or its type alone where the value fills more than a line."""
    longest = 60
    kind, text = type(value).__name__, repr(value)
    return f"{text} ({kind})" if len(text) <= longest and "\n" not in text else f"a {kind}"


def names(views: Sequence[str], method: str) -> Sequence[str]:
    """Return the names that a method was given, one by one."""
    for view in views:
        if not isinstance(view, str):
            example = f'"{view[0]}"' if isinstance(view, (list, tuple)) and view else '"VIEW"'
            raise errors.InvalidArgumentError(
                f"{view!r} is not the name of a feature view; give names one by one, as in {method}({example})", "BAD_ARGUMENT"
            )
    return views


def caller() -> str:
    """Return who calls, for the server's record."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def moment(us: int) -> datetime | None:
    """Return a time in microseconds since 1970 UTC; None for 0, and before the year 1."""
    try:
        return _EPOCH + timedelta(microseconds=us) if us else None
    except OverflowError:
        return None


def changes(messages: Sequence[control_pb2.Change]) -> list[Change]:
    return [
        Change(
            action=control_pb2.Change.Action.Name(m.action).removeprefix("ACTION_").lower(),
            noun=m.noun,
            name=m.name,
            field=m.field,
            before=m.before,
            after=m.after,
            effect=in_python(m.effect),
            destroys=list(m.destroys),
        )
        for m in messages
    ]


def notes(texts: Sequence[str]) -> list[str]:
    return [in_python(text) for text in texts]


def output(report: control_pb2.ModelReport) -> ModelOutput:
    outputs = [OutputShape(o.name, o.type, list(o.shape), list(o.classes)) for o in report.outputs]
    return ModelOutput(
        report.model, report.model_version, report.output, report.column, report.reason, report.engine, notes(report.notes), outputs
    )


def run(m: control_pb2.Run) -> Run:
    return Run(
        id=m.id,
        feature_view=m.feature_view,
        state=control_pb2.Run.State.Name(m.state).removeprefix("STATE_").lower(),
        mode=m.mode,
        rows_read=m.rows_read,
        rows_written=m.rows_written,
        rows_superseded=m.rows_superseded,
        rows_bad=m.rows_bad,
        rows_total=m.rows_total,
        bad=[BadRows(b.reason, b.count, list(b.samples)) for b in m.bad],
        error=in_python(m.error),
        started_at=moment(m.started_at),
        ended_at=moment(m.ended_at),
        warnings=notes(m.warnings),
    )


def view_state(m: control_pb2.ViewStatus) -> ViewState:
    return ViewState(
        feature_view=m.feature_view,
        watermark=moment(m.watermark),
        freshness=timedelta(microseconds=m.freshness) if m.watermark else None,
        rows=m.rows,
        last_run=run(m.last_run) if m.HasField("last_run") else None,
        schedule=timedelta(microseconds=m.schedule) if m.schedule else None,
        next_run_at=moment(m.next_run_at),
    )
