package registry_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/importer/feast/registry"
)

func env(set map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, found := set[name]
		return value, found
	}
}

func write(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "feature_store.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestConfig(t *testing.T) {
	f := func(text string, want registry.Config) {
		t.Helper()
		dir := write(t, text)
		got, err := registry.ReadConfig(dir, env(map[string]string{"NAME": "rides", "DB": "registry.db", "EMPTY": ""}))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		want.Dir = dir
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	f("project: p", registry.Config{Project: "p", Type: "file", Path: "data/registry.db"})
	f("project: p\nregistry: x.db\nprovider: local", registry.Config{Project: "p", Provider: "local", Type: "file", Path: "x.db"})
	f("project: p\nregistry: {path: x.db}", registry.Config{Project: "p", Type: "file", Path: "x.db"})
	f("project: $NAME\nregistry: ${DB}", registry.Config{Project: "rides", Type: "file", Path: "registry.db"})
	f("project: p\nregistry: $OTHER/${MORE}$EMPTY", registry.Config{Project: "p", Type: "file", Path: "$OTHER/${MORE}", Unset: []string{"OTHER", "MORE"}})
	f("project: p\nregistry: {registry_type: sql, path: 'postgresql://a', read_path: 'postgresql://b'}", registry.Config{Project: "p", Type: "sql", Path: "postgresql://b"})
	f("project: p\noffline_store: postgres\nonline_store: {type: redis}", registry.Config{Project: "p", Type: "file", Path: "data/registry.db", Offline: registry.Store{Type: "postgres"}, Online: registry.Store{Type: "redis"}})
	f("project: p\noffline_store: {type: postgres, db_schema: feast}\nauth: {type: oidc}", registry.Config{Project: "p", Type: "file", Path: "data/registry.db", Offline: registry.Store{Type: "postgres", Schema: "feast"}, HasAuth: true})
	f("project: p\nauth: {type: no_auth}\nflags: [a, b]", registry.Config{Project: "p", Type: "file", Path: "data/registry.db"})
}

func TestConfigOfAnotherName(t *testing.T) {
	name := filepath.Join(t.TempDir(), "staging.yaml")
	if err := os.WriteFile(name, []byte("project: p"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := registry.ReadConfig(name, env(nil))
	if err != nil || c.Project != "p" || c.Dir != filepath.Dir(name) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestConfigThatIsRefused(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := registry.ReadConfig(write(t, text), env(nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: %v; want %q", text, err, want)
		}
	}
	f("", "has no project")
	f("registry: x", "has no project")
	f("project: [", "not YAML that Feast would read")
	f("project: p\nregistry: [x]", "neither a path nor a mapping")
	f("project: p\nregistry: {path: ${A}}", "(the environment lacks A, which it names)")
	f("project: p\noffline_store:\n  type: postgres\n  db_schema: ${A}", "the db_schema of the offline store names the variable A")
	f("project: {a: b}", "not YAML that Feast would read")
	f(strings.Repeat("#", 1<<20+1), "more than")
	if _, err := registry.ReadConfig(t.TempDir(), env(nil)); err == nil || !strings.Contains(err.Error(), "name the folder of a Feast repository") {
		t.Error(err)
	}
}
