"""Asks a server over gRPC, with the stubs that come with Feast."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import grpc
from asking import Answer, Ask, Int32, plain
from feast.protos.feast.serving.GrpcServer_pb2 import PushRequest, WriteToOnlineStoreRequest
from feast.protos.feast.serving.GrpcServer_pb2_grpc import GrpcFeatureServerStub
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus, GetOnlineFeaturesRequest, GetOnlineFeaturesResponse
from feast.protos.feast.serving.ServingService_pb2_grpc import ServingServiceStub
from feast.protos.feast.types.Value_pb2 import Value

SECONDS = 60.0


def request(ask: Ask) -> GetOnlineFeaturesRequest:
    made = GetOnlineFeaturesRequest(full_feature_names=ask.full)
    if ask.service:
        made.feature_service = ask.service
    else:
        made.features.val.extend(ask.features)
    for name, values in ask.rows.items():
        made.entities[name].val.extend(value(one) for one in values)
    return made


def value(one: Any) -> Value:
    field = {Int32: "int32_val", bool: "bool_val", int: "int64_val", float: "double_val", str: "string_val", bytes: "bytes_val"}[type(one)]
    return Value(**{field: one})


def read(response: GetOnlineFeaturesResponse) -> Answer:
    columns = {}
    for name, result in zip(response.metadata.feature_names.val, response.results, strict=True):
        cells = zip(result.values, result.statuses, result.event_timestamps, strict=True)
        columns[name] = [[plain(one), FieldStatus.Name(status), at.ToJsonString()] for one, status, at in cells]
    return Answer(columns)


def answers(address: str, asks: list[Ask], service: type = GrpcFeatureServerStub) -> dict[str, Answer]:
    """Ask GrpcFeatureServer, which feast listen and Larder both serve, or another service."""
    found = {}
    with grpc.insecure_channel(address) as channel:
        stub = service(channel)
        for ask in asks:
            try:
                found[ask.name] = read(stub.GetOnlineFeatures(request(ask), timeout=SECONDS))
            except grpc.RpcError as raised:
                found[ask.name] = Answer(error=raised.code().name, text=raised.details() or "")
    return found


def serving_service(address: str, questions: list[Any]) -> Iterator[tuple[Ask, Answer]]:
    """Ask the API of Feast's Go and Java servers."""
    asks = [ask for ask in questions if isinstance(ask, Ask)]
    found = answers(address, asks, ServingServiceStub)
    return ((ask, found[ask.name]) for ask in asks)


def writes(now: datetime) -> Iterator[tuple[str, PushRequest | WriteToOnlineStoreRequest]]:
    """Writes by gRPC, a row each."""

    def row(user: int) -> dict[str, Value]:
        at = Value(string_val=now.isoformat())  # Feast takes a unix_timestamp_val for nanoseconds
        return {
            "user_id": Value(int64_val=user),
            "event_timestamp": at,
            "created": at,
            "clicks": Value(int64_val=user),
            "page": Value(string_val="by gRPC"),
        }

    yield "a push", PushRequest(stream_feature_view="clicks_push", to="online", typed_features=row(1011))
    yield "a write", WriteToOnlineStoreRequest(feature_view_name="clicks", typed_features=row(1012))
    yield "a push to nowhere", PushRequest(stream_feature_view="nothing_here", to="online", typed_features=row(1013))
    yield "a push somewhere else", PushRequest(stream_feature_view="clicks_push", to="moon", typed_features=row(1013))
    yield "a write to nowhere", WriteToOnlineStoreRequest(feature_view_name="nothing_here", typed_features=row(1013))
    yield (
        "both kinds of values",
        PushRequest(stream_feature_view="clicks_push", to="online", typed_features=row(1013), features={"user_id": "1013"}),
    )


def write(address: str, request: PushRequest | WriteToOnlineStoreRequest) -> str:
    """Write, and say whether it went well."""
    with grpc.insecure_channel(address) as channel:
        stub = GrpcFeatureServerStub(channel)
        call = stub.Push if isinstance(request, PushRequest) else stub.WriteToOnlineStore
        try:
            return f"status {call(request, timeout=SECONDS).status}"
        except grpc.RpcError:
            return "an error"
