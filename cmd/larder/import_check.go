package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/column"
	"larder/column/arrows"
	"larder/importer/feast/check"
	"larder/internal/arrowfile"
	"larder/schema"
	"larder/schema/definitions"
	"larder/training"
)

// A feastCheck compares Feast and Larder: larder import feast --check.
type feastCheck struct {
	feast, keys               string
	sample                    int
	set, spine, service, time string
}

// defaultFeast is where `feast serve` listens.
const defaultFeast = "http://localhost:6566"

func (k *feastCheck) bind(f *pflag.FlagSet) {
	f.StringVar(&k.feast, "feast", defaultFeast, "with --check: address of `feast serve`")
	f.StringVar(&k.keys, "keys", "", "with --check: file of join keys and request values to ask for, row by row; without it, keys are read from the sources")
	f.IntVar(&k.sample, "sample", 1000, "with --check: keys of each view")
	f.StringVar(&k.set, "feast-set", "", "with --check: file with Feast's training set of --spine, made with full_feature_names; compares training sets instead of servers")
	f.StringVar(&k.spine, "spine", "", "with --feast-set: the spine of the set")
	f.StringVar(&k.service, "service", "", "with --feast-set: the feature service of the set")
	f.StringVar(&k.time, "event-time-column", "event_timestamp", "with --feast-set: column of the spine with the time of each row")
}

// run compares, and prints what differs. The error is that something does.
func (k *feastCheck) run(cmd *cobra.Command, c *client) error {
	if at, err := url.Parse(k.feast); err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return usageError(fmt.Sprintf("--feast is %q; write http://HOST:PORT", k.feast))
	}
	if k.sample < 1 {
		return usageError("--sample must be 1 or more")
	}
	if k.set != "" && (k.spine == "" || k.service == "") {
		return usageError("--feast-set needs --spine and --service")
	}
	return c.with(func(server *larder.Client) error {
		catalog, err := servedCatalog(cmd.Context(), server)
		if err != nil {
			return err
		}
		var report *check.Report
		if k.set != "" {
			report, err = k.compareSets(cmd, server, catalog)
		} else {
			report, err = k.compareServers(cmd, server, catalog)
		}
		if err != nil {
			return err
		}
		if c.json {
			err = encodeJSON(cmd.OutOrStdout(), report)
		} else {
			err = printFeastCheck(cmd.OutOrStdout(), report)
		}
		return errors.Join(err, comparisonFailed(report))
	})
}

// servedCatalog returns the definitions that a server serves.
func servedCatalog(ctx context.Context, server *larder.Client) (*schema.Catalog, error) {
	answer, err := server.Control.ExportDefinitions(ctx, new(larderv1.ExportDefinitionsRequest))
	if err != nil {
		return nil, err
	}
	var files []definitions.File
	for _, f := range answer.GetFiles() {
		files = append(files, definitions.File{Name: f.GetName(), Data: f.GetContent()})
	}
	if len(files) == 0 {
		return nil, errors.New("nothing is applied yet; apply the imported definitions with `larder apply DIR`")
	}
	defs, err := definitions.Parse(files)
	if err != nil {
		return nil, fmt.Errorf("the server's definitions: %w", err)
	}
	return schema.Compile(answer.GetVersion().GetVersion(), defs, schema.Storage{}.Evolve(defs, 0))
}

func (k *feastCheck) compareServers(cmd *cobra.Command, server *larder.Client, catalog *schema.Catalog) (*check.Report, error) {
	opts := check.Options{Larder: server, Catalog: catalog, Feast: k.feast, Sample: k.sample}
	if k.keys != "" {
		var err error
		if opts.Keys, err = readKeys(cmd.Context(), k.keys, catalog); err != nil {
			return nil, err
		}
	}
	bar := showProgress(cmd, "comparing", "views and services")
	defer bar.end()
	opts.Progress = bar.set
	return check.Online(cmd.Context(), opts)
}

// readKeys reads a file of join keys and request values.
func readKeys(ctx context.Context, path string, catalog *schema.Catalog) (column.Columns, error) {
	types := map[string]arrow.DataType{}
	for _, e := range catalog.Definitions.Entities {
		for _, key := range e.JoinKeys {
			types[key.Name] = arrows.Type(key.Type)
		}
	}
	for _, plan := range catalog.ServicePlans() {
		for _, f := range plan.Request {
			types[f.Name] = arrows.Type(f.Type)
		}
	}
	set, err := readSet(ctx, path, types)
	if err != nil {
		return column.Columns{}, err
	}
	return set.Columns(), nil
}

func readSet(ctx context.Context, path string, types map[string]arrow.DataType) (*check.Set, error) {
	in, err := arrowfile.Open(ctx, path, types)
	if err != nil {
		return nil, arrowfile.Explain(path, err)
	}
	defer in.Close()
	set, err := check.ReadSet(arrows.NewPlainReader(in))
	return set, arrowfile.Explain(path, err)
}

// compareSets has Larder build the training set of the spine, both ways, and compares them
// with Feast's.
func (k *feastCheck) compareSets(cmd *cobra.Command, server *larder.Client, catalog *schema.Catalog) (*check.Report, error) {
	plan, err := catalog.ServicePlan(k.service)
	if err != nil {
		return nil, err
	}
	types := map[string]arrow.DataType{k.time: arrows.Type(schema.Timestamp), training.DefaultEventTimeColumn: arrows.Type(schema.Timestamp)}
	for _, key := range plan.Keys {
		types[key.Name] = arrows.Type(key.Type)
	}
	for _, f := range plan.Request {
		types[f.Name] = arrows.Type(f.Type)
	}
	theirs := map[string]arrow.DataType{}
	for name, t := range types {
		theirs[name] = t
	}
	for i := range plan.Features {
		f := &plan.Features[i]
		theirs[check.ColumnName(f.Name)] = arrows.Type(f.Type)
	}
	feast, err := readSet(cmd.Context(), k.set, theirs)
	if err != nil {
		return nil, err
	}
	var sets [2]*check.Set
	for i, asOf := range []training.AsOf{training.IngestTime, training.EventTime} {
		if sets[i], err = k.build(cmd, server, asOf, types); err != nil {
			return nil, err
		}
	}
	return check.Training(plan, k.time, feast, sets[0], sets[1])
}

func (k *feastCheck) build(cmd *cobra.Command, server *larder.Client, asOf training.AsOf, types map[string]arrow.DataType) (*check.Set, error) {
	in, err := arrowfile.Open(cmd.Context(), k.spine, types)
	if err != nil {
		return nil, arrowfile.Explain(k.spine, err)
	}
	defer in.Close()
	var records []arrow.Record
	defer func() {
		for _, rec := range records {
			rec.Release()
		}
	}()
	bar := showProgress(cmd, "building", "rows")
	defer bar.end()
	command := larder.SetCommand{Service: k.service, AsOf: string(asOf), EventTimeColumn: k.time}
	var columns *arrow.Schema
	_, err = server.BuildSet(cmd.Context(), command, arrows.NewPlainReader(in), larder.SetSink{
		Begin: func(s *arrow.Schema) error { columns = s; return nil },
		Write: func(rec arrow.Record) error {
			rec.Retain()
			records = append(records, rec)
			return nil
		},
		Progress: func(rows, of int64) { bar.set(rows, max(of, in.Rows)) },
	})
	if err != nil {
		return nil, err
	}
	all, err := array.NewRecordReader(columns, records)
	if err != nil {
		return nil, err
	}
	defer all.Release()
	return check.ReadSet(all)
}

func printFeastCheck(w io.Writer, report *check.Report) error {
	var parts [][]string
	for _, p := range report.Parts {
		parts = append(parts, []string{p.Name, count(p.Rows), count(p.Values), count(p.Equal), count(p.Values - p.Equal), count(p.Statuses)})
	}
	err := table(w, "WHAT ROWS VALUES EQUAL DIFFERENT STATUS", parts)
	for _, d := range report.ByKind() {
		fmt.Fprintf(w, "\n%s: %s.\n", d[0].Kind, d[0].Why)
		for _, group := range byPart(d) {
			n, names := 0, []string{}
			for _, one := range group {
				_, name, _ := strings.Cut(one.Feature, ":")
				n, names = n+one.Count, append(names, name)
			}
			example := group[0]
			fmt.Fprintf(w, "  %s: %s of %s. %s: %s is %s in Feast, %s in Larder.\n", example.Part, counted(n, "value"), strings.Join(names, ", "), example.Key, names[0], example.Feast, example.Larder)
		}
	}
	if len(report.Notes) > 0 {
		fmt.Fprintln(w)
		for _, note := range report.Notes {
			fmt.Fprintln(w, "note:", note)
		}
	}
	if err == nil && report.Equal() {
		fmt.Fprintf(w, "\nequal: %s values\n", count(report.Values()))
	}
	return err
}

// byPart returns runs of differences of one part.
func byPart(all []*check.Difference) (groups [][]*check.Difference) {
	for _, d := range all {
		if n := len(groups); n > 0 && groups[n-1][0].Part == d.Part {
			groups[n-1] = append(groups[n-1], d)
			continue
		}
		groups = append(groups, []*check.Difference{d})
	}
	return groups
}

// comparisonFailed is an error where something differs, or nothing was compared.
func comparisonFailed(report *check.Report) error {
	different := 0
	for _, d := range report.Differences {
		different += d.Count
	}
	switch {
	case report.Values() == 0:
		return errors.New("nothing was compared")
	case different > 0:
		return fmt.Errorf("%s of %s values differ; each difference is named above", count(different), count(report.Values()))
	}
	return nil
}
