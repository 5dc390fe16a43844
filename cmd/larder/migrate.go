package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"larder/internal/postgres"
	"larder/migrations"
)

// postgresVariable has the address of Postgres. It is no default of a flag, which the help
// would show with its password.
const postgresVariable = "LARDER_POSTGRES"

func newMigrateCommand() *cobra.Command {
	var dsn string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring Larder's own schema in Postgres up to date",
		Long: `Create or update the schema "larder" in Postgres. larder serve does this when its
user may create tables; run this command where it may not.`,
		Example: `  larder migrate --postgres postgres://admin@db:5432/features`,
		Args:    wrongArgs(cobra.NoArgs),
	}
	cmd.Flags().StringVar(&dsn, "postgres", "", "address of Postgres; defaults to LARDER_POSTGRES")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !cmd.Flags().Changed("postgres") {
			dsn = os.Getenv(postgresVariable)
		}
		if dsn == "" {
			return usageError("--postgres is missing: the address of Postgres, as postgres://USER@HOST:PORT/DATABASE")
		}
		if err := checkPostgres("postgres", dsn); err != nil {
			return usageError(err.Error())
		}
		applied, err := migrations.Up(cmd.Context(), dsn)
		if err != nil {
			return err
		}
		if asJSON {
			return encodeJSON(cmd.OutOrStdout(), map[string][]string{"applied": append([]string{}, applied...)})
		}
		if len(applied) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "up to date")
		}
		for _, name := range applied {
			fmt.Fprintln(cmd.OutOrStdout(), "applied", name)
		}
		return nil
	}
	return cmd
}

// checkPostgres reports what can't be the address of a Postgres, before its library does
// in words of its own.
func checkPostgres(flag, dsn string) error {
	if dsn == "" || strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") || strings.Contains(dsn, "=") {
		return nil
	}
	return fmt.Errorf("--%s %q is not the address of a Postgres; write it as postgres://USER@HOST:PORT/DATABASE", flag, postgres.Mask(dsn))
}
