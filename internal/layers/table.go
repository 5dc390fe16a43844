package layers

// A Table says what may import what. Folders are relative to the module's root.
type Table struct {
	Packages map[string]Package
	// Doors names, for each dependency, the folders that may import it. A
	// dependency is the path of a module or of a part of one.
	Doors map[string][]string
}

// A Package is one folder's place.
type Package struct {
	Floor   int      // it may import lower floors only
	Imports []string // packages of ours
	All     bool     // instead of Imports: every package on a lower floor
	// BlackBox holds test files to Imports too: they see the product from outside.
	BlackBox bool
}

// House is the table that this repository is held to.
var House = Table{
	Packages: map[string]Package{
		"schema":              {Floor: 1},
		"api/inference":       {Floor: 1},
		"api/larder/v1":       {Floor: 1},
		"migrations":          {Floor: 1},
		"internal/arrowfile":  {Floor: 1},
		"internal/background": {Floor: 1},
		"internal/launch":     {Floor: 1},
		"internal/layers":     {Floor: 1},
		"internal/onnxmodel":  {Floor: 1},
		"internal/pgdev":      {Floor: 1},
		"scoring/forest":      {Floor: 1},
		"models/comparison":   {Floor: 1},
		"models/experiment":   {Floor: 1},
		"store":               {Floor: 1},
		"store/cache":         {Floor: 1},

		"examples/fraud":      {Floor: 2, Imports: []string{"api/larder/v1"}},
		"models/mlflow":       {Floor: 2, Imports: []string{"schema"}},
		"models/folder":       {Floor: 2, Imports: []string{"schema"}},
		"schema/definitions":  {Floor: 2, Imports: []string{"schema"}},
		"store/row":           {Floor: 2, Imports: []string{"schema"}},
		"scoring":             {Floor: 2, Imports: []string{"internal/background", "schema", "scoring/forest"}},
		"models/traffic":      {Floor: 2, Imports: []string{"schema"}},
		"internal/grpcserver": {Floor: 2, Imports: []string{"internal/background", "schema"}},
		"internal/pgtest":     {Floor: 2, Imports: []string{"internal/pgdev"}},

		"vector":                    {Floor: 3, Imports: []string{"schema", "store/row"}},
		"store/online":              {Floor: 3, Imports: []string{"internal/background", "schema", "store", "store/cache", "store/row"}},
		"store/offline":             {Floor: 3, Imports: []string{"schema", "store/row"}},
		"store/storetest":           {Floor: 3, Imports: []string{"schema", "store", "store/row"}},
		"store/record":              {Floor: 3, Imports: []string{"schema", "store/row"}},
		"store/registry":            {Floor: 3, Imports: []string{"models/traffic", "schema"}},
		"examples/fraud/fraudload":  {Floor: 3, Imports: []string{"examples/fraud"}},
		"examples/fraud/fraudscore": {Floor: 3, Imports: []string{"api/larder/v1", "examples/fraud"}},

		"materialize":        {Floor: 4, Imports: []string{"internal/background", "schema", "store", "store/record", "store/row"}},
		"training":           {Floor: 4, Imports: []string{"schema", "store/offline", "store/record", "store/row", "vector"}},
		"monitor/featurelog": {Floor: 4, Imports: []string{"schema", "vector"}},
		"serving": {Floor: 5, Imports: []string{
			"api/larder/v1", "internal/background", "internal/grpcserver", "models/traffic", "monitor/featurelog", "schema", "scoring",
			"store/row", "vector",
		}},
		"serving/inference": {Floor: 6, Imports: []string{
			"api/inference", "api/larder/v1", "internal/grpcserver", "schema", "scoring", "serving",
		}},

		"monitor/verify": {Floor: 5, Imports: []string{"schema", "store", "store/offline", "store/record", "store/row", "training", "vector"}},
		"control": {Floor: 6, Imports: []string{
			"api/larder/v1", "internal/background", "internal/grpcserver", "materialize", "models/experiment", "models/folder", "models/mlflow",
			"models/traffic", "monitor/featurelog", "monitor/verify", "schema", "schema/definitions", "scoring", "store/offline", "store/online",
			"store/registry", "training", "vector",
		}},
		"bench": {Floor: 7, Imports: []string{
			"api/larder/v1", "control", "internal/launch", "internal/onnxmodel", "internal/pgdev", "schema", "store", "store/online", "store/registry",
			"store/row",
		}},
		"examples/fraud/demo": {Floor: 5, Imports: []string{"api/larder/v1", "examples/fraud", "internal/launch", "internal/pgdev"}},

		"cmd/larder":  {Floor: 8, All: true},
		"integration": {Floor: 9, Imports: []string{"api/larder/v1", "internal/onnxmodel", "internal/pgtest"}, BlackBox: true},
	},
	Doors: map[string][]string{
		"github.com/jackc/pgx/v5": {
			"bench", "examples/fraud", "examples/fraud/demo", "examples/fraud/fraudload", "examples/fraud/fraudscore", "internal/pgdev",
			"internal/pgtest", "migrations", "store/offline", "store/registry",
		},
		"github.com/pressly/goose/v3":    {"migrations"},
		"github.com/dgraph-io/badger/v4": {"store/online"},
		"github.com/dgraph-io/ristretto": {"store/online"},
		"github.com/apache/arrow/go/v17": {
			"bench", "cmd/larder", "control", "integration", "internal/arrowfile", "materialize", "monitor/featurelog", "monitor/verify",
			"store/offline", "store/record", "training",
		},
		"github.com/yalue/onnxruntime_go":         {"scoring"},
		"github.com/goccy/go-yaml":                {"cmd/larder", "models/mlflow", "schema/definitions"},
		"github.com/spf13/cobra":                  {"cmd/larder"},
		"github.com/spf13/pflag":                  {"cmd/larder"},
		"github.com/vbauerster/mpb/v8":            {"cmd/larder"},
		"golang.org/x/term":                       {"cmd/larder"},
		"gonum.org/v1/gonum":                      {"models/experiment"},
		"cel.dev/cel-go":                          {"vector"},
		"github.com/DataDog/sketches-go":          {"training"},
		"github.com/HdrHistogram/hdrhistogram-go": {"bench", "examples/fraud/demo"},
		"pgregory.net/rapid":                      {"store/storetest"},
		"golang.org/x/sync":                       {"bench", "cmd/larder", "control", "examples/fraud/demo", "examples/fraud/fraudscore", "store/online", "training"},
		"google.golang.org/grpc": {
			"api/inference", "api/larder/v1", "bench", "cmd/larder", "control", "examples/fraud/demo", "examples/fraud/fraudscore",
			"internal/grpcserver", "serving", "serving/inference",
		},
		"google.golang.org/protobuf": {"api/inference", "api/larder/v1", "bench", "cmd/larder", "control", "serving", "serving/inference"},
		// ONNX models are protobuf messages that need no generated code.
		"google.golang.org/protobuf/encoding/protowire": {"internal/onnxmodel", "scoring"},
		// Badger's blocks and tables are protobuf messages.
		"google.golang.org/protobuf/proto":    {"store/online"},
		"google.golang.org/genproto":          {"cmd/larder", "internal/grpcserver"},
		"github.com/prometheus/client_golang": {"cmd/larder", "control", "internal/grpcserver", "materialize", "models/traffic", "monitor/featurelog", "scoring", "serving", "store/online"},
		"go.opentelemetry.io":                 {"cmd/larder", "internal/grpcserver"},
	},
}
