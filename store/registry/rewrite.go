package registry

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"larder/schema"
)

// rewriteBytes (256 MiB) is up to which size a table is written anew to be rid of deleted rows: its
// users wait meanwhile.
const rewriteBytes = 256 << 20

// Rewrite makes Postgres rid of deleted rows of a table. A plain VACUUM leaves their bytes
// in the free space of pages, so a table or partition of up to rewriteBytes is written anew,
// which keeps its users waiting for some seconds. It returns what is left, as a note; empty for
// nothing.
func (r *Registry) Rewrite(ctx context.Context, table string) (note string, err error) {
	if err := r.reachable(); err != nil {
		return "", err
	}
	rows, err := r.pool.Query(ctx, `SELECT c.oid::regclass::text, pg_total_relation_size(c.oid), pg_has_role(c.relowner, 'MEMBER') FROM pg_class c
		WHERE c.oid = to_regclass($1) AND c.relkind = 'r' OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass($1)) WHERE isleaf) AND c.relkind = 'r'`, schema.QuoteTable(table))
	if err != nil {
		return "", unavailable(err)
	}
	type part struct {
		Name  string
		Bytes int64
		Owned bool // else VACUUM skips it, with a warning
	}
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[part])
	if err != nil {
		return "", unavailable(err)
	}
	ended, err := r.snapshotsEnded(ctx)
	if err != nil {
		return "", err
	}
	var left []string
	for _, p := range parts {
		if !ended {
			left = append(left, p.Name)
		}
		if !p.Owned {
			left = append(left, p.Name)
			continue
		}
		how := "VACUUM (FULL, ANALYZE) "
		if p.Bytes > rewriteBytes {
			how = "VACUUM (ANALYZE) "
			left = append(left, p.Name)
		}
		_, err := r.pool.Exec(ctx, how+p.Name) // Postgres has quoted the name
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			left = append(left, p.Name+" ("+pg.Message+")")
		} else if err != nil {
			return "", unavailable(err)
		}
	}
	slices.Sort(left)
	left = slices.Compact(left)
	switch {
	case len(left) == 0:
		return "", nil
	case !ended:
		return "a transaction that began before the rows were deleted is still open, so their bytes are left; once it has ended, run VACUUM FULL " + strings.Join(left, ", "), nil
	}
	return "bytes of deleted rows are left in free space; run VACUUM FULL " + strings.Join(left, ", "), nil
}

// snapshotsWithin is how long Rewrite waits for older transactions to end.
const snapshotsWithin = 5 * time.Second

// snapshotsEnded waits until no transaction can see rows that have been deleted before, since
// VACUUM keeps these. It reports whether that was soon.
func (r *Registry) snapshotsEnded(ctx context.Context) (bool, error) {
	var now string
	if err := r.pool.QueryRow(ctx, "SELECT pg_current_xact_id()::xid::text").Scan(&now); err != nil {
		return false, unavailable(err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; {
		var older bool
		err := r.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM (
			SELECT backend_xmin FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND (datname = current_database() OR datname IS NULL)
			UNION ALL SELECT xmin FROM pg_replication_slots
			UNION ALL SELECT transaction FROM pg_prepared_xacts WHERE database = current_database()) AS held (xmin)
			WHERE age(xmin) > age($1::text::xid))`, now).Scan(&older)
		if err != nil {
			return false, unavailable(err)
		}
		if !older || time.Since(began) > snapshotsWithin {
			return !older, nil
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// RewriteStatistics makes Postgres rid of old statistics, which have frequent values of
// tables. It returns what is left, as a note.
func (r *Registry) RewriteStatistics(ctx context.Context) (note string, err error) {
	if err := r.reachable(); err != nil {
		return "", err
	}
	var owned bool
	if err := r.pool.QueryRow(ctx, "SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = 'pg_catalog.pg_statistic'::regclass").Scan(&owned); err != nil {
		return "", unavailable(err)
	}
	const left = "old statistics of tables may quote the key; run VACUUM FULL pg_statistic as a superuser"
	if !owned {
		return left, nil
	}
	_, err = r.pool.Exec(ctx, "VACUUM FULL pg_catalog.pg_statistic")
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return left, nil
	}
	return "", unavailable(err)
}
