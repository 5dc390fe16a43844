"""What was found out from a server's feature log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReplayCount:
    """How many logged rows of a version have the same score as before, to the bit."""

    model: str
    version: int
    equal: int
    different: int


@dataclass(frozen=True)
class ReplayDifference:
    """One logged row with another score or output now: its file, its request, its row of that.

    Where the scores are equal, ``output`` is the output that differs, and
    ``logged_output`` and ``now_output`` are what it gave, as JSON.
    """

    file: str
    request_id: str
    row: int
    logged: float
    now: float
    output: str = ""
    logged_output: str = ""
    now_output: str = ""


@dataclass(frozen=True)
class ReplayGone:
    """A logged version that can't be scored again: why, and how many rows are left out."""

    model: str
    version: int
    catalog_version: int
    rows: int
    cause: str


@dataclass(frozen=True)
class Replay:
    """Which logged rows have the same score when they are scored again.

    Attributes:
        counts: by model and version.
        differences: the first rows with another score.
        cause: why scores differ, as far as the log shows; empty when none does.
        missing: files of the log that can't be read to their end, and the rows that
            are missing.
        gone: versions that can't be scored again, because their definitions or their
            model files are gone.
    """

    counts: list[ReplayCount]
    differences: list[ReplayDifference]
    cause: str
    missing: list[str]
    gone: list[ReplayGone]

    @property
    def ok(self) -> bool:
        """Whether all scores are the same, and all rows were scored."""
        return not self.missing and not self.gone and all(count.different == 0 for count in self.counts)


@dataclass(frozen=True)
class FeatureSkew:
    """How the logged values of a feature differ from those that a training set has.

    Attributes:
        feature: ``VIEW:FEATURE``.
        rows: how many were compared, of which the next four are parts.
        equal: in every bit, or null in both.
        differ: of another value.
        missing: null in the log only.
        extra: null in the training set only.
        sent: not compared: the request overrode the stored value.
        unlogged: not compared: the log has no column of the feature.
        mean_absolute_difference: of numbers that both have.
        mean_relative_difference: that by the mean of their absolute values, from 0 to 2.
    """

    feature: str
    rows: int
    equal: int
    differ: int
    missing: int
    extra: int
    sent: int
    unlogged: int
    mean_absolute_difference: float
    mean_relative_difference: float

    @property
    def share(self) -> float:
        """The share of the rows that are not equal."""
        return (self.rows - self.equal) / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class SkewDifference:
    """One value that differs: its feature, its request, its row of that, as texts."""

    feature: str
    request_id: str
    row: int
    logged: str
    rebuilt: str


@dataclass(frozen=True)
class ModelSkew:
    """How the logged vectors of a model differ from those of a training set.

    Attributes:
        features: by name, in the order of the vector.
        differences: the first values that differ, of each feature.
    """

    features: dict[str, FeatureSkew]
    differences: list[SkewDifference]


@dataclass(frozen=True)
class Skew:
    """How logged vectors differ from those of a training set.

    Attributes:
        models: by name.
        missing: files of the log that can't be read to their end, and the rows that
            are missing.
    """

    models: dict[str, ModelSkew]
    missing: list[str]

    @property
    def ok(self) -> bool:
        """Whether all values are equal, every feature is in the log, and all files were read."""
        features = [feature for model in self.models.values() for feature in model.features.values()]
        return not self.missing and all(f.equal == f.rows and not f.unlogged for f in features)
