package feast_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	feastcore "larder/api/feast/core"
	feasttypes "larder/api/feast/types"
	"larder/importer/feast"
	"larder/importer/feast/registry"
	"larder/schema/definitions"
)

var update = flag.Bool("update", false, "write testdata/golden")

// A fixture is a registry in the making: feature views that share entities and sources.
type fixture struct {
	config   registry.Config
	registry feastcore.Registry
}

func newFixture() *fixture {
	f := &fixture{config: registry.Config{Project: "p", Offline: registry.Store{Type: "postgres"}}}
	f.registry.Entities = []*feastcore.Entity{
		{Spec: &feastcore.EntitySpecV2{Name: "driver", JoinKey: "driver_id", ValueType: feasttypes.ValueType_INT64}},
		{Spec: &feastcore.EntitySpecV2{Name: "city", JoinKey: "city", ValueType: feasttypes.ValueType_STRING}},
	}
	return f
}

// postgres is a source of Feast's for a table.
func postgres(name, table string) *feastcore.DataSource {
	return &feastcore.DataSource{
		Name: name, Type: feastcore.DataSource_CUSTOM_SOURCE, TimestampField: "at",
		DataSourceClassType: "feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source.PostgreSQLSource",
		Options: &feastcore.DataSource_CustomOptions{CustomOptions: &feastcore.DataSource_CustomSourceOptions{
			Configuration: fmt.Appendf(nil, `{"name": %q, "query": "", "table": %q}`, name, table),
		}},
	}
}

// columns reads "name:TYPE other:TYPE" with Feast's names of types.
func columns(t testing.TB, text string) []*feastcore.FeatureSpecV2 {
	t.Helper()
	var all []*feastcore.FeatureSpecV2
	for word := range strings.FieldsSeq(text) {
		name, typ, _ := strings.Cut(word, ":")
		number, found := feasttypes.ValueType_Enum_value[typ]
		if !found {
			t.Fatalf("no type %s", typ)
		}
		all = append(all, &feastcore.FeatureSpecV2{Name: name, ValueType: feasttypes.ValueType_Enum(number)})
	}
	return all
}

// view adds a feature view.
func (f *fixture) view(t testing.TB, name, entities, features string, source *feastcore.DataSource) *feastcore.FeatureViewSpec {
	t.Helper()
	spec := &feastcore.FeatureViewSpec{Name: name, Entities: strings.Fields(entities), Features: columns(t, features), BatchSource: source, Online: true}
	f.registry.FeatureViews = append(f.registry.FeatureViews, &feastcore.FeatureView{Spec: spec})
	return spec
}

// imported imports, and fails the test if what it gives is not valid.
func (f *fixture) imported(t testing.TB) *feast.Result {
	t.Helper()
	result := feast.Import(&f.config, &f.registry)
	checkValid(t, result)
	return result
}

func checkValid(t testing.TB, result *feast.Result) []definitions.File {
	t.Helper()
	files, err := result.Files()
	if err != nil {
		t.Fatal(err)
	}
	again, err := definitions.Parse(files)
	if err != nil {
		t.Fatalf("%v\n%s", err, joined(files))
	}
	if got, want := len(again.FeatureViews), len(result.Definitions.FeatureViews); got != want {
		t.Fatalf("%d views are read back, of %d\n%s", got, want, joined(files))
	}
	return files
}

func joined(files []definitions.File) string {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "# %s\n%s\n", f.Name, f.Data)
	}
	return b.String()
}

func reported(result *feast.Result) string {
	var b strings.Builder
	for _, line := range result.Report {
		fmt.Fprintf(&b, "%s %s\n  %s\n  -> %s\n", line.Kind, line.Name, line.What, line.Do)
	}
	return b.String()
}

// golden compares with a file of testdata/golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run go test ./importer/feast -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
