package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"larder/importer/dbt"
	"larder/schema/definitions"
)

// An importDBT is the command's flags.
type importDBT struct {
	catalog, tag, out   string
	force, dryRun, json bool
}

func newImportDBTCommand() *cobra.Command {
	var f importDBT
	cmd := &cobra.Command{
		Use:   "dbt MANIFEST",
		Short: "Write definitions from the manifest of a dbt project",
		Long: `Read the manifest.json that dbt leaves in its folder target, and write sources and
feature views for the models, snapshots, seeds and sources that carry the tag larder or
a key larder in their meta. Columns and types come from the catalog.json beside it, which
dbt docs generate writes, or else from the data_type of the columns.

The key larder in a meta says what dbt doesn't know:

  models:
    - name: customer_daily
      config:
        meta:
          larder:
            entity: customer
            join_keys: [customer_id]
            timestamp_field: event_time
            ttl: 30d
            schedule: 5m

What was left out is reported line by line, each with what to do; that is no failure.
docs/dbt.md has all keys, and what becomes what. Nothing of the project is run.`,
		Example: `  larder import dbt target/manifest.json
  larder import dbt target/manifest.json --out definitions/dbt --force
  larder import dbt target/manifest.json --tag features --dry-run`,
		Args: wrongArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.OutOrStdout(), args[0])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.catalog, "catalog", "", "catalog file; defaults to the catalog.json beside the manifest, if there is one")
	flags.StringVar(&f.tag, "tag", "larder", "tag of the nodes to import, beside those with meta.larder")
	flags.StringVar(&f.out, "out", "definitions", "the folder to write: a new or empty one")
	flags.BoolVar(&f.force, "force", false, "write into a folder that has files, and replace those of an import before")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print the files instead of writing them")
	flags.BoolVar(&f.json, "json", false, "print the report as JSON")
	return cmd
}

func (f *importDBT) run(w io.Writer, manifest string) error {
	m, err := dbt.ReadManifest(manifest)
	if err != nil {
		return err
	}
	catalog, err := f.readCatalog(manifest)
	if err != nil {
		return err
	}
	result, err := dbt.Import(m, dbt.Options{Tag: f.tag, Catalog: catalog})
	if err != nil {
		return err
	}
	files, err := result.Files()
	if err != nil {
		return err
	}
	if _, err := definitions.Parse(files); err != nil {
		return fmt.Errorf("what the import would write is not valid, which is a fault of larder: %w", err)
	}
	if !f.dryRun && len(files) > 0 {
		if err := writeImported(f.out, files, dbt.IsFile, f.force); err != nil {
			return err
		}
	}
	if f.json {
		return f.printJSON(w, result, files)
	}
	return f.print(w, result, files)
}

// readCatalog reads the catalog; nil when none was named and none is beside the manifest.
func (f *importDBT) readCatalog(manifest string) (*dbt.Catalog, error) {
	if f.catalog != "" {
		return dbt.ReadCatalog(f.catalog)
	}
	catalog, err := dbt.ReadCatalog(filepath.Join(filepath.Dir(manifest), "catalog.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return catalog, err
}

func (f *importDBT) printJSON(w io.Writer, result *dbt.Result, files []definitions.File) error {
	out := struct {
		Out    string            `json:"out,omitempty"`
		Files  map[string]string `json:"files,omitempty"` // with --dry-run
		Counts map[string]int    `json:"counts"`
		Report []dbt.Line        `json:"report"`
	}{
		Out: f.out, Report: append([]dbt.Line{}, result.Report...),
		Counts: map[string]int{"entities": len(result.Definitions.Entities), "sources": len(result.Definitions.Sources), "feature_views": len(result.Definitions.FeatureViews)},
	}
	if f.dryRun || len(files) == 0 {
		out.Out, out.Files = "", map[string]string{}
		for _, file := range files {
			out.Files[file.Name] = string(file.Data)
		}
	}
	return encodeJSON(w, out)
}

func (f *importDBT) print(w io.Writer, result *dbt.Result, files []definitions.File) error {
	verb := "wrote"
	if f.dryRun {
		verb = "would write"
		for _, file := range files {
			fmt.Fprintf(w, "# %s\n%s\n", file.Name, file.Data)
		}
	}
	views := len(result.Definitions.FeatureViews)
	if views == 0 {
		fmt.Fprintln(w, "there is nothing to write")
	} else {
		fmt.Fprintf(w, "%s %s to %s: %s of %s\n", verb, counted(len(files), "file"), f.out, counted(views, "feature view"), countedAs(len(result.Definitions.Entities), "entity", "entities"))
	}
	if len(result.Report) > 0 {
		fmt.Fprintf(w, "\n%s to look at:\n\n", counted(len(result.Report), "thing"))
		rows := make([][]string, len(result.Report))
		for i, line := range result.Report {
			rows[i] = []string{line.Kind + " " + line.Name, line.What, line.Do}
		}
		if err := table(w, "ABOUT WHAT DO", rows); err != nil {
			return err
		}
	}
	if views > 0 && !f.dryRun {
		fmt.Fprintf(w, "\nnext:\n  larder plan %[1]s\n  larder apply %[1]s\n  larder materialize\n", shellWord(f.out))
	}
	return nil
}
