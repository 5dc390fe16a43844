package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
)

func newModelPromoteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "promote NAME VERSION",
		Short: "Make a version the only one that answers",
		Args:  wrongArgs(cobra.ExactArgs(2)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		version, err := versionNumber(args[1])
		if err != nil {
			return err
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			answer, err := control.PromoteModel(cmd.Context(), &larderv1.PromoteModelRequest{Model: args[0], ModelVersion: version, AppliedBy: whoAmI()})
			if err != nil || c.json {
				return orPrint(cmd.OutOrStdout(), answer, err)
			}
			printApplied(cmd.OutOrStdout(), &larderv1.ApplyResponse{Version: answer.GetVersion(), Changes: answer.GetChanges()})
			return nil
		})
	}
	return cmd
}

func newModelRollbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Bring back what answered before: a version or a traffic split",
		Long: `Bring back what answered before: a version or a traffic split. Versions that no
longer exist are skipped. A rollback of a rollback undoes it.`,
		Args: wrongArgs(cobra.ExactArgs(1)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.control(func(control larderv1.ControlServiceClient) error {
			answer, err := control.RollbackModel(cmd.Context(), &larderv1.RollbackModelRequest{Model: args[0], AppliedBy: whoAmI()})
			if err != nil || c.json {
				return orPrint(cmd.OutOrStdout(), answer, err)
			}
			printApplied(cmd.OutOrStdout(), &larderv1.ApplyResponse{Version: answer.GetVersion(), Changes: answer.GetChanges()})
			fmt.Fprintf(cmd.OutOrStdout(), "Model %s is back at version %d, as in version %d of the definitions.\n", args[0], answer.GetModelVersion(), answer.GetAsOfVersion())
			return nil
		})
	}
	return cmd
}

func newModelRetireCommand() *cobra.Command {
	var whole bool
	cmd := &cobra.Command{
		Use:   "retire NAME VERSION",
		Short: "Remove a version that neither serves nor has traffic",
		Long: `Remove a version that neither serves nor has traffic. A model that follows an alias of
MLflow may lose its only version, and then waits for the next. With --model and no version,
remove the model with all its versions: requests that name it are refused from then on.`,
		Example: "  larder models retire fraud 2\n  larder models retire fraud --model",
		Args: wrongArgs(func(_ *cobra.Command, args []string) error {
			if whole != (len(args) == 1) || len(args) == 0 || len(args) > 2 {
				return errors.New("give a model and a version, or a model and --model")
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&whole, "model", false, "remove the model with all its versions")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req := &larderv1.RetireModelRequest{Model: args[0], WholeModel: whole, AppliedBy: whoAmI()}
		if !whole {
			var err error
			if req.ModelVersion, err = versionNumber(args[1]); err != nil {
				return err
			}
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			answer, err := control.RetireModel(cmd.Context(), req)
			if err != nil || c.json {
				return orPrint(cmd.OutOrStdout(), answer, err)
			}
			printApplied(cmd.OutOrStdout(), &larderv1.ApplyResponse{Version: answer.GetVersion(), Changes: answer.GetChanges()})
			return nil
		})
	}
	return cmd
}

func versionNumber(text string) (int64, error) {
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil || version <= 0 {
		return 0, usageError(fmt.Sprintf("%q is not a version; write a number from 1 on", text))
	}
	return version, nil
}

func newModelReleaseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "release NAME VERSION",
		Short: "Run a version again that the server has quarantined",
		Long: `A server stops running a version that has ended its process three times within
an hour. A version that was being scored when the server itself crashed runs in a
process of its own from then on. Both hold on that one server, until this command
releases the version there: it then runs as if nothing had happened, in the server's
process from the server's next start.`,
		Example: "  larder models release fraud 7",
		Args:    wrongArgs(cobra.ExactArgs(2)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		version, err := versionNumber(args[1])
		if err != nil {
			return err
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			answer, err := control.ReleaseModel(cmd.Context(), &larderv1.ReleaseModelRequest{Model: args[0], ModelVersion: version})
			if err != nil || c.json {
				return orPrint(cmd.OutOrStdout(), answer, err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Released version %d of model %s.\n", version, args[0])
			return nil
		})
	}
	return cmd
}
