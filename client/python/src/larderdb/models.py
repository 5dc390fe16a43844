"""Models, their versions, and how these share the traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from larderdb.definitions import Change


@dataclass(frozen=True)
class ModelOutput:
    """How a model version is scored.

    Attributes:
        output: the output that holds the score, and ``column`` the column of it, from 0;
            empty for a model without a score, of which ``notes`` say why.
        reason: why this output and this column.
        engine: what scores: ``"trees"``, which Larder walks itself, or ``"onnxruntime"``.
        notes: what is particular about it: why it has no score, why its trees are not
            walked, why it gets one row at a time, why it runs in a process of its own.
        outputs: what it can answer for each row; empty when it is not loaded.
    """

    model: str
    version: int
    output: str
    column: int
    reason: str
    engine: str = ""
    notes: list[str] = field(default_factory=list)
    outputs: list[OutputShape] = field(default_factory=list)


@dataclass(frozen=True)
class OutputShape:
    """What an output of a model answers for a row.

    Attributes:
        name: its name in the model's file.
        type: the type of its values, such as ``float32`` or ``string``.
        shape: of the values of a row; empty where a row has one value.
        classes: what the last dimension stands for, where the model says so.
    """

    name: str
    type: str
    shape: list[int]
    classes: list[str]


@dataclass(frozen=True)
class Pushed:
    """A model file that became a version of a model.

    Attributes:
        model: the model's name.
        version: the number of its new version, or of the one that this file was already.
        catalog_version: the version of the definitions that holds now.
        output: where its score is.
        definition: the version as YAML, for the list ``versions`` of the model in
            the definitions that a team keeps in files. It may stay out: applying
            these files keeps what was pushed.
    """

    model: str
    version: int
    catalog_version: int
    output: ModelOutput
    definition: str


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model: its file and how it is scored.

    Attributes:
        version: its number.
        sha256: of the file, in hex.
        size: of the file, in bytes.
        inputs: as in ``"features float32[N, 13]"``.
        outputs: likewise.
        output: where the score is.
        loaded: whether the server can score with it now.
        came_from: ``""`` from a folder of definitions, else ``"push"``,
            ``"mlflow"`` or ``"repository"``.
        dataset: the id of the training set that it was trained on; may be empty.
        metrics: what was said of it, in numbers.
        tags: what was said of it, in texts.
        added_by: who brought it; empty when that is too long ago to tell.
        added_at: when.
        engine: what scores, when it is loaded: ``"trees"``, which Larder walks
            itself, or ``"onnxruntime"``.
        provider: the execution provider of ONNX Runtime.
        isolation: why it runs in a process of its own; empty when it doesn't.
        quarantine: why it is not run any more, until
            :meth:`larderdb.Client.release`; empty when it is.
    """

    version: int
    sha256: str
    size: int
    inputs: list[str]
    outputs: list[str]
    output: ModelOutput
    loaded: bool
    came_from: str
    dataset: str
    metrics: dict[str, float]
    tags: dict[str, str]
    added_by: str
    added_at: datetime | None
    engine: str = ""
    provider: str = ""
    isolation: str = ""
    quarantine: str = ""


@dataclass(frozen=True)
class Ramp:
    """How the share of a version is raised, for :meth:`larderdb.Client.set_traffic`.

    Attributes:
        version: the version whose share rises, from its weight.
        to: to how many percent.
        over: how long that takes.
        guards: what ends the ramp when it is exceeded: ``error_share``,
            ``latency_ratio``, ``score_distance``, ``missing_share``; also ``window``
            in seconds, and ``min_requests``.
    """

    version: int
    to: float
    over: timedelta
    guards: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RampState:
    """How far a ramp is.

    Attributes:
        version: the version whose share rises.
        start: in percent.
        to: in percent.
        over: how long that takes.
        began: when; None while the server doesn't know.
        tripped_at: when a guard ended it; None when none has.
        tripped_by: on which server.
        reason: why.
    """

    version: int
    start: float
    to: float
    over: timedelta
    began: datetime | None
    tripped_at: datetime | None
    tripped_by: str
    reason: str


@dataclass(frozen=True)
class Traffic:
    """How the traffic of a model is split now.

    Attributes:
        weights: the percent of each version; the first is the control.
        split_by: the join key or request value that decides; see :func:`larderdb.bucket`.
        salt: what is hashed before it.
        ramp: None without one.
    """

    weights: dict[int, float]
    split_by: str
    salt: str
    ramp: RampState | None


@dataclass(frozen=True)
class Model:
    """A model and its versions.

    Attributes:
        name: its name.
        service: the name of the feature service that it reads.
        serve: the version that answers when none is asked for, or the control of the
            traffic; 0 when it has none yet.
        versions: by number.
        traffic: None when one version answers all.
        shadow: the versions that score logged requests and answer none.
        source: where versions come from by themselves, as in ``"mlflow late@champion"``;
            empty when from nowhere.
        fault: why the newest there is not here; empty when all is well.
    """

    name: str
    service: str
    serve: int
    versions: dict[int, ModelVersion]
    traffic: Traffic | None
    shadow: list[int]
    source: str
    fault: str


@dataclass(frozen=True)
class RolledBack:
    """What a rollback brought back.

    Attributes:
        model_version: the version that answers now, or is the control of the traffic.
        as_of_version: the version of the definitions that chose it.
        version: the version of the definitions that holds now.
        changes: what differs from the version before.
    """

    model_version: int
    as_of_version: int
    version: int
    changes: list[Change]
