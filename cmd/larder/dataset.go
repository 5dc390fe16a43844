package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/column/arrows"
	"larder/internal/arrowfile"
	"larder/schema"
	"larder/training"
)

func newDatasetCommand() *cobra.Command {
	var command larder.SetCommand
	var spine, out, show string
	var list bool
	cmd := &cobra.Command{
		Use:   "dataset --service NAME --spine FILE --out FILE",
		Short: "Build a training set: for each row, the features of its time",
		Long: `Build the training set of a spine: a file with the join keys of a feature
service, a time for each row, and any other columns, such as labels. The set has
the spine's columns, unchanged and in order, and then one column per feature,
VIEW__FEATURE, with the value that serving would have returned at the row's time.

The files are Parquet (.parquet), Arrow IPC (.arrow, .arrows) or CSV (.csv). In CSV,
join keys, times and request values are written as in JSON, without the quotes around
texts; other columns pass through as text. An empty field is null, "" an empty text.

The server keeps a manifest of each set under an id that a model can name.`,
		Example: `  larder dataset --service fraud_v1 --spine labels.parquet --out train.parquet
  larder dataset --service fraud_v1 --spine labels.csv --out train.csv --as-of event_time
  larder dataset --service fraud_v1 --spine labels.parquet --out train.parquet --name fraud_2026q1
  larder dataset --list
  larder dataset --show 20260131T100000.000-0123456789`,
		Args: wrongArgs(cobra.NoArgs),
	}
	f := cmd.Flags()
	f.StringVar(&command.Service, "service", "", "feature service that names the features")
	f.StringVar(&spine, "spine", "", "file with the rows of the set")
	f.StringVar(&out, "out", "", "file to write the set to")
	f.StringVar(&command.AsOf, "as-of", string(training.IngestTime), "ingest_time: use what had arrived by a row's time; event_time: use what had happened by then, for sources that were filled later")
	f.StringVar(&command.EventTimeColumn, "event-time-column", training.DefaultEventTimeColumn, "column of the spine with the time of each row")
	f.StringVar(&command.OwnEventColumn, "own-event-column", "", "column of the spine with the id of the event that a row is about; aggregate views leave that event out")
	f.StringVar(&command.Name, "name", "", "name for the set, which no other may have; models push --dataset and show take it in place of the id")
	f.BoolVar(&list, "list", false, "list the newest training sets instead")
	f.StringVar(&show, "show", "", "print the manifest of the training set with this id or name instead")
	cmd.MarkFlagsMutuallyExclusive("list", "show", "spine")
	cmd.MarkFlagsRequiredTogether("service", "spine", "out")
	cmd.MarkFlagsOneRequired("list", "show", "spine")
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case list:
			return listDatasets(cmd, c)
		case show != "":
			return showDataset(cmd, c, show)
		}
		return buildDataset(cmd, c, command, spine, out)
	}
	return cmd
}

func buildDataset(cmd *cobra.Command, c *client, command larder.SetCommand, spine, out string) error {
	if as := command.AsOf; as != string(training.IngestTime) && as != string(training.EventTime) {
		return usageError(fmt.Sprintf("--as-of is %q; it can be %s or %s", as, training.IngestTime, training.EventTime))
	}
	for _, path := range []string{spine, out} {
		if err := arrowfile.Check(path); err != nil {
			return usageError(err.Error())
		}
	}
	if folder := filepath.Dir(out); !isFolder(folder) {
		return fmt.Errorf("no folder %s for --out; make it first", folder)
	}
	if sameFile(spine, out) {
		return fmt.Errorf("--out %s is the spine, and would be replaced; name another file", out)
	}
	server, err := c.dial()
	if err != nil {
		return err
	}
	defer server.Close()
	plan, err := server.Control.GetPlan(cmd.Context(), &larderv1.GetPlanRequest{
		What: &larderv1.GetPlanRequest_FeatureService{FeatureService: command.Service},
	})
	if err != nil {
		return err
	}
	types, err := csvTypes(plan, command.EventTimeColumn)
	if err != nil {
		return err
	}
	in, err := arrowfile.Open(cmd.Context(), spine, types)
	if err != nil {
		return arrowfile.Explain(spine, err)
	}
	defer in.Close()
	rows := arrows.NewPlainReader(in)
	if columns := rows.Schema(); !columns.HasField(command.EventTimeColumn) {
		var names []string
		for _, f := range columns.Fields() {
			names = append(names, f.Name)
		}
		return fmt.Errorf("%s has no column %q with the time of each row; it has %s. Name the column with the times by --event-time-column", spine, command.EventTimeColumn, strings.Join(names, ", "))
	}
	if err := arrowfile.CheckColumns(out, rows.Schema()); err != nil {
		return err
	}
	bar := showProgress(cmd, "building", "rows")
	var file *arrowfile.Writer
	defer func() {
		if file != nil {
			_ = file.Close() // of no use, since something failed
		}
	}()
	raw, err := server.BuildSet(cmd.Context(), command, rows, larder.SetSink{
		Begin: func(columns *arrow.Schema) (err error) {
			file, err = arrowfile.Create(out, columns)
			return err
		},
		Write:    func(rec arrow.Record) error { return file.Write(rec) },
		Progress: func(rows, of int64) { bar.set(rows, max(of, in.Rows)) },
	})
	bar.end()
	if err != nil {
		return err
	}
	if err := file.Commit(); err != nil {
		return err
	}
	file = nil
	var manifest training.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return fmt.Errorf("the server's manifest: %w", err)
	}
	if c.json {
		return printManifest(cmd.OutOrStdout(), raw)
	}
	return printSet(cmd.OutOrStdout(), cmd.ErrOrStderr(), &manifest, out)
}

// sameFile reports whether two paths lead to one file.
func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// csvTypes returns what a CSV file doesn't say of a spine's columns.
func csvTypes(plan *larderv1.GetPlanResponse, eventTime string) (map[string]arrow.DataType, error) {
	types := map[string]arrow.DataType{eventTime: arrows.Type(schema.Timestamp)}
	for _, fields := range [][]*larderv1.Field{plan.GetKeys(), plan.GetRequest()} {
		for _, f := range fields {
			t, err := schema.ParseType(f.GetType())
			if err != nil {
				return nil, err
			}
			types[f.GetName()] = arrows.Type(t)
		}
	}
	return types, nil
}

func printSet(w, warnings io.Writer, m *training.Manifest, out string) error {
	var rows [][]string
	for _, v := range m.Views {
		rows = append(rows, []string{v.View, count(v.Found), count(v.Missing), count(v.Expired), count(v.Hidden)})
	}
	if err := table(w, "VIEW FOUND MISSING EXPIRED HIDDEN", rows); err != nil {
		return err
	}
	for _, text := range m.Warnings {
		fmt.Fprintln(warnings, "warning:", text)
	}
	fmt.Fprintf(w, "\n%s with %s of %s, by version %d of the definitions, in %s\ntraining set %s\n", counted(m.Rows, "row"), counted(len(m.Features), "feature"), m.FeatureService, m.CatalogVersion, out, m.ID)
	return nil
}

func printManifest(w io.Writer, raw []byte) error {
	return encodeJSON(w, json.RawMessage(raw))
}

func showDataset(cmd *cobra.Command, c *client, id string) error {
	return c.control(func(control larderv1.ControlServiceClient) error {
		answer, err := control.GetDataset(cmd.Context(), &larderv1.GetDatasetRequest{Id: id})
		if err != nil {
			return err
		}
		return printManifest(cmd.OutOrStdout(), []byte(answer.GetDataset().GetManifest()))
	})
}

func listDatasets(cmd *cobra.Command, c *client) error {
	return c.control(func(control larderv1.ControlServiceClient) error {
		answer, err := control.ListDatasets(cmd.Context(), &larderv1.ListDatasetsRequest{})
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd.OutOrStdout(), answer)
		}
		if len(answer.GetDatasets()) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "no training sets yet; build one with larder dataset")
			return nil
		}
		var rows [][]string
		for _, d := range answer.GetDatasets() {
			var m training.Manifest
			if err := json.Unmarshal([]byte(d.GetManifest()), &m); err != nil {
				return fmt.Errorf("the manifest of %s: %w", d.GetId(), err)
			}
			rows = append(rows, []string{d.GetId(), orDash(d.GetName()), d.GetFeatureService(), count(m.Rows), string(m.AsOf), fmt.Sprint(m.CatalogVersion)})
		}
		return table(cmd.OutOrStdout(), "DATASET NAME SERVICE ROWS AS_OF CATALOG_VERSION", rows)
	})
}
