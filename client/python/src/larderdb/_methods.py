"""The methods of a server, and calls of them, without the wire.

What the package does is written once, as operations: generators that yield the calls
to send and are sent their answers. The client for ordinary code and the one for
asyncio send them, each in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from google.protobuf.message import Message

from larderdb.v1 import control_pb2, monitor_pb2, serving_pb2, streams_pb2

REQUEST_TIMEOUT = 60.0
CHANGE_TIMEOUT = 600.0  # models are loaded and tried before they are taken

Req = TypeVar("Req", bound=Message)
Res = TypeVar("Res", bound=Message)
T = TypeVar("T")


@dataclass(frozen=True)
class Method(Generic[Req, Res]):
    """One method of the server."""

    path: str
    request: type[Req]
    answer: type[Res]


@dataclass(frozen=True)
class Call:
    """One message to send, and one to wait for."""

    method: Method[Any, Any]
    request: Message
    timeout: float | None  # in seconds; None: the client's


@dataclass(frozen=True)
class Upload:
    """Messages to send, and one to wait for."""

    method: Method[Any, Any]
    requests: Iterable[Message]


@dataclass(frozen=True)
class Download:
    """One message to send, and many to take in."""

    method: Method[Any, Any]
    request: Message
    receive: Callable[[Any], None]


@dataclass(frozen=True)
class Exchange:
    """Bytes to send while others are taken in."""

    path: str
    requests: Iterable[bytes]
    receive: Callable[[bytes], None]
    timeout: float | None


Step: TypeAlias = "Call | Upload | Download | Exchange"
Operation: TypeAlias = Generator[Step, Any, T]


def ask(method: Method[Req, Res], request: Req, timeout: float | None = None) -> Operation[Res]:
    """Send a message, and return the answer."""
    answer: Res = yield Call(method, request, timeout)
    return answer


_SERVING, _CONTROL = "/larder.v1.ServingService/", "/larder.v1.ControlService/"
c, s = control_pb2, serving_pb2
GET_FEATURES = Method(_SERVING + "GetFeatures", s.GetFeaturesRequest, s.GetFeaturesResponse)
SCORE = Method(_SERVING + "GetFeaturesAndScore", s.GetFeaturesAndScoreRequest, s.GetFeaturesAndScoreResponse)

GET_PLAN = Method(_CONTROL + "GetPlan", c.GetPlanRequest, c.GetPlanResponse)
PLAN = Method(_CONTROL + "Plan", c.PlanRequest, c.PlanResponse)
APPLY = Method(_CONTROL + "Apply", c.ApplyRequest, c.ApplyResponse)
LIST_VERSIONS = Method(_CONTROL + "ListVersions", c.ListVersionsRequest, c.ListVersionsResponse)
LIST_DEFINITIONS = Method(_CONTROL + "ListDefinitions", c.ListDefinitionsRequest, c.ListDefinitionsResponse)
GET_DEFINITION = Method(_CONTROL + "GetDefinition", c.GetDefinitionRequest, c.GetDefinitionResponse)
EXPORT_DEFINITIONS = Method(_CONTROL + "ExportDefinitions", c.ExportDefinitionsRequest, c.ExportDefinitionsResponse)

PUT_MODEL = Method(_CONTROL + "PutModel", c.PutModelRequest, c.PutModelResponse)
HAS_MODELS = Method(_CONTROL + "HasModels", c.HasModelsRequest, c.HasModelsResponse)
PUSH_MODEL = Method(_CONTROL + "PushModel", c.PushModelRequest, c.PushModelResponse)
PROMOTE_MODEL = Method(_CONTROL + "PromoteModel", c.PromoteModelRequest, c.PromoteModelResponse)
ROLLBACK_MODEL = Method(_CONTROL + "RollbackModel", c.RollbackModelRequest, c.RollbackModelResponse)
RETIRE_MODEL = Method(_CONTROL + "RetireModel", c.RetireModelRequest, c.RetireModelResponse)
SET_TRAFFIC = Method(_CONTROL + "SetTraffic", c.SetTrafficRequest, c.SetTrafficResponse)
RESUME_RAMP = Method(_CONTROL + "ResumeRamp", c.ResumeRampRequest, c.ResumeRampResponse)
RELEASE_MODEL = Method(_CONTROL + "ReleaseModel", c.ReleaseModelRequest, c.ReleaseModelResponse)
LIST_MODELS = Method(_CONTROL + "ListModels", c.ListModelsRequest, c.ListModelsResponse)

MATERIALIZE = Method(_CONTROL + "Materialize", c.MaterializeRequest, c.MaterializeResponse)
GET_STATUS = Method(_CONTROL + "GetStatus", c.GetStatusRequest, c.GetStatusResponse)
PUSH_EVENTS = Method(
    "/larder.v1.StreamService/PushEvents", streams_pb2.PushEventsRequest, streams_pb2.PushEventsResponse
)
SAVE_SNAPSHOT = Method(_CONTROL + "SaveSnapshot", c.SaveSnapshotRequest, c.SaveSnapshotResponse)

VERIFY = Method(_CONTROL + "Verify", c.VerifyRequest, c.VerifyResponse)
REPLAY_LOG = Method(_CONTROL + "ReplayLog", c.ReplayLogRequest, c.ReplayLogResponse)
CHECK_SKEW = Method(_CONTROL + "CheckSkew", c.CheckSkewRequest, c.CheckSkewResponse)
GET_EXPERIMENT = Method(_CONTROL + "GetExperiment", c.GetExperimentRequest, c.GetExperimentResponse)
GET_DRIFT = Method(_CONTROL + "GetDrift", monitor_pb2.GetDriftRequest, monitor_pb2.GetDriftResponse)
GET_DATASET = Method(_CONTROL + "GetDataset", c.GetDatasetRequest, c.GetDatasetResponse)
LIST_DATASETS = Method(_CONTROL + "ListDatasets", c.ListDatasetsRequest, c.ListDatasetsResponse)
del c, s
