package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/spf13/cobra"

	"larder/internal/arrowfile"
	"larder/store/offline"
)

// A tableLoad is what larder load is told.
type tableLoad struct {
	table    string
	postgres string
	data     string
	json     bool
	opts     offline.LoadOptions
}

func newLoadCommand() *cobra.Command {
	var l tableLoad
	cmd := &cobra.Command{
		Use:   "load FILE... --table [SCHEMA.]NAME",
		Short: "Fill a Postgres table from Parquet, CSV or Arrow files",
		Long: `Append the rows of files to a table in Postgres, in one transaction: all rows are
there at once, or none if the command fails or is stopped. The files are Parquet
(.parquet), Arrow IPC (.arrow, .arrows) or CSV (.csv) with a header.

A table that does not exist is created, and so is its schema. It gets the files'
columns in their order and with their types. A CSV file has no types; they are found
by reading it: boolean, bigint, double precision, date, timestamp, timestamptz, and
text for all else, such as 007. To choose the types yourself, create the table first.

If the table exists, columns are matched by name, and a column that is missing or has
an unfit type is an error. A column of the table that has a default may be missing in
the files. --skip leaves out a column of the files or of the table.

Times with a time zone become timestamptz, times without one timestamp. --time-zone
says in which zone the latter are; then they become timestamptz too.

Without --postgres and LARDER_POSTGRES, the table is in the private Postgres of the
larder serve --dev that runs on --data.`,
		Example: `  larder load daily.parquet --table customer_daily
  larder load 2026-*.parquet --table fraud.customer_daily --postgres postgres://me@db:5432/features
  larder load labels.csv --table labels --replace --time-zone Europe/Berlin`,
		Args: wrongArgs(cobra.MinimumNArgs(1)),
	}
	f := cmd.Flags()
	f.StringVar(&l.table, "table", "", "table to fill, NAME or SCHEMA.NAME")
	f.StringVar(&l.postgres, "postgres", "", "address of Postgres; defaults to LARDER_POSTGRES, else to that of larder serve --dev")
	f.StringVar(&l.data, "data", cmp.Or(os.Getenv("LARDER_DATA"), defaultSettings().Data), "data folder of larder serve --dev; defaults to LARDER_DATA")
	f.BoolVar(&l.opts.Replace, "replace", false, "empty the table first, in the same transaction; readers see the old rows until it ends")
	f.StringVar(&l.opts.Zone, "time-zone", "", "zone of times and dates that have none, such as UTC or Europe/Berlin")
	f.StringSliceVar(&l.opts.Skip, "skip", nil, "columns to leave out")
	f.BoolVar(&l.json, "json", false, "print JSON")
	_ = cmd.MarkFlagRequired("table") // it exists
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		for _, path := range files {
			if err := arrowfile.Check(path); err != nil {
				return usageError(err.Error())
			}
		}
		if !cmd.Flags().Changed("postgres") {
			l.postgres = os.Getenv(postgresVariable)
		}
		if err := l.findPostgres(); err != nil {
			return err
		}
		return l.run(cmd, files)
	}
	return cmd
}

// findPostgres takes the address of larder serve --dev when no other was given.
func (l *tableLoad) findPostgres() error {
	if l.postgres == "" {
		d, err := findDev(l.data)
		if err != nil {
			return fmt.Errorf("--postgres is missing, the address of Postgres as postgres://USER@HOST:PORT/DATABASE, and %w", err)
		}
		l.postgres = d.Postgres
	}
	if err := checkPostgres("postgres", l.postgres); err != nil {
		return usageError(err.Error())
	}
	return nil
}

// A loadResult is what larder load --json prints.
type loadResult struct {
	Table   string  `json:"table"`
	Created bool    `json:"created"`
	Rows    int64   `json:"rows"`
	Seconds float64 `json:"seconds"`
}

func (l *tableLoad) run(cmd *cobra.Command, files []string) error {
	ctx, began := cmd.Context(), time.Now()
	store, err := offline.Open(ctx, l.postgres, offline.Options{MaxConns: 1, LoadsOnly: true})
	if err != nil {
		return err
	}
	defer store.Close()
	exists, err := store.TableExists(ctx, l.table)
	if err != nil {
		return err
	}
	columns, total, err := l.look(ctx, files, !exists)
	if err != nil {
		return err
	}
	load, err := store.Load(ctx, l.table, columns[0].declared, l.opts)
	if err != nil {
		return err
	}
	defer load.Close()
	var errs []error
	for i, path := range files {
		errs = append(errs, load.Check(path, columns[i].columns, arrowfile.IsCSV(path)))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	bar := showProgress(cmd, "loading", "rows")
	defer bar.end()
	rows := int64(0)
	for _, path := range files {
		added, err := appendFile(ctx, load, path, func(n int64) { bar.set(rows+n, total) })
		if err != nil {
			return err
		}
		rows += added
	}
	if err := load.Commit(ctx); err != nil {
		return err
	}
	bar.end()
	took := time.Since(began)
	if l.json {
		return encodeJSON(cmd.OutOrStdout(), loadResult{load.Table, load.Created, rows, took.Seconds()})
	}
	what := "loaded %s into %s in %s\n"
	if load.Created {
		what = "loaded %s into the new table %s in %s\n"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), what, counted(rows, "row"), load.Table, span(took.Microseconds()))
	return err
}

// A loadFile is what is known of a file before it is loaded.
type loadFile struct {
	columns  *arrow.Schema
	declared *arrow.Schema // with the types of CSV, if they were looked for
}

// look reads the columns of files, and counts their rows; 0 when they can't be counted. It
// finds the types of CSV files if guess is set: all of them have one table.
func (l *tableLoad) look(ctx context.Context, files []string, guess bool) (looked []loadFile, rows int64, err error) {
	var types offline.TextGuess
	counted := true
	for _, path := range files {
		in, err := arrowfile.Open(ctx, path, nil)
		if err != nil {
			return nil, 0, arrowfile.Explain(path, err)
		}
		f := loadFile{columns: in.Schema(), declared: in.Schema()}
		if arrowfile.IsCSV(path) && guess {
			err = types.Add(ctx, in)
		}
		counted = counted && in.Rows >= 0
		rows += in.Rows
		if err := errors.Join(err, in.Close()); err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", path, err)
		}
		looked = append(looked, f)
	}
	if !counted {
		rows = 0
	}
	if arrowfile.IsCSV(files[0]) && guess {
		looked[0].declared = types.Columns(looked[0].columns, l.opts.Zone != "")
	}
	return looked, rows, nil
}

func appendFile(ctx context.Context, load *offline.Load, path string, progress func(rows int64)) (rows int64, err error) {
	in, err := arrowfile.Open(ctx, path, nil)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	return load.Add(ctx, path, in, arrowfile.IsCSV(path), progress)
}
