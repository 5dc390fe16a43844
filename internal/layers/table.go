package layers

// A Table says which packages may import which. Folders are relative to the module's
// root.
type Table struct {
	Packages map[string]Package
	// Doors names, for each dependency, the folders that may import it. A
	// dependency is the path of a module or of a part of one.
	Doors map[string][]string
}

// A Package is one folder's place.
type Package struct {
	Floor   int      // it may import lower floors, and on its own the folder that it lies in or those in it
	Imports []string // packages of ours
	All     bool     // instead of Imports: every package on a lower floor
	// BlackBox holds test files to Imports too: they see the product from outside.
	BlackBox bool
}

// House is the table that this repository is held to.
var House = Table{
	Packages: map[string]Package{
		"api/feast/types":      {Floor: 1},
		"api/inference":        {Floor: 1},
		"api/larder/v1":        {Floor: 1},
		"internal/admission":   {Floor: 1},
		"internal/arrowflight": {Floor: 1},
		"internal/background":  {Floor: 1},
		"internal/diskspace":   {Floor: 1},
		"internal/egress":      {Floor: 1},
		"internal/launch":      {Floor: 1},
		"internal/layers":      {Floor: 1},
		"internal/onnxmodel":   {Floor: 1},
		"internal/openapi":     {Floor: 1},
		"internal/pgdev":       {Floor: 1},
		"internal/rawgrpc":     {Floor: 1},
		"internal/postgres":    {Floor: 1},
		"internal/smalldisk":   {Floor: 1},
		"internal/brokers":     {Floor: 1},
		"internal/testcert":    {Floor: 1},
		"internal/testoidc":    {Floor: 1},
		"internal/wholefile":   {Floor: 1},
		"models/comparison":    {Floor: 1},
		"models/experiment":    {Floor: 1},
		"schema":               {Floor: 1},
		"scoring/forest":       {Floor: 1},
		"scoring/worker":       {Floor: 1},
		"store":                {Floor: 1},
		"store/cache":          {Floor: 1},
		"window":               {Floor: 1},

		"api/feast/core":      {Floor: 2, Imports: []string{"api/feast/types"}},
		"api/feast/serving":   {Floor: 2, Imports: []string{"api/feast/types"}},
		"client/go":           {Floor: 2, Imports: []string{"api/larder/v1", "internal/arrowflight"}},
		"column":              {Floor: 2, Imports: []string{"schema"}},
		"column/arrows":       {Floor: 2, Imports: []string{"column", "schema"}},
		"column/wire":         {Floor: 2, Imports: []string{"api/larder/v1", "column", "schema"}},
		"examples/fraud":      {Floor: 2, Imports: []string{"api/larder/v1"}},
		"internal/arrowcheck": {Floor: 2, Imports: []string{"internal/background"}},
		"access":              {Floor: 2, Imports: []string{"schema"}},
		"internal/grpcserver": {Floor: 3, Imports: []string{"access", "api/feast/serving", "api/inference", "api/larder/v1", "internal/admission", "internal/background", "internal/openapi", "schema"}},
		"internal/pgtest":     {Floor: 2, Imports: []string{"internal/pgdev"}},
		"migrations":          {Floor: 2, Imports: []string{"internal/postgres"}},
		"models/folder":       {Floor: 3, Imports: []string{"schema", "schema/modelfile"}},
		"models/mlflow":       {Floor: 2, Imports: []string{"schema"}},
		"models/traffic":      {Floor: 2, Imports: []string{"schema"}},
		"schema/definitions":  {Floor: 3, Imports: []string{"schema", "schema/modelfile"}},
		"schema/modelfile":    {Floor: 2, Imports: []string{"schema"}},
		"monitor/drift":       {Floor: 1},
		"monitor/profile":     {Floor: 2, Imports: []string{"schema"}},
		"store/row":           {Floor: 2, Imports: []string{"schema"}},
		"store/forgotten":     {Floor: 2},
		"stream/source":       {Floor: 2, Imports: []string{"internal/egress", "schema"}},

		"examples/fraud/fraudload":       {Floor: 3, Imports: []string{"examples/fraud"}},
		"examples/fraud/fraudscore":      {Floor: 3, Imports: []string{"api/larder/v1", "client/go", "examples/fraud"}},
		"importer/feast/python":          {Floor: 3, Imports: []string{"schema"}},
		"importer/feast/registry":        {Floor: 3, Imports: []string{"api/feast/core", "internal/postgres", "schema"}},
		"internal/arrowfile/parquetfile": {Floor: 3, Imports: []string{"internal/arrowcheck", "internal/background"}},
		"scoring":                        {Floor: 3, Imports: []string{"column", "internal/background", "internal/wholefile", "schema", "scoring/forest", "scoring/worker"}},
		"store/eventlog":                 {Floor: 3, Imports: []string{"column", "internal/postgres", "schema", "store/forgotten", "stream/source"}},
		"access/audit":                   {Floor: 3, Imports: []string{"access", "internal/postgres", "schema"}},
		"access/login":                   {Floor: 3, Imports: []string{"internal/wholefile"}},
		"access/oidc":                    {Floor: 3, Imports: []string{"access"}},
		"store/keyring":                  {Floor: 3, Imports: []string{"access", "internal/postgres", "internal/wholefile", "schema"}},
		"store/offline":                  {Floor: 3, Imports: []string{"column", "column/arrows", "internal/postgres", "schema", "store/row"}},
		"store/online":                   {Floor: 3, Imports: []string{"internal/background", "internal/diskspace", "schema", "store", "store/cache", "store/row"}},
		"store/record":                   {Floor: 3, Imports: []string{"schema", "store/row"}},
		"store/registry":                 {Floor: 3, Imports: []string{"internal/background", "internal/postgres", "internal/wholefile", "models/traffic", "schema", "store/forgotten"}},
		"store/storetest":                {Floor: 3, Imports: []string{"schema", "store", "store/row"}},
		"stream/codec":                   {Floor: 3, Imports: []string{"column", "internal/egress", "schema", "stream/source"}},
		"vector":                         {Floor: 3, Imports: []string{"column", "schema", "store/row", "window"}},
		"stream/cdc":                     {Floor: 3, Imports: []string{"internal/postgres", "schema", "stream/source"}},
		"stream/kafka":                   {Floor: 3, Imports: []string{"internal/egress", "schema", "stream/source"}},
		"stream/nats":                    {Floor: 3, Imports: []string{"internal/egress", "schema", "stream/source"}},
		"stream/rabbitmq":                {Floor: 3, Imports: []string{"internal/egress", "schema", "stream/source"}},

		"importer/feast":       {Floor: 4, Imports: []string{"api/feast/core", "api/feast/types", "importer/feast/python", "importer/feast/registry", "schema", "schema/definitions", "vector"}},
		"importer/dbt":         {Floor: 4, Imports: []string{"schema", "schema/definitions"}},
		"importer/feast/check": {Floor: 4, Imports: []string{"api/larder/v1", "client/go", "column", "column/arrows", "column/wire", "schema"}},
		"internal/listed":      {Floor: 4, Imports: []string{"scoring"}},
		"internal/arrowfile":   {Floor: 4, Imports: []string{"column/arrows", "internal/arrowcheck", "internal/arrowfile/parquetfile", "internal/arrowflight", "internal/wholefile", "schema"}},
		"access/gate":          {Floor: 4, Imports: []string{"access", "internal/admission", "internal/grpcserver", "schema", "store/keyring"}},
		"materialize":          {Floor: 4, Imports: []string{"internal/background", "schema", "store", "store/record"}},
		"stream": {Floor: 4, Imports: []string{
			"internal/background", "internal/egress", "schema", "store", "store/eventlog", "store/forgotten", "store/row", "stream/codec", "stream/source", "vector",
			"window",
		}},
		"training": {Floor: 4, Imports: []string{
			"monitor/profile", "column", "column/arrows", "internal/background", "schema", "store/offline", "store/record", "store/row", "vector", "window",
		}},

		"control/streams": {Floor: 5, Imports: []string{
			"api/larder/v1", "column", "column/arrows", "column/wire", "internal/arrowfile", "internal/grpcserver", "internal/openapi", "schema",
			"store/eventlog", "store/offline", "stream", "stream/codec", "stream/source", "vector",
		}},
		"control/access":   {Floor: 5, Imports: []string{"access", "access/audit", "access/gate", "api/larder/v1", "internal/grpcserver", "schema", "store/keyring"}},
		"control/datasets": {Floor: 5, Imports: []string{"schema", "store/offline", "store/registry", "training"}},
		"control/definitions": {Floor: 5, Imports: []string{
			"internal/egress", "schema", "schema/definitions", "scoring", "store/eventlog", "store/offline", "store/online", "store/registry", "stream/codec", "vector",
		}},
		"control/runs":        {Floor: 5, Imports: []string{"api/larder/v1", "materialize", "schema", "store/registry"}},
		"examples/fraud/demo": {Floor: 5, Imports: []string{"api/larder/v1", "client/go", "examples/fraud", "internal/launch", "internal/pgdev"}},
		"monitor":             {Floor: 5, Imports: []string{"column", "schema"}},
		"monitor/watch":       {Floor: 5, Imports: []string{"column", "internal/background", "monitor", "monitor/profile", "schema"}},
		"monitor/featurelog": {Floor: 5, Imports: []string{
			"column", "column/arrows", "internal/arrowfile", "internal/arrowfile/parquetfile", "internal/background", "internal/diskspace", "monitor", "schema", "store/forgotten",
		}},
		"monitor/verify": {Floor: 5, Imports: []string{
			"column", "column/arrows", "schema", "store", "store/eventlog", "store/offline", "store/record", "store/row", "training", "vector", "window",
		}},

		"control/readiness":  {Floor: 5, Imports: []string{"materialize", "schema", "store", "store/registry"}},
		"control/forget":     {Floor: 6, Imports: []string{"monitor/featurelog", "schema", "store", "store/forgotten", "store/offline", "store/online", "store/registry", "store/row"}},
		"control/rows":       {Floor: 6, Imports: []string{"control/runs", "schema", "store/offline"}},
		"control/monitoring": {Floor: 6, Imports: []string{"monitor/drift", "monitor/profile", "monitor/watch", "schema", "store/registry", "training"}},
		"control/checks": {Floor: 6, Imports: []string{
			"control/definitions", "internal/background", "models/experiment", "models/traffic", "monitor", "monitor/featurelog",
			"monitor/verify", "schema", "store/eventlog", "store/offline", "store/online", "store/registry",
		}},
		"control/models": {Floor: 6, Imports: []string{
			"control/definitions", "models/folder", "models/mlflow", "models/traffic", "schema", "schema/modelfile", "scoring", "store/offline",
			"store/registry",
		}},
		"monitor/replay": {Floor: 6, Imports: []string{
			"api/larder/v1", "column", "column/arrows", "column/wire", "internal/arrowfile", "models/comparison", "models/experiment", "monitor", "monitor/featurelog", "schema",
		}},
		"serving": {Floor: 6, Imports: []string{
			"api/larder/v1", "column", "column/wire", "internal/background", "internal/grpcserver", "internal/openapi", "models/traffic", "monitor",
			"schema", "scoring", "store", "store/row", "vector",
		}},
		"serving/inference": {Floor: 6, Imports: []string{"api/inference", "column", "internal/grpcserver", "internal/openapi", "schema", "scoring", "serving"}},

		"control": {Floor: 7, Imports: []string{
			"api/larder/v1", "column", "column/arrows", "column/wire", "control/monitoring", "monitor/drift", "control/checks", "control/datasets", "control/definitions", "control/forget", "control/models", "control/runs",
			"internal/arrowfile", "internal/arrowflight", "internal/background", "internal/egress", "internal/grpcserver", "materialize", "models/experiment",
			"monitor", "monitor/featurelog", "monitor/replay", "monitor/verify", "schema", "schema/definitions", "scoring", "store/eventlog", "store/offline", "store/online", "store/registry", "training", "vector",
		}},

		"serving/feast": {Floor: 7, Imports: []string{
			"api/feast/serving", "api/feast/types", "column", "control/rows", "control/runs", "internal/grpcserver", "internal/openapi", "schema", "serving",
		}},

		"bench": {Floor: 8, Imports: []string{
			"access", "api/larder/v1", "client/go", "internal/launch", "internal/onnxmodel", "internal/pgdev", "internal/wholefile", "schema",
			"store", "store/keyring", "store/online", "store/registry", "store/row", "vector",
		}},

		"cmd/larder": {Floor: 9, All: true},

		"integration": {Floor: 10, Imports: []string{
			"api/inference", "api/larder/v1", "internal/onnxmodel", "internal/pgtest", "internal/rawgrpc", "internal/smalldisk", "internal/testoidc",
		}, BlackBox: true},
	},
	Doors: map[string][]string{
		"github.com/jackc/pgx/v5": {
			"access/audit", "bench", "examples/fraud", "examples/fraud/demo", "examples/fraud/fraudload", "examples/fraud/fraudscore", "importer/feast/registry", "internal/pgdev",
			"internal/pgtest", "internal/postgres", "migrations", "store/eventlog", "store/keyring", "store/offline", "store/registry", "stream/cdc",
		},
		"github.com/coreos/go-oidc/v3":   {"access/oidc"},
		"github.com/go-jose/go-jose/v4":  {"access/oidc"},
		"golang.org/x/oauth2":            {"access/login"},
		"github.com/zitadel/oidc/v3":     {"internal/testoidc"},
		"github.com/pressly/goose/v3":    {"migrations"},
		"github.com/dgraph-io/badger/v4": {"store/online"},
		"github.com/dgraph-io/ristretto": {"store/online"},
		"github.com/apache/arrow/go/v17": {
			"bench", "client/go", "cmd/larder", "column/arrows", "control", "control/checks", "control/datasets", "importer/feast/check", "internal/arrowcheck",
			"internal/arrowfile", "internal/arrowfile/parquetfile", "internal/arrowflight", "materialize", "monitor/featurelog", "monitor/replay", "monitor/verify", "store/offline",
			"store/record", "training",
		},
		// arrow v17 reads some of today's Parquet files wrong, and a program can have the
		// Flight messages of one version only.
		"github.com/apache/arrow-go/v18":                         {"internal/arrowfile/parquetfile"},
		"github.com/apache/arrow-go/v18/arrow/flight/gen/flight": {"client/go", "control", "internal/arrowflight"},
		"github.com/apache/arrow/go/v17/arrow/flight":            {},
		"github.com/apache/arrow/go/v17/parquet":                 {},
		"github.com/google/flatbuffers":                          {"internal/arrowcheck", "internal/arrowfile", "internal/arrowflight"},
		"github.com/klauspost/compress":                          {"internal/arrowfile/parquetfile"},
		"github.com/yalue/onnxruntime_go":                        {"scoring"},
		"github.com/goccy/go-yaml":                               {"cmd/larder", "importer/feast/registry", "models/mlflow", "schema/definitions"},
		"go.yaml.in/yaml/v3":                                     {"schema/definitions"},
		"github.com/spf13/cobra":                                 {"cmd/larder"},
		"github.com/spf13/pflag":                                 {"cmd/larder"},
		"github.com/vbauerster/mpb/v8":                           {"cmd/larder"},
		"golang.org/x/sys/unix":                                  {"internal/postgres", "internal/smalldisk", "scoring/worker"},
		"github.com/mattn/go-runewidth":                          {"cmd/larder"},
		"golang.org/x/term":                                      {"cmd/larder"},
		"gonum.org/v1/gonum":                                     {"models/experiment"},
		"cel.dev/cel-go":                                         {"vector"},
		"github.com/DataDog/sketches-go":                         {"training", "monitor/profile"},
		"github.com/HdrHistogram/hdrhistogram-go":                {"bench", "examples/fraud/demo"},
		"golang.org/x/sync": {
			"bench", "client/go", "cmd/larder", "control", "examples/fraud/demo", "examples/fraud/fraudscore", "store/online", "stream", "training",
		},
		"github.com/elastic/go-seccomp-bpf": {"scoring/worker"},
		"github.com/bufbuild/protocompile":  {"stream/codec"},
		"github.com/twmb/avro":              {"stream/codec"},
		"github.com/twmb/franz-go/pkg/sr":   {"stream/codec"},
		"github.com/twmb/franz-go":          {"bench", "stream/kafka"},
		"github.com/nats-io":                {"stream/nats"},
		"github.com/rabbitmq/amqp091-go":    {"stream/rabbitmq"},
		"github.com/jackc/pglogrepl":        {"stream/cdc"},
		"pgregory.net/rapid":                {"store/storetest"},
		"google.golang.org/grpc": {
			"api/feast/serving", "api/inference", "api/larder/v1", "bench", "client/go", "cmd/larder", "control", "control/access", "internal/grpcserver", "serving",
			"serving/inference",
		},
		"google.golang.org/protobuf": {"api/feast/core", "api/feast/serving", "api/feast/types", "api/inference", "api/larder/v1", "cmd/larder", "control/runs", "importer/feast/registry", "serving/feast", "serving/inference"},
		// ONNX models are protobuf messages that need no generated code.
		"google.golang.org/protobuf/encoding/protowire": {"internal/grpcserver", "internal/onnxmodel", "schema/modelfile", "scoring", "stream/codec"},
		// The shell measures a message before it decodes it. Streams have messages of types
		// that definitions bring.
		"google.golang.org/protobuf/reflect": {"internal/grpcserver", "stream/codec"},
		// Refusals say in a google.rpc.RetryInfo when to try again.
		"google.golang.org/protobuf/protoadapt":             {"internal/grpcserver"},
		"google.golang.org/protobuf/types/known/durationpb": {"internal/grpcserver"},
		// Badger's blocks and tables are protobuf messages.
		"google.golang.org/protobuf/proto": {"bench", "cmd/larder", "importer/feast/registry", "internal/grpcserver", "serving/inference", "store/online"},
		"google.golang.org/genproto":       {"client/go", "internal/grpcserver"},
		"github.com/prometheus/client_golang": {
			"access/audit", "cmd/larder", "control", "control/checks", "control/models", "control/monitoring", "internal/grpcserver", "materialize", "models/traffic",
			"monitor/featurelog", "monitor/watch", "scoring", "serving", "store/online", "store/registry", "stream",
		},
		"go.opentelemetry.io": {"cmd/larder", "internal/grpcserver", "internal/postgres", "materialize", "serving"},
	},
}
