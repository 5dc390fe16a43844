"""Features, scores and training sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")

Status = Literal["PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE", "WITHHELD"]
"""What became of one value.

``NULL_VALUE``: the newest row has null there. ``NOT_FOUND``: no row of that
key. ``OUTSIDE_MAX_AGE``: the newest row is older than its view's TTL. ``WITHHELD``:
the feature is sensitive, and the caller may not read its value. Any
status but ``PRESENT`` comes with the feature's default, or null.
"""


@dataclass(frozen=True)
class Features(Generic[T]):
    """The features of N entities.

    Each frame has the shape that the entities were given in: a pandas answer has
    their index, a dict holds lists. Of no rows, no view is read: ``found`` and
    ``ages`` have no columns.

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
class ScoredRequest:
    """The rows that were scored as one request.

    Attributes:
        id: what the feature log has the request under; empty where it is not logged.
        start: the first of its rows: row r of all is row ``r - start`` of the request.
        rows: how many it has.
    """

    id: str
    start: int
    rows: int


@dataclass(frozen=True)
class Scores(Generic[T]):
    """The scores of N entities.

    Attributes:
        scores: N numbers: a pandas or polars Series, a pyarrow Array, or a list,
            as the entities were given; None for a model without a score.
        outputs: N rows, with a column for each output asked for; None where none was. An
            output whose columns are classes has a column ``OUTPUT[CLASS]`` for each of them;
            another one with several values of a row has a column of lists.
        features: what was scored, when asked for.
        found: N rows, a column for each feature view read, with the status of
            the row that it has of the entity.
        ages: as found, with how old that row is; null where there is none.
        model_version: the version of the model that scored; that of the first
            entity where the traffic of the model is split.
        model_versions: the version that scored each of the N.
        catalog_version: the version of the definitions that answered.
        request_id: the id that the feature log has the request under, of the first
            one where there were several; empty where it is not logged.
        requests: the requests that the rows were sent in: one for up to 10,000 rows.
    """

    scores: Any
    outputs: T | None
    features: Features[T] | None
    found: T
    ages: T
    model_version: int
    model_versions: list[int]
    catalog_version: int
    request_id: str
    requests: list[ScoredRequest]


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
        warnings: what to look at before training; each was raised as a
            :class:`larderdb.LarderWarning` too.
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
