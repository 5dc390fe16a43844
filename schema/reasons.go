package schema

// The reasons that errors have. Each is an entry of the table below, which
// docs/operations.md is made of.
const (
	BadAlpha              Reason = "BAD_ALPHA"
	BadArrowStream        Reason = "BAD_ARROW_STREAM"
	BadAsOf               Reason = "BAD_AS_OF"
	BadBody               Reason = "BAD_BODY"
	BadCommand            Reason = "BAD_COMMAND"
	BadContentType        Reason = "BAD_CONTENT_TYPE"
	BadControl            Reason = "BAD_CONTROL"
	BadDefinitions        Reason = "BAD_DEFINITIONS"
	BadDSN                Reason = "BAD_DSN"
	BadEncoding           Reason = "BAD_ENCODING"
	BadExpression         Reason = "BAD_EXPRESSION"
	BadHeader             Reason = "BAD_HEADER"
	BadInput              Reason = "BAD_INPUT"
	BadJSON               Reason = "BAD_JSON"
	BadLabel              Reason = "BAD_LABEL"
	BadListEnds           Reason = "BAD_LIST_ENDS"
	BadModel              Reason = "BAD_MODEL"
	BadModelFile          Reason = "BAD_MODEL_FILE"
	BadNulls              Reason = "BAD_NULLS"
	BadParameter          Reason = "BAD_PARAMETER"
	BadRecord             Reason = "BAD_RECORD"
	BadReference          Reason = "BAD_REFERENCE"
	AmbiguousName         Reason = "AMBIGUOUS_NAME"
	BadRequest            Reason = "BAD_REQUEST"
	BadRequestID          Reason = "BAD_REQUEST_ID"
	BadSample             Reason = "BAD_SAMPLE"
	BadSHA256             Reason = "BAD_SHA256"
	BadSource             Reason = "BAD_SOURCE"
	BadStorage            Reason = "BAD_STORAGE"
	BadString             Reason = "BAD_STRING"
	BadTime               Reason = "BAD_TIME"
	BadTrackingURI        Reason = "BAD_TRACKING_URI"
	BadUTF8               Reason = "BAD_UTF8"
	BadValue              Reason = "BAD_VALUE"
	BadVector             Reason = "BAD_VECTOR"
	BadVersion            Reason = "BAD_VERSION"
	BadWindow             Reason = "BAD_WINDOW"
	BatchTooLarge         Reason = "BATCH_TOO_LARGE"
	BinaryOnly            Reason = "BINARY_ONLY"
	CorruptRow            Reason = "CORRUPT_ROW"
	CrossSite             Reason = "CROSS_SITE"
	DiskFull              Reason = "DISK_FULL"
	DuplicateColumn       Reason = "DUPLICATE_COLUMN"
	DuplicateFeature      Reason = "DUPLICATE_FEATURE"
	FeatureNameCollision  Reason = "FEATURE_NAME_COLLISION"
	EventTimeRange        Reason = "EVENT_TIME_RANGE"
	EventTimeType         Reason = "EVENT_TIME_TYPE"
	FolderNotEmpty        Reason = "FOLDER_NOT_EMPTY"
	JoinKeyTypes          Reason = "JOIN_KEY_TYPES"
	AuditUnavailable      Reason = "AUDIT_UNAVAILABLE"
	NoAudit               Reason = "NO_AUDIT"
	BadKey                Reason = "BAD_KEY"
	KeyExists             Reason = "KEY_EXISTS"
	UnknownKey            Reason = "UNKNOWN_KEY"
	KeyTooLarge           Reason = "KEY_TOO_LARGE"
	UnknownStream         Reason = "UNKNOWN_STREAM"
	StateTooLarge         Reason = "STATE_TOO_LARGE"
	BadStreamLog          Reason = "BAD_STREAM_LOG"
	BadEvent              Reason = "BAD_EVENT"
	StreamQueueFull       Reason = "STREAM_QUEUE_FULL"
	BadIdempotencyKey     Reason = "BAD_IDEMPOTENCY_KEY"
	IdempotencyKeyReused  Reason = "IDEMPOTENCY_KEY_REUSED"
	StreamNotPushed       Reason = "STREAM_NOT_PUSHED"
	BadStreamPosition     Reason = "BAD_STREAM_POSITION"
	BadBackfill           Reason = "BAD_BACKFILL"
	BackfillOverlaps      Reason = "BACKFILL_OVERLAPS"
	BackfillRuns          Reason = "BACKFILL_RUNS"
	HostNotAllowed        Reason = "HOST_NOT_ALLOWED"
	ListLength            Reason = "LIST_LENGTH"
	LoadParameters        Reason = "LOAD_PARAMETERS"
	LocaleMissing         Reason = "LOCALE_MISSING"
	LogInUse              Reason = "LOG_IN_USE"
	MalformedValue        Reason = "MALFORMED_VALUE"
	MessageTooLarge       Reason = "MESSAGE_TOO_LARGE"
	MessageTooSlow        Reason = "MESSAGE_TOO_SLOW"
	MissingEventTime      Reason = "MISSING_EVENT_TIME"
	MissingFeature        Reason = "MISSING_FEATURE"
	MissingJoinKey        Reason = "MISSING_JOIN_KEY"
	MissingRequestValue   Reason = "MISSING_REQUEST_VALUE"
	MLflowAnswer          Reason = "MLFLOW_ANSWER"
	MLflowArtifacts       Reason = "MLFLOW_ARTIFACTS"
	MLflowMLmodel         Reason = "MLFLOW_MLMODEL"
	MLflowNotReady        Reason = "MLFLOW_NOT_READY"
	MLflowNoONNX          Reason = "MLFLOW_NO_ONNX"
	MLflowRefuses         Reason = "MLFLOW_REFUSES"
	MLflowTooLarge        Reason = "MLFLOW_TOO_LARGE"
	MLflowUnreachable     Reason = "MLFLOW_UNREACHABLE"
	ModelsClosed          Reason = "MODELS_CLOSED"
	ModelChanging         Reason = "MODEL_CHANGING"
	ModelDefined          Reason = "MODEL_DEFINED"
	ModelCrashes          Reason = "MODEL_CRASHES"
	ModelFailed           Reason = "MODEL_FAILED"
	ModelFails            Reason = "MODEL_FAILS"
	ModelFileMissing      Reason = "MODEL_FILE_MISSING"
	ModelInputs           Reason = "MODEL_INPUTS"
	ModelMemory           Reason = "MODEL_MEMORY"
	ModelNotLoaded        Reason = "MODEL_NOT_LOADED"
	ModelOutput           Reason = "MODEL_OUTPUT"
	ModelSHA256           Reason = "MODEL_SHA256"
	ModelSize             Reason = "MODEL_SIZE"
	ModelStamp            Reason = "MODEL_STAMP"
	ModelProcess          Reason = "MODEL_PROCESS"
	ModelQuarantined      Reason = "MODEL_QUARANTINED"
	ModelTime             Reason = "MODEL_TIME"
	ModelTooLarge         Reason = "MODEL_TOO_LARGE"
	NaiveTimestamp        Reason = "NAIVE_TIMESTAMP"
	NeverMaterialized     Reason = "NEVER_MATERIALIZED"
	NothingBefore         Reason = "NOTHING_BEFORE"
	NotFinite             Reason = "NOT_FINITE"
	NotQuarantined        Reason = "NOT_QUARANTINED"
	NotMigrated           Reason = "NOT_MIGRATED"
	NotReady              Reason = "NOT_READY"
	NotServed             Reason = "NOT_SERVED"
	NotTripped            Reason = "NOT_TRIPPED"
	NoCatalog             Reason = "NO_CATALOG"
	NoFeatures            Reason = "NO_FEATURES"
	NoFeatureLog          Reason = "NO_FEATURE_LOG"
	NoFeatureService      Reason = "NO_FEATURE_SERVICE"
	NoFeatureViews        Reason = "NO_FEATURE_VIEWS"
	NoLabels              Reason = "NO_LABELS"
	NoLoggedRows          Reason = "NO_LOGGED_ROWS"
	NoModel               Reason = "NO_MODEL"
	NoScore               Reason = "NO_SCORE"
	NoONNXRuntime         Reason = "NO_ONNXRUNTIME"
	NoPlan                Reason = "NO_PLAN"
	NoPostgres            Reason = "NO_POSTGRES"
	NoProvider            Reason = "NO_PROVIDER"
	NoRows                Reason = "NO_ROWS"
	NoSnapshot            Reason = "NO_SNAPSHOT"
	NoSplitValue          Reason = "NO_SPLIT_VALUE"
	NoValues              Reason = "NO_VALUES"
	NullElement           Reason = "NULL_ELEMENT"
	NullEventTime         Reason = "NULL_EVENT_TIME"
	NullJoinKey           Reason = "NULL_JOIN_KEY"
	ONNXRuntimeOpen       Reason = "ONNXRUNTIME_OPEN"
	OtherFeatureService   Reason = "OTHER_FEATURE_SERVICE"
	OtherRegistry         Reason = "OTHER_REGISTRY"
	PostgresUnavailable   Reason = "POSTGRES_UNAVAILABLE"
	RegistryWentBack      Reason = "REGISTRY_WENT_BACK"
	RequestValues         Reason = "REQUEST_VALUES"
	Rows                  Reason = "ROWS"
	RowsMix               Reason = "ROWS_MIX"
	RowCount              Reason = "ROW_COUNT"
	RowTooLarge           Reason = "ROW_TOO_LARGE"
	RunEnded              Reason = "RUN_ENDED"
	RunTooLong            Reason = "RUN_TOO_LONG"
	NotAsExpected         Reason = "NOT_AS_EXPECTED"
	SnapshotDamaged       Reason = "SNAPSHOT_DAMAGED"
	SnapshotFormat        Reason = "SNAPSHOT_FORMAT"
	SourceFailed          Reason = "SOURCE_FAILED"
	SourceForbidden       Reason = "SOURCE_FORBIDDEN"
	SourceLost            Reason = "SOURCE_LOST"
	SourceUnavailable     Reason = "SOURCE_UNAVAILABLE"
	SourceUnreachable     Reason = "SOURCE_UNREACHABLE"
	SourceUnsafe          Reason = "SOURCE_UNSAFE"
	SpineColumn           Reason = "SPINE_COLUMN"
	SpineColumnType       Reason = "SPINE_COLUMN_TYPE"
	SpineRowsTooLarge     Reason = "SPINE_ROWS_TOO_LARGE"
	SpineSchema           Reason = "SPINE_SCHEMA"
	SplitByUnread         Reason = "SPLIT_BY_UNREAD"
	SplitValueType        Reason = "SPLIT_VALUE_TYPE"
	Stopping              Reason = "STOPPING"
	StreamIdle            Reason = "STREAM_IDLE"
	StoreClosed           Reason = "STORE_CLOSED"
	StoreDamaged          Reason = "STORE_DAMAGED"
	StoreForeign          Reason = "STORE_FOREIGN"
	StoreFormat           Reason = "STORE_FORMAT"
	StoreInUse            Reason = "STORE_IN_USE"
	StoreStopped          Reason = "STORE_STOPPED"
	TimeOutOfRange        Reason = "TIME_OUT_OF_RANGE"
	TooManyBadRows        Reason = "TOO_MANY_BAD_ROWS"
	TooManyBytes          Reason = "TOO_MANY_BYTES"
	TooManyFeatures       Reason = "TOO_MANY_FEATURES"
	TooManyInFlight       Reason = "TOO_MANY_IN_FLIGHT"
	Overloaded            Reason = "OVERLOADED"
	QuotaExceeded         Reason = "QUOTA_EXCEEDED"
	DeadlineTooShort      Reason = "DEADLINE_TOO_SHORT"
	TooManyRows           Reason = "TOO_MANY_ROWS"
	TooManyRuns           Reason = "TOO_MANY_RUNS"
	TooManySets           Reason = "TOO_MANY_SETS"
	TooManyUploads        Reason = "TOO_MANY_UPLOADS"
	TooManyWaiting        Reason = "TOO_MANY_WAITING"
	UnknownDataset        Reason = "UNKNOWN_DATASET"
	UnknownDefinition     Reason = "UNKNOWN_DEFINITION"
	RunFailed             Reason = "RUN_FAILED"
	SourceReadOnly        Reason = "SOURCE_READ_ONLY"
	UnknownColumn         Reason = "UNKNOWN_COLUMN"
	UnknownPushSource     Reason = "UNKNOWN_PUSH_SOURCE"
	UnknownFeature        Reason = "UNKNOWN_FEATURE"
	UnknownFeatureService Reason = "UNKNOWN_FEATURE_SERVICE"
	UnknownFeatureView    Reason = "UNKNOWN_FEATURE_VIEW"
	UnknownField          Reason = "UNKNOWN_FIELD"
	UnknownGuard          Reason = "UNKNOWN_GUARD"
	UnknownHost           Reason = "UNKNOWN_HOST"
	UnknownEntity         Reason = "UNKNOWN_ENTITY"
	UnknownProject        Reason = "UNKNOWN_PROJECT"
	UnknownJoinKey        Reason = "UNKNOWN_JOIN_KEY"
	UnknownMethod         Reason = "UNKNOWN_METHOD"
	UnknownMetric         Reason = "UNKNOWN_METRIC"
	UnknownModel          Reason = "UNKNOWN_MODEL"
	UnknownModelVersion   Reason = "UNKNOWN_MODEL_VERSION"
	UnknownOutput         Reason = "UNKNOWN_OUTPUT"
	UnknownPath           Reason = "UNKNOWN_PATH"
	UnknownRepository     Reason = "UNKNOWN_REPOSITORY"
	UnknownRequestValue   Reason = "UNKNOWN_REQUEST_VALUE"
	UnknownRun            Reason = "UNKNOWN_RUN"
	UnknownVersion        Reason = "UNKNOWN_VERSION"
	ValuesTooLarge        Reason = "VALUES_TOO_LARGE"
	ValueRange            Reason = "VALUE_RANGE"
	ValueTooLarge         Reason = "VALUE_TOO_LARGE"
	ValueType             Reason = "VALUE_TYPE"
	VectorLength          Reason = "VECTOR_LENGTH"
	VersionInUse          Reason = "VERSION_IN_USE"
	VersionMoved          Reason = "VERSION_MOVED"
	VersionTaken          Reason = "VERSION_TAKEN"
	DatasetNameTaken      Reason = "DATASET_NAME_TAKEN"
	DeletesNotAllowed     Reason = "DELETES_NOT_ALLOWED"
	UsedElsewhere         Reason = "USED_ELSEWHERE"
	ViewChanged           Reason = "VIEW_CHANGED"
	ViewDropped           Reason = "VIEW_DROPPED"
)

// reasons is the table: the kind of the errors of a reason, and when they come.
var reasons = map[Reason]struct {
	kind Kind
	when string
}{
	BadAlpha:              {Invalid, "the share of experiments that may be wrong is not between 0 and 0.5"},
	BadArrowStream:        {Invalid, "what was sent is not an Arrow stream"},
	BadAsOf:               {Invalid, "as_of is neither ingest_time nor event_time"},
	BadBody:               {Invalid, "the body of the request ended early"},
	BadCommand:            {Invalid, "the command of an Arrow Flight call can't be read"},
	BadContentType:        {Invalid, "the body is declared as a type that a page of another site can send"},
	BadControl:            {Invalid, "the version to compare with has no part in the model's traffic"},
	BadDefinitions:        {Invalid, "the definitions have faults; the message lists all of them"},
	BadDSN:                {Invalid, "the address of Postgres can't be read"},
	BadEncoding:           {Invalid, "the Content-Encoding is not supported, or the body is not packed as it says"},
	BadExpression:         {Invalid, "expressions of on-demand features don't compile"},
	BadHeader:             {Invalid, "a header of the request is not valid, or does not fit its body"},
	BadInput:              {Invalid, "an input tensor has the wrong name, type, shape or size"},
	BadJSON:               {Invalid, "the body is not the JSON that the path takes"},
	BadLabel:              {Invalid, "a label is not a number or bool that the model's labels may be"},
	BadListEnds:           {Invalid, "the ends of a column of lists don't fit its elements"},
	BadModel:              {Invalid, "a model does not fit its feature service"},
	BadModelFile:          {Invalid, "the file is not an ONNX model"},
	BadNulls:              {Invalid, "the rows that are said to be null don't exist, or don't ascend"},
	BadParameter:          {Invalid, "a parameter of an inference request is unknown, not supported, or of the wrong type"},
	BadRecord:             {Internal, "a batch of rows is not as its view says"},
	BadReference:          {Invalid, "a reference to a feature is not VIEW:FEATURE or VIEW:*"},
	AmbiguousName:         {Invalid, "definitions of several kinds have the name"},
	BadRequest:            {Invalid, "fields of the request contradict each other"},
	BadRequestID:          {Invalid, "the request id is too long, or has a zero byte"},
	BadSample:             {Invalid, "the size of a sample is out of range"},
	BadSHA256:             {Invalid, "a SHA-256 is not 64 hexadecimal digits"},
	BadSource:             {Invalid, "a source's table, query or columns don't fit its views"},
	BadStorage:            {Internal, "the storage of a view was not derived from its definitions"},
	BadString:             {Invalid, "a string has a zero byte, which a model can't take"},
	BadTime:               {Invalid, "a span of time ends before it begins"},
	BadTrackingURI:        {Invalid, "the address of MLflow can't be read"},
	BadUTF8:               {Invalid, "a string is not UTF-8"},
	BadValue:              {Invalid, "a value in JSON is not of the declared type"},
	BadVector:             {Invalid, "a vector to be scored lacks values of a feature"},
	BadVersion:            {Invalid, "a model version is not a whole number from 1"},
	BadWindow:             {Invalid, "a window ends before it begins"},
	BatchTooLarge:         {Exhausted, "a batch of a spine takes too much memory"},
	BinaryOnly:            {Invalid, "an output has no JSON; ask for binary data"},
	CorruptRow:            {Internal, "a stored row can't be read"},
	CrossSite:             {Invalid, "a page of another site sent the request"},
	DiskFull:              {Unavailable, "the disk of the online store is full"},
	DuplicateColumn:       {Invalid, "a column is sent twice"},
	DuplicateFeature:      {Invalid, "a feature is asked for twice"},
	FeatureNameCollision:  {Invalid, "two features of one answer would have one name"},
	EventTimeRange:        {Invalid, "an event time of a spine is out of range"},
	EventTimeType:         {Invalid, "the event time of a spine is not a timestamp with a time zone"},
	FolderNotEmpty:        {FailedPrecondition, "the folder to restore into is not empty"},
	JoinKeyTypes:          {Invalid, "a join key has two types in what is asked for"},
	NoAudit:               {FailedPrecondition, "the server keeps no audit trail"},
	AuditUnavailable:      {Unavailable, "the audit trail can't be written, so nothing is done"},
	BadKey:                {Invalid, "an API key can't be made as asked"},
	KeyExists:             {FailedPrecondition, "an API key has that name"},
	UnknownKey:            {NotFound, "no API key that isn't revoked has that name or id"},
	KeyTooLarge:           {Invalid, "an entity key is too large"},
	HostNotAllowed:        {FailedPrecondition, "a stream is at a host that the server may not connect to"},
	ListLength:            {FailedPrecondition, "a list doesn't have as many elements as the model takes; INVALID_ARGUMENT where the request sent it"},
	LoadParameters:        {Invalid, "a model can't be loaded with parameters"},
	LocaleMissing:         {FailedPrecondition, "the machine lacks the locale of a model that works on text"},
	LogInUse:              {FailedPrecondition, "another server writes its feature log to the folder"},
	MalformedValue:        {Internal, "Postgres sent bytes that are not of a column's type"},
	MessageTooLarge:       {Exhausted, "a request or an answer is larger than a message may be"},
	MessageTooSlow:        {Exhausted, "a message did not arrive in time, or an answer was not taken in time"},
	MissingEventTime:      {Invalid, "a spine has no event time"},
	MissingFeature:        {FailedPrecondition, "a value is missing and the model asks to fail then; INVALID_ARGUMENT where the request left it out"},
	MissingJoinKey:        {Invalid, "a join key is not sent"},
	MissingRequestValue:   {Invalid, "a request value is not sent"},
	MLflowAnswer:          {Unavailable, "MLflow's answer is not what its API says"},
	MLflowArtifacts:       {FailedPrecondition, "a model version's files in MLflow can't be read by Larder"},
	MLflowMLmodel:         {Invalid, "the MLmodel file of a version can't be read"},
	MLflowNotReady:        {FailedPrecondition, "the version in MLflow is not READY"},
	MLflowNoONNX:          {FailedPrecondition, "the model in MLflow has no ONNX flavour"},
	MLflowRefuses:         {FailedPrecondition, "MLflow refuses a request"},
	MLflowTooLarge:        {Invalid, "an answer of MLflow is too large"},
	MLflowUnreachable:     {Unavailable, "MLflow can't be reached"},
	ModelsClosed:          {Unavailable, "the server is stopping"},
	ModelChanging:         {Unavailable, "a model file is still being written"},
	ModelDefined:          {FailedPrecondition, "a model that the definitions have can't be unloaded"},
	ModelCrashes:          {Invalid, "a model ended the process that it was tried in"},
	ModelFailed:           {FailedPrecondition, "a model can't score the values of a request"},
	ModelFails:            {Invalid, "the model fails on these inputs"},
	ModelFileMissing:      {FailedPrecondition, "the registry lacks the file of a model version"},
	ModelInputs:           {Invalid, "the inputs of a model don't fit its feature service"},
	ModelMemory:           {Exhausted, "a run of a model needed more memory than its limit"},
	ModelNotLoaded:        {Unavailable, "the definitions changed while the model was looked for"},
	ModelOutput:           {Invalid, "no output of the model holds a score, or several may"},
	ModelSHA256:           {Invalid, "a model file has another SHA-256 than declared"},
	ModelSize:             {Invalid, "a model file has another size than announced"},
	ModelStamp:            {Invalid, "the stamp of a model does not fit its feature service"},
	ModelProcess:          {Unavailable, "the process that runs a model has ended and is started again"},
	ModelQuarantined:      {FailedPrecondition, "a model is not run any more because it ended its process too often"},
	ModelTime:             {Exhausted, "a run of a model took longer than its limit"},
	ModelTooLarge:         {Invalid, "a model file is too large"},
	NaiveTimestamp:        {Invalid, "a time has no time zone"},
	NeverMaterialized:     {FailedPrecondition, "a view was never materialized on this server"},
	NothingBefore:         {FailedPrecondition, "there is no earlier state of a model's traffic to return to"},
	NotQuarantined:        {NotFound, "a version is not quarantined"},
	NotFinite:             {Invalid, "a model scores NaN or infinity for every row of its trial"},
	NotMigrated:           {FailedPrecondition, "the database has no tables of Larder"},
	NotReady:              {Unavailable, "the server is not ready"},
	NotServed:             {FailedPrecondition, "a version was applied, and this server refuses to serve it"},
	NotTripped:            {FailedPrecondition, "no guard has tripped the model's ramp"},
	NoCatalog:             {FailedPrecondition, "there is no catalog to start with, and no Postgres"},
	NoFeatures:            {Invalid, "the request names no features"},
	NoFeatureLog:          {FailedPrecondition, "the server keeps no feature log"},
	NoFeatureService:      {Invalid, "a new model names no feature service"},
	NoFeatureViews:        {FailedPrecondition, "there are no feature views"},
	NoLoggedRows:          {FailedPrecondition, "the feature log has no rows yet"},
	NoLabels:              {FailedPrecondition, "the model has no labels"},
	NoModel:               {Invalid, "the request names no model"},
	NoScore:               {FailedPrecondition, "something asks for the score of a model that has only outputs"},
	NoONNXRuntime:         {FailedPrecondition, "the library of ONNX Runtime can't be found or opened"},
	NoPlan:                {Invalid, "the request names no feature service, features or model"},
	NoPostgres:            {FailedPrecondition, "the server was started without Postgres"},
	NoProvider:            {FailedPrecondition, "no execution provider that is listed runs the model"},
	NoRows:                {Invalid, "the request has no rows"},
	NoSnapshot:            {Invalid, "the file is not a snapshot of an online store"},
	NoSplitValue:          {Invalid, "the value that traffic is split by is not sent, or null"},
	NoValues:              {Invalid, "a column comes without values"},
	NullElement:           {Invalid, "a list has a null among its elements"},
	NullEventTime:         {Invalid, "an event time of a spine is null"},
	NullJoinKey:           {Invalid, "a join key is null"},
	ONNXRuntimeOpen:       {Internal, "ONNX Runtime is open already"},
	OtherFeatureService:   {Invalid, "the model reads another feature service"},
	OtherRegistry:         {FailedPrecondition, "the stored rows belong to another registry"},
	PostgresUnavailable:   {Unavailable, "the registry's Postgres can't be reached"},
	RegistryWentBack:      {FailedPrecondition, "Postgres has lost the version that the stored rows belong to"},
	RequestValues:         {Invalid, "a request value has two types or defaults in what is asked for"},
	Rows:                  {Invalid, "a run of a model has too few or too many rows"},
	RowsMix:               {Invalid, "the score of a row depends on the rows beside it"},
	RowCount:              {Invalid, "columns of the request have different numbers of rows"},
	RowTooLarge:           {Exhausted, "one row is larger than a message may be"},
	RunEnded:              {FailedPrecondition, "the run has ended already"},
	NotAsExpected:         {FailedPrecondition, "the rows of a source are not what their view expects"},
	RunTooLong:            {FailedPrecondition, "a run took longer than its view allows"},
	SnapshotDamaged:       {Invalid, "a snapshot is damaged or cut short"},
	SnapshotFormat:        {Invalid, "a snapshot has a format that this Larder can't read"},
	SourceFailed:          {FailedPrecondition, "Postgres refuses to read a source"},
	SourceForbidden:       {FailedPrecondition, "sources may not read a table, or its schema"},
	SourceLost:            {Unavailable, "the connection to a source was lost"},
	SourceUnavailable:     {Unavailable, "the Postgres of a source can't answer now"},
	SourceUnreachable:     {Unavailable, "the Postgres of a source can't be reached"},
	SourceUnsafe:          {FailedPrecondition, "the role of sources could do more than read and write tables"},
	SpineColumn:           {Invalid, "a spine has two columns of one name, or a column with the name of one that the set makes"},
	SpineColumnType:       {Invalid, "a column of a spine has a type that does not fit"},
	SpineRowsTooLarge:     {Exhausted, "rows of a spine take too much memory"},
	SpineSchema:           {Invalid, "a spine's columns are not those announced"},
	SplitByUnread:         {Invalid, "a model is split by a value that its feature service does not read"},
	SplitValueType:        {Invalid, "the value that traffic is split by is neither an integer nor a string"},
	Stopping:              {Unavailable, "the server is stopping"},
	StreamIdle:            {Unavailable, "a stream had no message for too long"},
	StoreClosed:           {Unavailable, "the online store is closed"},
	StoreDamaged:          {Internal, "the online store is damaged"},
	StoreForeign:          {FailedPrecondition, "the data folder holds files of another program"},
	StoreFormat:           {FailedPrecondition, "the online store has a format that this Larder can't read"},
	StoreInUse:            {FailedPrecondition, "another process has the online store open"},
	StoreStopped:          {Unavailable, "the online store could not write, and stopped"},
	TimeOutOfRange:        {Invalid, "a time is out of range"},
	TooManyBadRows:        {FailedPrecondition, "a source has more bad rows than its view allows"},
	TooManyBytes:          {Exhausted, "the requests under way take too much memory together"},
	TooManyFeatures:       {Invalid, "too many features are asked for"},
	TooManyInFlight:       {Exhausted, "too many requests are in flight"},
	Overloaded:            {Exhausted, "more requests come than the server can answer in time"},
	QuotaExceeded:         {Exhausted, "the caller asks for more than its quota"},
	DeadlineTooShort:      {Exhausted, "the request can't be answered before its deadline"},
	TooManyRows:           {Exhausted, "the request has too many rows"},
	TooManyRuns:           {Exhausted, "too many runs of a view wait"},
	TooManySets:           {Exhausted, "too many training sets are being built"},
	TooManyUploads:        {Exhausted, "too many model files, or too many bytes of them, are being uploaded"},
	TooManyWaiting:        {Exhausted, "too many streams or unfinished messages are open"},
	UnknownDataset:        {NotFound, "no training set has that id or name"},
	UnknownDefinition:     {NotFound, "no definition has that name"},
	RunFailed:             {FailedPrecondition, "a run that a request waits for failed"},
	SourceReadOnly:        {FailedPrecondition, "the table of a source can't take rows"},
	UnknownColumn:         {Invalid, "a row has a column that its table doesn't have"},
	UnknownPushSource:     {NotFound, "no source has the name of the push source"},
	UnknownFeature:        {NotFound, "a view has no feature of that name"},
	UnknownFeatureService: {NotFound, "no feature service has that name"},
	UnknownFeatureView:    {NotFound, "no feature view has that name"},
	UnknownStream:         {NotFound, "no stream has that name"},
	StateTooLarge:         {Invalid, "a key of an aggregate view could take too many bytes"},
	BadStreamLog:          {FailedPrecondition, "the table of a stream's log is missing or can't take its events"},
	BadEvent:              {Invalid, "an event is not what its stream takes"},
	StreamQueueFull:       {Exhausted, "too many events wait to be committed"},
	BadIdempotencyKey:     {Invalid, "an idempotency key is too long, or no text, or there are two"},
	IdempotencyKeyReused:  {Invalid, "an idempotency key was used for other events within the last day"},
	StreamNotPushed:       {Invalid, "the stream gets its events from a source and takes none from calls"},
	BadStreamPosition:     {Invalid, "a source can't be read from that position"},
	BadBackfill:           {Invalid, "the query of a backfill does not give the events of its stream"},
	BackfillOverlaps:      {FailedPrecondition, "a stream without an event_id has events of that time already, and they would count twice"},
	BackfillRuns:          {FailedPrecondition, "another backfill of the stream, or the most backfills of a server, are running"},
	UnknownField:          {Invalid, "the JSON has a field that the path does not take"},
	UnknownGuard:          {Invalid, "no guard has that name"},
	UnknownHost:           {Invalid, "the request is for a host that is not known to be the server"},
	UnknownProject:        {NotFound, "no project of that name has definitions"},
	UnknownEntity:         {NotFound, "no entity has that name"},
	UnknownJoinKey:        {Invalid, "what is asked for has no join key of that name"},
	UnknownMethod:         {Invalid, "the path takes other methods than that of the request"},
	UnknownMetric:         {Invalid, "no metric of experiments has that name"},
	UnknownModel:          {NotFound, "no model has that name"},
	UnknownModelVersion:   {NotFound, "the model has no such version"},
	UnknownOutput:         {Invalid, "the model has no output of that name, or it is asked for twice"},
	UnknownPath:           {NotFound, "the server has no such path"},
	UnknownRepository:     {NotFound, "the model repository has no name"},
	UnknownRequestValue:   {Invalid, "what is asked for takes no request value of that name"},
	UnknownRun:            {NotFound, "no run has that id"},
	UnknownVersion:        {NotFound, "no version of the definitions has that number"},
	ValuesTooLarge:        {Exhausted, "the texts and lists of the rows take too much memory"},
	ValueRange:            {Invalid, "a number does not fit the declared type"},
	ValueTooLarge:         {Invalid, "one value is too large"},
	VectorLength:          {Invalid, "a vector's value has another length than its type"},
	ValueType:             {Invalid, "a value has another type than declared"},
	VersionInUse:          {FailedPrecondition, "a model version that is in use can't be retired"},
	VersionMoved:          {FailedPrecondition, "somebody applied another version meanwhile"},
	VersionTaken:          {FailedPrecondition, "the number of a model version belongs to another file"},
	DatasetNameTaken:      {FailedPrecondition, "another training set has the name"},
	DeletesNotAllowed:     {FailedPrecondition, "an apply would delete definitions, or store rows anew, that its caller did not name"},
	UsedElsewhere:         {FailedPrecondition, "an apply would delete what other projects read"},
	ViewChanged:           {FailedPrecondition, "the view changed during the run"},
	ViewDropped:           {FailedPrecondition, "the view was dropped during the check"},
}
