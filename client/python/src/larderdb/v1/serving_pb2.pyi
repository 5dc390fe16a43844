from larderdb.v1 import values_pb2 as _values_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetFeaturesRequest(_message.Message):
    __slots__ = ("feature_service", "features", "entities", "request", "at")
    FEATURE_SERVICE_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    feature_service: str
    features: FeatureList
    entities: _containers.RepeatedCompositeFieldContainer[_values_pb2.Column]
    request: _containers.RepeatedCompositeFieldContainer[_values_pb2.Column]
    at: int
    def __init__(self, feature_service: _Optional[str] = ..., features: _Optional[_Union[FeatureList, _Mapping]] = ..., entities: _Optional[_Iterable[_Union[_values_pb2.Column, _Mapping]]] = ..., request: _Optional[_Iterable[_Union[_values_pb2.Column, _Mapping]]] = ..., at: _Optional[int] = ...) -> None: ...

class FeatureList(_message.Message):
    __slots__ = ("references",)
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    references: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, references: _Optional[_Iterable[str]] = ...) -> None: ...

class GetFeaturesResponse(_message.Message):
    __slots__ = ("features", "reads", "catalog_version")
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    features: _containers.RepeatedCompositeFieldContainer[_values_pb2.Column]
    reads: _containers.RepeatedCompositeFieldContainer[ViewRead]
    catalog_version: int
    def __init__(self, features: _Optional[_Iterable[_Union[_values_pb2.Column, _Mapping]]] = ..., reads: _Optional[_Iterable[_Union[ViewRead, _Mapping]]] = ..., catalog_version: _Optional[int] = ...) -> None: ...

class ViewRead(_message.Message):
    __slots__ = ("feature_view", "statuses", "ages")
    FEATURE_VIEW_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    AGES_FIELD_NUMBER: _ClassVar[int]
    feature_view: str
    statuses: _containers.RepeatedScalarFieldContainer[_values_pb2.Status]
    ages: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, feature_view: _Optional[str] = ..., statuses: _Optional[_Iterable[_Union[_values_pb2.Status, str]]] = ..., ages: _Optional[_Iterable[int]] = ...) -> None: ...

class GetFeaturesAndScoreRequest(_message.Message):
    __slots__ = ("model", "model_version", "entities", "request", "at", "return_features", "request_id", "outputs")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ENTITIES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    RETURN_FEATURES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    model: str
    model_version: int
    entities: _containers.RepeatedCompositeFieldContainer[_values_pb2.Column]
    request: _containers.RepeatedCompositeFieldContainer[_values_pb2.Column]
    at: int
    return_features: bool
    request_id: str
    outputs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model: _Optional[str] = ..., model_version: _Optional[int] = ..., entities: _Optional[_Iterable[_Union[_values_pb2.Column, _Mapping]]] = ..., request: _Optional[_Iterable[_Union[_values_pb2.Column, _Mapping]]] = ..., at: _Optional[int] = ..., return_features: bool = ..., request_id: _Optional[str] = ..., outputs: _Optional[_Iterable[str]] = ...) -> None: ...

class GetFeaturesAndScoreResponse(_message.Message):
    __slots__ = ("scores", "reads", "features", "catalog_version", "model_version", "model_versions", "request_id", "outputs")
    SCORES_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    scores: _containers.RepeatedScalarFieldContainer[float]
    reads: _containers.RepeatedCompositeFieldContainer[ViewRead]
    features: _containers.RepeatedCompositeFieldContainer[_values_pb2.Column]
    catalog_version: int
    model_version: int
    model_versions: _containers.RepeatedScalarFieldContainer[int]
    request_id: str
    outputs: _containers.RepeatedCompositeFieldContainer[Output]
    def __init__(self, scores: _Optional[_Iterable[float]] = ..., reads: _Optional[_Iterable[_Union[ViewRead, _Mapping]]] = ..., features: _Optional[_Iterable[_Union[_values_pb2.Column, _Mapping]]] = ..., catalog_version: _Optional[int] = ..., model_version: _Optional[int] = ..., model_versions: _Optional[_Iterable[int]] = ..., request_id: _Optional[str] = ..., outputs: _Optional[_Iterable[_Union[Output, _Mapping]]] = ...) -> None: ...

class Output(_message.Message):
    __slots__ = ("values", "shape", "classes")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    values: _values_pb2.Column
    shape: _containers.RepeatedScalarFieldContainer[int]
    classes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Union[_values_pb2.Column, _Mapping]] = ..., shape: _Optional[_Iterable[int]] = ..., classes: _Optional[_Iterable[str]] = ...) -> None: ...

class StreamFeaturesAndScoreRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: GetFeaturesAndScoreRequest
    def __init__(self, request: _Optional[_Union[GetFeaturesAndScoreRequest, _Mapping]] = ...) -> None: ...

class StreamFeaturesAndScoreResponse(_message.Message):
    __slots__ = ("response",)
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    response: GetFeaturesAndScoreResponse
    def __init__(self, response: _Optional[_Union[GetFeaturesAndScoreResponse, _Mapping]] = ...) -> None: ...
