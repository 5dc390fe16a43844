"""Definitions: planned, applied, and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from larderdb import _folder, _modelfile, _plans, _versions
from larderdb._messages import caller, changes, message, moment, notes, output, run, view_state
from larderdb._methods import (
    APPLY,
    CHANGE_TIMEOUT,
    EXPORT_DEFINITIONS,
    GET_DEFINITION,
    GET_PLAN,
    LIST_DEFINITIONS,
    LIST_VERSIONS,
    PLAN,
    Operation,
    ask,
)
from larderdb.answers import Service
from larderdb.definitions import Applied, Definition, DefinitionName, Plan, Shown, Version
from larderdb.errors import FailedPreconditionError, InvalidArgumentError, saying
from larderdb.v1 import control_pb2

# The kinds of definitions: as the command line has them, and as the server does.
_KINDS = {
    "entities": ["entity"],
    "sources": ["source"],
    "views": ["feature view", "on-demand view"],
    "services": ["feature service"],
    "models": ["model"],
}


def service(name: str) -> Operation[Service]:
    """Tell what a feature service reads."""
    plan = yield from ask(GET_PLAN, _plans.of_features(name))
    return Service(
        name=name,
        keys={f.name: f.type for f in plan.keys},
        request={f.name: f.type for f in plan.request},
        features={f.name: f.type for f in plan.features},
        fingerprint=plan.fingerprint,
        catalog_version=plan.catalog_version,
    )


def plan(folder: str | os.PathLike[str] | None, to_version: int | None, project: str | None) -> Operation[Plan]:
    """Tell what applying would change."""
    _check_one(folder, to_version, project)
    if folder is not None:
        answer = yield from _plan_files(_folder.read(folder))
    else:
        answer = yield from ask(PLAN, message(control_pb2.PlanRequest, to_version=to_version, project=project or ""), CHANGE_TIMEOUT)
    return Plan(changes(answer.changes), answer.base_version, notes(answer.notes), [output(m) for m in answer.models])


def apply(
    folder: str | os.PathLike[str] | None, to_version: int | None, project: str | None, allow_delete: bool | Iterable[str] | None
) -> Operation[Applied]:
    """Make definitions the newest version."""
    _check_one(folder, to_version, project)
    allowed = _allowed(allow_delete)
    if folder is not None:
        read = _folder.read(folder)
        before = yield from _plan_files(read)
        request = control_pb2.ApplyRequest(files=read.files)
    else:
        before = yield from ask(PLAN, message(control_pb2.PlanRequest, to_version=to_version, project=project or ""), CHANGE_TIMEOUT)
        request = message(control_pb2.ApplyRequest, to_version=to_version, project=project or "")
    request.base_version = before.base_version
    request.applied_by = caller()
    request.allow_delete.extend(allowed)
    try:
        answer = yield from ask(APPLY, request, CHANGE_TIMEOUT)
    except FailedPreconditionError as error:
        if error.reason != "DELETES_NOT_ALLOWED":
            raise
        raise _not_allowed(error, before) from None
    return Applied(answer.version, changes(answer.changes), [output(m) for m in answer.models], notes(answer.notes))


def _plan_files(read: _folder.Folder) -> Operation[control_pb2.PlanResponse]:
    """Plan with all model files sent: only then a plan checks what an apply does."""
    answer = yield from ask(PLAN, control_pb2.PlanRequest(files=read.files), CHANGE_TIMEOUT)
    lacking = [sha256 for sha256 in answer.missing_models if sha256 in read.models]
    for sha256 in lacking:
        yield from _versions.put(_modelfile.read(read.models[sha256], read.root))
    if lacking:
        answer = yield from ask(PLAN, control_pb2.PlanRequest(files=read.files), CHANGE_TIMEOUT)
    return answer


def _check_one(folder: object, to_version: object, project: object) -> None:
    if (folder is None) == (to_version is None):
        raise InvalidArgumentError("give a folder of definitions, or to_version= for an earlier version of them", "BAD_ARGUMENT")
    if isinstance(to_version, int) and to_version < 1:
        raise InvalidArgumentError(f"to_version is {to_version}; versions count from 1", "BAD_ARGUMENT")
    if project is not None and to_version is None:
        raise InvalidArgumentError(
            "project= goes with to_version=; a folder names its project with project: NAME in one of its files", "BAD_ARGUMENT"
        )


def _allowed(allow_delete: bool | Iterable[str] | None) -> list[str]:
    if allow_delete is None or allow_delete is False:
        return []
    if allow_delete is True:
        return ["*"]
    names = None if isinstance(allow_delete, (str, bytes)) or not isinstance(allow_delete, Iterable) else list(allow_delete)
    if names is None or not all(isinstance(name, str) for name in names):
        raise InvalidArgumentError(
            f"allow_delete is {allow_delete!r}; give True, or a list of the names that may be deleted or stored anew", "BAD_ARGUMENT"
        )
    return names


def _not_allowed(error: FailedPreconditionError, before: control_pb2.PlanResponse) -> FailedPreconditionError:
    """Say in Python what an apply would destroy, and how to allow it."""
    destroying = [change for change in changes(before.changes) if change.destroys]
    if not destroying:
        return error
    names = list(dict.fromkeys(name for change in destroying for name in change.destroys))
    told = "\n".join(map(str, destroying))
    return saying(
        error, f"this apply deletes definitions or stored rows:\n{told}\nto allow it, give allow_delete={names!r}, or allow_delete=True"
    )


def listed(kind: str | None, search: str) -> Operation[list[Definition]]:
    """List definitions."""
    if kind == "datasets":
        raise InvalidArgumentError("training sets are not definitions; client.datasets() lists them", "BAD_ARGUMENT")
    kinds = _KINDS.get(kind or "", [kind or ""])
    request = message(control_pb2.ListDefinitionsRequest, kind=kinds[0] if len(kinds) == 1 else "", search=search)
    answer = yield from ask(LIST_DEFINITIONS, request)
    return [_definition(m) for m in answer.definitions if kinds == [""] or m.kind in kinds]


def search(text: str) -> Operation[list[Definition]]:
    """List the definitions that have a text."""
    if text == "":
        raise InvalidArgumentError("the text to search for is empty; client.list() lists all definitions", "BAD_ARGUMENT")
    return (yield from listed(None, text))


def show(name: str, kind: str | None) -> Operation[Shown]:
    """Tell one definition in full."""
    answer = yield from ask(GET_DEFINITION, message(control_pb2.GetDefinitionRequest, name=name, kind=kind or ""))
    fields: dict[str, Any] = json.loads(answer.json)
    return Shown(
        definition=_definition(answer.definition),
        fields=fields,
        yaml=answer.yaml,
        version=answer.version,
        view=view_state(answer.view) if answer.HasField("view") else None,
        runs=[run(m) for m in answer.runs],
        model=_versions.model(answer.model) if answer.HasField("model") else None,
    )


def export(directory: str | os.PathLike[str], version: int | None, project: str | None) -> Operation[list[Path]]:
    """Write the definitions as files."""
    answer = yield from ask(EXPORT_DEFINITIONS, message(control_pb2.ExportDefinitionsRequest, version=version or 0, project=project or ""))
    return _folder.write(directory, answer.files)


def versions(limit: int) -> Operation[list[Version]]:
    """List the versions of the definitions."""
    answer = yield from ask(LIST_VERSIONS, message(control_pb2.ListVersionsRequest, limit=limit))
    return [Version(m.version, m.fingerprint, m.applied_by, moment(m.applied_at), m.reverts_to) for m in answer.versions]


def _definition(m: control_pb2.Definition) -> Definition:
    return Definition(
        kind=m.kind,
        name=m.name,
        description=m.description,
        owner=m.owner,
        tags=dict(m.tags),
        uses=[DefinitionName(d.kind, d.name) for d in m.uses],
        used_by=[DefinitionName(d.kind, d.name) for d in m.used_by],
        parts=list(m.parts),
        found_in=list(m.found_in),
    )
