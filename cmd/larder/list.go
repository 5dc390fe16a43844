package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

// A listing is what larder list can be asked for.
type listing struct {
	word  string   // of the command line
	kinds []string // of larder.v1.Definition
	parts string   // the header of the column of parts
}

var listings = []listing{
	{"entities", []string{schema.KindEntity}, "JOIN_KEYS"},
	{"sources", []string{schema.KindSource}, ""},
	{"views", []string{schema.KindFeatureView, schema.KindOnDemandView}, "FEATURES"},
	{"services", []string{schema.KindFeatureService}, "FEATURES"},
	{"models", []string{schema.KindModel}, "VERSIONS"},
}

func newListCommand() *cobra.Command {
	words := []string{}
	for _, l := range listings {
		words = append(words, l.word)
	}
	words = append(words, "datasets")
	cmd := &cobra.Command{
		Use:   "list [KIND]",
		Short: "List definitions: entities, sources, views, services, models",
		Long: `List the definitions that the server uses, with their owners and with what uses
each, or those of one kind: entities, sources, views, services, models. datasets lists
the training sets that were built.`,
		Example:   "  larder list\n  larder list views\n  larder list datasets",
		ValidArgs: words,
		Args: wrongArgs(func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && !slices.Contains(words, args[0]) {
				return fmt.Errorf("there is no list of %q; choose one of %s", args[0], strings.Join(words, ", "))
			}
			return cobra.MaximumNArgs(1)(cmd, args)
		}),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 && args[0] == "datasets" {
			return listDatasets(cmd, c)
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			answer, err := control.ListDefinitions(cmd.Context(), &larderv1.ListDefinitionsRequest{})
			if err != nil {
				return err
			}
			var of listing
			if len(args) == 1 {
				of = listings[slices.IndexFunc(listings, func(l listing) bool { return l.word == args[0] })]
				answer.Definitions = slices.DeleteFunc(answer.GetDefinitions(), func(d *larderv1.Definition) bool { return !slices.Contains(of.kinds, d.GetKind()) })
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			return printDefinitions(cmd.OutOrStdout(), answer.GetDefinitions(), of)
		})
	}
	return cmd
}

func printDefinitions(w io.Writer, all []*larderv1.Definition, of listing) error {
	if len(all) == 0 {
		fmt.Fprintf(w, "no %s yet; add some with larder apply DIR\n", cmp.Or(of.word, "definitions"))
		return nil
	}
	header, withKind := "NAME", len(of.kinds) != 1
	if withKind {
		header = "KIND NAME"
	}
	if of.parts != "" {
		header += " " + of.parts
	}
	var rows [][]string
	for _, d := range all {
		var row []string
		if withKind {
			row = append(row, d.GetKind())
		}
		row = append(row, d.GetName())
		if of.parts != "" {
			row = append(row, few(d.GetParts(), strings.ToLower(strings.ReplaceAll(of.parts, "_", " "))))
		}
		rows = append(rows, append(row, orDash(d.GetOwner()), users(d), d.GetDescription()))
	}
	return table(w, header+" OWNER USED_BY DESCRIPTION", rows)
}

// usersByKind returns the kinds of what uses a definition, in order, and the names of each.
func usersByKind(d *larderv1.Definition) (kinds []string, by map[string][]string) {
	by = map[string][]string{}
	for _, u := range d.GetUsedBy() {
		if by[u.GetKind()] == nil {
			kinds = append(kinds, u.GetKind())
		}
		by[u.GetKind()] = append(by[u.GetKind()], u.GetName())
	}
	return kinds, by
}

// allUsers names all that uses a definition, as in "model fraud, feature views a, b".
func allUsers(d *larderv1.Definition) string {
	kinds, by := usersByKind(d)
	if len(kinds) == 0 {
		return "nothing"
	}
	for i, kind := range kinds {
		if len(by[kind]) > 1 {
			kinds[i] += "s"
		}
		kinds[i] += " " + strings.Join(by[kind], ", ")
	}
	return strings.Join(kinds, ", ")
}

// users says what uses a definition, as in "model fraud, 2 feature views".
func users(d *larderv1.Definition) string {
	kinds, by := usersByKind(d)
	for i, kind := range kinds {
		if names := by[kind]; len(names) == 1 {
			kinds[i] = kind + " " + names[0]
		} else {
			kinds[i] = fmt.Sprintf("%d %ss", len(names), kind)
		}
	}
	return orDash(strings.Join(kinds, ", "))
}

func newSearchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "search WORD",
		Short:   "Find definitions by a text in them",
		Long:    "Find the definitions that have a text anywhere, in any case: in names, descriptions,\nowners, tags, features, expressions or queries. Exits with 1 when there are none.",
		Example: "  larder search txn_count\n  larder search pii",
		Args:    wrongArgs(cobra.ExactArgs(1)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if args[0] == "" {
			return usageError("WORD is empty; larder list shows all definitions")
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			answer, err := control.ListDefinitions(cmd.Context(), &larderv1.ListDefinitionsRequest{Search: args[0]})
			if err != nil || c.json {
				return orPrint(cmd.OutOrStdout(), answer, err)
			}
			if len(answer.GetDefinitions()) == 0 {
				return fmt.Errorf("no definition has %q; larder list shows all", args[0])
			}
			var rows [][]string
			for _, d := range answer.GetDefinitions() {
				rows = append(rows, []string{d.GetKind(), d.GetName(), few(d.GetFoundIn(), "places"), orDash(d.GetOwner()), d.GetDescription()})
			}
			return table(cmd.OutOrStdout(), "KIND NAME FOUND_IN OWNER DESCRIPTION", rows)
		})
	}
	return cmd
}

func newShowCommand() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show one definition, who uses it, and how fresh it is",
		Long: `Show one definition as YAML, what uses it, and how it does: of a feature view how
fresh it is and its last runs on all servers, of a model its versions. NAME may also
be the id or the name of a training set. --kind chooses when definitions of several
kinds have the name.`,
		Example: "  larder show card_stats\n  larder show fraud --kind model",
		Args:    wrongArgs(cobra.ExactArgs(1)),
	}
	cmd.Flags().StringVar(&kind, "kind", "", strings.Join(schema.Kinds(), ", "))
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.control(func(control larderv1.ControlServiceClient) error {
			answer, err := control.GetDefinition(cmd.Context(), &larderv1.GetDefinitionRequest{Name: args[0], Kind: kind})
			if err != nil && kind == "" && isDataset(cmd.Context(), control, args[0]) {
				return showDataset(cmd, c, args[0])
			}
			if err != nil || c.json {
				return orPrint(cmd.OutOrStdout(), answer, err)
			}
			return printDefinition(cmd.OutOrStdout(), answer)
		})
	}
	return cmd
}

// isDataset reports whether a name is that of a training set.
func isDataset(ctx context.Context, control larderv1.ControlServiceClient, name string) bool {
	_, err := control.GetDataset(ctx, &larderv1.GetDatasetRequest{Id: name})
	return err == nil
}

func printDefinition(w io.Writer, a *larderv1.GetDefinitionResponse) error {
	d := a.GetDefinition()
	fmt.Fprintf(w, "%s %s, in version %d of the definitions\n", d.GetKind(), d.GetName(), a.GetVersion())
	fmt.Fprintln(w, fold("used by "+allUsers(d), plainWidth)+"\n")
	for _, line := range strings.Split(strings.TrimRight(a.GetYaml(), "\n"), "\n") {
		fmt.Fprintln(w, "    "+visible(line))
	}
	if v := a.GetView(); v != nil {
		if err := printViewState(w, v, a.GetRuns()); err != nil {
			return err
		}
	}
	if a.GetModel() == nil {
		return nil
	}
	fmt.Fprintln(w)
	return printModel(w, a.GetModel())
}

func printViewState(w io.Writer, v *larderv1.ViewStatus, runs []*larderv1.Run) error {
	now := time.Now()
	fmt.Fprintln(w)
	if v.GetWatermark() == 0 {
		fmt.Fprintf(w, "not materialized on this server; larder materialize %s fills it\n", v.GetFeatureView())
	} else {
		fmt.Fprintf(w, "%s rows, read up to %s, %s ago\n", count(v.GetRows()), clock(v.GetWatermark(), now), freshness(v))
	}
	if len(runs) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	var rows [][]string
	for _, r := range runs {
		rows = append(rows, []string{r.GetId(), clock(r.GetStartedAt(), now), r.GetServer(), paintState(w, runState(r)), r.GetMode(), count(r.GetRowsRead()), count(r.GetRowsWritten()), count(r.GetRowsBad())})
	}
	return table(w, "RUN STARTED SERVER STATE MODE READ WRITTEN BAD", rows)
}
