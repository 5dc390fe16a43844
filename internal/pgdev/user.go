package pgdev

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// User is the role of those who work with the database of a cluster. It is not the
// role of a server, whose name is also that of the schema of its own tables.
const User = "dev"

// userSQL makes the role, or gives it another password. The role may do all that it
// likes in the database, except in schemas that others make. Tables that were made in
// schema public as the superuser become its own.
const userSQL = `
DO $$
DECLARE
	object record;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dev') THEN
		CREATE ROLE dev LOGIN;
	END IF;
	EXECUTE format('GRANT ALL ON DATABASE %I TO dev', current_database());
	ALTER ROLE dev SET search_path = public;
	ALTER SCHEMA public OWNER TO dev;
	FOR object IN SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm') AND pg_get_userbyid(c.relowner) = current_user LOOP
		EXECUTE format('ALTER TABLE %s OWNER TO dev', object.name);
	END LOOP;
END $$`

// UserDSN returns the address of the cluster's database for the role [User]. It stays the
// same over restarts, unless another program takes the port.
func (c *Cluster) UserDSN(ctx context.Context) (string, error) {
	conn, err := pgx.Connect(ctx, c.DSN())
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	password, err := c.keptSecret(userFile)
	if err != nil {
		return "", err
	}
	for _, sql := range []string{userSQL, "ALTER ROLE dev PASSWORD '" + password + "'"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return "", fmt.Errorf("make the role of the users of a private Postgres: %w", err)
		}
	}
	return c.address(User, password, database), nil
}
