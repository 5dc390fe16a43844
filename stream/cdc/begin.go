package cdc

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"larder/schema"
	"larder/stream/source"
)

// A runner reads until its context ends.
type runner func(ctx context.Context) error

// begin checks what has to be there, makes what is missing, and returns what reads.
func (s *Source) begin(ctx context.Context, from []source.Position) (runner, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, s.config)
	if err != nil {
		return nil, err
	}
	defer closeConn(conn.PgConn())
	for _, check := range []func(context.Context, *pgx.Conn) error{s.checkServer, s.checkTable, s.readDomains, s.ensurePublication} {
		if err := check(ctx, conn); err != nil {
			return nil, err
		}
	}
	if len(from) > 0 {
		run, err := s.resume(ctx, conn, from[0])
		if run != nil || err != nil {
			return run, err
		}
	}
	return s.first(ctx, conn)
}

var slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

func (s *Source) checkServer(ctx context.Context, conn *pgx.Conn) error {
	var level, system string
	if err := conn.QueryRow(ctx, "SELECT current_setting('wal_level'), system_identifier::text FROM pg_control_system()").Scan(&level, &system); err != nil {
		return err
	}
	if !slotName.MatchString(s.slot) {
		return s.stop("%q is not a name of a slot; set postgres_cdc.slot to at most 63 of the characters a to z, 0 to 9 and _", s.slot)
	}
	if level != "logical" {
		return s.stop("Postgres has wal_level = %s; run ALTER SYSTEM SET wal_level = logical, and start Postgres again", level)
	}
	s.incarnation = system
	return nil
}

func (s *Source) checkTable(ctx context.Context, conn *pgx.Conn) error {
	const sql = "SELECT c.oid, c.relkind::text, c.relreplident::text, c.relpersistence::text, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)"
	var kind, identity, persistence string
	err := conn.QueryRow(ctx, sql, schema.QuoteTable(s.table)).Scan(&s.oid, &kind, &identity, &persistence, &s.schema, &s.name)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return s.stop("Postgres doesn't have it; create the table, or correct postgres_cdc.table")
	case err != nil:
		return err
	case kind != "r":
		return s.stop("only plain tables can be read; name a table that is not partitioned and no view")
	case persistence != "p":
		return s.stop("unlogged and temporary tables have no changes in the log; run ALTER TABLE %s SET LOGGED", s.table)
	case identity != "f":
		return s.stop("it is not REPLICA IDENTITY FULL; run ALTER TABLE %s REPLICA IDENTITY FULL", s.table)
	}
	s.incarnation += fmt.Sprintf(":%d", s.oid)
	s.from = pgx.Identifier{s.schema, s.name}.Sanitize()
	return nil
}

// readDomains reads which types are domains, and of what.
func (s *Source) readDomains(ctx context.Context, conn *pgx.Conn) error {
	const sql = `
WITH RECURSIVE base(oid, of) AS (
	SELECT oid, typbasetype FROM pg_type WHERE typtype = 'd'
	UNION ALL
	SELECT base.oid, t.typbasetype FROM base JOIN pg_type t ON t.oid = base.of AND t.typtype = 'd'
) SELECT base.oid, base.of FROM base JOIN pg_type t ON t.oid = base.of AND t.typtype <> 'd'`
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return err
	}
	s.bases = map[uint32]uint32{}
	var domain, base uint32
	_, err = pgx.ForEachRow(rows, []any{&domain, &base}, func() error {
		s.bases[domain] = base
		return nil
	})
	return err
}

// ensurePublication makes the publication, or sees whether the one that is there has all
// changes of the table.
func (s *Source) ensurePublication(ctx context.Context, conn *pgx.Conn) error {
	var whole bool
	err := conn.QueryRow(ctx, "SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate FROM pg_publication WHERE pubname = $1", s.publication).Scan(&whole)
	if errors.Is(err, pgx.ErrNoRows) {
		_, err := conn.Exec(ctx, fmt.Sprintf("CREATE PUBLICATION %s FOR TABLE ONLY %s", quote(s.publication), s.from))
		return err
	}
	if err != nil {
		return err
	}
	if !whole {
		return s.stop("the publication %q leaves out changes; run ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate')", s.publication, quote(s.publication))
	}
	// Filters came with Postgres 15; older ones have no columns for them.
	const sql = `
SELECT coalesce(to_jsonb(p)->>'rowfilter', '') = '' AND jsonb_array_length(coalesce(nullif(to_jsonb(p)->'attnames', 'null'), '[]')) IN (0,
	(SELECT count(*) FROM pg_attribute a WHERE a.attrelid = $2 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''))
FROM pg_publication_tables p WHERE p.pubname = $1 AND p.schemaname = $3 AND p.tablename = $4`
	err = conn.QueryRow(ctx, sql, s.publication, s.oid, s.schema, s.name).Scan(&whole)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return s.stop("the publication %q doesn't have the table; run ALTER PUBLICATION %s ADD TABLE %s", s.publication, quote(s.publication), s.table)
	case err != nil:
		return err
	case !whole:
		return s.stop("the publication %q leaves out rows or columns; drop it, and the source makes it", s.publication)
	}
	return nil
}

// resume goes on behind a position. A nil runner means that what is lost is accepted, and
// that all rows are to be read again.
func (s *Source) resume(ctx context.Context, conn *pgx.Conn, position source.Position) (runner, error) {
	if position.Incarnation != "" && position.Incarnation != s.incarnation {
		return nil, s.lose("it is another table of the same name, or in another cluster: changes from %s on are lost", pglogrepl.LSN(position.Next))
	}
	const sql = `
SELECT coalesce(wal_status, '') = 'lost' OR restart_lsn IS NULL, coalesce(confirmed_flush_lsn, '0/0')::text, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint
FROM pg_replication_slots WHERE slot_name = $1`
	var invalid bool
	var confirmed string
	var end int64
	err := conn.QueryRow(ctx, sql, s.slot).Scan(&invalid, &confirmed, &end)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, s.lose("its slot %q is gone: changes from %s on are lost", s.slot, pglogrepl.LSN(position.Next))
	case err != nil:
		return nil, err
	case invalid:
		return nil, s.lose("Postgres gave up the slot %q, since it kept more than max_slot_wal_keep_size: changes from %s on are lost", s.slot, pglogrepl.LSN(position.Next))
	}
	lsn, err := pglogrepl.ParseLSN(confirmed)
	if err != nil {
		return nil, err
	}
	next := pglogrepl.LSN(position.Next)
	switch {
	case lsn > next:
		return nil, s.lose("its slot %q was confirmed up to %s, past the position %s: changes between them are lost", s.slot, lsn, next)
	case position.Next > end:
		return nil, s.lose("the write-ahead log ends at %s, before the position %s: Postgres was restored, and changes may be lost", pglogrepl.LSN(end), next)
	}
	s.confirmed = next
	replication, err := s.replicate(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx, replication, next); err != nil {
		closeConn(replication)
		return nil, err
	}
	return func(ctx context.Context) error {
		defer closeConn(replication)
		return s.changes(ctx, replication, next)
	}, nil
}

// first makes the slot, and reads all rows of its snapshot before the changes.
func (s *Source) first(ctx context.Context, conn *pgx.Conn) (runner, error) {
	if err := s.dropSlot(ctx, conn); err != nil {
		return nil, err
	}
	replication, err := s.replicate(ctx)
	if err != nil {
		return nil, err
	}
	made, err := pglogrepl.CreateReplicationSlot(ctx, replication, s.slot, "pgoutput", pglogrepl.CreateReplicationSlotOptions{SnapshotAction: "EXPORT_SNAPSHOT"})
	if err != nil {
		closeConn(replication)
		return nil, err
	}
	at, err := pglogrepl.ParseLSN(made.ConsistentPoint)
	if err != nil {
		closeConn(replication)
		return nil, err
	}
	return func(ctx context.Context) error {
		defer closeConn(replication)
		if err := s.rows(ctx, made.SnapshotName, at); err != nil {
			return err
		}
		if err := s.start(ctx, replication, at); err != nil {
			return err
		}
		return s.changes(ctx, replication, at)
	}, nil
}

// dropSlot drops what a first read left that broke off. A slot of another kind or
// database isn't ours.
func (s *Source) dropSlot(ctx context.Context, conn *pgx.Conn) error {
	var ours bool
	err := conn.QueryRow(ctx, "SELECT coalesce(plugin = 'pgoutput' AND database = current_database(), false) FROM pg_replication_slots WHERE slot_name = $1", s.slot).Scan(&ours)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err == nil && !ours {
		return s.stop("the slot %q is of another kind or database; set postgres_cdc.slot to another name", s.slot)
	}
	if err == nil {
		_, err = conn.Exec(ctx, "SELECT pg_drop_replication_slot($1)", s.slot)
	}
	return err
}

// replicate opens a connection that replicates.
func (s *Source) replicate(ctx context.Context) (*pgconn.PgConn, error) {
	config := s.config.Copy()
	config.RuntimeParams["replication"] = "database"
	conn, err := pgconn.ConnectConfig(ctx, &config.Config)
	if err == nil {
		conn.Frontend().SetMaxBodyLen(maxRowBytes)
	}
	return conn, err
}

// start makes Postgres send changes.
func (s *Source) start(ctx context.Context, conn *pgconn.PgConn, at pglogrepl.LSN) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return pglogrepl.StartReplication(ctx, conn, s.slot, at, pglogrepl.StartReplicationOptions{
		PluginArgs: []string{"proto_version '1'", fmt.Sprintf("publication_names '%s'", strings.ReplaceAll(quote(s.publication), "'", "''"))},
	})
}
