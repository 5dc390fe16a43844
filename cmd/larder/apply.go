package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/schema/modelfile"
)

func newApplyCommand() *cobra.Command {
	var toVersion int64
	var project string
	var list, yes bool
	var allowDelete []string
	cmd := &cobra.Command{
		Use:   "apply DIR",
		Short: "Make a folder of definitions the newest version",
		Long: `Check a folder of definitions, send the model files that the registry lacks, and
make the definitions the newest version, in one transaction. The server refuses
them when someone else applied in the meantime. Then every server of the registry
uses the new version.

What the folder leaves out is deleted, apart from pushed models and versions. A folder
with project: NAME in one of its files changes that project only, and one without it
the default project. When
something is deleted, or the rows of a feature view have to be stored anew, the
command asks on a terminal. Elsewhere it refuses without --yes or --allow-delete.`,
		Example: "  larder apply definitions/\n  larder apply definitions/ --allow-delete old_view,old_model\n  larder apply --list\n  larder apply --to-version 3\n  larder apply --to-version 3 --project risk",
		Args: wrongArgs(func(cmd *cobra.Command, args []string) error {
			if err := checkVersion(cmd, toVersion, project); err != nil {
				return err
			}
			if alone := toVersion != 0 || list; alone == (len(args) == 1) || len(args) > 1 {
				return errors.New("give exactly one of: a folder, --to-version, --list")
			}
			return nil
		}),
	}
	f := cmd.Flags()
	f.Int64Var(&toVersion, "to-version", 0, "apply the definitions of this earlier version again")
	bindProject(cmd, &project)
	f.BoolVar(&list, "list", false, "list all applied versions")
	f.BoolVar(&yes, "yes", false, "delete and store anew whatever the plan says")
	f.StringSliceVar(&allowDelete, "allow-delete", nil, "names of definitions that may be deleted or stored anew, with commas between them")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.with(func(server *larder.Client) error {
			if list {
				return c.listVersions(cmd, server.Control)
			}
			plan, req, err := planApply(cmd.Context(), server, args, toVersion, project)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if !c.json {
				printPlan(out, plan)
			}
			req.AllowDelete = allowDelete
			if losses := destroyed(plan.GetChanges()); len(losses) > 0 && !c.json && len(allowDelete) == 0 && !yes && interactive() {
				if yes = ask(out, os.Stdin, "This deletes or stores anew: "+strings.Join(losses, ", ")+". Apply?"); !yes {
					return errors.New("nothing was applied")
				}
			}
			if yes {
				req.AllowDelete = destroyed(plan.GetChanges())
			}
			answer, err := server.Control.Apply(cmd.Context(), req)
			if err != nil || c.json {
				return orPrint(out, answer, err)
			}
			printNotes(out, slices.DeleteFunc(answer.GetNotes(), func(note string) bool { return slices.Contains(plan.GetNotes(), note) }))
			printReports(out, answer)
			return nil
		})
	}
	return cmd
}

// destroyed returns the names of what changes delete or store anew.
func destroyed(changes []*larderv1.Change) []string {
	var names []string
	for _, c := range changes {
		names = append(names, c.GetDestroys()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// interactive reports whether a person can read a question and answer it.
func interactive() bool { return onTerminal(os.Stdin) && onTerminal(os.Stdout) }

// ask asks a question, and reports whether the answer is yes.
func ask(w io.Writer, r io.Reader, question string) bool {
	fmt.Fprintf(w, "%s [y/N] ", question)
	answer, err := bufio.NewReader(r).ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	return err == nil && (answer == "y" || answer == "yes")
}

// sendModels sends the model files that the registry lacks, of those at the given paths
// by their SHA-256.
func sendModels(ctx context.Context, server *larder.Client, models map[string]string) error {
	lacking, err := server.Control.HasModels(ctx, &larderv1.HasModelsRequest{Sha256: slices.Sorted(maps.Keys(models))})
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
	file, err := modelfile.Read(path)
	if err != nil {
		return err
	}
	return server.PutModel(ctx, sum, int64(len(file)), bytes.NewReader(file))
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

func printApplied(w io.Writer, a *larderv1.ApplyResponse) {
	printChanges(w, a.GetChanges())
	printNotes(w, a.GetNotes())
	printReports(w, a)
}

// printReports says how the models that changed are scored, and which version holds now.
func printReports(w io.Writer, a *larderv1.ApplyResponse) {
	for _, m := range a.GetModels() {
		if !changes(a.GetChanges(), m) {
			continue
		}
		if m.GetOutput() == "" {
			fmt.Fprintf(w, "model %s version %d: answers %s, and has no score\n", m.GetModel(), m.GetModelVersion(), shapeTexts(m.GetOutputs()))
		} else {
			fmt.Fprintf(w, "model %s version %d: the score is output %s, column %d", m.GetModel(), m.GetModelVersion(), m.GetOutput(), m.GetColumn())
			if m.GetReason() != "" {
				fmt.Fprintf(w, " (%s)", m.GetReason())
			}
			fmt.Fprintln(w)
		}
		for _, note := range m.GetNotes() {
			fmt.Fprintf(w, "    %s\n", note)
		}
	}
	if len(a.GetChanges()) > 0 {
		fmt.Fprintf(w, "Applied as version %d.\n", a.GetVersion())
	}
}

// changes reports whether a version of a model is new, or what it is, or what it reads.
func changes(all []*larderv1.Change, m *larderv1.ModelReport) bool {
	version := fmt.Sprintf("versions.%d", m.GetModelVersion())
	return slices.ContainsFunc(all, func(c *larderv1.Change) bool {
		field := c.GetField()
		return c.GetNoun() == "model" && c.GetName() == m.GetModel() &&
			(field == "" || field == "feature_service" || field == version || strings.HasPrefix(field, version+"."))
	})
}

func (c *client) listVersions(cmd *cobra.Command, control larderv1.ControlServiceClient) error {
	answer, err := control.ListVersions(cmd.Context(), &larderv1.ListVersionsRequest{})
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(cmd.OutOrStdout(), answer)
	}
	if len(answer.GetVersions()) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "nothing was applied yet; larder apply DIR makes version 1")
		return nil
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
