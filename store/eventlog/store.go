package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"larder/internal/postgres"
	"larder/schema"
	"larder/store/forgotten"
)

// A Store is the logs of all streams in one database. It is safe for concurrent use.
type Store struct {
	dsn     string
	pool    *pgxpool.Pool
	reader  func(stream string) string
	allowed func(schema string) error
	// forgotten returns the forgotten keys; nil when none are.
	forgotten func() *forgotten.List
}

// Options tune a Store.
type Options struct {
	// MaxConns bounds the connections to Postgres. Defaults to 8.
	MaxConns int
	// Forgotten returns the forgotten keys: events of theirs that were true by their time
	// are not appended. Nil: none are forgotten.
	Forgotten func() *forgotten.List
	// Reader returns the role that may read the log of a stream that Create makes; empty for
	// none. Nil: none.
	Reader func(stream string) string
	// Allowed returns an error for a schema that no log may be in. Defaults to allowing all.
	Allowed func(schema string) error
}

// Open returns a store of the database that dsn names. It does not connect.
func Open(ctx context.Context, dsn string, opts Options) (*Store, error) {
	config, err := postgres.ParsePool(dsn)
	if err != nil {
		return nil, schema.BadDSN.Errorf("%v", err)
	}
	config.MaxConns = int32(cmp.Or(opts.MaxConns, 8))
	postgres.BoundPool(config)
	params := config.ConnConfig.RuntimeParams
	params["client_encoding"], params["TimeZone"] = "UTF8", "UTC"
	if params["application_name"] == "" {
		params["application_name"] = "larder"
	}
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.PgConn().Exec(ctx, limits+"; "+postgres.HideOwnTables).ReadAll()
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the event logs: %w", err)
	}
	if opts.Reader == nil {
		opts.Reader = func(string) string { return "" }
	}
	return &Store{dsn: dsn, pool: pool, reader: opts.Reader, allowed: opts.Allowed, forgotten: opts.Forgotten}, nil
}

// limits end what would hold the row of a stream for ever, and with it all its writers.
const limits = `SELECT set_config(name, longest.value, false) FROM (VALUES
	('statement_timeout', '1h'), ('lock_timeout', '10s'), ('idle_in_transaction_session_timeout', '20s')) AS longest (name, value)
	WHERE current_setting(name) = '0'`

// Close closes the connections.
func (s *Store) Close() { postgres.Close(s.pool) }

// Log returns the log of a stream.
func (s *Store) Log(stream *schema.Stream) *Log {
	l := &Log{store: s, stream: stream, table: schema.QuoteTable(stream.Log.Table)}
	var names []string
	for _, f := range stream.Fields {
		names = append(names, quote(f.Name))
	}
	l.columns = strings.Join(append(names, schema.LogColumns()...), ", ")
	return l
}

// A Log is the log of one stream. It is safe for concurrent use.
type Log struct {
	store   *Store
	stream  *schema.Stream
	table   string // quoted
	columns string // of the table, in the order of Events
}

// Stream returns the stream of the log.
func (l *Log) Stream() *schema.Stream { return l.stream }

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// SQLSTATEs that have a remedy.
const (
	undefinedTable        = "42P01"
	undefinedSchema       = "3F000"
	undefinedColumn       = "42703"
	insufficientPrivilege = "42501"
	dataException         = "22"
	noPartition           = "23514"
	diskFull              = "53100"
)

// explain returns an error of Postgres as one that names the stream and the remedy.
func (l *Log) explain(err error) error {
	var said *schema.Error
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &said):
		return err
	case !errors.As(err, &pg):
		return schema.PostgresUnavailable.Wrap(err, "stream %q: its log in Postgres can't be reached; try again", l.stream.Name)
	case pg.Code == undefinedTable, pg.Code == undefinedSchema, pg.Code == undefinedColumn:
		return schema.BadStreamLog.Wrap(pg, "stream %q: %s; apply the definitions again, or repair the table %s", l.stream.Name, pg.Message, l.stream.Log.Table)
	case pg.Code == insufficientPrivilege:
		return schema.BadStreamLog.Wrap(pg, "stream %q: %s; grant it to the user that larder connects as", l.stream.Name, pg.Message)
	case pg.Code == diskFull:
		return schema.PostgresUnavailable.Wrap(pg, "stream %q: the disk of Postgres is full (%s); free some space: events wait where they are, and go on by themselves once there is room", l.stream.Name, pg.Message)
	case strings.HasPrefix(pg.Code, dataException):
		return schema.BadStreamLog.Wrap(pg, "stream %q: its log takes no such values: %s", l.stream.Name, pg.Message)
	}
	return schema.PostgresUnavailable.Wrap(pg, "stream %q: its log in Postgres failed: %s (SQLSTATE %s); try again", l.stream.Name, pg.Message, pg.Code)
}
