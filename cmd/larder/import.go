package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"larder/schema/definitions"
)

func newImportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "import COMMAND",
		Short:   "Write definitions from those of another program",
		Example: "  larder import feast feature_repo/\n  larder import dbt target/manifest.json",
		Args:    wrongArgs(cobra.ArbitraryArgs),
		RunE:    runSubcommand,
	}
	cmd.AddCommand(newImportFeastCommand(), newImportDBTCommand())
	return cmd
}

// writeImported writes files of definitions into a new or empty folder; with replace also
// into one that has files, where it takes away those of an import before, which isFile
// knows by their names. What it writes, together with what else is there, is a folder of valid definitions.
func writeImported(dir string, files []definitions.File, isFile func(name string) bool, replace bool) error {
	found, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	case err != nil:
		return err
	case len(found) > 0 && !replace:
		return fmt.Errorf("the folder %s is not empty; name a new one with --out, or replace an import before with --force", dir)
	}
	for _, entry := range found {
		if !isFile(entry.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
			return err
		}
	}
	if _, err := definitions.Load(dir); err != nil {
		return fmt.Errorf("the import was written, but the folder %s is not valid with the other files in it: %w", dir, err)
	}
	return nil
}
