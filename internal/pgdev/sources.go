package pgdev

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// SourcesUser is the role that a server reads sources as. It may read and write tables, and
// do nothing else.
const SourcesUser = "sources"

// sourcesSQL makes the role, or gives it another password. It has the rights of the role
// User, if there is one, and may use the tables of other schemas that are there now, except
// Larder's own. Tables that the superuser makes later in these schemas are among them.
const sourcesSQL = `
DO $$
DECLARE
	folder name;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sources') THEN
		CREATE ROLE sources LOGIN;
	END IF;
	ALTER ROLE sources SET search_path = public;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'dev') THEN
		GRANT dev TO sources;
	END IF;
	FOR folder IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'larder') LOOP
		EXECUTE format('GRANT USAGE ON SCHEMA %I TO sources', folder);
		EXECUTE format('GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA %I TO sources', folder);
	END LOOP;
	ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT ON TABLES TO sources;
END $$`

// SourcesDSN returns the address of the cluster's database for the role [SourcesUser]. It
// stays the same over restarts, unless another program takes the port.
func (c *Cluster) SourcesDSN(ctx context.Context) (string, error) {
	conn, err := pgx.Connect(ctx, c.DSN())
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	password, err := c.keptSecret(sourcesFile)
	if err != nil {
		return "", err
	}
	for _, sql := range []string{sourcesSQL, "ALTER ROLE sources PASSWORD '" + password + "'"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return "", fmt.Errorf("make the role of the sources in a private Postgres: %w", err)
		}
	}
	return c.address(SourcesUser, password, database), nil
}
