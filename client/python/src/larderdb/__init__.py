"""Client of Larder, a feature store that also scores.

Example:
    >>> import larderdb
    >>> client = larderdb.Client("localhost")
    >>> client.apply("defs")
    >>> client.materialize()
    >>> client.score("late", {"courier_id": [7], "km": [1.5]}).scores
"""

from larderdb._async_client import AsyncClient
from larderdb._client import Client
from larderdb._frames import Rows
from larderdb._traffic import bucket
from larderdb._version import __version__
from larderdb.answers import Features, ScoredRequest, Scores, Service, Status, TrainingSet
from larderdb.checks import (
    ColumnDrift,
    Dataset,
    Difference,
    Drift,
    Estimate,
    Experiment,
    ExperimentVersion,
    SampleRatio,
    Verification,
    ViewVerification,
)
from larderdb.definitions import Applied, Change, Definition, DefinitionName, Plan, Shown, Version
from larderdb.errors import (
    CancelledError,
    DeadlineExceededError,
    FailedPreconditionError,
    IncompleteAnswerError,
    InternalError,
    InvalidArgumentError,
    InvalidRowsError,
    LarderError,
    LarderWarning,
    NotFoundError,
    ResourceExhaustedError,
    RunFailedError,
    UnauthenticatedError,
    UnavailableError,
)
from larderdb.logged import FeatureSkew, ModelSkew, Replay, ReplayCount, ReplayDifference, ReplayGone, Skew, SkewDifference
from larderdb.models import Model, ModelOutput, ModelVersion, OutputShape, Pushed, Ramp, RampState, RolledBack, Traffic
from larderdb.runs import BadRows, PushedEvents, Run, ServerState, ViewState

__all__ = [
    "Applied",
    "AsyncClient",
    "BadRows",
    "CancelledError",
    "Change",
    "Client",
    "ColumnDrift",
    "Dataset",
    "DeadlineExceededError",
    "Definition",
    "DefinitionName",
    "Difference",
    "Drift",
    "Estimate",
    "Experiment",
    "ExperimentVersion",
    "FailedPreconditionError",
    "FeatureSkew",
    "Features",
    "IncompleteAnswerError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidRowsError",
    "LarderError",
    "LarderWarning",
    "Model",
    "ModelOutput",
    "ModelSkew",
    "ModelVersion",
    "NotFoundError",
    "OutputShape",
    "Plan",
    "Pushed",
    "PushedEvents",
    "Ramp",
    "RampState",
    "Replay",
    "ReplayCount",
    "ReplayDifference",
    "ReplayGone",
    "ResourceExhaustedError",
    "RolledBack",
    "Rows",
    "Run",
    "RunFailedError",
    "SampleRatio",
    "ScoredRequest",
    "Scores",
    "ServerState",
    "Service",
    "Shown",
    "Skew",
    "SkewDifference",
    "Status",
    "Traffic",
    "TrainingSet",
    "UnauthenticatedError",
    "UnavailableError",
    "Verification",
    "Version",
    "ViewState",
    "ViewVerification",
    "__version__",
    "bucket",
]
