// Package migrations brings Larder's own Postgres schema, named larder, up to date. The
// migrations are numbered SQL files, up only, embedded in the binary. They are applied
// under an advisory lock, so that servers that start together don't collide.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"larder/internal/postgres"
)

//go:embed *.sql
var files embed.FS

// lockID is the key of the advisory lock: "larder" in ASCII.
const lockID = 0x6c6172646572

// Up applies the missing migrations and returns the names of their files. If a newer
// Larder made the schema, Up returns an error and changes nothing.
func Up(ctx context.Context, dsn string) ([]string, error) {
	config, err := postgres.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	postgres.Bound(config)
	db := stdlib.OpenDB(*config)
	defer db.Close()
	lock, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	defer lock.Close()
	if _, err := lock.ExecContext(ctx, "SELECT pg_advisory_lock($1)", lockID); err != nil {
		return nil, fmt.Errorf("migrate: take the lock: %w", err)
	}
	// Closing the connection releases the lock even if this fails.
	defer lock.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lockID)
	if _, err := lock.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS larder"); err != nil {
		return nil, fmt.Errorf("migrate: create schema larder: %w", err)
	}
	return apply(ctx, db)
}

func apply(ctx context.Context, db *sql.DB) ([]string, error) {
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName("larder.migrations"))
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	have, err := provider.GetDBVersion(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: read the version: %w", err)
	}
	if have > newest {
		return nil, fmt.Errorf("migrate: the database is at migration %d, but this larder only knows %d; use the newer larder that migrated it", have, newest)
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	applied := make([]string, len(results))
	for i, r := range results {
		applied[i] = r.Source.Path
	}
	return applied, nil
}
