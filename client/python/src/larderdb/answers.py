"""What a server answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")

Status = Literal["PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE"]
"""What became of one value.

``NULL_VALUE``: the newest row has null there. ``NOT_FOUND``: no row of that
key. ``OUTSIDE_MAX_AGE``: the newest row is older than its view's TTL. Any
status but ``PRESENT`` comes with the feature's default, or null.
"""


@dataclass(frozen=True)
class Features(Generic[T]):
    """The features of N entities.

    Each frame has the shape that the entities were given in: a pandas answer has
    their index, a dict holds lists.

    Attributes:
        data: N rows, a column ``VIEW:FEATURE`` for each feature in the order
            asked for.
        statuses: as data, with the :data:`Status` of each value.
        found: N rows, a column for each feature view read, with the status of
            the row that it has of the entity.
        ages: as found, with how old that row is; null where there is none.
        catalog_version: the version of the definitions that answered.
    """

    data: T
    statuses: T
    found: T
    ages: T
    catalog_version: int


@dataclass(frozen=True)
class Scores(Generic[T]):
    """The scores of N entities.

    Attributes:
        scores: N numbers: a pandas or polars Series, a pyarrow Array, or a list,
            as the entities were given.
        features: what was scored, when asked for.
        found: N rows, a column for each feature view read, with the status of
            the row that it has of the entity.
        ages: as found, with how old that row is; null where there is none.
        model_version: the version of the model that scored; that of the first
            entity where the traffic of the model is split.
        model_versions: the version that scored each of the N.
        catalog_version: the version of the definitions that answered.
        request_id: the id that the feature log has the request under; empty where
            it is not logged.
    """

    scores: Any
    features: Features[T] | None
    found: T
    ages: T
    model_version: int
    model_versions: list[int]
    catalog_version: int
    request_id: str


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
    """

    action: str
    noun: str
    name: str
    field: str
    before: str
    after: str
    effect: str

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
class Applied:
    """What applying definitions changed.

    Attributes:
        version: the version of the definitions that holds now.
        changes: what differs from the version before; none leaves it as it was.
        models: for each model version, where its score is and why.
    """

    version: int
    changes: list[Change]
    models: list[ModelOutput]


@dataclass(frozen=True)
class ModelOutput:
    """Where the score of a model version is: a column, from 0, of an output."""

    model: str
    version: int
    output: str
    column: int
    reason: str


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
class BadRows:
    """How many rows of a source could not be stored for one reason, with a few of them."""

    reason: str
    count: int
    samples: list[str]


@dataclass(frozen=True)
class Run:
    """One materialization of one feature view.

    Attributes:
        id: of the run.
        feature_view: the view.
        state: ``"queued"``, ``"running"``, ``"succeeded"``, ``"failed"`` or ``"cancelled"``.
        mode: ``"full"``, ``"range"`` or ``"incremental"``.
        rows_read: rows of the source, of which the next three are parts.
        rows_written: newer than what was stored.
        rows_superseded: older than what was stored.
        rows_bad: that could not be stored.
        rows_total: an estimate of the rows to read; 0 when there is none.
        bad: the bad rows by reason.
        error: why it failed; empty when it did not.
        started_at: None before.
        ended_at: None before.
    """

    id: str
    feature_view: str
    state: str
    mode: str
    rows_read: int
    rows_written: int
    rows_superseded: int
    rows_bad: int
    rows_total: int
    bad: list[BadRows]
    error: str
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class ViewState:
    """How one feature view stands.

    Attributes:
        watermark: all that could be known then is answerable; None before the first run.
        freshness: now less the watermark; None before the first run.
        rows: stored keys, an estimate.
        last_run: the newest run; None before the first.
    """

    feature_view: str
    watermark: datetime | None
    freshness: timedelta | None
    rows: int
    last_run: Run | None


@dataclass(frozen=True)
class ServerState:
    """How a server stands.

    Attributes:
        server_version: of the program.
        catalog_version: of the definitions that it serves; 0 before the first.
        fingerprint: of these definitions.
        registry_version: the newest version applied.
        catalog_error: why the newest version is not served; empty when it is.
        postgres_error: empty when Postgres answers.
        views: by name.
    """

    server_version: str
    catalog_version: int
    fingerprint: str
    registry_version: int
    catalog_error: str
    postgres_error: str
    views: dict[str, ViewState]


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


@dataclass(frozen=True)
class Model:
    """A model: its feature service, and its versions by number.

    Attributes:
        serve: the version that answers when none is asked for.
    """

    name: str
    feature_service: str
    serve: int
    versions: dict[int, ModelVersion]


@dataclass(frozen=True)
class Service:
    """What a feature service reads.

    Attributes:
        name: its name.
        keys: the type of each entity column that a request must bring.
        request: the type of each value that must come with a request.
        features: the type of each feature ``VIEW:FEATURE``, in the order of the vector.
        fingerprint: of all definitions that decide the features' values.
        catalog_version: the version of the definitions that this is of.
    """

    name: str
    keys: dict[str, str]
    request: dict[str, str]
    features: dict[str, str]
    fingerprint: str
    catalog_version: int


@dataclass(frozen=True)
class TrainingSet(Generic[T]):
    """A training set: the spine's rows, each with the features as of its time.

    Attributes:
        data: the spine's columns, untouched, then a column ``VIEW__FEATURE`` for
            each feature of the service, in its order. One row for each of the
            spine, in its order; in the shape that the spine was given in.
        features: the names of the feature columns: ``data[features]`` is what a
            model of this service reads.
        service: the feature service as it was when the set was built, for
            :func:`larderdb.onnx.stamp`.
        manifest: what the set is made of: its id, the catalog's version and
            fingerprint, the spine's digest, and statistics of each feature.
        warnings: what to look at before training.
    """

    data: T
    features: list[str]
    service: Service
    manifest: dict[str, Any]
    warnings: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The set's id, for :meth:`larderdb.Client.push_model`."""
        return str(self.manifest["id"])
