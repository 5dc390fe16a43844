package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"larder/importer/feast"
	"larder/importer/feast/registry"
	"larder/schema/definitions"
)

// An importFeast is the command's flags.
type importFeast struct {
	out, registry, project string
	force, dryRun, json    bool
}

func newImportFeastCommand() *cobra.Command {
	var f importFeast
	var k feastCheck
	checks := false
	cmd := &cobra.Command{
		Use:   "feast DIR | --check",
		Short: "Write definitions from a Feast repository; compare with Feast",
		Long: `Read the feature_store.yaml of a Feast repository and the registry that it names, and
write definitions that larder plan and larder apply take. No Python of the repository
is run, and nothing of it is changed.

What has no counterpart is reported line by line, each with what to do; that is no
failure. docs/feast.md says what becomes what.

The registry is a file, a Postgres, or Feast's REST server. For any other, such as one
in S3, MySQL or Snowflake, download the file or start the REST server, and give it as
--registry.

With --check, ask a running feast serve and Larder for the same keys instead, or compare
training sets of both, and explain each difference. The exit code is 1 if values differ.`,
		Example: `  larder import feast feature_repo/
  larder import feast feature_repo/ --out defs/ --registry registry.db
  larder import feast feature_repo/ --registry http://localhost:6572 --dry-run
  larder import feast --check --feast http://localhost:6566
  larder import feast --check --spine spine.parquet --feast-set feast.parquet --service fraud_v1`,
		Args: wrongArgs(func(cmd *cobra.Command, args []string) error {
			if checks {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		}),
	}
	cmd.Flags().StringVar(&f.out, "out", "definitions", "the folder to write: a new or empty one")
	cmd.Flags().StringVar(&f.registry, "registry", "", "a registry file, the URL of a Postgres, or the http URL of Feast's REST server, instead of that of feature_store.yaml")
	cmd.Flags().StringVar(&f.project, "project", "", "the project of the registry, instead of that of feature_store.yaml")
	cmd.Flags().BoolVar(&f.force, "force", false, "write into a folder that has files, and replace those of an import before")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "print the files instead of writing them")
	cmd.Flags().BoolVar(&checks, "check", false, "compare what Feast and Larder answer instead")
	k.bind(cmd.Flags())
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if checks {
			return k.run(cmd, c)
		}
		f.json = c.json
		return f.run(cmd.Context(), cmd.OutOrStdout(), args[0])
	}
	return cmd
}

func (f *importFeast) run(ctx context.Context, w io.Writer, dir string) error {
	config, err := registry.ReadConfig(dir, os.LookupEnv)
	if err != nil {
		return err
	}
	if f.project != "" {
		config.Project = f.project
	}
	r, err := registry.Read(ctx, config, f.registry)
	if err != nil {
		return err
	}
	result := feast.Import(config, r)
	if len(result.Definitions.FeatureViews) == 0 {
		return errors.Join(f.printNothing(w, result), fmt.Errorf("no feature view of project %q can be imported, so nothing was written; the report says why", config.Project))
	}
	files, err := result.Files()
	if err != nil {
		return err
	}
	if _, err := definitions.Parse(files); err != nil {
		return fmt.Errorf("what the import would write is not valid, which is a fault of larder: %w", err)
	}
	if !f.dryRun {
		if err := writeImported(f.out, files, feast.IsFile, f.force); err != nil {
			return err
		}
	}
	if f.json {
		return f.printJSON(w, result, files)
	}
	return f.print(w, result, files)
}

func (f *importFeast) printJSON(w io.Writer, result *feast.Result, files []definitions.File) error {
	out := struct {
		Out    string            `json:"out,omitempty"`
		Files  map[string]string `json:"files,omitempty"` // with --dry-run
		Counts map[string]int    `json:"counts"`
		Report []feast.Line      `json:"report"`
	}{Out: f.out, Counts: result.Counts(), Report: result.Report}
	if f.dryRun {
		out.Out, out.Files = "", map[string]string{}
		for _, file := range files {
			out.Files[file.Name] = string(file.Data)
		}
	}
	if out.Report == nil {
		out.Report = []feast.Line{}
	}
	return encodeJSON(w, out)
}

func (f *importFeast) print(w io.Writer, result *feast.Result, files []definitions.File) error {
	counts := result.Counts()
	said := fmt.Sprintf("%s, %s, %s, %s, %s", countedAs(counts["entities"], "entity", "entities"), counted(counts["sources"], "source"),
		counted(counts["feature_views"], "feature view"), counted(counts["on_demand_views"], "on-demand view"), counted(counts["feature_services"], "feature service"))
	if f.dryRun {
		for _, file := range files {
			fmt.Fprintf(w, "# %s\n%s\n", file.Name, file.Data)
		}
		fmt.Fprintf(w, "would write %s to %s: %s\n", counted(len(files), "file"), f.out, said)
	} else {
		fmt.Fprintf(w, "wrote %s to %s: %s\n", counted(len(files), "file"), f.out, said)
	}
	if len(result.Report) > 0 {
		fmt.Fprintf(w, "\n%s to look at:\n\n", counted(len(result.Report), "thing"))
		if err := printFeastReport(w, result.Report); err != nil {
			return err
		}
	}
	if !f.dryRun {
		fmt.Fprintf(w, "\nnext:\n  larder plan %[1]s\n  larder apply %[1]s\n  larder materialize\n", f.out)
	}
	return nil
}

func printFeastReport(w io.Writer, report []feast.Line) error {
	rows := make([][]string, len(report))
	for n, line := range report {
		rows[n] = []string{strings.TrimSpace(line.Kind + " " + line.Name), line.What, line.Do}
	}
	return table(w, "ABOUT WHAT DO", rows)
}

// printNothing prints the report of an import that writes nothing.
func (f *importFeast) printNothing(w io.Writer, result *feast.Result) error {
	if f.json {
		return encodeJSON(w, map[string]any{"counts": result.Counts(), "report": result.Report})
	}
	return printFeastReport(w, result.Report)
}

func countedAs(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}
