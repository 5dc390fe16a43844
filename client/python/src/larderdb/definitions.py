"""What is defined, and what applying definitions changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, overload

from larderdb.models import Model, ModelOutput
from larderdb.runs import Run, ViewState


@dataclass(frozen=True)
class Change:
    """One difference between two versions of the definitions.

    Attributes:
        action: ``"add"``, ``"remove"`` or ``"change"``.
        noun: what it is: ``"feature view"``.
        name: its name.
        field: which part of it changes: ``"features.rating.type"``; empty when
            the whole is added or removed.
        before: JSON of the value until now; empty where there is none.
        after: JSON of the value from now on; empty where there is none.
        effect: what that means for stored rows; empty when nothing.
        destroys: the names of what it deletes, and of the feature views whose rows it
            stores anew: :meth:`larderdb.Client.apply` needs them in ``allow_delete``.
    """

    action: str
    noun: str
    name: str
    field: str
    before: str
    after: str
    effect: str
    destroys: list[str]

    def __str__(self) -> str:
        mark = {"add": "+", "remove": "-", "change": "~"}[self.action]
        text = f"{mark} {self.noun} {self.name}"
        if self.field:
            text += f" {self.field}"
            if self.before and self.after:
                text += f": {self.before} -> {self.after}"
            elif self.after:
                text += f": {self.after}"
        return text + (f"\n    {self.effect}" if self.effect else "")


@dataclass(frozen=True)
class Plan(Sequence[Change]):
    """What applying definitions would change: a sequence of :class:`Change`.

    ``print(plan)`` shows it as the command line does.

    Attributes:
        changes: what differs from the version that holds now.
        base_version: that version; 0 when nothing was applied yet.
        notes: what stays although the definitions leave it out, and what is probably
            a mistake.
        models: for each model version, where its score would be and why; without
            those whose files the server doesn't have.
    """

    changes: list[Change]
    base_version: int
    notes: list[str]
    models: list[ModelOutput]

    @property
    def destroys(self) -> list[str]:
        """The names to allow in :meth:`larderdb.Client.apply`."""
        return list(dict.fromkeys(name for change in self.changes for name in change.destroys))

    @overload
    def __getitem__(self, at: int) -> Change: ...
    @overload
    def __getitem__(self, at: slice) -> list[Change]: ...
    def __getitem__(self, at: int | slice) -> Change | list[Change]:
        return self.changes[at]

    def __len__(self) -> int:
        return len(self.changes)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.changes), *self.notes]) or "no changes"


@dataclass(frozen=True)
class Applied:
    """What applying definitions changed.

    Attributes:
        version: the version of the definitions that holds now.
        changes: what differs from the version before; none leaves it as it was.
        models: for each model version, where its score is and why.
        notes: as those of :class:`Plan`.
    """

    version: int
    changes: list[Change]
    models: list[ModelOutput] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Version:
    """A version of the definitions.

    Attributes:
        version: its number.
        fingerprint: of the definitions.
        applied_by: who applied it.
        applied_at: when.
        reverts_to: the earlier version that these definitions come from; 0 when from none.
    """

    version: int
    fingerprint: str
    applied_by: str
    applied_at: datetime | None
    reverts_to: int


@dataclass(frozen=True)
class DefinitionName:
    """What kind a definition is, and its name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Definition:
    """An applied definition, and how it hangs together with others.

    Attributes:
        kind: ``"entity"``, ``"source"``, ``"feature view"``, ``"on-demand view"``,
            ``"feature service"`` or ``"model"``.
        name: its name.
        description: what its file says it is.
        owner: who is asked about it.
        tags: its tags.
        uses: what it names.
        used_by: what names it.
        parts: the names of its features, join keys or versions.
        found_in: where a search found its text.
    """

    kind: str
    name: str
    description: str
    owner: str
    tags: dict[str, str]
    uses: list[DefinitionName]
    used_by: list[DefinitionName]
    parts: list[str]
    found_in: list[str]


@dataclass(frozen=True)
class Shown:
    """One definition in full, and how what it defines does.

    Attributes:
        definition: the definition, and how it hangs together with others.
        fields: the definition itself, with the keys of the YAML files.
        yaml: the same as a file of definitions.
        version: the version of the definitions that this is of.
        view: of a feature view, how it stands; else None.
        runs: of a feature view, its newest runs on all servers.
        model: of a model, its versions; else None.
    """

    definition: Definition
    fields: dict[str, Any]
    yaml: str
    version: int
    view: ViewState | None
    runs: list[Run]
    model: Model | None
