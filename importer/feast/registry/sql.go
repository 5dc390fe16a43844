package registry

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	feastcore "larder/api/feast/core"
	"larder/internal/postgres"
)

// sqlTimeout bounds the reading of an SQL registry.
const sqlTimeout = 2 * time.Minute

// A sqlTable is one of the tables of Feast's SQL registry: a row holds one message.
type sqlTable struct {
	name, key, column string
	add               func(r *feastcore.Registry, raw []byte) error
}

var sqlTables = []sqlTable{
	{"entities", "entity_name", "entity_proto", into(func(r *feastcore.Registry) *[]*feastcore.Entity { return &r.Entities })},
	{"data_sources", "data_source_name", "data_source_proto", into(func(r *feastcore.Registry) *[]*feastcore.DataSource { return &r.DataSources })},
	{"feature_views", "feature_view_name", "feature_view_proto", into(func(r *feastcore.Registry) *[]*feastcore.FeatureView { return &r.FeatureViews })},
	{"stream_feature_views", "feature_view_name", "feature_view_proto", into(func(r *feastcore.Registry) *[]*feastcore.StreamFeatureView { return &r.StreamFeatureViews })},
	{"on_demand_feature_views", "feature_view_name", "feature_view_proto", into(func(r *feastcore.Registry) *[]*feastcore.OnDemandFeatureView { return &r.OnDemandFeatureViews })},
	{"label_views", "feature_view_name", "feature_view_proto", into(func(r *feastcore.Registry) *[]*feastcore.LabelView { return &r.LabelViews })},
	{"feature_services", "feature_service_name", "feature_service_proto", into(func(r *feastcore.Registry) *[]*feastcore.FeatureService { return &r.FeatureServices })},
	{"saved_datasets", "saved_dataset_name", "saved_dataset_proto", into(func(r *feastcore.Registry) *[]*feastcore.SavedDataset { return &r.SavedDatasets })},
	{"validation_references", "validation_reference_name", "validation_reference_proto", into(func(r *feastcore.Registry) *[]*feastcore.ValidationReference { return &r.ValidationReferences })},
	{"permissions", "permission_name", "permission_proto", into(func(r *feastcore.Registry) *[]*feastcore.Permission { return &r.Permissions })},
}

// into returns a function that adds a message to one of a registry's lists.
func into[M any, P interface {
	*M
	proto.Message
}](list func(*feastcore.Registry) *[]P) func(*feastcore.Registry, []byte) error {
	return func(r *feastcore.Registry, raw []byte) error {
		m := P(new(M))
		if err := proto.Unmarshal(raw, m); err != nil {
			return err
		}
		all := list(r)
		*all = append(*all, m)
		return nil
	}
}

// ReadSQL reads what Feast's SQL registry in a Postgres has of a project, and the names of
// all projects. text is the URL as SQLAlchemy or libpq writes it.
func ReadSQL(ctx context.Context, text, project string) (*feastcore.Registry, error) {
	dsn, err := postgresURL(text)
	if err != nil {
		return nil, err
	}
	config, err := postgres.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("the URL of the SQL registry: %w", err)
	}
	postgres.Bound(config)
	ctx, cancel := context.WithTimeout(ctx, sqlTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the SQL registry: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("read the SQL registry: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	r, err := readTables(ctx, tx, project)
	if err != nil {
		return nil, fmt.Errorf("read the SQL registry: %w", err)
	}
	return r, nil
}

func readTables(ctx context.Context, tx pgx.Tx, project string) (*feastcore.Registry, error) {
	r := &feastcore.Registry{}
	total, found := int64(0), 0
	for _, t := range sqlTables {
		var exists bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", t.name).Scan(&exists); err != nil {
			return nil, err
		}
		if !exists { // a later release of Feast has it
			continue
		}
		found++
		var size int64
		if err := tx.QueryRow(ctx, "SELECT coalesce(sum(octet_length("+t.column+")), 0) FROM "+t.name+" WHERE project_id = $1", project).Scan(&size); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.name, err)
		}
		if total += size; total > MaxBytes {
			return nil, fmt.Errorf("its rows have more than %d MiB", MaxBytes>>20)
		}
		rows, err := tx.Query(ctx, "SELECT "+t.key+", "+t.column+" FROM "+t.name+" WHERE project_id = $1 ORDER BY 1", project)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", t.name, err)
		}
		var name string
		var raw []byte
		if _, err := pgx.ForEachRow(rows, []any{&name, &raw}, func() error {
			if err := t.add(r, raw); err != nil {
				return fmt.Errorf("row %q is no message of Feast's", name)
			}
			return nil
		}); err != nil {
			return nil, fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	if found == 0 {
		return nil, errors.New("the database has no tables of Feast in its search_path; check the URL, or add ?options=-csearch_path%3DSCHEMA to it")
	}
	return r, projectNames(ctx, tx, r)
}

// projectNames adds the projects that the registry has, for a message that names them.
func projectNames(ctx context.Context, tx pgx.Tx, r *feastcore.Registry) error {
	rows, err := tx.Query(ctx, "SELECT DISTINCT project_id FROM feature_views ORDER BY 1 LIMIT 1000")
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, name := range names {
		r.Projects = append(r.Projects, &feastcore.Project{Spec: &feastcore.ProjectSpec{Name: name}})
	}
	return err
}

// sqlURL matches a URL as SQLAlchemy reads it: a password may have characters that other
// readers of URLs refuse.
var sqlURL = regexp.MustCompile(`^([A-Za-z0-9_]+)(?:\+[A-Za-z0-9_]+)?://(?:([^:/]*)(?::([^@]*))?@)?(\[[^/\]]+\]|[^/:?]*)(?::([^/?]*))?(?:/([^?]*))?(?:\?(.*))?$`)

// libpqSettings are the settings of a URL that are of the connection, and not of
// SQLAlchemy's.
var libpqSettings = []string{
	"sslmode", "sslcert", "sslkey", "sslrootcert", "sslpassword", "sslsni", "connect_timeout", "application_name", "options", "host", "port",
	"user", "password", "passfile", "service", "servicefile", "target_session_attrs", "channel_binding",
}

// postgresURL turns the URL of an SQL registry into one that pgx reads.
func postgresURL(text string) (string, error) {
	m := sqlURL.FindStringSubmatch(text)
	if m == nil {
		return "", errors.New("the URL of the SQL registry is not one: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	switch dialect := strings.ToLower(m[1]); dialect {
	case "postgresql", "postgres":
	default:
		return "", fmt.Errorf("the SQL registry is in %s, which is not read; %s", dialect, viaREST)
	}
	u := url.URL{Scheme: "postgresql", Host: m[4], Path: "/" + decoded(m[6])}
	if m[5] != "" {
		u.Host += ":" + m[5]
	}
	if m[3] != "" {
		u.User = url.UserPassword(decoded(m[2]), decoded(m[3]))
	} else if m[2] != "" {
		u.User = url.User(decoded(m[2]))
	}
	given, err := url.ParseQuery(m[7])
	if err != nil {
		return "", errors.New("the settings behind the ? of the SQL registry's URL can't be read; quote special characters with %")
	}
	kept := url.Values{}
	for _, name := range libpqSettings {
		if values := given[name]; len(values) > 0 {
			kept.Set(name, strings.Join(values, ","))
		}
	}
	u.RawQuery = strings.ReplaceAll(kept.Encode(), "+", "%20")
	return u.String(), nil
}

func decoded(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
