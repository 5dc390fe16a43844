package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/schema/definitions"
)

func newPlanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "plan DIR",
		Short:   "Show what applying a folder of definitions would change",
		Long:    "Compare a folder of definitions with those that the server uses, field by field,\nand say what each change means for stored rows. This command changes nothing.",
		Example: "  larder plan definitions/",
		Args:    wrongArgs(cobra.ExactArgs(1)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		raw, _, err := readDefinitions(args[0])
		if err != nil {
			return err
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			plan, err := control.Plan(cmd.Context(), &larderv1.PlanRequest{Definitions: raw})
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), plan)
			}
			printChanges(cmd.OutOrStdout(), plan.GetChanges())
			printNotes(cmd.OutOrStdout(), plan.GetNotes())
			return nil
		})
	}
	return cmd
}

// readDefinitions returns the JSON of a folder's definitions and where the model
// files are, by their SHA-256.
func readDefinitions(dir string) (raw []byte, models map[string]string, err error) {
	defs, err := definitions.Load(dir)
	if err != nil {
		return nil, nil, err
	}
	raw, err = json.Marshal(defs)
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

func newApplyCommand() *cobra.Command {
	var toVersion int64
	var list bool
	cmd := &cobra.Command{
		Use:   "apply DIR",
		Short: "Make a folder of definitions the newest version",
		Long: `Check a folder of definitions, send the model files that the registry lacks, and
make the definitions the newest version, in one transaction. The server refuses
them when someone else applied in the meantime. Then every server of the registry
uses the new version.`,
		Example: "  larder apply definitions/\n  larder apply --list\n  larder apply --to-version 3",
		Args: wrongArgs(func(_ *cobra.Command, args []string) error {
			if alone := toVersion != 0 || list; alone == (len(args) == 1) || len(args) > 1 {
				return errors.New("give exactly one of: a folder, --to-version, --list")
			}
			return nil
		}),
	}
	cmd.Flags().Int64Var(&toVersion, "to-version", 0, "apply the definitions of this earlier version again")
	cmd.Flags().BoolVar(&list, "list", false, "list all applied versions")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.with(func(server *larder.Client) error {
			if list {
				return c.listVersions(cmd, server.Control)
			}
			req := &larderv1.ApplyRequest{What: &larderv1.ApplyRequest_ToVersion{ToVersion: toVersion}, AppliedBy: whoAmI()}
			if toVersion == 0 {
				if err := prepareApply(cmd.Context(), server, args[0], req); err != nil {
					return err
				}
			}
			answer, err := server.Control.Apply(cmd.Context(), req)
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			printApplied(cmd.OutOrStdout(), answer)
			return nil
		})
	}
	return cmd
}

// prepareApply reads the folder, learns the version that it would change, and
// sends the model files that the registry lacks.
func prepareApply(ctx context.Context, server *larder.Client, dir string, req *larderv1.ApplyRequest) error {
	raw, models, err := readDefinitions(dir)
	if err != nil {
		return err
	}
	plan, err := server.Control.Plan(ctx, &larderv1.PlanRequest{Definitions: raw})
	if err != nil {
		return err
	}
	req.What, req.BaseVersion = &larderv1.ApplyRequest_Definitions{Definitions: raw}, plan.GetBaseVersion()
	sums := make([]string, 0, len(models))
	for sum := range models {
		sums = append(sums, sum)
	}
	lacking, err := server.Control.HasModels(ctx, &larderv1.HasModelsRequest{Sha256: sums})
	if err != nil {
		return err
	}
	for _, sum := range lacking.GetMissing() {
		if err := sendModel(ctx, server, sum, models[sum]); err != nil {
			return fmt.Errorf("send %s: %w", models[sum], err)
		}
	}
	return nil
}

func sendModel(ctx context.Context, server *larder.Client, sum, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return server.PutModel(ctx, sum, info.Size(), f)
}

// whoAmI is who applies, for the record.
func whoAmI() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}

// printNotes says what stays although the folder leaves it out.
func printNotes(w io.Writer, notes []string) {
	for _, n := range notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
}

func printApplied(w io.Writer, a *larderv1.ApplyResponse) {
	printChanges(w, a.GetChanges())
	printNotes(w, a.GetNotes())
	for _, m := range a.GetModels() {
		fmt.Fprintf(w, "model %s version %d: the score is output %s, column %d", m.GetModel(), m.GetModelVersion(), m.GetOutput(), m.GetColumn())
		if m.GetReason() != "" {
			fmt.Fprintf(w, " (%s)", m.GetReason())
		}
		fmt.Fprintln(w)
	}
	if len(a.GetChanges()) > 0 {
		fmt.Fprintf(w, "Applied as version %d.\n", a.GetVersion())
	}
}

func (c *client) listVersions(cmd *cobra.Command, control larderv1.ControlServiceClient) error {
	answer, err := control.ListVersions(cmd.Context(), &larderv1.ListVersionsRequest{})
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(cmd.OutOrStdout(), answer)
	}
	var rows [][]string
	for _, v := range answer.GetVersions() {
		note := ""
		if v.GetRevertsTo() != 0 {
			note = fmt.Sprintf("back to %d", v.GetRevertsTo())
		}
		rows = append(rows, []string{fmt.Sprint(v.GetVersion()), moment(v.GetAppliedAt()), v.GetAppliedBy(), v.GetFingerprint()[:12], note})
	}
	return table(cmd.OutOrStdout(), "VERSION APPLIED BY FINGERPRINT NOTE", rows)
}
