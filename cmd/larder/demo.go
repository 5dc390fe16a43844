package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"larder/demo"
)

func newDemoCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Score simulated card transactions with features from a private Postgres",
		Long: `Simulate half a year of card transactions, load them into a private Postgres,
apply the definitions of examples/fraud, materialize, and score every transaction
of the last day through gRPC. The figures also go to demo.json.

On a terminal it then goes on serving until Ctrl-C.`,
		Args: wrongArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			binary, err := os.Executable()
			if err != nil {
				return err
			}
			return demo.Run(cmd.Context(), demo.Options{
				Larder: binary, Dir: dir, Out: os.Stdout, Progress: stepProgress(), Stay: onTerminal(os.Stdin) && onTerminal(os.Stdout),
			})
		},
	}
	cmd.Flags().StringVar(&dir, "dir", ".larder", "folder that everything is kept in")
	return cmd
}

func onTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// stepProgress shows how far a step is: on a terminal in one line, else at each
// tenth.
func stepProgress() func(step string, done, total int64) {
	live, shown := onTerminal(os.Stderr), int64(-1)
	return func(step string, done, total int64) {
		percent := 100 * done / max(total, 1)
		if !live {
			percent -= percent % 10
		}
		if percent == shown {
			return
		}
		shown = percent
		if !live {
			fmt.Fprintf(os.Stderr, "%s: %d %%\n", step, percent)
			return
		}
		fmt.Fprintf(os.Stderr, "\r%s: %d %%", step, percent)
		if percent == 100 {
			fmt.Fprintln(os.Stderr)
		}
	}
}
