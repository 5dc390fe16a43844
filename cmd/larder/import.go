package main

import "github.com/spf13/cobra"

func newImportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Write definitions from those of another program",
		Args:  wrongArgs(cobra.ArbitraryArgs),
		RunE:  runSubcommand,
	}
	cmd.AddCommand(newImportFeastCommand())
	return cmd
}
