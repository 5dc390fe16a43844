package main

import (
	"os"

	"github.com/spf13/cobra"

	"larder/examples/fraud/demo"
)

func newDemoCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Simulate card transactions, and score them from features",
		Long: `Simulate half a year of card transactions, load them into a private Postgres,
apply the definitions of examples/fraud, materialize, and score every transaction
of the last day through gRPC: with the features of the start of the day, and again
with windows that end at the transaction, pushing each transaction as an event once
it is scored. The figures also go to demo.json.

On a terminal, the server then runs until Ctrl-C.`,
		Args: wrongArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			binary, err := os.Executable()
			if err != nil {
				return err
			}
			loading := newProgress(os.Stderr, onTerminal(os.Stderr), "loading", "")
			return demo.Run(cmd.Context(), demo.Options{
				Larder: binary, Dir: dir, Out: os.Stdout, Stay: onTerminal(os.Stdin) && onTerminal(os.Stdout),
				Loading: loading.set, Loaded: loading.end,
			})
		},
	}
	cmd.Flags().StringVar(&dir, "dir", ".larder", "folder for all files of the demo")
	return cmd
}
