"""Plans: what a request must bring, and the types of it. Asked once, and again when
the definitions have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from larderdb import errors
from larderdb._messages import message
from larderdb._methods import GET_PLAN, Operation, T, ask
from larderdb.v1 import control_pb2, serving_pb2

Plan = control_pb2.GetPlanResponse


def of_features(features: str | Sequence[str]) -> control_pb2.GetPlanRequest:
    """Ask for the plan of a feature service, or of references."""
    if isinstance(features, str):
        return control_pb2.GetPlanRequest(feature_service=features)
    names = list(features) if isinstance(features, Iterable) else [features]
    for name in names:
        if not isinstance(name, str):
            raise errors.InvalidArgumentError(
                f"{name!r} is not a feature; write the name of a feature service, or a list of references "
                'such as "VIEW:FEATURE"',
                "BAD_ARGUMENT",
            )
    return control_pb2.GetPlanRequest(features=serving_pb2.FeatureList(references=names))


def of_model(model: str, version: int | None) -> control_pb2.GetPlanRequest:
    """Ask for the plan of a model."""
    return message(control_pb2.GetPlanRequest, model=model, model_version=version or 0)


class Plans:
    """The plans that a client knows. Safe for use by several threads."""

    def __init__(self) -> None:
        self._known: dict[bytes, Plan] = {}

    def use(self, wanted: control_pb2.GetPlanRequest, operation: Callable[[Plan], Operation[T]]) -> Operation[T]:
        """Run an operation by a plan; once more when it was refused by definitions that
        have changed since the plan was asked for."""
        key = wanted.SerializeToString(deterministic=True)
        known = self._known.get(key)
        plan = known or (yield from self._ask(key, wanted))
        try:
            return (yield from operation(plan))
        except errors.LarderError as error:
            self._known.clear()
            if known is None or not isinstance(error, (errors.InvalidArgumentError, errors.NotFoundError)):
                raise
            plan = yield from self._ask(key, wanted)
            if plan.catalog_version == known.catalog_version:
                raise
        return (yield from operation(plan))

    def _ask(self, key: bytes, wanted: control_pb2.GetPlanRequest) -> Operation[Plan]:
        plan = yield from ask(GET_PLAN, wanted)
        self._known[key] = plan
        return plan

    def saw(self, catalog_version: int) -> None:
        """Forget what is of other definitions than those that answered."""
        if any(plan.catalog_version != catalog_version for plan in list(self._known.values())):
            self._known.clear()
