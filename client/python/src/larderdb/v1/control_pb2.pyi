from larderdb.v1 import monitor_pb2 as _monitor_pb2
from larderdb.v1 import serving_pb2 as _serving_pb2
from larderdb.v1 import values_pb2 as _values_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PlanRequest(_message.Message):
    __slots__ = ("definitions", "files", "to_version", "project")
    DEFINITIONS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    definitions: bytes
    files: DefinitionFiles
    to_version: int
    project: str
    def __init__(self, definitions: _Optional[bytes] = ..., files: _Optional[_Union[DefinitionFiles, _Mapping]] = ..., to_version: _Optional[int] = ..., project: _Optional[str] = ...) -> None: ...

class DefinitionFiles(_message.Message):
    __slots__ = ("files", "models")
    class ModelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    FILES_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[DefinitionFile]
    models: _containers.ScalarMap[str, str]
    def __init__(self, files: _Optional[_Iterable[_Union[DefinitionFile, _Mapping]]] = ..., models: _Optional[_Mapping[str, str]] = ...) -> None: ...

class DefinitionFile(_message.Message):
    __slots__ = ("name", "content")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    content: bytes
    def __init__(self, name: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class PlanResponse(_message.Message):
    __slots__ = ("base_version", "changes", "missing_models", "notes", "models")
    BASE_VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    MISSING_MODELS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    base_version: int
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    missing_models: _containers.RepeatedScalarFieldContainer[str]
    notes: _containers.RepeatedScalarFieldContainer[str]
    models: _containers.RepeatedCompositeFieldContainer[ModelReport]
    def __init__(self, base_version: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., missing_models: _Optional[_Iterable[str]] = ..., notes: _Optional[_Iterable[str]] = ..., models: _Optional[_Iterable[_Union[ModelReport, _Mapping]]] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("action", "noun", "name", "field", "before", "after", "effect", "destroys")
    class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ACTION_UNSPECIFIED: _ClassVar[Change.Action]
        ACTION_ADD: _ClassVar[Change.Action]
        ACTION_REMOVE: _ClassVar[Change.Action]
        ACTION_CHANGE: _ClassVar[Change.Action]
    ACTION_UNSPECIFIED: Change.Action
    ACTION_ADD: Change.Action
    ACTION_REMOVE: Change.Action
    ACTION_CHANGE: Change.Action
    ACTION_FIELD_NUMBER: _ClassVar[int]
    NOUN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    DESTROYS_FIELD_NUMBER: _ClassVar[int]
    action: Change.Action
    noun: str
    name: str
    field: str
    before: str
    after: str
    effect: str
    destroys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, action: _Optional[_Union[Change.Action, str]] = ..., noun: _Optional[str] = ..., name: _Optional[str] = ..., field: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ..., effect: _Optional[str] = ..., destroys: _Optional[_Iterable[str]] = ...) -> None: ...

class ApplyRequest(_message.Message):
    __slots__ = ("definitions", "to_version", "files", "base_version", "applied_by", "allow_delete", "project")
    DEFINITIONS_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    BASE_VERSION_FIELD_NUMBER: _ClassVar[int]
    APPLIED_BY_FIELD_NUMBER: _ClassVar[int]
    ALLOW_DELETE_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    definitions: bytes
    to_version: int
    files: DefinitionFiles
    base_version: int
    applied_by: str
    allow_delete: _containers.RepeatedScalarFieldContainer[str]
    project: str
    def __init__(self, definitions: _Optional[bytes] = ..., to_version: _Optional[int] = ..., files: _Optional[_Union[DefinitionFiles, _Mapping]] = ..., base_version: _Optional[int] = ..., applied_by: _Optional[str] = ..., allow_delete: _Optional[_Iterable[str]] = ..., project: _Optional[str] = ...) -> None: ...

class ApplyResponse(_message.Message):
    __slots__ = ("version", "changes", "models", "notes")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    version: int
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    models: _containers.RepeatedCompositeFieldContainer[ModelReport]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, version: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., models: _Optional[_Iterable[_Union[ModelReport, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class ModelReport(_message.Message):
    __slots__ = ("model", "model_version", "output", "column", "reason", "engine", "notes", "outputs")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_version: int
    output: str
    column: int
    reason: str
    engine: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    outputs: _containers.RepeatedCompositeFieldContainer[OutputShape]
    def __init__(self, model: _Optional[str] = ..., model_version: _Optional[int] = ..., output: _Optional[str] = ..., column: _Optional[int] = ..., reason: _Optional[str] = ..., engine: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ..., outputs: _Optional[_Iterable[_Union[OutputShape, _Mapping]]] = ...) -> None: ...

class OutputShape(_message.Message):
    __slots__ = ("name", "type", "shape", "classes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    classes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., classes: _Optional[_Iterable[str]] = ...) -> None: ...

class PutModelRequest(_message.Message):
    __slots__ = ("sha256", "size", "chunk")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    size: int
    chunk: bytes
    def __init__(self, sha256: _Optional[str] = ..., size: _Optional[int] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class PutModelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PushModelRequest(_message.Message):
    __slots__ = ("model", "sha256", "feature_service", "dataset", "serve", "output", "column", "applied_by", "metrics", "tags")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    FEATURE_SERVICE_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    SERVE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    APPLIED_BY_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    model: str
    sha256: str
    feature_service: str
    dataset: str
    serve: bool
    output: str
    column: int
    applied_by: str
    metrics: _containers.ScalarMap[str, float]
    tags: _containers.ScalarMap[str, str]
    def __init__(self, model: _Optional[str] = ..., sha256: _Optional[str] = ..., feature_service: _Optional[str] = ..., dataset: _Optional[str] = ..., serve: bool = ..., output: _Optional[str] = ..., column: _Optional[int] = ..., applied_by: _Optional[str] = ..., metrics: _Optional[_Mapping[str, float]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class PushModelResponse(_message.Message):
    __slots__ = ("model_version", "version", "changes", "report", "definition")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    model_version: int
    version: int
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    report: ModelReport
    definition: str
    def __init__(self, model_version: _Optional[int] = ..., version: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., report: _Optional[_Union[ModelReport, _Mapping]] = ..., definition: _Optional[str] = ...) -> None: ...

class PromoteModelRequest(_message.Message):
    __slots__ = ("model", "model_version", "applied_by")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    APPLIED_BY_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_version: int
    applied_by: str
    def __init__(self, model: _Optional[str] = ..., model_version: _Optional[int] = ..., applied_by: _Optional[str] = ...) -> None: ...

class PromoteModelResponse(_message.Message):
    __slots__ = ("version", "changes")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    version: int
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    def __init__(self, version: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ...) -> None: ...

class RollbackModelRequest(_message.Message):
    __slots__ = ("model", "applied_by")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    APPLIED_BY_FIELD_NUMBER: _ClassVar[int]
    model: str
    applied_by: str
    def __init__(self, model: _Optional[str] = ..., applied_by: _Optional[str] = ...) -> None: ...

class RollbackModelResponse(_message.Message):
    __slots__ = ("model_version", "version", "changes", "as_of_version")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    AS_OF_VERSION_FIELD_NUMBER: _ClassVar[int]
    model_version: int
    version: int
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    as_of_version: int
    def __init__(self, model_version: _Optional[int] = ..., version: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., as_of_version: _Optional[int] = ...) -> None: ...

class RetireModelRequest(_message.Message):
    __slots__ = ("model", "model_version", "applied_by", "whole_model")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    APPLIED_BY_FIELD_NUMBER: _ClassVar[int]
    WHOLE_MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_version: int
    applied_by: str
    whole_model: bool
    def __init__(self, model: _Optional[str] = ..., model_version: _Optional[int] = ..., applied_by: _Optional[str] = ..., whole_model: bool = ...) -> None: ...

class RetireModelResponse(_message.Message):
    __slots__ = ("version", "changes")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    version: int
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    def __init__(self, version: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ...) -> None: ...

class HasModelsRequest(_message.Message):
    __slots__ = ("sha256",)
    SHA256_FIELD_NUMBER: _ClassVar[int]
    sha256: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, sha256: _Optional[_Iterable[str]] = ...) -> None: ...

class HasModelsResponse(_message.Message):
    __slots__ = ("missing",)
    MISSING_FIELD_NUMBER: _ClassVar[int]
    missing: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, missing: _Optional[_Iterable[str]] = ...) -> None: ...

class ListDefinitionsRequest(_message.Message):
    __slots__ = ("kind", "search")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    kind: str
    search: str
    def __init__(self, kind: _Optional[str] = ..., search: _Optional[str] = ...) -> None: ...

class ListDefinitionsResponse(_message.Message):
    __slots__ = ("version", "definitions")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DEFINITIONS_FIELD_NUMBER: _ClassVar[int]
    version: int
    definitions: _containers.RepeatedCompositeFieldContainer[Definition]
    def __init__(self, version: _Optional[int] = ..., definitions: _Optional[_Iterable[_Union[Definition, _Mapping]]] = ...) -> None: ...

class Definition(_message.Message):
    __slots__ = ("kind", "name", "description", "owner", "tags", "uses", "used_by", "parts", "found_in")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    USES_FIELD_NUMBER: _ClassVar[int]
    USED_BY_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    FOUND_IN_FIELD_NUMBER: _ClassVar[int]
    kind: str
    name: str
    description: str
    owner: str
    tags: _containers.ScalarMap[str, str]
    uses: _containers.RepeatedCompositeFieldContainer[DefinitionName]
    used_by: _containers.RepeatedCompositeFieldContainer[DefinitionName]
    parts: _containers.RepeatedScalarFieldContainer[str]
    found_in: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., owner: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., uses: _Optional[_Iterable[_Union[DefinitionName, _Mapping]]] = ..., used_by: _Optional[_Iterable[_Union[DefinitionName, _Mapping]]] = ..., parts: _Optional[_Iterable[str]] = ..., found_in: _Optional[_Iterable[str]] = ...) -> None: ...

class DefinitionName(_message.Message):
    __slots__ = ("kind", "name")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    kind: str
    name: str
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class GetDefinitionRequest(_message.Message):
    __slots__ = ("name", "kind")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class GetDefinitionResponse(_message.Message):
    __slots__ = ("version", "definition", "json", "yaml", "view", "runs", "model")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    YAML_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    version: int
    definition: Definition
    json: str
    yaml: str
    view: ViewStatus
    runs: _containers.RepeatedCompositeFieldContainer[Run]
    model: ModelStatus
    def __init__(self, version: _Optional[int] = ..., definition: _Optional[_Union[Definition, _Mapping]] = ..., json: _Optional[str] = ..., yaml: _Optional[str] = ..., view: _Optional[_Union[ViewStatus, _Mapping]] = ..., runs: _Optional[_Iterable[_Union[Run, _Mapping]]] = ..., model: _Optional[_Union[ModelStatus, _Mapping]] = ...) -> None: ...

class ExportDefinitionsRequest(_message.Message):
    __slots__ = ("version", "project")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    version: int
    project: str
    def __init__(self, version: _Optional[int] = ..., project: _Optional[str] = ...) -> None: ...

class ExportDefinitionsResponse(_message.Message):
    __slots__ = ("version", "files")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    version: Version
    files: _containers.RepeatedCompositeFieldContainer[DefinitionFile]
    def __init__(self, version: _Optional[_Union[Version, _Mapping]] = ..., files: _Optional[_Iterable[_Union[DefinitionFile, _Mapping]]] = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[Version]
    def __init__(self, versions: _Optional[_Iterable[_Union[Version, _Mapping]]] = ...) -> None: ...

class Version(_message.Message):
    __slots__ = ("version", "fingerprint", "applied_by", "applied_at", "reverts_to")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    APPLIED_BY_FIELD_NUMBER: _ClassVar[int]
    APPLIED_AT_FIELD_NUMBER: _ClassVar[int]
    REVERTS_TO_FIELD_NUMBER: _ClassVar[int]
    version: int
    fingerprint: str
    applied_by: str
    applied_at: int
    reverts_to: int
    def __init__(self, version: _Optional[int] = ..., fingerprint: _Optional[str] = ..., applied_by: _Optional[str] = ..., applied_at: _Optional[int] = ..., reverts_to: _Optional[int] = ...) -> None: ...

class MaterializeRequest(_message.Message):
    __slots__ = ("feature_views", "full", "to", "no_wait")
    FEATURE_VIEWS_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    NO_WAIT_FIELD_NUMBER: _ClassVar[int]
    feature_views: _containers.RepeatedScalarFieldContainer[str]
    full: bool
    to: int
    no_wait: bool
    def __init__(self, feature_views: _Optional[_Iterable[str]] = ..., full: bool = ..., to: _Optional[int] = ..., no_wait: bool = ..., **kwargs) -> None: ...

class MaterializeResponse(_message.Message):
    __slots__ = ("runs",)
    RUNS_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[Run]
    def __init__(self, runs: _Optional[_Iterable[_Union[Run, _Mapping]]] = ...) -> None: ...

class Run(_message.Message):
    __slots__ = ("id", "feature_view", "state", "mode", "to", "rows_read", "rows_written", "rows_superseded", "rows_bad", "rows_total", "bad", "error", "started_at", "ended_at", "server", "catalog_version", "attempt", "warnings", "building", "expectations")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Run.State]
        STATE_QUEUED: _ClassVar[Run.State]
        STATE_RUNNING: _ClassVar[Run.State]
        STATE_SUCCEEDED: _ClassVar[Run.State]
        STATE_FAILED: _ClassVar[Run.State]
        STATE_CANCELLED: _ClassVar[Run.State]
    STATE_UNSPECIFIED: Run.State
    STATE_QUEUED: Run.State
    STATE_RUNNING: Run.State
    STATE_SUCCEEDED: Run.State
    STATE_FAILED: Run.State
    STATE_CANCELLED: Run.State
    ID_FIELD_NUMBER: _ClassVar[int]
    FEATURE_VIEW_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    ROWS_READ_FIELD_NUMBER: _ClassVar[int]
    ROWS_WRITTEN_FIELD_NUMBER: _ClassVar[int]
    ROWS_SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    ROWS_BAD_FIELD_NUMBER: _ClassVar[int]
    ROWS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    BAD_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    BUILDING_FIELD_NUMBER: _ClassVar[int]
    EXPECTATIONS_FIELD_NUMBER: _ClassVar[int]
    id: str
    feature_view: str
    state: Run.State
    mode: str
    to: int
    rows_read: int
    rows_written: int
    rows_superseded: int
    rows_bad: int
    rows_total: int
    bad: _containers.RepeatedCompositeFieldContainer[BadRows]
    error: str
    started_at: int
    ended_at: int
    server: str
    catalog_version: int
    attempt: int
    warnings: _containers.RepeatedScalarFieldContainer[str]
    building: bool
    expectations: _containers.RepeatedCompositeFieldContainer[Expectation]
    def __init__(self, id: _Optional[str] = ..., feature_view: _Optional[str] = ..., state: _Optional[_Union[Run.State, str]] = ..., mode: _Optional[str] = ..., to: _Optional[int] = ..., rows_read: _Optional[int] = ..., rows_written: _Optional[int] = ..., rows_superseded: _Optional[int] = ..., rows_bad: _Optional[int] = ..., rows_total: _Optional[int] = ..., bad: _Optional[_Iterable[_Union[BadRows, _Mapping]]] = ..., error: _Optional[str] = ..., started_at: _Optional[int] = ..., ended_at: _Optional[int] = ..., server: _Optional[str] = ..., catalog_version: _Optional[int] = ..., attempt: _Optional[int] = ..., warnings: _Optional[_Iterable[str]] = ..., building: bool = ..., expectations: _Optional[_Iterable[_Union[Expectation, _Mapping]]] = ..., **kwargs) -> None: ...

class Expectation(_message.Message):
    __slots__ = ("name", "count", "of_rows", "limit", "failed", "text", "age", "max_age")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    OF_ROWS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    count: int
    of_rows: int
    limit: float
    failed: bool
    text: str
    age: int
    max_age: int
    def __init__(self, name: _Optional[str] = ..., count: _Optional[int] = ..., of_rows: _Optional[int] = ..., limit: _Optional[float] = ..., failed: bool = ..., text: _Optional[str] = ..., age: _Optional[int] = ..., max_age: _Optional[int] = ...) -> None: ...

class BadRows(_message.Message):
    __slots__ = ("reason", "count", "samples")
    REASON_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    reason: str
    count: int
    samples: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, reason: _Optional[str] = ..., count: _Optional[int] = ..., samples: _Optional[_Iterable[str]] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: Run
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class CancelRunRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class CancelRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: Run
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("server_version", "server", "catalog_version", "fingerprint", "registry_version", "catalog_error", "postgres_error", "views", "started_at", "data_dir", "data_bytes", "building", "awaited", "clock_ahead", "postgres_answered_at")
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    REGISTRY_VERSION_FIELD_NUMBER: _ClassVar[int]
    CATALOG_ERROR_FIELD_NUMBER: _ClassVar[int]
    POSTGRES_ERROR_FIELD_NUMBER: _ClassVar[int]
    VIEWS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    DATA_DIR_FIELD_NUMBER: _ClassVar[int]
    DATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    BUILDING_FIELD_NUMBER: _ClassVar[int]
    AWAITED_FIELD_NUMBER: _ClassVar[int]
    CLOCK_AHEAD_FIELD_NUMBER: _ClassVar[int]
    POSTGRES_ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    server_version: str
    server: str
    catalog_version: int
    fingerprint: str
    registry_version: int
    catalog_error: str
    postgres_error: str
    views: _containers.RepeatedCompositeFieldContainer[ViewStatus]
    started_at: int
    data_dir: str
    data_bytes: int
    building: Building
    awaited: _containers.RepeatedScalarFieldContainer[str]
    clock_ahead: int
    postgres_answered_at: int
    def __init__(self, server_version: _Optional[str] = ..., server: _Optional[str] = ..., catalog_version: _Optional[int] = ..., fingerprint: _Optional[str] = ..., registry_version: _Optional[int] = ..., catalog_error: _Optional[str] = ..., postgres_error: _Optional[str] = ..., views: _Optional[_Iterable[_Union[ViewStatus, _Mapping]]] = ..., started_at: _Optional[int] = ..., data_dir: _Optional[str] = ..., data_bytes: _Optional[int] = ..., building: _Optional[_Union[Building, _Mapping]] = ..., awaited: _Optional[_Iterable[str]] = ..., clock_ahead: _Optional[int] = ..., postgres_answered_at: _Optional[int] = ...) -> None: ...

class Building(_message.Message):
    __slots__ = ("version", "since", "until", "views")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    VIEWS_FIELD_NUMBER: _ClassVar[int]
    version: int
    since: int
    until: int
    views: _containers.RepeatedCompositeFieldContainer[BuildingView]
    def __init__(self, version: _Optional[int] = ..., since: _Optional[int] = ..., until: _Optional[int] = ..., views: _Optional[_Iterable[_Union[BuildingView, _Mapping]]] = ...) -> None: ...

class BuildingView(_message.Message):
    __slots__ = ("feature_view", "run")
    FEATURE_VIEW_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    feature_view: str
    run: Run
    def __init__(self, feature_view: _Optional[str] = ..., run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class ViewStatus(_message.Message):
    __slots__ = ("feature_view", "watermark", "freshness", "newest_event_time", "rows", "schedule", "next_run_at", "last_run")
    FEATURE_VIEW_FIELD_NUMBER: _ClassVar[int]
    WATERMARK_FIELD_NUMBER: _ClassVar[int]
    FRESHNESS_FIELD_NUMBER: _ClassVar[int]
    NEWEST_EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    NEXT_RUN_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_RUN_FIELD_NUMBER: _ClassVar[int]
    feature_view: str
    watermark: int
    freshness: int
    newest_event_time: int
    rows: int
    schedule: int
    next_run_at: int
    last_run: Run
    def __init__(self, feature_view: _Optional[str] = ..., watermark: _Optional[int] = ..., freshness: _Optional[int] = ..., newest_event_time: _Optional[int] = ..., rows: _Optional[int] = ..., schedule: _Optional[int] = ..., next_run_at: _Optional[int] = ..., last_run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelStatus]
    def __init__(self, models: _Optional[_Iterable[_Union[ModelStatus, _Mapping]]] = ...) -> None: ...

class ModelStatus(_message.Message):
    __slots__ = ("model", "feature_service", "serve", "versions", "source", "traffic", "shadow")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FEATURE_SERVICE_FIELD_NUMBER: _ClassVar[int]
    SERVE_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TRAFFIC_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    model: str
    feature_service: str
    serve: int
    versions: _containers.RepeatedCompositeFieldContainer[ModelVersionStatus]
    source: ModelSource
    traffic: TrafficStatus
    shadow: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, model: _Optional[str] = ..., feature_service: _Optional[str] = ..., serve: _Optional[int] = ..., versions: _Optional[_Iterable[_Union[ModelVersionStatus, _Mapping]]] = ..., source: _Optional[_Union[ModelSource, _Mapping]] = ..., traffic: _Optional[_Union[TrafficStatus, _Mapping]] = ..., shadow: _Optional[_Iterable[int]] = ...) -> None: ...

class TrafficStatus(_message.Message):
    __slots__ = ("split_by", "salt", "weights", "ramp")
    SPLIT_BY_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    RAMP_FIELD_NUMBER: _ClassVar[int]
    split_by: str
    salt: str
    weights: _containers.RepeatedCompositeFieldContainer[VersionWeight]
    ramp: RampStatus
    def __init__(self, split_by: _Optional[str] = ..., salt: _Optional[str] = ..., weights: _Optional[_Iterable[_Union[VersionWeight, _Mapping]]] = ..., ramp: _Optional[_Union[RampStatus, _Mapping]] = ...) -> None: ...

class VersionWeight(_message.Message):
    __slots__ = ("model_version", "weight")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    model_version: int
    weight: float
    def __init__(self, model_version: _Optional[int] = ..., weight: _Optional[float] = ...) -> None: ...

class RampStatus(_message.Message):
    __slots__ = ("model_version", "to", "over", "began", "tripped_at", "tripped_by", "reason")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    BEGAN_FIELD_NUMBER: _ClassVar[int]
    TRIPPED_AT_FIELD_NUMBER: _ClassVar[int]
    TRIPPED_BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    model_version: int
    to: float
    over: int
    began: int
    tripped_at: int
    tripped_by: str
    reason: str
    def __init__(self, model_version: _Optional[int] = ..., to: _Optional[float] = ..., over: _Optional[int] = ..., began: _Optional[int] = ..., tripped_at: _Optional[int] = ..., tripped_by: _Optional[str] = ..., reason: _Optional[str] = ..., **kwargs) -> None: ...

class ModelSource(_message.Message):
    __slots__ = ("source", "looked_at", "alias_version", "fault")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LOOKED_AT_FIELD_NUMBER: _ClassVar[int]
    ALIAS_VERSION_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    source: str
    looked_at: int
    alias_version: int
    fault: str
    def __init__(self, source: _Optional[str] = ..., looked_at: _Optional[int] = ..., alias_version: _Optional[int] = ..., fault: _Optional[str] = ...) -> None: ...

class SetTrafficRequest(_message.Message):
    __slots__ = ("model", "weights", "split_by", "salt", "ramp", "shadow", "applied_by")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    SPLIT_BY_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    RAMP_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    APPLIED_BY_FIELD_NUMBER: _ClassVar[int]
    model: str
    weights: _containers.RepeatedCompositeFieldContainer[VersionWeight]
    split_by: str
    salt: str
    ramp: RampSettings
    shadow: ShadowSettings
    applied_by: str
    def __init__(self, model: _Optional[str] = ..., weights: _Optional[_Iterable[_Union[VersionWeight, _Mapping]]] = ..., split_by: _Optional[str] = ..., salt: _Optional[str] = ..., ramp: _Optional[_Union[RampSettings, _Mapping]] = ..., shadow: _Optional[_Union[ShadowSettings, _Mapping]] = ..., applied_by: _Optional[str] = ...) -> None: ...

class RampSettings(_message.Message):
    __slots__ = ("model_version", "to", "over", "guards")
    class GuardsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    GUARDS_FIELD_NUMBER: _ClassVar[int]
    model_version: int
    to: float
    over: int
    guards: _containers.ScalarMap[str, float]
    def __init__(self, model_version: _Optional[int] = ..., to: _Optional[float] = ..., over: _Optional[int] = ..., guards: _Optional[_Mapping[str, float]] = ...) -> None: ...

class ShadowSettings(_message.Message):
    __slots__ = ("model_versions",)
    MODEL_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    model_versions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, model_versions: _Optional[_Iterable[int]] = ...) -> None: ...

class SetTrafficResponse(_message.Message):
    __slots__ = ("version", "changes")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    version: int
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    def __init__(self, version: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ...) -> None: ...

class ResumeRampRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ResumeRampResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReleaseModelRequest(_message.Message):
    __slots__ = ("model", "model_version")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_version: int
    def __init__(self, model: _Optional[str] = ..., model_version: _Optional[int] = ...) -> None: ...

class ReleaseModelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ModelVersionStatus(_message.Message):
    __slots__ = ("model_version", "sha256", "size", "report", "inputs", "outputs", "loaded", "added_by", "added_at", "added_in", "dataset", "metrics", "tags", "engine", "provider", "skipped_providers", "batching", "unbatched", "isolation", "quarantine")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    ADDED_BY_FIELD_NUMBER: _ClassVar[int]
    ADDED_AT_FIELD_NUMBER: _ClassVar[int]
    ADDED_IN_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    BATCHING_FIELD_NUMBER: _ClassVar[int]
    UNBATCHED_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    QUARANTINE_FIELD_NUMBER: _ClassVar[int]
    model_version: int
    sha256: str
    size: int
    report: ModelReport
    inputs: _containers.RepeatedScalarFieldContainer[str]
    outputs: _containers.RepeatedScalarFieldContainer[str]
    loaded: bool
    added_by: str
    added_at: int
    added_in: int
    dataset: str
    metrics: _containers.ScalarMap[str, float]
    tags: _containers.ScalarMap[str, str]
    engine: str
    provider: str
    skipped_providers: _containers.RepeatedScalarFieldContainer[str]
    batching: bool
    unbatched: str
    isolation: str
    quarantine: str
    def __init__(self, model_version: _Optional[int] = ..., sha256: _Optional[str] = ..., size: _Optional[int] = ..., report: _Optional[_Union[ModelReport, _Mapping]] = ..., inputs: _Optional[_Iterable[str]] = ..., outputs: _Optional[_Iterable[str]] = ..., loaded: bool = ..., added_by: _Optional[str] = ..., added_at: _Optional[int] = ..., added_in: _Optional[int] = ..., dataset: _Optional[str] = ..., metrics: _Optional[_Mapping[str, float]] = ..., tags: _Optional[_Mapping[str, str]] = ..., engine: _Optional[str] = ..., provider: _Optional[str] = ..., skipped_providers: _Optional[_Iterable[str]] = ..., batching: bool = ..., unbatched: _Optional[str] = ..., isolation: _Optional[str] = ..., quarantine: _Optional[str] = ..., **kwargs) -> None: ...

class GetPlanRequest(_message.Message):
    __slots__ = ("feature_service", "features", "model", "model_version")
    FEATURE_SERVICE_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    feature_service: str
    features: _serving_pb2.FeatureList
    model: str
    model_version: int
    def __init__(self, feature_service: _Optional[str] = ..., features: _Optional[_Union[_serving_pb2.FeatureList, _Mapping]] = ..., model: _Optional[str] = ..., model_version: _Optional[int] = ...) -> None: ...

class GetPlanResponse(_message.Message):
    __slots__ = ("keys", "request", "features", "catalog_version", "model_version", "fingerprint")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[Field]
    request: _containers.RepeatedCompositeFieldContainer[Field]
    features: _containers.RepeatedCompositeFieldContainer[Field]
    catalog_version: int
    model_version: int
    fingerprint: str
    def __init__(self, keys: _Optional[_Iterable[_Union[Field, _Mapping]]] = ..., request: _Optional[_Iterable[_Union[Field, _Mapping]]] = ..., features: _Optional[_Iterable[_Union[Field, _Mapping]]] = ..., catalog_version: _Optional[int] = ..., model_version: _Optional[int] = ..., fingerprint: _Optional[str] = ...) -> None: ...

class Field(_message.Message):
    __slots__ = ("name", "type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("feature_views", "feature_service", "sample")
    FEATURE_VIEWS_FIELD_NUMBER: _ClassVar[int]
    FEATURE_SERVICE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    feature_views: _containers.RepeatedScalarFieldContainer[str]
    feature_service: str
    sample: int
    def __init__(self, feature_views: _Optional[_Iterable[str]] = ..., feature_service: _Optional[str] = ..., sample: _Optional[int] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("views",)
    VIEWS_FIELD_NUMBER: _ClassVar[int]
    views: _containers.RepeatedCompositeFieldContainer[ViewVerification]
    def __init__(self, views: _Optional[_Iterable[_Union[ViewVerification, _Mapping]]] = ...) -> None: ...

class ViewVerification(_message.Message):
    __slots__ = ("feature_view", "done", "time", "keys", "keys_total", "equal", "mismatched", "missing", "extra", "stale", "features", "differences", "newer", "from_log")
    FEATURE_VIEW_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    KEYS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    EQUAL_FIELD_NUMBER: _ClassVar[int]
    MISMATCHED_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    NEWER_FIELD_NUMBER: _ClassVar[int]
    FROM_LOG_FIELD_NUMBER: _ClassVar[int]
    feature_view: str
    done: bool
    time: int
    keys: int
    keys_total: int
    equal: int
    mismatched: int
    missing: int
    extra: int
    stale: int
    features: _containers.RepeatedCompositeFieldContainer[FeatureVerification]
    differences: _containers.RepeatedCompositeFieldContainer[Difference]
    newer: int
    from_log: bool
    def __init__(self, feature_view: _Optional[str] = ..., done: bool = ..., time: _Optional[int] = ..., keys: _Optional[int] = ..., keys_total: _Optional[int] = ..., equal: _Optional[int] = ..., mismatched: _Optional[int] = ..., missing: _Optional[int] = ..., extra: _Optional[int] = ..., stale: _Optional[int] = ..., features: _Optional[_Iterable[_Union[FeatureVerification, _Mapping]]] = ..., differences: _Optional[_Iterable[_Union[Difference, _Mapping]]] = ..., newer: _Optional[int] = ..., from_log: bool = ...) -> None: ...

class FeatureVerification(_message.Message):
    __slots__ = ("feature", "mismatched")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    MISMATCHED_FIELD_NUMBER: _ClassVar[int]
    feature: str
    mismatched: int
    def __init__(self, feature: _Optional[str] = ..., mismatched: _Optional[int] = ...) -> None: ...

class Difference(_message.Message):
    __slots__ = ("kind", "key", "feature", "online", "source")
    KIND_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    key: str
    feature: str
    online: str
    source: str
    def __init__(self, kind: _Optional[str] = ..., key: _Optional[str] = ..., feature: _Optional[str] = ..., online: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class ScoreVectorsRequest(_message.Message):
    __slots__ = ("model", "model_version", "vector", "runs", "catalog_version", "outputs")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_version: int
    vector: _containers.RepeatedCompositeFieldContainer[_values_pb2.Column]
    runs: _containers.RepeatedScalarFieldContainer[int]
    catalog_version: int
    outputs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model: _Optional[str] = ..., model_version: _Optional[int] = ..., vector: _Optional[_Iterable[_Union[_values_pb2.Column, _Mapping]]] = ..., runs: _Optional[_Iterable[int]] = ..., catalog_version: _Optional[int] = ..., outputs: _Optional[_Iterable[str]] = ...) -> None: ...

class ScoreVectorsResponse(_message.Message):
    __slots__ = ("scores", "took_nanos", "sha256", "outputs")
    SCORES_FIELD_NUMBER: _ClassVar[int]
    TOOK_NANOS_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    scores: _containers.RepeatedScalarFieldContainer[float]
    took_nanos: _containers.RepeatedScalarFieldContainer[int]
    sha256: str
    outputs: _containers.RepeatedCompositeFieldContainer[_serving_pb2.Output]
    def __init__(self, scores: _Optional[_Iterable[float]] = ..., took_nanos: _Optional[_Iterable[int]] = ..., sha256: _Optional[str] = ..., outputs: _Optional[_Iterable[_Union[_serving_pb2.Output, _Mapping]]] = ...) -> None: ...

class ListLoggedRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ListLoggedResponse(_message.Message):
    __slots__ = ("parts",)
    PARTS_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.RepeatedCompositeFieldContainer[LoggedPart]
    def __init__(self, parts: _Optional[_Iterable[_Union[LoggedPart, _Mapping]]] = ...) -> None: ...

class LoggedPart(_message.Message):
    __slots__ = ("model", "model_version", "catalog_version", "rows")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_version: int
    catalog_version: int
    rows: int
    def __init__(self, model: _Optional[str] = ..., model_version: _Optional[int] = ..., catalog_version: _Optional[int] = ..., rows: _Optional[int] = ...) -> None: ...

class ReplayLogRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ReplayLogResponse(_message.Message):
    __slots__ = ("rows", "report")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    rows: int
    report: ReplayReport
    def __init__(self, rows: _Optional[int] = ..., report: _Optional[_Union[ReplayReport, _Mapping]] = ...) -> None: ...

class ReplayReport(_message.Message):
    __slots__ = ("counts", "differences", "cause", "missing", "gone")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[ReplayCount]
    differences: _containers.RepeatedCompositeFieldContainer[ReplayDifference]
    cause: str
    missing: _containers.RepeatedScalarFieldContainer[str]
    gone: _containers.RepeatedCompositeFieldContainer[ReplayGone]
    def __init__(self, counts: _Optional[_Iterable[_Union[ReplayCount, _Mapping]]] = ..., differences: _Optional[_Iterable[_Union[ReplayDifference, _Mapping]]] = ..., cause: _Optional[str] = ..., missing: _Optional[_Iterable[str]] = ..., gone: _Optional[_Iterable[_Union[ReplayGone, _Mapping]]] = ...) -> None: ...

class ReplayGone(_message.Message):
    __slots__ = ("model", "model_version", "catalog_version", "rows", "cause")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_version: int
    catalog_version: int
    rows: int
    cause: str
    def __init__(self, model: _Optional[str] = ..., model_version: _Optional[int] = ..., catalog_version: _Optional[int] = ..., rows: _Optional[int] = ..., cause: _Optional[str] = ...) -> None: ...

class ReplayCount(_message.Message):
    __slots__ = ("model", "model_version", "equal", "different")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    EQUAL_FIELD_NUMBER: _ClassVar[int]
    DIFFERENT_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_version: int
    equal: int
    different: int
    def __init__(self, model: _Optional[str] = ..., model_version: _Optional[int] = ..., equal: _Optional[int] = ..., different: _Optional[int] = ...) -> None: ...

class ReplayDifference(_message.Message):
    __slots__ = ("file", "request_id", "row", "logged", "now", "output", "logged_output", "now_output")
    FILE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    LOGGED_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    LOGGED_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    NOW_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    file: str
    request_id: str
    row: int
    logged: float
    now: float
    output: str
    logged_output: str
    now_output: str
    def __init__(self, file: _Optional[str] = ..., request_id: _Optional[str] = ..., row: _Optional[int] = ..., logged: _Optional[float] = ..., now: _Optional[float] = ..., output: _Optional[str] = ..., logged_output: _Optional[str] = ..., now_output: _Optional[str] = ...) -> None: ...

class CheckSkewRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class CheckSkewResponse(_message.Message):
    __slots__ = ("rows", "rows_total", "report")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ROWS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    rows: int
    rows_total: int
    report: SkewReport
    def __init__(self, rows: _Optional[int] = ..., rows_total: _Optional[int] = ..., report: _Optional[_Union[SkewReport, _Mapping]] = ...) -> None: ...

class SkewReport(_message.Message):
    __slots__ = ("models", "missing")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelSkew]
    missing: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, models: _Optional[_Iterable[_Union[ModelSkew, _Mapping]]] = ..., missing: _Optional[_Iterable[str]] = ...) -> None: ...

class ModelSkew(_message.Message):
    __slots__ = ("model", "features", "differences")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    model: str
    features: _containers.RepeatedCompositeFieldContainer[FeatureSkew]
    differences: _containers.RepeatedCompositeFieldContainer[SkewDifference]
    def __init__(self, model: _Optional[str] = ..., features: _Optional[_Iterable[_Union[FeatureSkew, _Mapping]]] = ..., differences: _Optional[_Iterable[_Union[SkewDifference, _Mapping]]] = ...) -> None: ...

class FeatureSkew(_message.Message):
    __slots__ = ("feature", "rows", "equal", "differ", "missing", "extra", "sent", "unlogged", "mean_absolute_difference", "mean_relative_difference")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    EQUAL_FIELD_NUMBER: _ClassVar[int]
    DIFFER_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    UNLOGGED_FIELD_NUMBER: _ClassVar[int]
    MEAN_ABSOLUTE_DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    MEAN_RELATIVE_DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    feature: str
    rows: int
    equal: int
    differ: int
    missing: int
    extra: int
    sent: int
    unlogged: int
    mean_absolute_difference: float
    mean_relative_difference: float
    def __init__(self, feature: _Optional[str] = ..., rows: _Optional[int] = ..., equal: _Optional[int] = ..., differ: _Optional[int] = ..., missing: _Optional[int] = ..., extra: _Optional[int] = ..., sent: _Optional[int] = ..., unlogged: _Optional[int] = ..., mean_absolute_difference: _Optional[float] = ..., mean_relative_difference: _Optional[float] = ...) -> None: ...

class SkewDifference(_message.Message):
    __slots__ = ("feature", "request_id", "row", "logged", "rebuilt")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    LOGGED_FIELD_NUMBER: _ClassVar[int]
    REBUILT_FIELD_NUMBER: _ClassVar[int]
    feature: str
    request_id: str
    row: int
    logged: str
    rebuilt: str
    def __init__(self, feature: _Optional[str] = ..., request_id: _Optional[str] = ..., row: _Optional[int] = ..., logged: _Optional[str] = ..., rebuilt: _Optional[str] = ...) -> None: ...

class FlushFeatureLogRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class FlushFeatureLogResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetDatasetRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetDatasetResponse(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: Dataset
    def __init__(self, dataset: _Optional[_Union[Dataset, _Mapping]] = ...) -> None: ...

class ListDatasetsRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class ListDatasetsResponse(_message.Message):
    __slots__ = ("datasets",)
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    datasets: _containers.RepeatedCompositeFieldContainer[Dataset]
    def __init__(self, datasets: _Optional[_Iterable[_Union[Dataset, _Mapping]]] = ...) -> None: ...

class Dataset(_message.Message):
    __slots__ = ("id", "created_at", "feature_service", "manifest", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    FEATURE_SERVICE_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    created_at: int
    feature_service: str
    manifest: str
    name: str
    def __init__(self, id: _Optional[str] = ..., created_at: _Optional[int] = ..., feature_service: _Optional[str] = ..., manifest: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class GetExperimentRequest(_message.Message):
    __slots__ = ("model", "metric", "threshold", "control", "since", "until", "alpha")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    model: str
    metric: str
    threshold: float
    control: int
    since: int
    until: int
    alpha: float
    def __init__(self, model: _Optional[str] = ..., metric: _Optional[str] = ..., threshold: _Optional[float] = ..., control: _Optional[int] = ..., since: _Optional[int] = ..., until: _Optional[int] = ..., alpha: _Optional[float] = ...) -> None: ...

class GetExperimentResponse(_message.Message):
    __slots__ = ("rows", "labels", "report")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    rows: int
    labels: int
    report: ExperimentReport
    def __init__(self, rows: _Optional[int] = ..., labels: _Optional[int] = ..., report: _Optional[_Union[ExperimentReport, _Mapping]] = ...) -> None: ...

class ExperimentReport(_message.Message):
    __slots__ = ("model", "metric", "threshold", "alpha", "since", "until", "unit", "versions", "sample_ratio", "labels", "labels_unknown", "notes", "missing")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATIO_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LABELS_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    model: str
    metric: str
    threshold: float
    alpha: float
    since: int
    until: int
    unit: str
    versions: _containers.RepeatedCompositeFieldContainer[ExperimentVersion]
    sample_ratio: SampleRatio
    labels: int
    labels_unknown: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    missing: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model: _Optional[str] = ..., metric: _Optional[str] = ..., threshold: _Optional[float] = ..., alpha: _Optional[float] = ..., since: _Optional[int] = ..., until: _Optional[int] = ..., unit: _Optional[str] = ..., versions: _Optional[_Iterable[_Union[ExperimentVersion, _Mapping]]] = ..., sample_ratio: _Optional[_Union[SampleRatio, _Mapping]] = ..., labels: _Optional[int] = ..., labels_unknown: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ..., missing: _Optional[_Iterable[str]] = ...) -> None: ...

class ExperimentVersion(_message.Message):
    __slots__ = ("model_version", "role", "weight", "rows", "units", "undefined", "labelled", "positives", "figure", "difference", "p_value", "paired", "verdict")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    UNDEFINED_FIELD_NUMBER: _ClassVar[int]
    LABELLED_FIELD_NUMBER: _ClassVar[int]
    POSITIVES_FIELD_NUMBER: _ClassVar[int]
    FIGURE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    PAIRED_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    model_version: int
    role: str
    weight: float
    rows: int
    units: int
    undefined: int
    labelled: int
    positives: int
    figure: Estimate
    difference: Estimate
    p_value: float
    paired: bool
    verdict: str
    def __init__(self, model_version: _Optional[int] = ..., role: _Optional[str] = ..., weight: _Optional[float] = ..., rows: _Optional[int] = ..., units: _Optional[int] = ..., undefined: _Optional[int] = ..., labelled: _Optional[int] = ..., positives: _Optional[int] = ..., figure: _Optional[_Union[Estimate, _Mapping]] = ..., difference: _Optional[_Union[Estimate, _Mapping]] = ..., p_value: _Optional[float] = ..., paired: bool = ..., verdict: _Optional[str] = ...) -> None: ...

class Estimate(_message.Message):
    __slots__ = ("value", "low", "high")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    value: float
    low: float
    high: float
    def __init__(self, value: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class SampleRatio(_message.Message):
    __slots__ = ("chi_squared", "p_value", "mismatch")
    CHI_SQUARED_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    MISMATCH_FIELD_NUMBER: _ClassVar[int]
    chi_squared: float
    p_value: float
    mismatch: bool
    def __init__(self, chi_squared: _Optional[float] = ..., p_value: _Optional[float] = ..., mismatch: bool = ...) -> None: ...

class JoinLabelsRequest(_message.Message):
    __slots__ = ("model", "sent_names", "rows")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SENT_NAMES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    model: str
    sent_names: _containers.RepeatedScalarFieldContainer[str]
    rows: _containers.RepeatedCompositeFieldContainer[LoggedRow]
    def __init__(self, model: _Optional[str] = ..., sent_names: _Optional[_Iterable[str]] = ..., rows: _Optional[_Iterable[_Union[LoggedRow, _Mapping]]] = ...) -> None: ...

class LoggedRow(_message.Message):
    __slots__ = ("request_id", "row", "at", "sent")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    row: int
    at: int
    sent: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, request_id: _Optional[str] = ..., row: _Optional[int] = ..., at: _Optional[int] = ..., sent: _Optional[_Iterable[str]] = ...) -> None: ...

class JoinLabelsResponse(_message.Message):
    __slots__ = ("labels",)
    LABELS_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, labels: _Optional[_Iterable[float]] = ...) -> None: ...

class SaveSnapshotRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SaveSnapshotResponse(_message.Message):
    __slots__ = ("chunk",)
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    def __init__(self, chunk: _Optional[bytes] = ...) -> None: ...

class ForgetRequest(_message.Message):
    __slots__ = ("entity", "keys", "words", "requested_by")
    class WordsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    entity: str
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    words: _containers.ScalarMap[str, str]
    requested_by: str
    def __init__(self, entity: _Optional[str] = ..., keys: _Optional[_Iterable[bytes]] = ..., words: _Optional[_Mapping[str, str]] = ..., requested_by: _Optional[str] = ...) -> None: ...

class ForgetResponse(_message.Message):
    __slots__ = ("step", "report")
    STEP_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    step: str
    report: ForgetReport
    def __init__(self, step: _Optional[str] = ..., report: _Optional[_Union[ForgetReport, _Mapping]] = ...) -> None: ...

class ForgetReport(_message.Message):
    __slots__ = ("id", "entity", "join_keys", "hashes", "requested_by", "requested_at", "done_at", "resumed", "places", "away", "statements", "remains")
    ID_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    JOIN_KEYS_FIELD_NUMBER: _ClassVar[int]
    HASHES_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_FIELD_NUMBER: _ClassVar[int]
    DONE_AT_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    PLACES_FIELD_NUMBER: _ClassVar[int]
    AWAY_FIELD_NUMBER: _ClassVar[int]
    STATEMENTS_FIELD_NUMBER: _ClassVar[int]
    REMAINS_FIELD_NUMBER: _ClassVar[int]
    id: str
    entity: str
    join_keys: _containers.RepeatedScalarFieldContainer[str]
    hashes: _containers.RepeatedScalarFieldContainer[str]
    requested_by: str
    requested_at: int
    done_at: int
    resumed: bool
    places: _containers.RepeatedCompositeFieldContainer[ForgottenPlace]
    away: _containers.RepeatedCompositeFieldContainer[AwayServer]
    statements: _containers.RepeatedCompositeFieldContainer[ForgetStatement]
    remains: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., entity: _Optional[str] = ..., join_keys: _Optional[_Iterable[str]] = ..., hashes: _Optional[_Iterable[str]] = ..., requested_by: _Optional[str] = ..., requested_at: _Optional[int] = ..., done_at: _Optional[int] = ..., resumed: bool = ..., places: _Optional[_Iterable[_Union[ForgottenPlace, _Mapping]]] = ..., away: _Optional[_Iterable[_Union[AwayServer, _Mapping]]] = ..., statements: _Optional[_Iterable[_Union[ForgetStatement, _Mapping]]] = ..., remains: _Optional[_Iterable[str]] = ...) -> None: ...

class ForgottenPlace(_message.Message):
    __slots__ = ("place", "what", "removed", "note", "at")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    place: str
    what: str
    removed: int
    note: str
    at: int
    def __init__(self, place: _Optional[str] = ..., what: _Optional[str] = ..., removed: _Optional[int] = ..., note: _Optional[str] = ..., at: _Optional[int] = ...) -> None: ...

class AwayServer(_message.Message):
    __slots__ = ("server", "seen_ago", "problem")
    SERVER_FIELD_NUMBER: _ClassVar[int]
    SEEN_AGO_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    server: str
    seen_ago: int
    problem: str
    def __init__(self, server: _Optional[str] = ..., seen_ago: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...

class ForgetStatement(_message.Message):
    __slots__ = ("source", "sql")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SQL_FIELD_NUMBER: _ClassVar[int]
    source: str
    sql: str
    def __init__(self, source: _Optional[str] = ..., sql: _Optional[str] = ...) -> None: ...
