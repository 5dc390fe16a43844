"""Client of Larder, a feature store that also scores.

Example:
    >>> import larderdb
    >>> client = larderdb.Client("localhost:6570")
    >>> client.apply("defs")
    >>> client.materialize()
    >>> client.score("late", {"courier_id": [7]}, {"km": [1.5]}).scores
"""

from larderdb._async_client import AsyncClient
from larderdb._client import Client
from larderdb._frames import Rows
from larderdb._traffic import bucket
from larderdb._version import __version__
from larderdb.answers import (
    Applied,
    BadRows,
    Change,
    Features,
    Model,
    ModelOutput,
    ModelVersion,
    Pushed,
    Run,
    Scores,
    ServerState,
    Service,
    Status,
    TrainingSet,
    ViewState,
)
from larderdb.errors import (
    CancelledError,
    DeadlineExceededError,
    FailedPreconditionError,
    IncompleteAnswerError,
    InternalError,
    InvalidArgumentError,
    LarderError,
    NotFoundError,
    ResourceExhaustedError,
    RunFailedError,
    UnauthenticatedError,
    UnavailableError,
)

__all__ = [
    "Applied",
    "AsyncClient",
    "BadRows",
    "CancelledError",
    "Change",
    "Client",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "Features",
    "IncompleteAnswerError",
    "InternalError",
    "InvalidArgumentError",
    "LarderError",
    "Model",
    "ModelOutput",
    "ModelVersion",
    "NotFoundError",
    "Pushed",
    "ResourceExhaustedError",
    "Rows",
    "Run",
    "RunFailedError",
    "Scores",
    "ServerState",
    "Service",
    "Status",
    "TrainingSet",
    "UnauthenticatedError",
    "UnavailableError",
    "ViewState",
    "__version__",
    "bucket",
]
