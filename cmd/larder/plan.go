package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/schema/definitions"
)

func newPlanCommand() *cobra.Command {
	var toVersion int64
	var project string
	cmd := &cobra.Command{
		Use:   "plan DIR",
		Short: "Show what applying a folder of definitions would change",
		Long: `Compare a folder of definitions with those that the server uses, field by field,
and say what each change means for stored rows. The command checks everything that
larder apply checks, and sends the model files that the registry lacks; it changes no
definitions. It exits with 1 where larder apply would fail.`,
		Example: "  larder plan definitions/\n  larder plan --to-version 3",
		Args: wrongArgs(func(cmd *cobra.Command, args []string) error {
			if err := checkVersion(cmd, toVersion, project); err != nil {
				return err
			}
			if toVersion == 0 {
				return cobra.ExactArgs(1)(cmd, args)
			}
			if len(args) > 0 {
				return errors.New("give either a folder or --to-version")
			}
			return nil
		}),
	}
	cmd.Flags().Int64Var(&toVersion, "to-version", 0, "plan to apply the definitions of this earlier version again")
	bindProject(cmd, &project)
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.with(func(server *larder.Client) error {
			plan, _, err := planApply(cmd.Context(), server, args, toVersion, project)
			if err != nil || c.json {
				return orPrint(cmd.OutOrStdout(), plan, err)
			}
			printPlan(cmd.OutOrStdout(), plan)
			return nil
		})
	}
	return cmd
}

// checkVersion checks a --to-version that was given, and the project that goes with it.
func checkVersion(cmd *cobra.Command, version int64, project string) error {
	if project != "" && !cmd.Flags().Changed("to-version") {
		return errors.New("--project goes with --to-version; a folder names its project with project: NAME in one of its files")
	}
	if cmd.Flags().Changed("to-version") && version < 1 {
		return fmt.Errorf("--to-version %d is not a version; versions count from 1", version)
	}
	return nil
}

// bindProject adds the flag --project, which goes with an earlier version.
func bindProject(cmd *cobra.Command, project *string) {
	cmd.Flags().StringVar(project, "project", "", "with --to-version: the project whose definitions are meant (default \"default\"); a folder names its own")
}

// planApply plans to apply a folder, whose model files it sends, or an earlier version.
// It returns the plan and the request that applies it.
func planApply(ctx context.Context, server *larder.Client, args []string, toVersion int64, project string) (*larderv1.PlanResponse, *larderv1.ApplyRequest, error) {
	req := &larderv1.PlanRequest{ToVersion: toVersion, Project: project}
	apply := &larderv1.ApplyRequest{What: &larderv1.ApplyRequest_ToVersion{ToVersion: toVersion}, AppliedBy: whoAmI(), Project: project}
	if toVersion == 0 {
		raw, models, err := readDefinitions(args[0])
		if err != nil {
			return nil, nil, err
		}
		if err := sendModels(ctx, server, models); err != nil {
			return nil, nil, err
		}
		req.Definitions, apply.What = raw, &larderv1.ApplyRequest_Definitions{Definitions: raw}
	}
	plan, err := server.Control.Plan(ctx, req)
	apply.BaseVersion = plan.GetBaseVersion()
	return plan, apply, err
}

// readDefinitions returns the JSON of a folder's definitions and where the model
// files are, by their SHA-256.
func readDefinitions(dir string) (raw []byte, models map[string]string, err error) {
	defs, err := definitions.Load(dir)
	if err != nil {
		return nil, nil, err
	}
	local, err := defs.Local() // ApplyRequest has the names that the files have
	if err != nil {
		return nil, nil, err
	}
	raw, err = json.Marshal(local)
	return raw, definitions.ModelFiles(dir, defs), err
}

var actionMarks = map[larderv1.Change_Action]string{
	larderv1.Change_ACTION_ADD: "+", larderv1.Change_ACTION_REMOVE: "-", larderv1.Change_ACTION_CHANGE: "~",
}

var actionStyles = map[larderv1.Change_Action]style{
	larderv1.Change_ACTION_ADD: green, larderv1.Change_ACTION_REMOVE: red, larderv1.Change_ACTION_CHANGE: yellow,
}

func printChanges(w io.Writer, changes []*larderv1.Change) {
	if len(changes) == 0 {
		fmt.Fprintln(w, "No changes.")
	}
	for _, c := range changes {
		fmt.Fprintf(w, "%s %s %s", paint(w, actionStyles[c.GetAction()], actionMarks[c.GetAction()]), c.GetNoun(), c.GetName())
		if c.GetField() != "" {
			fmt.Fprintf(w, " %s", c.GetField())
		}
		switch {
		case c.GetBefore() != "" && c.GetAfter() != "":
			fmt.Fprintf(w, ": %s → %s", c.GetBefore(), c.GetAfter())
		case c.GetField() != "" && c.GetAfter() != "":
			fmt.Fprintf(w, ": %s", c.GetAfter())
		}
		fmt.Fprintln(w)
		if c.GetEffect() != "" {
			fmt.Fprintf(w, "    %s\n", c.GetEffect())
		}
	}
}

func printPlan(w io.Writer, plan *larderv1.PlanResponse) {
	printChanges(w, plan.GetChanges())
	printNotes(w, plan.GetNotes())
}

// printNotes says what stays although the folder leaves it out.
func printNotes(w io.Writer, notes []string) {
	for _, n := range notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
}
