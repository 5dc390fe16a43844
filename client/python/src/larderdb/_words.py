"""Messages of a server, whose remedies name commands, in the words of Python."""

from __future__ import annotations

import re

_NAME = r"([\w.-]*\w)"
_NAMES = r"([\w.-]*\w(?:, [\w.-]*\w)*)"


def _materialize(match: re.Match[str]) -> str:
    arguments = [f'"{name}"' for name in (match[2] or "").split(", ") if name] + (["full=True"] if match[1] else [])
    return f"client.materialize({', '.join(arguments)})"


def _of_version(method: str) -> str:
    return rf'client.{method}("\1", \2)'


# Commands, and the calls that do the same; the first that fits counts. VERSION stands
# for a number that the caller chooses.
_COMMANDS: list[tuple[str, object]] = [
    (r"apply --list", "client.versions()"),
    (r"apply DIR", "client.apply(folder)"),
    (r"apply", "client.apply(...)"),
    (r"plan", "client.plan(...)"),
    (r"status", "client.status()"),
    (r"verify", "client.verify()"),
    (rf"materialize( --full)?(?: {_NAMES}(?= reads|`))?", _materialize),
    (r"dataset --list", "client.datasets()"),
    (r"experiment", "client.experiment(...)"),
    (r"drift", "client.drift(...)"),
    (r"models push --dataset", "client.push_model(..., dataset=...)"),
    (rf"models show {_NAME}", r'client.models("\1")'),
    (rf"models promote {_NAME} (\d+|VERSION)", _of_version("promote")),
    (rf"models retire {_NAME} (\d+|VERSION)", _of_version("retire")),
    (rf"models retire {_NAME} --model", r'client.retire("\1", whole_model=True)'),
    (rf"models release {_NAME} (\d+|VERSION)", _of_version("release")),
    (rf"models resume {_NAME}", r'client.resume("\1")'),
    (r"models push", "client.push_model(...)"),
    (r"models retire", "client.retire(...)"),
    (r"models", "client.models()"),
]


# What the server says of definitions, in the words of a method that changes a model.
_ARGUMENTS = [
    (r"(?m)^models\[\d+\][^ :]*: ", ""),
    (r"write split_by: and one of ", "give split_by, one of "),
    (r"write split_by: and a join key", "give split_by, a join key"),
    (r'output "([^"]+)"(.*), as in column: (\d+)', r'output "\1"\2, as in output=("\1", \3)'),
    (r"as in output: (.*)", r'as in output=("\1", 0)'),
    (r"(its file has no stamp that names one)$", r"\1; give service="),
    (r"write log: \{rate: 1\}", "add log: {rate: 1} to the model's definition"),
]


def as_arguments(message: str) -> str:
    """Return a server's message about a model with arguments for the keys of its definition."""
    for key, argument in _ARGUMENTS:
        message = re.sub(key, argument, message)
    return message


def in_python(message: str) -> str:
    """Return a server's message with the calls of this package for its commands."""
    for command, call in _COMMANDS:
        message = re.sub(rf"(?:\b|`)larder {command}(?![\w-])`?", call, message)  # type: ignore[call-overload]
    message = message.replace(", VERSION)", ", version)")
    return re.sub(r"\bas_of: (ingest_time|event_time)", r'as_of="\1"', message)
