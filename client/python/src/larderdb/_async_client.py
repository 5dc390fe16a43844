"""The client for asyncio."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, overload

import grpc
import grpc.aio

from larderdb import _flight, _folder, _wire, errors
from larderdb._frames import FrameT, Rows
from larderdb._model import contents
from larderdb._wire import CHANGE_TIMEOUT, REQUEST_TIMEOUT, Method, Req, Res
from larderdb.answers import Applied, Change, Features, Model, Pushed, Run, Scores, ServerState, Service, TrainingSet
from larderdb.v1 import control_pb2

AsOf = Literal["ingest_time", "event_time"]


class AsyncClient:
    """:class:`larderdb.Client` for asyncio: the same methods, to be awaited.

    Make one inside of the event loop that it is used in.

    Example:
        >>> async with larderdb.AsyncClient("localhost:6570") as client:
        ...     answer = await client.score("late", {"courier_id": [7, 4711]}, {"km": [1.5, 9.0]})
    """

    def __init__(
        self,
        addr: str | None = None,
        *,
        token: str | None = None,
        tls: bool = False,
        root_certificates: bytes | None = None,
        timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        self._addr = _wire.address(addr)
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._timeout = timeout
        self._plans: dict[bytes, control_pb2.GetPlanResponse] = {}
        if tls:
            credentials = grpc.ssl_channel_credentials(root_certificates)
            self._channel = grpc.aio.secure_channel(self._addr, credentials, _wire.CHANNEL_OPTIONS)
        else:
            self._channel = grpc.aio.insecure_channel(self._addr, _wire.CHANNEL_OPTIONS)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Calls.

    async def _call(self, method: Method[Req, Res], request: Req, timeout: float) -> Res:
        call = self._channel.unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        try:
            answer: Res = await call(request, timeout=timeout, metadata=self._metadata)
            return answer
        except grpc.RpcError as error:
            raise errors.of_rpc(error, self._addr) from None

    async def _plan(self, request: control_pb2.GetPlanRequest) -> control_pb2.GetPlanResponse:
        """What a request must bring: asked once, and again when the definitions have changed."""
        key = request.SerializeToString(deterministic=True)
        if key not in self._plans:
            self._plans[key] = await self._call(_wire.GET_PLAN, request, self._timeout)
        return self._plans[key]

    async def _ask(self, method: Method[Req, Res], request: Req, version: Callable[[Res], int]) -> Res:
        """Send a request that was made by plans; forget these when they may be of old definitions."""
        try:
            answer = await self._call(method, request, self._timeout)
        except errors.LarderError:
            self._plans.clear()
            raise
        if any(plan.catalog_version != version(answer) for plan in self._plans.values()):
            self._plans.clear()
        return answer

    # The data plane.

    @overload
    async def get_features(
        self,
        features: str | Sequence[str],
        entities: Mapping[str, Sequence[Any]],
        request: Rows | None = None,
        *,
        at: datetime | None = None,
    ) -> Features[dict[str, list[Any]]]: ...
    @overload
    async def get_features(
        self,
        features: str | Sequence[str],
        entities: FrameT,
        request: Rows | None = None,
        *,
        at: datetime | None = None,
    ) -> Features[FrameT]: ...
    async def get_features(
        self, features: str | Sequence[str], entities: Rows, request: Rows | None = None, *, at: datetime | None = None
    ) -> Features[Any]:
        """:meth:`larderdb.Client.get_features`, to be awaited."""
        plan = await self._plan(_wire.plan_of_features(features))
        question = _wire.Question.of(plan, entities, request, at)
        answer = await self._ask(_wire.GET_FEATURES, question.for_features(features), lambda a: a.catalog_version)
        return _wire.features(question, answer)

    @overload
    async def score(
        self,
        model: str,
        entities: Mapping[str, Sequence[Any]],
        request: Rows | None = None,
        *,
        version: int | None = None,
        at: datetime | None = None,
        return_features: bool = False,
        request_id: str = "",
    ) -> Scores[dict[str, list[Any]]]: ...
    @overload
    async def score(
        self,
        model: str,
        entities: FrameT,
        request: Rows | None = None,
        *,
        version: int | None = None,
        at: datetime | None = None,
        return_features: bool = False,
        request_id: str = "",
    ) -> Scores[FrameT]: ...
    async def score(
        self,
        model: str,
        entities: Rows,
        request: Rows | None = None,
        *,
        version: int | None = None,
        at: datetime | None = None,
        return_features: bool = False,
        request_id: str = "",
    ) -> Scores[Any]:
        """:meth:`larderdb.Client.score`, to be awaited."""
        plan = await self._plan(_wire.plan_of_model(model, version))
        question = _wire.Question.of(plan, entities, request, at)
        answer = await self._ask(
            _wire.SCORE, question.for_score(model, version, return_features, request_id), lambda a: a.catalog_version
        )
        return _wire.scores(question, answer, return_features)

    # The control plane.

    async def service(self, name: str) -> Service:
        """:meth:`larderdb.Client.service`, to be awaited."""
        return _wire.service(name, await self._call(_wire.GET_PLAN, _wire.plan_of_features(name), self._timeout))

    async def plan(self, folder: str | os.PathLike[str]) -> list[Change]:
        """:meth:`larderdb.Client.plan`, to be awaited."""
        request = control_pb2.PlanRequest(files=_folder.read(folder).files)
        return _wire.changes((await self._call(_wire.PLAN, request, CHANGE_TIMEOUT)).changes)

    async def apply(self, folder: str | os.PathLike[str]) -> Applied:
        """:meth:`larderdb.Client.apply`, to be awaited."""
        read = _folder.read(folder)
        plan = await self._call(_wire.PLAN, control_pb2.PlanRequest(files=read.files), CHANGE_TIMEOUT)
        for sha256 in plan.missing_models:
            await self._put(read.models[sha256].read_bytes())
        request = control_pb2.ApplyRequest(
            files=read.files, base_version=plan.base_version, applied_by=_wire.caller()
        )
        return _wire.applied(await self._call(_wire.APPLY, request, CHANGE_TIMEOUT))

    async def materialize(
        self,
        *views: str,
        full: bool = False,
        start: datetime | None = None,
        end: datetime | None = None,
        progress: Callable[[list[Run]], None] | None = None,
    ) -> list[Run]:
        """:meth:`larderdb.Client.materialize`, to be awaited."""
        call = self._channel.unary_stream(
            _wire.MATERIALIZE.path,
            request_serializer=_wire.MATERIALIZE.request.SerializeToString,
            response_deserializer=_wire.MATERIALIZE.answer.FromString,
        )
        runs: list[Run] = []
        try:
            async for message in call(_wire.materialize_request(views, full, start, end), metadata=self._metadata):
                runs = [_wire.run(r) for r in message.runs]
                if progress is not None:
                    progress(runs)
        except grpc.RpcError as error:
            raise errors.of_rpc(error, self._addr) from None
        return _wire.ended(runs)

    async def models(self) -> dict[str, Model]:
        """:meth:`larderdb.Client.models`, to be awaited."""
        return _wire.models(await self._call(_wire.LIST_MODELS, control_pb2.ListModelsRequest(), self._timeout))

    async def status(self) -> ServerState:
        """:meth:`larderdb.Client.status`, to be awaited."""
        return _wire.state(await self._call(_wire.GET_STATUS, control_pb2.GetStatusRequest(), self._timeout))

    async def push_model(
        self,
        name: str,
        onnx: Any,
        *,
        feature_service: str | None = None,
        dataset: str | TrainingSet[Any] | None = None,
        serve: bool = False,
        output: tuple[str, int] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Pushed:
        """:meth:`larderdb.Client.push_model`, to be awaited."""
        file = contents(onnx)
        sha256 = _folder.digest(file)
        lacking = await self._call(_wire.HAS_MODELS, control_pb2.HasModelsRequest(sha256=[sha256]), CHANGE_TIMEOUT)
        if lacking.missing:
            await self._put(file)
        request = _wire.push_request(name, sha256, feature_service, dataset, serve, output, metrics, tags)
        return _wire.pushed(name, await self._call(_wire.PUSH_MODEL, request, CHANGE_TIMEOUT))

    async def _put(self, file: bytes) -> None:
        call = self._channel.stream_unary(
            _wire.PUT_MODEL.path,
            request_serializer=_wire.PUT_MODEL.request.SerializeToString,
            response_deserializer=_wire.PUT_MODEL.answer.FromString,
        )
        pieces: Iterable[control_pb2.PutModelRequest] = _folder.chunks(file)
        try:
            await call(iter(pieces), timeout=CHANGE_TIMEOUT, metadata=self._metadata)
        except grpc.RpcError as error:
            raise errors.of_rpc(error, self._addr) from None

    @overload
    async def training_set(
        self,
        spine: Mapping[str, Sequence[Any]],
        *,
        service: str,
        as_of: AsOf = "ingest_time",
        event_time_column: str = "event_time",
        progress: _flight.Progress | None = None,
        timeout: float | None = None,
    ) -> TrainingSet[dict[str, Sequence[Any]]]: ...
    @overload
    async def training_set(
        self,
        spine: FrameT,
        *,
        service: str,
        as_of: AsOf = "ingest_time",
        event_time_column: str = "event_time",
        progress: _flight.Progress | None = None,
        timeout: float | None = None,
    ) -> TrainingSet[FrameT]: ...
    async def training_set(
        self,
        spine: Rows,
        *,
        service: str,
        as_of: AsOf = "ingest_time",
        event_time_column: str = "event_time",
        progress: _flight.Progress | None = None,
        timeout: float | None = None,
    ) -> TrainingSet[Any]:
        """:meth:`larderdb.Client.training_set`, to be awaited."""
        command = _flight.Command(service, as_of, event_time_column)
        exchange = _flight.Exchange(spine, await self.service(service), command, progress)
        method: Any = self._channel.stream_stream(_flight.DO_EXCHANGE)
        call = method(exchange.requests(), timeout=timeout, metadata=self._metadata)
        try:
            async for message in call:
                exchange.receive(message)
        except grpc.RpcError as error:
            raise errors.of_rpc(error, self._addr) from None
        finally:
            call.cancel()  # which an exchange that has ended well doesn't notice
        return exchange.result()
