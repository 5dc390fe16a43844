package scoring_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"testing"

	"larder/schema"
	"larder/scoring"
)

// library is the one ONNX Runtime of the tests: a process has one.
var library *scoring.Runtime

func TestMain(m *testing.M) {
	scoring.WorkerMain()
	if path, asked := os.LookupEnv(openOnly); asked {
		os.Exit(openAndTell(path))
	}
	var err error
	library, err = scoring.Open(scoring.Options{Library: os.Getenv("LARDER_ONNXRUNTIME")})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if folder := os.Getenv(crashFolder); folder != "" {
		os.Exit(crashNow(folder))
	}
	code := m.Run()
	if err := library.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// numbers returns n float32 features f0, f1, ...
func numbers(n int) []schema.Feature {
	all := make([]schema.Feature, n)
	for i := range all {
		all[i] = schema.Feature{Name: fmt.Sprint("f", i), Type: schema.Float32}
	}
	return all
}

// catalog returns a catalog of one view "v" with these features, and a model "m"
// that reads all of them, with one version for each file.
func catalog(t testing.TB, features []schema.Feature, files ...[]byte) *schema.Catalog {
	t.Helper()
	versions := make([]schema.ModelVersion, len(files))
	for i, file := range files {
		versions[i] = schema.ModelVersion{Version: int64(i + 1), ONNX: "m.onnx", SHA256: sum(file)}
	}
	return compile(t, features, versions)
}

func compile(t testing.TB, features []schema.Feature, versions []schema.ModelVersion) *schema.Catalog {
	t.Helper()
	return compileAs(t, features, schema.Model{Versions: versions})
}

// compileModel returns a catalog of a model as given, whose one version is a file.
func compileModel(t testing.TB, features []schema.Feature, as schema.Model, file []byte) *schema.Catalog {
	t.Helper()
	as.Versions = []schema.ModelVersion{{Version: 1, ONNX: "m.onnx", SHA256: sum(file)}}
	return compileAs(t, features, as)
}

func compileAs(t testing.TB, features []schema.Feature, as schema.Model) *schema.Catalog {
	t.Helper()
	as.Name, as.FeatureService, as.Serve = "m", "all", 1
	if as.Isolation == "" {
		as.Isolation = schema.Isolation(os.Getenv(isolateAll))
	}
	defs := &schema.Definitions{
		Entities:        []schema.Entity{{Name: "e", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}}},
		Sources:         []schema.Source{{Name: "s", Table: "s", TimestampField: "at"}},
		FeatureViews:    []schema.FeatureView{{Name: "v", Entities: []string{"e"}, Source: "s", Features: features}},
		FeatureServices: []schema.FeatureService{{Name: "all", Features: []string{"v:*"}}},
		Models:          []schema.Model{as},
	}
	cat, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

func sum(file []byte) string {
	s := sha256.Sum256(file)
	return hex.EncodeToString(s[:])
}

func plan(t testing.TB, cat *schema.Catalog, version int64) *schema.Plan {
	t.Helper()
	p, err := cat.ModelPlan("m", version)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
