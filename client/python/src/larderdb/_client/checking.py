"""Checks of what is served, for ordinary code."""

from __future__ import annotations

from datetime import datetime

from larderdb import _checking, _logged
from larderdb._connection import Connection
from larderdb._progress import Progress
from larderdb.checks import Dataset, Drift, Experiment, Verification
from larderdb.logged import Replay, Skew


class Checking(Connection):
    """Checks of what is served, and the training sets on record."""

    def verify(
        self, *views: str, service: str | None = None, sample: int | None = 10_000, progress: Progress | None = None
    ) -> Verification:
        """Compare what is served with what a training set would have, key by key.

        Both are read at the same times; values, statuses and ages must be equal to the
        bit.

        Args:
            views: which feature views; all when none is named.
            service: instead: the views that this feature service reads.
            sample: how many random keys of each view; None for every key.
            progress: is called with the keys done, and of how many.

        Example:
            >>> found = client.verify(service="late_v1")
            >>> assert found.ok, found.views["courier_stats"].differences
        """
        return self._run(_checking.verify(views, service, sample, progress))

    def replay(self, model: str | None = None, *, progress: Progress | None = None) -> Replay:
        """Score the vectors of the server's feature log again, and expect the same bits.

        Each request is scored as it was, with the definitions that served it: by the
        log's files on the server that answers or, where it keeps none, by its table.

        Args:
            model: whose requests; those of all models when not given.
            progress: is called with the rows done, and 0.

        Example:
            >>> found = client.replay("late")
            >>> assert found.ok, found.cause
        """
        return self._run(_logged.replay(model, progress))

    def skew(self, model: str | None = None, *, progress: Progress | None = None) -> Skew:
        """Compare the vectors of the server's feature log with those that a training set has.

        The server rebuilds each row from Postgres, as of the time of its request and
        with the definitions that served it. The log is that of :meth:`replay`. A value
        that was materialized only after its request differs.

        Args:
            model: whose requests; those of all models when not given.
            progress: is called with the rows done, and of how many.

        Example:
            >>> for feature in client.skew("late").models["late"].features.values():
            ...     print(feature.feature, feature.share)
            courier_stats:trips_7d 0.0
        """
        return self._run(_logged.skew(model, progress))

    def experiment(
        self,
        model: str,
        *,
        metric: str = "auc",
        threshold: float | None = None,
        control: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        alpha: float = 0.05,
        progress: Progress | None = None,
    ) -> Experiment:
        """Compare versions of a model by the outcomes of the rows that they scored.

        The server joins the model's feature log to its labels. Look as often as you
        like: at most ``alpha`` of all experiments show a difference that doesn't exist.

        Args:
            model: the model's name.
            metric: ``"auc"``, ``"log_loss"``, ``"brier"``, ``"calibration"``,
                ``"accuracy"``, ``"precision"``, ``"recall"``, or ``"mean:"`` and the
                name of a value of the labels.
            threshold: scores at or above it count as positive; that of the labels when
                not given.
            control: the version to compare the others with; the first of the traffic,
                or the one that serves, when not given.
            since: requests from then on count; since the last change of the traffic
                when not given.
            until: requests up to then count; up to now when not given.
            alpha: the share of experiments without a difference that may show one.
            progress: is called with the rows and labels read, and 0.

        Example:
            >>> for version in client.experiment("late", metric="recall").versions:
            ...     print(version.version, version.figure, version.verdict)
        """
        return self._run(_checking.experiment(model, metric, threshold, control, since, until, alpha, progress))

    def drift(
        self, model: str, *, version: int | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> Drift:
        """Compare what a model is fed, and what it answers, with what it was trained on.

        All servers count values while they serve, in the bins of the training set that
        the version names or, without one, of the first rows that it was fed.

        Args:
            model: the model.
            version: of it; the one that serves when not given.
            since: windows from then on; by default a day before ``until``.
            until: up to then; by default now.

        Example:
            >>> for column in client.drift("late").drifting:
            ...     print(column.name, column.importance, column.change)
        """
        return self._run(_checking.drift(model, version, since, until))

    def datasets(self, limit: int = 50) -> list[Dataset]:
        """List the training sets that were built, newest first."""
        return self._run(_checking.datasets(limit))

    def dataset(self, name: str) -> Dataset:
        """Tell what a training set is made of, by its id or its name.

        Example:
            >>> client.dataset(client.models()["late"].versions[2].dataset).manifest["rows"]
            1000
        """
        return self._run(_checking.dataset(name))
