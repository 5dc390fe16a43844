package offline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"larder/internal/postgres"
	"larder/schema"
)

// SQLSTATEs that are handled separately. The first two characters are the class.
const (
	insufficientPrivilege = "42501"
	undefinedTable        = "42P01"
	undefinedSchema       = "3F000"
	lockNotAvailable      = "55P03"
)

// sourceError explains a failure of Postgres for the source of a view. The text of
// Postgres about the source's own names and expressions helps its author, so it is
// part of the message.
func sourceError(ctx context.Context, view *schema.View, err error) error {
	if pg, is := asPostgres(err); is && isData(pg.Code) && len(view.Sensitive()) > 0 {
		err = &pgconn.PgError{Severity: pg.Severity, Code: pg.Code, Message: fmt.Sprintf("error %s, about a value; its text is withheld, since view %s has sensitive features", pg.Code, view.Name)}
	}
	return failed(ctx, sourceNamed(view.Origin.Name), err)
}

// isData reports whether an error of Postgres is about a value, or was raised by a function:
// then its text may have values.
func isData(code string) bool { return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "P0") }

func sourceNamed(name string) string { return fmt.Sprintf("source %q", name) }

// asPostgres returns what Postgres said, if an error has that.
func asPostgres(err error) (*pgconn.PgError, bool) {
	var pg *pgconn.PgError
	return pg, errors.As(err, &pg)
}

// failed is sourceError for what a message calls the source.
func failed(ctx context.Context, source string, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var said *schema.Error
	if errors.As(err, &said) {
		return err
	}
	pg, is := asPostgres(err)
	var connect *pgconn.ConnectError
	switch {
	case errors.Is(err, postgres.ErrSilent):
		return schema.SourceUnreachable.Wrap(err, "%s: Postgres does not answer; check that it runs and isn't stopped or cut off", source)
	case is:
		return refused(source, pg)
	case errors.As(err, &connect), pgconn.SafeToRetry(err), pgconn.Timeout(err):
		return schema.SourceUnreachable.Wrap(err, "%s: Postgres can't be reached; check that it runs and that the address is right", source)
	}
	return schema.SourceLost.Wrap(err, "%s: the connection to Postgres was lost", source)
}

func refused(source string, pg *pgconn.PgError) *schema.Error {
	said := fmt.Sprintf("%s: Postgres says: %s", source, pg.Message)
	switch class := pg.Code[:min(2, len(pg.Code))]; {
	case pg.Code == insufficientPrivilege:
		return schema.SourceForbidden.Wrap(pg, "%s: %s; grant SELECT on it, and USAGE on its schema, to the role of sources", source, pg.Message)
	case pg.Code == lockNotAvailable:
		return schema.SourceUnavailable.Wrap(pg, "%s: its table was locked for longer than a minute; let whoever holds the lock finish, and try again", source)
	case class == "08" || class == "53" || class == "57" || class == "58" || class == "40":
		return schema.SourceUnavailable.Wrap(pg, "%s", said)
	case class == "28" || class == "3D":
		return schema.SourceUnreachable.Wrap(pg, "%s: Postgres refused the connection; check the user, the password and the database", source)
	case class == "22" || class == "42" || class == "3F":
		if pg.Hint != "" {
			said += " (" + pg.Hint + ")"
		}
		return schema.BadSource.Wrap(pg, "%s", said)
	}
	return schema.SourceFailed.Wrap(pg, "%s", said)
}
