// Command larder is a feature store that also scores: the server, and the
// commands that talk to it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"larder/scoring"
)

// version is set by the linker.
var version = "dev"

// The exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	scoring.WorkerMain()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, newRootCommand()))
}

// execute runs a command line and returns its exit code.
func execute(ctx context.Context, root *cobra.Command) int {
	root.SetOut(newConsole(root.OutOrStdout()))
	root.SetErr(newConsole(root.ErrOrStderr()))
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(root.ErrOrStderr(), "larder: "+errorMessage(err, cmd))
	if isUsage(err) {
		printUsage(root.ErrOrStderr(), cmd)
		return exitUsage
	}
	return exitFailed
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "larder",
		Short: "A feature store that also scores",
		Long: `Larder serves features from Postgres tables and scores them with ONNX models, in
one process and one call.

Start a server with larder serve. Describe entities, sources, feature views,
feature services and models in YAML files and apply them with larder apply. Fill
the server's store with larder materialize. Then use larder get and larder score.
larder demo does all of this with simulated card transactions.`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usageError(err.Error())
	})
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", fmt.Sprint(".FlagUsagesWrapped ", plainWidth)))
	root.PersistentPreRunE = checkFlags
	root.SetHelpCommand(newHelpCommand(root))
	root.AddCommand(
		newServeCommand(), newPlanCommand(), newApplyCommand(), newListCommand(), newShowCommand(), newSearchCommand(), newExportCommand(), newImportCommand(), newLoadCommand(), newPushCommand(), newStreamCommand(), newMaterializeCommand(), newForgetCommand(), newGetCommand(), newScoreCommand(),
		newDatasetCommand(), newVerifyCommand(), newReplayCommand(), newSkewCommand(), newExperimentCommand(), newDriftCommand(), newModelsCommand(), newStatusCommand(), newKeysCommand(), newAccessCommand(), newAuditCommand(), newLoginCommand(), newLogoutCommand(), newWhoamiCommand(), newSnapshotCommand(), newBenchCommand(), newDemoCommand(), newDevCommand(), newSchemaCommand(),
		newMigrateCommand(), newVersionCommand(),
	)
	foldHelp(root)
	return root
}

// foldHelp makes the explanations of all commands fit plainWidth.
func foldHelp(cmd *cobra.Command) {
	cmd.Long = fold(cmd.Long, plainWidth)
	for _, sub := range cmd.Commands() {
		foldHelp(sub)
	}
}
