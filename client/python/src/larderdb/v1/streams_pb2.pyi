from larderdb.v1 import values_pb2 as _values_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PushEventsRequest(_message.Message):
    __slots__ = ("stream", "json", "columns", "arrow", "idempotency_key", "wait_served", "backfill")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ARROW_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    WAIT_SERVED_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_FIELD_NUMBER: _ClassVar[int]
    stream: str
    json: bytes
    columns: Columns
    arrow: bytes
    idempotency_key: str
    wait_served: bool
    backfill: bool
    def __init__(self, stream: _Optional[str] = ..., json: _Optional[bytes] = ..., columns: _Optional[_Union[Columns, _Mapping]] = ..., arrow: _Optional[bytes] = ..., idempotency_key: _Optional[str] = ..., wait_served: bool = ..., backfill: bool = ...) -> None: ...

class Columns(_message.Message):
    __slots__ = ("columns",)
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedCompositeFieldContainer[_values_pb2.Column]
    def __init__(self, columns: _Optional[_Iterable[_Union[_values_pb2.Column, _Mapping]]] = ...) -> None: ...

class PushEventsResponse(_message.Message):
    __slots__ = ("batch", "committed_at", "appended", "duplicates", "corrected", "retracted", "unknown", "repeated")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_AT_FIELD_NUMBER: _ClassVar[int]
    APPENDED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    CORRECTED_FIELD_NUMBER: _ClassVar[int]
    RETRACTED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    batch: int
    committed_at: int
    appended: int
    duplicates: int
    corrected: int
    retracted: int
    unknown: int
    repeated: bool
    def __init__(self, batch: _Optional[int] = ..., committed_at: _Optional[int] = ..., appended: _Optional[int] = ..., duplicates: _Optional[int] = ..., corrected: _Optional[int] = ..., retracted: _Optional[int] = ..., unknown: _Optional[int] = ..., repeated: bool = ...) -> None: ...

class BackfillStreamRequest(_message.Message):
    __slots__ = ("stream", "query", "until")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    stream: str
    query: str
    until: int
    def __init__(self, stream: _Optional[str] = ..., query: _Optional[str] = ..., until: _Optional[int] = ...) -> None: ...

class BackfillStreamResponse(_message.Message):
    __slots__ = ("rows", "appended", "duplicates", "retracted", "unknown", "dead_letters", "batch", "down_to", "done")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    APPENDED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    RETRACTED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    DOWN_TO_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    rows: int
    appended: int
    duplicates: int
    retracted: int
    unknown: int
    dead_letters: int
    batch: int
    down_to: int
    done: bool
    def __init__(self, rows: _Optional[int] = ..., appended: _Optional[int] = ..., duplicates: _Optional[int] = ..., retracted: _Optional[int] = ..., unknown: _Optional[int] = ..., dead_letters: _Optional[int] = ..., batch: _Optional[int] = ..., down_to: _Optional[int] = ..., done: bool = ...) -> None: ...

class GetStreamsRequest(_message.Message):
    __slots__ = ("stream",)
    STREAM_FIELD_NUMBER: _ClassVar[int]
    stream: str
    def __init__(self, stream: _Optional[str] = ...) -> None: ...

class GetStreamsResponse(_message.Message):
    __slots__ = ("streams",)
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    streams: _containers.RepeatedCompositeFieldContainer[StreamState]
    def __init__(self, streams: _Optional[_Iterable[_Union[StreamState, _Mapping]]] = ...) -> None: ...

class StreamState(_message.Message):
    __slots__ = ("stream", "source", "state", "error", "server", "batch", "at", "dead_letters", "parts", "views")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    VIEWS_FIELD_NUMBER: _ClassVar[int]
    stream: str
    source: str
    state: str
    error: str
    server: str
    batch: int
    at: int
    dead_letters: int
    parts: _containers.RepeatedCompositeFieldContainer[StreamPart]
    views: _containers.RepeatedCompositeFieldContainer[StreamView]
    def __init__(self, stream: _Optional[str] = ..., source: _Optional[str] = ..., state: _Optional[str] = ..., error: _Optional[str] = ..., server: _Optional[str] = ..., batch: _Optional[int] = ..., at: _Optional[int] = ..., dead_letters: _Optional[int] = ..., parts: _Optional[_Iterable[_Union[StreamPart, _Mapping]]] = ..., views: _Optional[_Iterable[_Union[StreamView, _Mapping]]] = ...) -> None: ...

class StreamPart(_message.Message):
    __slots__ = ("part", "next", "lag", "lag_bytes")
    PART_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    LAG_BYTES_FIELD_NUMBER: _ClassVar[int]
    part: str
    next: int
    lag: int
    lag_bytes: int
    def __init__(self, part: _Optional[str] = ..., next: _Optional[int] = ..., lag: _Optional[int] = ..., lag_bytes: _Optional[int] = ...) -> None: ...

class StreamView(_message.Message):
    __slots__ = ("feature_view", "batch", "at", "building", "events", "worst_bytes")
    FEATURE_VIEW_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    BUILDING_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    WORST_BYTES_FIELD_NUMBER: _ClassVar[int]
    feature_view: str
    batch: int
    at: int
    building: bool
    events: int
    worst_bytes: int
    def __init__(self, feature_view: _Optional[str] = ..., batch: _Optional[int] = ..., at: _Optional[int] = ..., building: bool = ..., events: _Optional[int] = ..., worst_bytes: _Optional[int] = ...) -> None: ...

class PauseStreamRequest(_message.Message):
    __slots__ = ("stream",)
    STREAM_FIELD_NUMBER: _ClassVar[int]
    stream: str
    def __init__(self, stream: _Optional[str] = ...) -> None: ...

class PauseStreamResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResumeStreamRequest(_message.Message):
    __slots__ = ("stream",)
    STREAM_FIELD_NUMBER: _ClassVar[int]
    stream: str
    def __init__(self, stream: _Optional[str] = ...) -> None: ...

class ResumeStreamResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SeekStreamRequest(_message.Message):
    __slots__ = ("stream", "parts")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    stream: str
    parts: _containers.RepeatedCompositeFieldContainer[StreamPart]
    def __init__(self, stream: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[StreamPart, _Mapping]]] = ...) -> None: ...

class SeekStreamResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDeadLettersRequest(_message.Message):
    __slots__ = ("stream", "before", "limit", "retried")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    RETRIED_FIELD_NUMBER: _ClassVar[int]
    stream: str
    before: int
    limit: int
    retried: bool
    def __init__(self, stream: _Optional[str] = ..., before: _Optional[int] = ..., limit: _Optional[int] = ..., retried: bool = ...) -> None: ...

class ListDeadLettersResponse(_message.Message):
    __slots__ = ("dead_letters",)
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    dead_letters: _containers.RepeatedCompositeFieldContainer[DeadLetter]
    def __init__(self, dead_letters: _Optional[_Iterable[_Union[DeadLetter, _Mapping]]] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("id", "at", "reason", "detail", "part", "offset", "message", "bytes", "retried")
    ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    RETRIED_FIELD_NUMBER: _ClassVar[int]
    id: int
    at: int
    reason: str
    detail: str
    part: str
    offset: int
    message: bytes
    bytes: int
    retried: bool
    def __init__(self, id: _Optional[int] = ..., at: _Optional[int] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., part: _Optional[str] = ..., offset: _Optional[int] = ..., message: _Optional[bytes] = ..., bytes: _Optional[int] = ..., retried: bool = ...) -> None: ...

class RetryDeadLettersRequest(_message.Message):
    __slots__ = ("stream", "ids")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    stream: str
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, stream: _Optional[str] = ..., ids: _Optional[_Iterable[int]] = ...) -> None: ...

class RetryDeadLettersResponse(_message.Message):
    __slots__ = ("appended", "still_dead", "duplicates")
    APPENDED_FIELD_NUMBER: _ClassVar[int]
    STILL_DEAD_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    appended: int
    still_dead: int
    duplicates: int
    def __init__(self, appended: _Optional[int] = ..., still_dead: _Optional[int] = ..., duplicates: _Optional[int] = ...) -> None: ...

class RebuildViewRequest(_message.Message):
    __slots__ = ("feature_view",)
    FEATURE_VIEW_FIELD_NUMBER: _ClassVar[int]
    feature_view: str
    def __init__(self, feature_view: _Optional[str] = ...) -> None: ...

class RebuildViewResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
