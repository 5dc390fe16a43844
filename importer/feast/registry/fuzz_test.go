package registry_test

import (
	"testing"

	"larder/importer/feast/registry"
)

func FuzzConfig(f *testing.F) {
	f.Add("project: p\nregistry: {registry_type: sql, path: ${X}$Y}\noffline_store: {type: postgres, db_schema: s}\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := registry.ParseConfig(text, env(map[string]string{"X": "a: b", "Y": "\n"}))
		if err == nil && c.Project == "" {
			t.Fatalf("%q has no project", text)
		}
	})
}

func FuzzPostgresURL(f *testing.F) {
	f.Add("postgresql+psycopg://user:p%40ss@host:5432/db?sslmode=require&x=y")
	f.Add("postgres://[::1]/db")
	f.Fuzz(func(_ *testing.T, text string) {
		registry.PostgresURL(text) // it returns
	})
}
