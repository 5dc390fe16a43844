"""Models, for ordinary code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from larderdb import _versions
from larderdb._connection import Connection
from larderdb.answers import TrainingSet
from larderdb.definitions import Applied
from larderdb.models import Model, Pushed, Ramp, RolledBack


class Models(Connection):
    """Models and their versions."""

    def models(self, name: str | None = None) -> dict[str, Model]:
        """Tell models and their versions, by name; all when none is named."""
        return self._run(_versions.models(name))

    def push_model(
        self,
        name: str,
        onnx: Any,
        *,
        service: str | None = None,
        dataset: str | TrainingSet[Any] | None = None,
        serve: bool = False,
        output: tuple[str, int] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Pushed:
        """Make a model file the next version of a model.

        A file that is a version of it already is not added again.

        Args:
            name: the model's name; a new one makes a new model.
            onnx: an ``onnx.ModelProto``, the bytes of a file, or its path;
                best stamped by :func:`larderdb.onnx.stamp`.
            service: of a new model, the feature service that it reads; what the file
                is stamped with, or the training set is of, when not given.
            dataset: the training set that it was trained on, or its id or name.
            serve: whether this version answers from now on. The first version of
                a model does anyway.
            output: the output that holds the score, and the column of it, from 0;
                found when not given.
            metrics: numbers to say of it, as ``{"auc": 0.87}``.
            tags: texts to say of it.

        Example:
            >>> client.push_model("late", "late.onnx", service="late_v1", metrics={"auc": 0.87}).version
            2
        """
        return self._run(_versions.push(name, onnx, service, dataset, serve, output, metrics, tags))

    def promote(self, name: str, version: int) -> Applied:
        """Make a version of a model the only one that answers. What split the traffic ends.

        Example:
            >>> client.promote("late", 2).changes
            [Change(action='change', noun='model', name='late', field='serve', before='1', after='2', ...)]
        """
        return self._run(_versions.promote(name, version))

    def rollback(self, name: str) -> RolledBack:
        """Bring back what answered before: a version, or a split of the traffic.

        Versions that are no more are passed over. A rollback of a rollback undoes it.

        Example:
            >>> client.rollback("late").model_version
            1
        """
        return self._run(_versions.rollback(name))

    def retire(self, name: str, version: int | None = None, *, whole_model: bool = False) -> Applied:
        """Take a version out of the definitions that neither answers nor has traffic.

        Args:
            name: the model's name.
            version: the version to take out.
            whole_model: instead: take out the model, with all its versions.
        """
        return self._run(_versions.retire(name, version, whole_model))

    def set_traffic(
        self,
        name: str,
        weights: Mapping[int, float],
        *,
        split_by: str = "",
        salt: str = "",
        ramp: Ramp | None = None,
    ) -> Applied:
        """Split the traffic of a model among versions.

        The same value of ``split_by`` always goes to the same version, on every server;
        :func:`larderdb.bucket` tells to which.

        Args:
            name: the model's name.
            weights: the percent of each version; the first is the control.
            split_by: the join key or request value to split by; as it is when not given.
            salt: a text to hash before the value; as it is when not given, and at first
                the model's name.
            ramp: raises the weight of one of them; a ramp ends when not given.

        Example:
            >>> client.set_traffic("late", {3: 95, 4: 5}, split_by="courier_id")
            >>> ramp = larderdb.Ramp(version=4, to=50, over=timedelta(days=2), guards={"error_share": 0.01})
            >>> client.set_traffic("late", {3: 95, 4: 5}, ramp=ramp)
        """
        return self._run(_versions.set_traffic(name, weights, split_by, salt, ramp))

    def shadow(self, name: str, *versions: int) -> Applied:
        """Let versions score logged requests without answering them; none ends that.

        Example:
            >>> client.shadow("late", 5)
        """
        return self._run(_versions.shadow(name, versions))

    def resume(self, name: str) -> None:
        """Restart a ramp of a model that a guard stopped."""
        return self._run(_versions.resume(name))

    def release(self, name: str, version: int) -> None:
        """Run a version of a model again that this server has quarantined.

        A server stops running a version that has ended its process three times within
        an hour, and keeps one in a process of its own that was being scored when the
        server crashed.
        """
        return self._run(_versions.release(name, version))
