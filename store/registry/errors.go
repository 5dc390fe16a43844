package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"larder/internal/postgres"
	"larder/schema"
)

// reachable refuses what needs Postgres on a server that has none.
func (r *Registry) reachable() error {
	if r.pool == nil {
		return schema.NoPostgres.Errorf("restart the server with Postgres: without it the server only serves, and can't change anything")
	}
	return nil
}

// describe names the remedy for the errors of Postgres that have a plain one.
func describe(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42P01" { // undefined_table
		return schema.NotMigrated.Wrap(err, "the database has no larder tables; run `larder migrate`")
	}
	return err
}

// shown returns err in a form that is safe to show to anyone: without the address and
// the user of Postgres.
func shown(err error) error {
	var said *schema.Error
	if errors.As(describe(err), &said) {
		return said
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return schema.PostgresUnavailable.Wrap(err, "Postgres says: %s", pg.Message)
	}
	if errors.Is(err, postgres.ErrSilent) || errors.Is(err, context.DeadlineExceeded) {
		return noAnswer()
	}
	return schema.PostgresUnavailable.Wrap(err, "Postgres can't be reached; check that it runs and that the address is right (the server's log has the cause)")
}

// unavailable returns the error for a caller when Postgres fails.
func unavailable(err error) error {
	if err = describe(err); err == nil {
		return nil
	}
	var said *schema.Error
	if errors.As(err, &said) {
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "55P03" { // lock_not_available
		return schema.PostgresUnavailable.Wrap(err, "a table of the registry, or the lock of another apply, was held for longer than 10 s; try again")
	}
	if errors.As(err, &pg) && pg.Code[:2] != "57" && pg.Code[:2] != "53" { // except 57, operator intervention, and 53, too many connections
		return fmt.Errorf("registry: %w", err)
	}
	if errors.Is(err, postgres.ErrSilent) {
		return schema.PostgresUnavailable.Wrap(err, "the registry's Postgres does not answer; check that it runs and isn't stopped or cut off, and try again")
	}
	return schema.PostgresUnavailable.Wrap(err, "the registry's Postgres can't be reached; try again")
}
