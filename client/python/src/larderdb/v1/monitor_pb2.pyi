from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetDriftRequest(_message.Message):
    __slots__ = ("model", "model_version", "since", "until")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_version: int
    since: int
    until: int
    def __init__(self, model: _Optional[str] = ..., model_version: _Optional[int] = ..., since: _Optional[int] = ..., until: _Optional[int] = ...) -> None: ...

class GetDriftResponse(_message.Message):
    __slots__ = ("model", "model_version", "since", "until", "dataset", "reference_rows", "rows", "windows", "columns", "missing")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_ROWS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_version: int
    since: int
    until: int
    dataset: str
    reference_rows: int
    rows: int
    windows: int
    columns: _containers.RepeatedCompositeFieldContainer[ColumnDrift]
    missing: str
    def __init__(self, model: _Optional[str] = ..., model_version: _Optional[int] = ..., since: _Optional[int] = ..., until: _Optional[int] = ..., dataset: _Optional[str] = ..., reference_rows: _Optional[int] = ..., rows: _Optional[int] = ..., windows: _Optional[int] = ..., columns: _Optional[_Iterable[_Union[ColumnDrift, _Mapping]]] = ..., missing: _Optional[str] = ...) -> None: ...

class ColumnDrift(_message.Message):
    __slots__ = ("name", "kind", "reference_rows", "rows", "reference_missing", "missing", "psi", "jensen_shannon", "kolmogorov_smirnov", "total_variation", "wasserstein", "chi_square_p", "unseen", "vanished", "drifts", "importance", "change", "drifts_since")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_ROWS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_MISSING_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    JENSEN_SHANNON_FIELD_NUMBER: _ClassVar[int]
    KOLMOGOROV_SMIRNOV_FIELD_NUMBER: _ClassVar[int]
    TOTAL_VARIATION_FIELD_NUMBER: _ClassVar[int]
    WASSERSTEIN_FIELD_NUMBER: _ClassVar[int]
    CHI_SQUARE_P_FIELD_NUMBER: _ClassVar[int]
    UNSEEN_FIELD_NUMBER: _ClassVar[int]
    VANISHED_FIELD_NUMBER: _ClassVar[int]
    DRIFTS_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    DRIFTS_SINCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    reference_rows: int
    rows: int
    reference_missing: float
    missing: float
    psi: float
    jensen_shannon: float
    kolmogorov_smirnov: float
    total_variation: float
    wasserstein: float
    chi_square_p: float
    unseen: float
    vanished: float
    drifts: bool
    importance: float
    change: str
    drifts_since: int
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., reference_rows: _Optional[int] = ..., rows: _Optional[int] = ..., reference_missing: _Optional[float] = ..., missing: _Optional[float] = ..., psi: _Optional[float] = ..., jensen_shannon: _Optional[float] = ..., kolmogorov_smirnov: _Optional[float] = ..., total_variation: _Optional[float] = ..., wasserstein: _Optional[float] = ..., chi_square_p: _Optional[float] = ..., unseen: _Optional[float] = ..., vanished: _Optional[float] = ..., drifts: bool = ..., importance: _Optional[float] = ..., change: _Optional[str] = ..., drifts_since: _Optional[int] = ...) -> None: ...
