"""Answers that lack a part: an error that says so, never fewer rows than were asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
import larderdb
import pytest
from larderdb.v1 import control_pb2, serving_pb2, values_pb2

ROWS = {"courier_id": [1, 2, 3]}
PLAN = control_pb2.GetPlanResponse(
    keys=[control_pb2.Field(name="courier_id", type="int64")],
    features=[control_pb2.Field(name="stats:trips", type="int64")],
    catalog_version=1,
)


def column(values: int, statuses: int, name: str = "stats:trips") -> values_pb2.Column:
    return values_pb2.Column(name=name, int64s=values_pb2.Int64s(values=[7] * values), statuses=["STATUS_PRESENT"] * statuses)


def read(statuses: int, ages: int) -> serving_pb2.ViewRead:
    return serving_pb2.ViewRead(feature_view="stats", statuses=["STATUS_PRESENT"] * statuses, ages=[5] * ages)


def scores(rows: int, **more: Any) -> serving_pb2.GetFeaturesAndScoreResponse:
    return serving_pb2.GetFeaturesAndScoreResponse(scores=[0.5] * rows, catalog_version=1, **more)


def features(*columns: values_pb2.Column, **more: Any) -> serving_pb2.GetFeaturesResponse:
    return serving_pb2.GetFeaturesResponse(features=columns, catalog_version=1, **more)


@contextmanager
def answering(answer: Any) -> Iterator[str]:
    """A server that gives one answer to every request for features or scores."""

    def method(request: Any, response: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            lambda *_: response, request.FromString, type(response).SerializeToString
        )

    server = grpc.server(futures.ThreadPoolExecutor(1))
    control = {"GetPlan": method(control_pb2.GetPlanRequest, PLAN)}
    serving = {
        "GetFeatures": method(serving_pb2.GetFeaturesRequest, answer),
        "GetFeaturesAndScore": method(serving_pb2.GetFeaturesAndScoreRequest, answer),
    }
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler("larder.v1.ControlService", control),
            grpc.method_handlers_generic_handler("larder.v1.ServingService", serving),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


INCOMPLETE = [
    (scores(0), "the answer has 0 scores for 3 rows"),
    (scores(2), "the answer has 2 scores for 3 rows"),
    (scores(3, reads=[read(3, 2)]), "2 ages of feature view 'stats' for 3 rows"),
    (scores(3, reads=[read(1, 3)]), "1 statuses of feature view 'stats' for 3 rows"),
    (scores(3, model_versions=[1, 2]), "2 model versions for 3 rows"),
    (scores(3), r"the features \[\], not \['stats:trips'\]"),
    (scores(3, features=[column(3, 2)]), "2 statuses of 'stats:trips' for 3 rows"),
    (features(), r"the features \[\], not \['stats:trips'\]"),
    (features(column(3, 3, "stats:other")), r"the features \['stats:other'\], not"),
    (features(column(2, 3)), "2 values of 'stats:trips' for 3 rows"),
    (features(values_pb2.Column(name="stats:trips", statuses=["STATUS_PRESENT"] * 3)), "0 values of 'stats:trips' for 3 rows"),
    (features(column(3, 0)), "0 statuses of 'stats:trips' for 3 rows"),
    (features(column(3, 3), reads=[read(3, 0)]), "0 ages of feature view 'stats' for 3 rows"),
]


@pytest.mark.parametrize(("answer", "says"), INCOMPLETE)
def test_incomplete_answers_are_errors(answer: Any, says: str) -> None:
    of_scores = isinstance(answer, serving_pb2.GetFeaturesAndScoreResponse)

    async def ask(addr: str) -> Any:
        async with larderdb.AsyncClient(addr) as client:
            if of_scores:
                return await client.score("late", ROWS, return_features=True)
            return await client.get_features("late_v1", ROWS)

    def ask_at_once(addr: str) -> Any:
        with larderdb.Client(addr) as client:
            if of_scores:
                return client.score("late", ROWS, return_features=True)
            return client.get_features("late_v1", ROWS)

    asks: list[Callable[[str], Any]] = [ask_at_once, lambda addr: asyncio.run(ask(addr))]
    with answering(answer) as addr:
        for one in asks:
            with pytest.raises(larderdb.IncompleteAnswerError, match=says) as raised:
                one(addr)
            assert raised.value.reason == "INCOMPLETE_ANSWER"


def test_a_whole_answer_is_no_error() -> None:
    whole = scores(3, features=[column(3, 3)], reads=[read(3, 3)], model_version=1)
    with answering(whole) as addr, larderdb.Client(addr) as client:
        assert client.score("late", ROWS, return_features=True).scores == [0.5] * 3
