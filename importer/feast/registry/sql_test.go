package registry_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	feastcore "larder/api/feast/core"
	"larder/importer/feast/registry"
	"larder/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// sqlRegistry makes the tables of Feast 0.40, which lacks label_views.
func sqlRegistry(t *testing.T, db *pgtest.DB, schema string) {
	t.Helper()
	for table, columns := range map[string][2]string{
		"entities": {"entity_name", "entity_proto"}, "data_sources": {"data_source_name", "data_source_proto"},
		"feature_views": {"feature_view_name", "feature_view_proto"}, "stream_feature_views": {"feature_view_name", "feature_view_proto"},
		"on_demand_feature_views": {"feature_view_name", "feature_view_proto"}, "feature_services": {"feature_service_name", "feature_service_proto"},
		"saved_datasets": {"saved_dataset_name", "saved_dataset_proto"}, "validation_references": {"validation_reference_name", "validation_reference_proto"},
		"permissions": {"permission_name", "permission_proto"},
	} {
		exec(t, db, "CREATE TABLE "+schema+"."+table+" ("+columns[0]+" varchar(255), project_id varchar(255), last_updated_timestamp bigint NOT NULL DEFAULT 0, "+
			columns[1]+" bytea NOT NULL, PRIMARY KEY ("+columns[0]+", project_id))")
	}
}

func exec(t *testing.T, db *pgtest.DB, sql string, args ...any) {
	t.Helper()
	if _, err := db.Pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func insert(t *testing.T, db *pgtest.DB, table, name, project string, m proto.Message) {
	t.Helper()
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "INSERT INTO "+table+" VALUES ($1, $2, 0, $3)", name, project, raw)
}

func TestSQL(t *testing.T) {
	db := pgtest.New(t)
	sqlRegistry(t, db, "public")
	insert(t, db, "entities", "driver", "rides", &feastcore.Entity{Spec: &feastcore.EntitySpecV2{Name: "driver"}})
	insert(t, db, "feature_views", "b", "rides", &feastcore.FeatureView{Spec: &feastcore.FeatureViewSpec{Name: "b"}})
	insert(t, db, "feature_views", "a", "rides", &feastcore.FeatureView{Spec: &feastcore.FeatureViewSpec{Name: "a"}})
	insert(t, db, "feature_views", "a", "shops", &feastcore.FeatureView{Spec: &feastcore.FeatureViewSpec{Name: "a", Project: "shops"}})
	insert(t, db, "permissions", "all", "rides", &feastcore.Permission{Spec: &feastcore.PermissionSpec{Name: "all"}})

	_, after, _ := strings.Cut(db.DSN, "://")
	for _, url := range []string{db.DSN, "postgresql+psycopg://" + after, "postgresql+psycopg2://" + after} {
		r, err := registry.Read(t.Context(), &registry.Config{Project: "rides"}, url)
		if err != nil {
			t.Fatal(err)
		}
		if v := r.GetFeatureViews(); len(v) != 2 || v[0].GetSpec().GetName() != "a" || v[1].GetSpec().GetName() != "b" || len(r.GetEntities()) != 1 || len(r.GetPermissions()) != 1 {
			t.Errorf("%s: %v", url, r)
		}
	}
	if _, err := registry.Read(t.Context(), &registry.Config{Project: "ride", Type: "sql", Path: db.DSN}, ""); err == nil || !strings.Contains(err.Error(), `did you mean "rides"`) {
		t.Error(err)
	}

	exec(t, db, "INSERT INTO feature_services VALUES ('odd', 'rides', 0, '\\xff')")
	if _, err := registry.Read(t.Context(), &registry.Config{Project: "rides"}, db.DSN); err == nil || !strings.Contains(err.Error(), `table feature_services: row "odd" is no message of Feast's`) {
		t.Error(err)
	}
}

func TestSQLWithoutTables(t *testing.T) {
	db := pgtest.New(t)
	exec(t, db, "CREATE SCHEMA feast")
	sqlRegistry(t, db, "feast")
	insert(t, db, "feast.feature_views", "a", "rides", &feastcore.FeatureView{Spec: &feastcore.FeatureViewSpec{Name: "a"}})
	c := &registry.Config{Project: "rides"}
	if _, err := registry.Read(t.Context(), c, db.DSN); err == nil || !strings.Contains(err.Error(), "no tables of Feast in its search_path") {
		t.Error(err)
	}
	join := "?"
	if strings.Contains(db.DSN, "?") {
		join = "&"
	}
	if r, err := registry.Read(t.Context(), c, db.DSN+join+"options=-csearch_path%3Dfeast"); err != nil || len(r.GetFeatureViews()) != 1 {
		t.Errorf("%v, %v", r, err)
	}
}

func TestPostgresURL(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got, err := registry.PostgresURL(text); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
	f("postgresql://u:p@h:5432/db", "postgresql://u:p@h:5432/db")
	f("postgresql+psycopg://u@h/db", "postgresql://u@h/db")
	f("postgres://h", "postgresql://h/")
	f("postgresql+asyncpg://u:p%40s/%23s@h/db?sslmode=require&prepared_statement_cache_size=0", "postgresql://u:p%40s%2F%23s@h/db?sslmode=require")
	f("postgresql://u:a/b#c?d@[::1]:5432/db", "postgresql://u:a%2Fb%23c%3Fd@[::1]:5432/db")
	f("postgresql://u@/db?host=/var/run&port=5433", "postgresql://u@/db?host=%2Fvar%2Frun&port=5433")
	f("postgresql://u:100%@h/db", "postgresql://u:100%25@h/db")
	f("postgresql://h/db?options=-c%20search_path%3Da", "postgresql://h/db?options=-c%20search_path%3Da")
}
