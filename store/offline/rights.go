package offline

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"larder/schema"
)

// rightsQuery lists what makes a role too powerful for the SQL of sources: each row says of
// a role what it is or may do. MEMBER counts also roles that are only reached by SET ROLE.
// Functions of the languages c and internal are Postgres's and those of extensions.
const rightsQuery = `
SELECT r.rolname, 'is a superuser' FROM pg_roles r WHERE r.rolname = ANY ($1::text[]) AND r.rolsuper
UNION ALL
SELECT r.rolname, 'is a member of ' || g.rolname FROM pg_roles r, pg_roles g
WHERE r.rolname = ANY ($1::text[]) AND NOT r.rolsuper AND pg_has_role(r.oid, g.oid, 'MEMBER')
	AND (g.rolsuper OR g.rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program', 'pg_read_all_data', 'pg_write_all_data'))
UNION ALL
SELECT r.rolname, 'may call ' || f.oid::regprocedure FROM pg_roles r, pg_proc f JOIN pg_language l ON l.oid = f.prolang
WHERE r.rolname = ANY ($1::text[]) AND NOT r.rolsuper AND l.lanname IN ('c', 'internal')
	AND f.proname IN ('pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'pg_stat_file', 'pg_file_write', 'lo_import', 'lo_export',
		'dblink', 'dblink_connect', 'dblink_connect_u', 'dblink_exec', 'dblink_open', 'dblink_send_query')
	AND has_function_privilege(r.oid, f.oid, 'EXECUTE')
ORDER BY 1, 2`

// become checks the rights of a new connection's user, and of the role that it is to have,
// and sets the role.
func (s *Store) become(ctx context.Context, conn *pgconn.PgConn) error {
	said := conn.ExecParams(ctx, "SELECT session_user::text", nil, nil, nil, nil).Read()
	if said.Err != nil {
		return said.Err
	}
	users := []string{string(said.Rows[0][0])}
	for _, role := range slices.Sorted(maps.Values(s.opts.Roles)) {
		if err := setRole(ctx, conn, role); err != nil {
			return err
		}
		users = append(users, role)
	}
	if err := exec(ctx, conn, "RESET ROLE"); err != nil {
		return err
	}
	if err := s.separate(ctx, conn, users[0], users[1:]); err != nil {
		return err
	}
	if s.opts.Role != "" {
		if err := setRole(ctx, conn, s.opts.Role); err != nil {
			return err
		}
		users = append(users, s.opts.Role)
	}
	said = conn.ExecParams(ctx, rightsQuery, [][]byte{[]byte(textArray(users))}, nil, nil, nil).Read()
	if said.Err != nil {
		return said.Err
	}
	var faults []string
	for _, row := range said.Rows {
		faults = append(faults, fmt.Sprintf("role %q %s", row[0], row[1]))
	}
	if len(faults) == 0 {
		return nil
	}
	if len(faults) > maxFaults {
		faults = append(faults[:maxFaults], fmt.Sprintf("and %d more", len(faults)-maxFaults))
	}
	return schema.SourceUnsafe.Errorf("the SQL of sources would have rights that reach past tables: %s; %s", strings.Join(faults, ", "), s.remedy(users))
}

// separate refuses roles of projects with which a query could take the role of another project:
// the rights of one team's sources would be those of all.
func (s *Store) separate(ctx context.Context, conn *pgconn.PgConn, user string, roles []string) error {
	said := conn.ExecParams(ctx, `SELECT r.rolname FROM pg_roles r
		WHERE r.rolname = ANY ($1::text[]) AND has_function_privilege(r.oid, 'set_config(text, text, boolean)', 'EXECUTE') ORDER BY 1`,
		[][]byte{[]byte(textArray(roles))}, nil, nil, nil).Read()
	if said.Err != nil || len(said.Rows) == 0 {
		return said.Err
	}
	return schema.SourceUnsafe.Errorf("the role %q of a project's sources may call set_config, by which a query takes the role of another project; "+
		"run as a superuser: REVOKE EXECUTE ON FUNCTION set_config(text, text, boolean) FROM PUBLIC; GRANT EXECUTE ON FUNCTION set_config(text, text, boolean) TO %s", said.Rows[0][0], quote(user))
}

// as gives a transaction the role of a source's project, until the next source's.
func (s *Store) as(ctx context.Context, conn *pgconn.PgConn, source *schema.Source) error {
	if len(s.opts.Roles) == 0 {
		return nil
	}
	role, err := s.roleOf(source.Name)
	if err != nil {
		return err
	}
	return exec(ctx, conn, "SET LOCAL ROLE "+quote(role))
}

// roleOf returns the role that a source has.
func (s *Store) roleOf(source string) (string, error) {
	project := schema.ProjectOf(source)
	role := cmp.Or(s.opts.Roles[project], s.opts.Role)
	if role == "" {
		return "", schema.SourceForbidden.Errorf("the sources of project %s have no role in Postgres; the operator names one with --source-role %[1]s=ROLE", project)
	}
	return role, nil
}

// maxFaults is how many of a role's rights a message lists.
const maxFaults = 3

func setRole(ctx context.Context, conn *pgconn.PgConn, role string) error {
	err := exec(ctx, conn, "SET ROLE "+quote(role))
	if pg, is := asPostgres(err); is {
		return schema.SourceUnsafe.Wrap(pg, "sources can't have the role %q: Postgres says: %s; create it and GRANT it to the user of the connection, or correct --source-role", role, pg.Message)
	}
	return err
}

// remedy says how to make a role of few rights.
func (s *Store) remedy(users []string) string {
	if len(users) > 1 {
		return "revoke them, also from the user of the connection, since a query can undo SET ROLE; or name a login of few rights with --source-postgres"
	}
	folders := s.opts.Schemas
	if len(folders) == 0 {
		folders = []string{"public"}
	}
	var quoted []string
	for _, name := range folders {
		quoted = append(quoted, quote(name))
	}
	in := strings.Join(quoted, ", ")
	return fmt.Sprintf("revoke them, or create a login for sources and name its address with --source-postgres: "+
		"CREATE ROLE larder_sources LOGIN PASSWORD '...'; GRANT USAGE ON SCHEMA %[1]s TO larder_sources; GRANT SELECT ON ALL TABLES IN SCHEMA %[1]s TO larder_sources; "+
		"ALTER DEFAULT PRIVILEGES IN SCHEMA %[1]s GRANT SELECT ON TABLES TO larder_sources", in)
}

// textArray writes names as an array of Postgres.
func textArray(names []string) string {
	var b strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + escape.Replace(name) + `"`)
	}
	return "{" + b.String() + "}"
}

// Rights connects once, and returns an error of reason SOURCE_UNSAFE when the user or the
// role that sources have may do more than read and write tables. Each new connection
// checks the same.
func (s *Store) Rights(ctx context.Context) error {
	held, err := s.pool.Acquire(ctx)
	if err != nil {
		return databaseError(ctx, err)
	}
	held.Release()
	return nil
}
