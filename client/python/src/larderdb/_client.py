"""The client for ordinary code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, overload

import grpc

from larderdb import _flight, _folder, _wire, errors
from larderdb._frames import FrameT, Rows
from larderdb._model import contents
from larderdb._wire import CHANGE_TIMEOUT, REQUEST_TIMEOUT, Method, Req, Res
from larderdb.answers import Applied, Change, Features, Model, Pushed, Run, Scores, ServerState, Service, TrainingSet
from larderdb.v1 import control_pb2

AsOf = Literal["ingest_time", "event_time"]


class Client:
    """A connection to a Larder server. Safe for use by several threads.

    Args:
        addr: ``HOST:PORT`` of the server's gRPC; the variable ``LARDER_ADDR``
            when not given, and else ``127.0.0.1:6570``.
        token: the bearer token that the server wants, if it wants one.
        tls: whether the server has a certificate.
        root_certificates: PEM of who is trusted to have signed it; the system's
            when not given.
        timeout: how many seconds one request for features or scores may take.

    Example:
        >>> with larderdb.Client("localhost:6570") as client:
        ...     client.score("late", {"courier_id": [7, 4711]}, {"km": [1.5, 9.0]}).scores
        [0.0056, 0.9991]

    Whatever takes rows takes them as a mapping of lists, a pandas or polars
    DataFrame, or a pyarrow Table, and answers in the same shape.

    Every method raises :class:`larderdb.LarderError`, whose text is the server's:
    what is wrong, and what to do.
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
            self._channel = grpc.secure_channel(self._addr, credentials, _wire.CHANNEL_OPTIONS)
        else:
            self._channel = grpc.insecure_channel(self._addr, _wire.CHANNEL_OPTIONS)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Calls.

    def _call(self, method: Method[Req, Res], request: Req, timeout: float) -> Res:
        call = self._channel.unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        try:
            answer: Res = call(request, timeout=timeout, metadata=self._metadata)
            return answer
        except grpc.RpcError as error:
            raise errors.of_rpc(error, self._addr) from None

    def _plan(self, request: control_pb2.GetPlanRequest) -> control_pb2.GetPlanResponse:
        """What a request must bring: asked once, and again when the definitions have changed."""
        key = request.SerializeToString(deterministic=True)
        if key not in self._plans:
            self._plans[key] = self._call(_wire.GET_PLAN, request, self._timeout)
        return self._plans[key]

    def _ask(self, method: Method[Req, Res], request: Req, version: Callable[[Res], int]) -> Res:
        """Send a request that was made by plans; forget these when they may be of old definitions."""
        try:
            answer = self._call(method, request, self._timeout)
        except errors.LarderError:
            self._plans.clear()
            raise
        if any(plan.catalog_version != version(answer) for plan in self._plans.values()):
            self._plans.clear()
        return answer

    # The data plane.

    @overload
    def get_features(
        self,
        features: str | Sequence[str],
        entities: Mapping[str, Sequence[Any]],
        request: Rows | None = None,
        *,
        at: datetime | None = None,
    ) -> Features[dict[str, list[Any]]]: ...
    @overload
    def get_features(
        self,
        features: str | Sequence[str],
        entities: FrameT,
        request: Rows | None = None,
        *,
        at: datetime | None = None,
    ) -> Features[FrameT]: ...
    def get_features(
        self, features: str | Sequence[str], entities: Rows, request: Rows | None = None, *, at: datetime | None = None
    ) -> Features[Any]:
        """Read the newest features of N entities.

        Args:
            features: the name of a feature service, or a list of references
                ``VIEW:FEATURE`` and ``VIEW:*``.
            entities: N rows, a column for each join key.
            request: N rows, a column for each value that must come with the
                request, by its name; or that overrides a stored feature, by
                ``VIEW:FEATURE``.
            at: read as if the clock showed this time; now when not given.

        Example:
            >>> client.get_features("late_v1", {"courier_id": [7]}, {"km": [1.5]}).data
            {'courier_stats:trips_7d': [12], 'courier_stats:rating': [3.7], 'request:km': [1.5]}
        """
        plan = self._plan(_wire.plan_of_features(features))
        question = _wire.Question.of(plan, entities, request, at)
        answer = self._ask(_wire.GET_FEATURES, question.for_features(features), lambda a: a.catalog_version)
        return _wire.features(question, answer)

    @overload
    def score(
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
    def score(
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
    def score(
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
        """Read the features of N entities and score them, in one request.

        Args:
            model: the model's name.
            entities: N rows, a column for each join key.
            request: N rows, a column for each value that must come with the
                request; as in :meth:`get_features`.
            version: the model's version; the one it serves when not given.
            at: read as if the clock showed this time; now when not given.
            return_features: whether to return what was scored, too.
            request_id: what you call the request; the feature log has it under
                this id, and labels find it by it.

        Example:
            >>> client.score("late", {"courier_id": [7]}, {"km": [1.5]}).scores
            [0.0056]
        """
        plan = self._plan(_wire.plan_of_model(model, version))
        question = _wire.Question.of(plan, entities, request, at)
        answer = self._ask(
            _wire.SCORE, question.for_score(model, version, return_features, request_id), lambda a: a.catalog_version
        )
        return _wire.scores(question, answer, return_features)

    # The control plane.

    def service(self, name: str) -> Service:
        """Tell what a feature service reads, with all types and the fingerprint of its definitions."""
        return _wire.service(name, self._call(_wire.GET_PLAN, _wire.plan_of_features(name), self._timeout))

    def plan(self, folder: str | os.PathLike[str]) -> list[Change]:
        """Tell what applying a folder of definitions would change. Nothing changes.

        Example:
            >>> for change in client.plan("defs"):
            ...     print(change)
            ~ feature view courier_stats ttl: "7d" -> "14d"
                applies to stored rows at once
        """
        request = control_pb2.PlanRequest(files=_folder.read(folder).files)
        return _wire.changes(self._call(_wire.PLAN, request, CHANGE_TIMEOUT).changes)

    def apply(self, folder: str | os.PathLike[str]) -> Applied:
        """Make a folder of definitions the newest version, and wait until the server serves it.

        Faults of the files come with file, line and column. Model files that the
        server lacks are sent. Refused when somebody else applied meanwhile.
        """
        read = _folder.read(folder)
        plan = self._call(_wire.PLAN, control_pb2.PlanRequest(files=read.files), CHANGE_TIMEOUT)
        for sha256 in plan.missing_models:
            self._put(read.models[sha256].read_bytes())
        request = control_pb2.ApplyRequest(
            files=read.files, base_version=plan.base_version, applied_by=_wire.caller()
        )
        return _wire.applied(self._call(_wire.APPLY, request, CHANGE_TIMEOUT))

    def materialize(
        self,
        *views: str,
        full: bool = False,
        start: datetime | None = None,
        end: datetime | None = None,
        progress: Callable[[list[Run]], None] | None = None,
    ) -> list[Run]:
        """Bring rows of the sources to the online store, and wait until they are there.

        Args:
            views: which feature views; all when none is named.
            full: from the beginning, whatever was done before.
            start: only rows with an event time from here on.
            end: only rows with an event time up to here; alone, an incremental
                run up to that time.
            progress: is called a few times a second with the state of all runs.

        Raises:
            RunFailedError: when a run did not succeed; its ``runs`` are all of them.

        Example:
            >>> client.materialize("courier_stats", progress=lambda runs: print(runs[0].rows_read))
        """
        call = self._channel.unary_stream(
            _wire.MATERIALIZE.path,
            request_serializer=_wire.MATERIALIZE.request.SerializeToString,
            response_deserializer=_wire.MATERIALIZE.answer.FromString,
        )
        runs: list[Run] = []
        try:
            for message in call(_wire.materialize_request(views, full, start, end), metadata=self._metadata):
                runs = [_wire.run(r) for r in message.runs]
                if progress is not None:
                    progress(runs)
        except grpc.RpcError as error:
            raise errors.of_rpc(error, self._addr) from None
        return _wire.ended(runs)

    def models(self) -> dict[str, Model]:
        """Tell all models and their versions, by name."""
        return _wire.models(self._call(_wire.LIST_MODELS, control_pb2.ListModelsRequest(), self._timeout))

    def status(self) -> ServerState:
        """Tell how the server and each of its feature views stand."""
        return _wire.state(self._call(_wire.GET_STATUS, control_pb2.GetStatusRequest(), self._timeout))

    def push_model(
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
        """Make a model file the next version of a model.

        A file that is a version of it already is not added again.

        Args:
            name: the model's name; a new one makes a new model.
            onnx: an ``onnx.ModelProto``, the bytes of a file, or its path;
                best stamped by :func:`larderdb.onnx.stamp`.
            feature_service: of a new model, what it reads; what the file is
                stamped with, or the training set is of, when not given.
            dataset: the training set that it was trained on, or its id.
            serve: whether this version answers from now on. The first version of
                a model does anyway.
            output: the output that holds the score, and the column of it, from 0;
                found when not given.
            metrics: numbers to say of it, as ``{"auc": 0.87}``.
            tags: texts to say of it.
        """
        file = contents(onnx)
        sha256 = _folder.digest(file)
        lacking = self._call(_wire.HAS_MODELS, control_pb2.HasModelsRequest(sha256=[sha256]), CHANGE_TIMEOUT)
        if lacking.missing:
            self._put(file)
        request = _wire.push_request(name, sha256, feature_service, dataset, serve, output, metrics, tags)
        return _wire.pushed(name, self._call(_wire.PUSH_MODEL, request, CHANGE_TIMEOUT))

    def _put(self, file: bytes) -> None:
        call = self._channel.stream_unary(
            _wire.PUT_MODEL.path,
            request_serializer=_wire.PUT_MODEL.request.SerializeToString,
            response_deserializer=_wire.PUT_MODEL.answer.FromString,
        )
        pieces: Iterable[control_pb2.PutModelRequest] = _folder.chunks(file)
        try:
            call(iter(pieces), timeout=CHANGE_TIMEOUT, metadata=self._metadata)
        except grpc.RpcError as error:
            raise errors.of_rpc(error, self._addr) from None

    @overload
    def training_set(
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
    def training_set(
        self,
        spine: FrameT,
        *,
        service: str,
        as_of: AsOf = "ingest_time",
        event_time_column: str = "event_time",
        progress: _flight.Progress | None = None,
        timeout: float | None = None,
    ) -> TrainingSet[FrameT]: ...
    def training_set(
        self,
        spine: Rows,
        *,
        service: str,
        as_of: AsOf = "ingest_time",
        event_time_column: str = "event_time",
        progress: _flight.Progress | None = None,
        timeout: float | None = None,
    ) -> TrainingSet[Any]:
        """Build a training set: for each row of a spine, what serving would have answered at its time.

        Args:
            spine: N rows: a column for each join key, a column with the time of
                the row (with a time zone), the values that must come with a
                request, and whatever else is wanted beside, such as labels.
            service: the feature service whose features the set has.
            as_of: ``"ingest_time"``: what had arrived by a row's time, as serving
                knew it; ``"event_time"``: whatever had happened by then, for
                sources that were filled after the fact.
            event_time_column: the column with the time of each row.
            progress: is called with the rows done, and of how many, 0 while
                that is not known.
            timeout: in seconds; as long as it takes when not given.

        Returns:
            The spine's columns, untouched, and after them a column
            ``VIEW__FEATURE`` for each feature: N rows, in the spine's order.

        Example:
            >>> train = client.training_set(deliveries, service="late_v1")
            >>> x, y = train.data[train.features], train.data["late"]
        """
        command = _flight.Command(service, as_of, event_time_column)
        exchange = _flight.Exchange(spine, self.service(service), command, progress)
        method: Any = self._channel.stream_stream(_flight.DO_EXCHANGE)
        call = method(exchange.requests(), timeout=timeout, metadata=self._metadata)
        try:
            for message in call:
                exchange.receive(message)
        except grpc.RpcError as error:
            raise errors.of_rpc(error, self._addr) from None
        finally:
            call.cancel()  # which an exchange that has ended well doesn't notice
        return exchange.result()
