// Package migrations brings Larder's own Postgres schema, called larder, up to
// date: numbered SQL files that only go up, embedded in the binary and applied
// under an advisory lock, so that servers which start together don't collide.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed *.sql
var files embed.FS

// lockID is the advisory lock that migrating holds: "larder" in ASCII.
const lockID = 0x6c6172646572

// Up applies what is missing and returns the names of the files it applied. A
// schema made by a newer Larder is left alone and reported as an error.
func Up(ctx context.Context, dsn string) ([]string, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
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
	// Closing the connection lets the lock go, whatever happens.
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
		return nil, fmt.Errorf("migrate: the database is at migration %d, this larder knows %d: use the newer larder that made it", have, newest)
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
