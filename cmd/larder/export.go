package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
)

func newExportCommand() *cobra.Command {
	var version int64
	var project string
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write the applied definitions as YAML files",
		Long: `Write the definitions that were applied last, or those of an earlier version, into a
new or empty folder, a file for each kind. They are those of the default project, or
of the one that --project names. Applying the folder changes nothing: a
model version names its file by its SHA-256, and the registry has it.`,
		Example: "  larder export definitions/\n  larder export before/ --version 3\n  larder export risk/ --project risk",
		Args:    wrongArgs(cobra.ExactArgs(1)),
	}
	cmd.Flags().Int64Var(&version, "version", 0, "the version of the definitions; 0 means the newest")
	cmd.Flags().StringVar(&project, "project", "", "the project whose definitions are meant (default \"default\")")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if version < 0 {
			return usageError(fmt.Sprintf("--version %d is not a version; versions count from 1, and 0 means the newest", version))
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			answer, err := control.ExportDefinitions(cmd.Context(), &larderv1.ExportDefinitionsRequest{Version: version, Project: project})
			if err != nil {
				return err
			}
			if len(answer.GetFiles()) == 0 {
				return errors.New("nothing was applied yet; there is nothing to export")
			}
			if err := writeFolder(args[0], answer.GetFiles()); err != nil || c.json {
				return orPrint(cmd.OutOrStdout(), answer.GetVersion(), err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "wrote version %d, applied by %s at %s, to %s in %s\n", answer.GetVersion().GetVersion(), answer.GetVersion().GetAppliedBy(),
				moment(answer.GetVersion().GetAppliedAt()), counted(len(answer.GetFiles()), "file"), args[0])
			return nil
		})
	}
	return cmd
}

// writeFolder writes the files of an export into a new or empty folder.
func writeFolder(dir string, files []*larderv1.DefinitionFile) error {
	switch found, err := os.ReadDir(dir); {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	case err != nil:
		return err
	case len(found) > 0:
		return fmt.Errorf("the folder %s is not empty; name a new one, so that nothing in it is replaced or applied too", dir)
	}
	for _, f := range files {
		if f.GetName() != filepath.Base(f.GetName()) || strings.HasPrefix(f.GetName(), ".") {
			return fmt.Errorf("the server sent a file %q, which is not a name", f.GetName())
		}
		if err := os.WriteFile(filepath.Join(dir, f.GetName()), f.GetContent(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
