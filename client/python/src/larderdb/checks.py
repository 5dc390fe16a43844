"""What was found out about what is served: by verification, by experiments, from the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One key with different answers.

    Attributes:
        kind: ``"mismatched"``, ``"missing"``, ``"extra"`` or ``"stale"``.
        key: as in ``"courier_id=7"``.
        feature: the first feature that differs; empty when what is found of the key does.
        online: the answer of the store.
        source: the answer of the source.
    """

    kind: str
    key: str
    feature: str
    online: str
    source: str


@dataclass(frozen=True)
class ViewVerification:
    """How the answers of one feature view compare with those of a training set.

    Attributes:
        feature_view: the view.
        at: the time that was compared at: the view's watermark.
        keys: how many keys were compared, of which the next five are parts.
        equal: those with the same answer.
        mismatched: those with another.
        missing: those of which the source has a row and the store none.
        extra: the other way round.
        stale: those of which the store has what was due, and the source something
            newer; which is not a fault.
        newer: the mismatched and extra keys whose stored row is newer than any of the
            source's. No run replaces such a row.
        features: how many keys differ in each feature.
        differences: the first keys of each kind.
    """

    feature_view: str
    at: datetime | None
    keys: int
    equal: int
    mismatched: int
    missing: int
    extra: int
    stale: int
    newer: int
    features: dict[str, int]
    differences: list[Difference]

    @property
    def ok(self) -> bool:
        """Whether nothing differs that should not."""
        return self.mismatched + self.missing + self.extra == 0


@dataclass(frozen=True)
class Verification:
    """How what is served compares with what a training set would have.

    Attributes:
        views: by name.
    """

    views: dict[str, ViewVerification]

    @property
    def ok(self) -> bool:
        """Whether nothing differs that should not."""
        return all(view.ok for view in self.views.values())


@dataclass(frozen=True)
class Estimate:
    """A number, and between which ones it probably is; None where too few rows tell."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ExperimentVersion:
    """How one version of a model did.

    Attributes:
        version: its number.
        role: ``"control"``, ``"split"``, ``"shadow"`` or ``"pinned"``.
        weight: its percent of the units, in a split.
        rows: how many rows it scored.
        units: of how many units, as :attr:`Experiment.unit` names them.
        undefined: rows that it scored NaN, which are in no figure.
        labelled: rows with a label.
        positives: rows whose label is true.
        figure: the metric; None where the rows don't determine it.
        difference: less that of the control; None of the control, and of too few rows.
        p_value: of the difference, at any number of looks.
        paired: whether both scored the same rows.
        verdict: in a sentence; empty of the control.
    """

    version: int
    role: str
    weight: float
    rows: int
    units: int
    undefined: int
    labelled: int
    positives: int
    figure: Estimate | None
    difference: Estimate | None
    p_value: float | None
    paired: bool
    verdict: str


@dataclass(frozen=True)
class SampleRatio:
    """Whether versions have their shares of the units, by a chi-squared test."""

    chi_squared: float
    p_value: float
    mismatch: bool


@dataclass(frozen=True)
class Experiment:
    """How versions of a model did by the outcomes of the rows that they scored.

    Attributes:
        model: the model.
        metric: what they are compared by.
        threshold: scores at or above it count as positive.
        alpha: how often an experiment without a difference may show one.
        since: requests from then on count; None: from the first.
        until: up to then.
        unit: what traffic is split by, or the join keys.
        versions: the control first.
        sample_ratio: None where traffic isn't split, or of too few units.
        labels: how many were read.
        labels_unknown: how many of these match no logged row.
        notes: what to know before believing it.
        missing: files of the feature log that can't be read to their end, and the rows
            that are missing.
    """

    model: str
    metric: str
    threshold: float
    alpha: float
    since: datetime | None
    until: datetime | None
    unit: str
    versions: list[ExperimentVersion]
    sample_ratio: SampleRatio | None
    labels: int
    labels_unknown: int
    notes: list[str]
    missing: list[str]


@dataclass(frozen=True)
class ColumnDrift:
    """How one column of what a model is fed differs from its reference.

    Shares are from 0 to 1, of rows.

    Attributes:
        name: ``VIEW:FEATURE``, ``request:NAME``, ``status:VIEW`` for the statuses of a
            view's rows, or ``score``.
        kind: ``numbers`` or ``categories``.
        reference_rows: of the reference.
        rows: that were counted.
        reference_missing: share without a value in the reference.
        missing: the same now.
        psi: the population stability index, in nats.
        jensen_shannon: the distance of Jensen and Shannon, from 0 to 1.
        kolmogorov_smirnov: the largest difference of the two distribution functions; 0 of
            categories.
        total_variation: share of rows that would have to move to make both equal.
        wasserstein: in standard deviations of the reference; 0 of categories.
        chi_square_p: the p-value of Pearson's test that both are the same.
        unseen: share of rows outside of what the reference has.
        vanished: share of the reference that is not there any more.
        drifts: whether it differs by more than chance and the model's threshold.
        importance: share of rows that changed beyond chance.
        change: what has changed, in words; empty where nothing drifts.
        drifts_since: when the window that showed it began; None where nothing drifts.
    """

    name: str
    kind: str
    reference_rows: int
    rows: int
    reference_missing: float
    missing: float
    psi: float
    jensen_shannon: float
    kolmogorov_smirnov: float
    total_variation: float
    wasserstein: float
    chi_square_p: float
    unseen: float
    vanished: float
    drifts: bool
    importance: float
    change: str
    drifts_since: datetime | None


@dataclass(frozen=True)
class Drift:
    """How what a model is fed differs from what it was trained on.

    Attributes:
        model: the model.
        version: of it.
        since: windows that begin from then on were compared.
        until: up to then.
        dataset: the training set that features are compared with; empty: the first rows
            that the version was fed.
        reference_rows: the rows of the reference; 0 while there is none.
        rows: that were counted, on all servers.
        windows: of rows that were compared one by one.
        columns: what drifts first, the most important first.
        why_empty: why there is nothing to compare; empty otherwise.
    """

    model: str
    version: int
    since: datetime | None
    until: datetime | None
    dataset: str
    reference_rows: int
    rows: int
    windows: int
    columns: list[ColumnDrift]
    why_empty: str

    @property
    def drifting(self) -> list[ColumnDrift]:
        """The columns that drift, the most important first."""
        return [column for column in self.columns if column.drifts]


@dataclass(frozen=True)
class Dataset:
    """A training set that was built, but not its rows.

    Attributes:
        id: its id, which a model version can name.
        name: what it was called; empty when it got no name.
        service: the feature service.
        created_at: when.
        manifest: what it is made of.
    """

    id: str
    name: str
    service: str
    created_at: datetime | None
    manifest: dict[str, Any]
