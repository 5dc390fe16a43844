package registry_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	feastcore "larder/api/feast/core"
	"larder/importer/feast/registry"
)

// rides is a registry of two projects.
func rides() *feastcore.Registry {
	return &feastcore.Registry{
		Entities: []*feastcore.Entity{{Spec: &feastcore.EntitySpecV2{Name: "driver", Project: "rides"}}, {Spec: &feastcore.EntitySpecV2{Name: "shop", Project: "shops"}}},
		FeatureViews: []*feastcore.FeatureView{
			{Spec: &feastcore.FeatureViewSpec{Name: "stats", Project: "rides"}},
			{Spec: &feastcore.FeatureViewSpec{Name: "sales", Project: "shops"}},
		},
		DataSources: []*feastcore.DataSource{{Name: "table", Project: "rides"}},
	}
}

func writeRegistry(t *testing.T, r *feastcore.Registry) (path string) {
	t.Helper()
	raw, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "registry.db")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFile(t *testing.T) {
	path := writeRegistry(t, rides())
	f := func(c registry.Config, override string) {
		t.Helper()
		c.Project = "rides"
		r, err := registry.Read(t.Context(), &c, override)
		if err != nil || len(r.GetEntities()) != 1 || len(r.GetFeatureViews()) != 1 || r.GetFeatureViews()[0].GetSpec().GetName() != "stats" || len(r.GetDataSources()) != 1 {
			t.Errorf("%v, %v", r, err)
		}
	}
	f(registry.Config{Type: "file", Path: path}, "")
	f(registry.Config{Type: "file", Path: "file://" + path}, "")
	f(registry.Config{Type: "file", Path: filepath.Base(path), Dir: filepath.Dir(path)}, "")
	f(registry.Config{Type: "file", Path: "s3://bucket/registry.db"}, path)
	f(registry.Config{Type: "file", Path: "$GONE/x", Unset: []string{"GONE"}}, path)
}

func TestRegistryThatIsRefused(t *testing.T) {
	f := func(c registry.Config, override, want string) {
		t.Helper()
		if c.Project == "" {
			c.Project = "rides"
		}
		if _, err := registry.Read(t.Context(), &c, override); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %q", c, err, want)
		}
	}
	f(registry.Config{Type: "file", Path: "s3://bucket/registry.db"}, "", "aws s3 cp s3://bucket/registry.db registry.db")
	f(registry.Config{Type: "file", Path: "gs://bucket/registry.db"}, "", "gcloud storage cp")
	f(registry.Config{Type: "file", Path: "az://c/registry.db"}, "", "Azure Blob Storage")
	f(registry.Config{Type: "file", Path: "$A/x", Unset: []string{"A"}}, "", "the path of the registry names the variable A, which is not set")
	f(registry.Config{Type: "file", Path: "gone.db", Dir: t.TempDir()}, "", "run feast apply")
	f(registry.Config{Type: "file", Path: t.TempDir()}, "", "not a regular file")
	f(registry.Config{}, "s3://bucket/x", "--registry FILE")
	f(registry.Config{Type: "remote", Path: "localhost:6570"}, "", "feast serve_registry --rest-api")
	f(registry.Config{Type: "snowflake.registry"}, "", "in Snowflake")
	f(registry.Config{Type: "my.Registry"}, "", "registry_type my.Registry is not read")
	f(registry.Config{Type: "sql", Path: "mysql+pymysql://u:p@h/db"}, "", "the SQL registry is in mysql")
	f(registry.Config{Type: "sql", Path: "sqlite:////tmp/registry.db"}, "", "the SQL registry is in sqlite")
	f(registry.Config{Type: "sql", Path: "nothing"}, "", "write postgresql://")
	f(registry.Config{Project: "ride", Type: "file"}, writeRegistry(t, rides()), `choose another with --project: did you mean "rides"`)
	f(registry.Config{}, writeRegistry(t, &feastcore.Registry{}), "run feast apply first")

	bad := filepath.Join(t.TempDir(), "registry.db")
	for _, text := range []string{"not a message", "SQLite format 3\x00", "\xff", "project: rides\n"} {
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f(registry.Config{}, bad, "is not a registry of Feast")
	}
	large, err := os.Create(bad)
	if err := errors.Join(err, large.Truncate(registry.MaxBytes+1), large.Close()); err != nil {
		t.Fatal(err)
	}
	f(registry.Config{}, bad, "more than 256 MiB")
}

// TestPasswordsStayInside: an error about a URL doesn't repeat its password.
func TestPasswordsStayInside(t *testing.T) {
	for _, url := range []string{"postgresql://u:hunter2@localhost:1/db", "mysql://u:hunter2@h/db", "postgresql://u:hunter2@h:port/db", "postgresql://u:hunter2@h/db?x=%zz", "http://u:hunter2@localhost:1", "postgres://u:hunter2@[::1:1/db"} {
		_, err := registry.Read(t.Context(), &registry.Config{Project: "p"}, url)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
