package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/spf13/cobra"

	larder "larder/client/go"
	"larder/monitor/featurelog"
	"larder/training"
)

func newSkewCommand() *cobra.Command {
	var logged loggedFlags
	cmd := &cobra.Command{
		Use:   "skew [--log DIR | --table]",
		Short: "Compare logged vectors with those of a training set",
		Long: `Have the server rebuild the vectors of a feature log from Postgres, each as of the
time of its request and with the definitions that served it, and compare them with
what the model saw: for each feature, how many values differ, are missing or are
extra, and by how much.

A value that was materialized only after its request differs. The exit code is 1
when any value differs, when the log lacks a feature of the model's feature service,
or when a file of the log is damaged; the rows before the
damage and the other files are compared.

Without --log and --table, the server reads its own log: its folder or, when it has
none, its table.`,
		Example: `  larder skew
  larder skew --log /var/lib/larder/log --model fraud --json
  larder skew --table`,
		Args: wrongArgs(cobra.NoArgs),
	}
	logged.bind(cmd)
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		server, err := c.dial()
		if err != nil {
			return err
		}
		defer server.Close()
		s := &skews{server: server, bar: showProgress(cmd, "rebuilding", "rows")}
		damaged, err := s.compare(cmd.Context(), &logged)
		s.bar.end()
		if err != nil {
			return err
		}
		if c.json {
			err = s.printJSON(cmd.OutOrStdout())
		} else {
			err = s.print(cmd.OutOrStdout())
		}
		return errors.Join(err, s.found(), damaged)
	}
	return cmd
}

// skews are those of the models of a log.
type skews struct {
	server  *larder.Client
	bar     *progress
	done    int64
	models  []*modelSkew
	damaged []featurelog.Damage
}

type modelSkew struct {
	model string
	featurelog.Skew
}

// compare compares the log that flags name, or the server's own. It returns the damaged
// files as an error.
func (s *skews) compare(ctx context.Context, logged *loggedFlags) (damaged, err error) {
	if !logged.given() {
		return s.there(ctx, logged.model)
	}
	files, done, err := logged.files(ctx, s.server)
	if err != nil {
		return nil, err
	}
	err = errors.Join(s.files(ctx, files), done())
	return featurelog.Damaged(s.damaged), err
}

func (s *skews) files(ctx context.Context, paths []string) error {
	byName := map[string]*modelSkew{}
	for _, path := range paths {
		name := filepath.Base(filepath.Dir(path))
		m := byName[name]
		if m == nil {
			m = &modelSkew{model: name}
			byName[name], s.models = m, append(s.models, m)
		}
		if err := s.file(ctx, path, m); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func (s *skews) file(ctx context.Context, path string, m *modelSkew) error {
	in, damage := featurelog.OpenFile(ctx, path)
	if damage != nil {
		s.damaged = append(s.damaged, *damage)
		return ctx.Err()
	}
	defer in.Close()
	command := larder.SetCommand{
		Model: in.Model, ModelVersion: in.ModelVersion, CatalogVersion: in.CatalogVersion,
		AsOf: string(training.IngestTime), EventTimeColumn: "log:time",
	}
	_, err := s.server.BuildSet(ctx, command, in, larder.SetSink{
		Begin:    func(*arrow.Schema) error { return nil },
		Write:    m.Add,
		Progress: func(rows, of int64) { s.bar.set(s.done+rows, s.done+max(of, in.Rows)) },
	})
	s.done += in.Rows
	if damage := in.Damage(); damage != nil {
		s.damaged = append(s.damaged, *damage)
	}
	return err
}

func (s *skews) print(w io.Writer) error {
	var rows, differences [][]string
	for _, m := range s.models {
		for _, f := range m.Features {
			rows = append(rows, []string{
				m.model, f.Feature, count(f.Rows), fmt.Sprintf("%.3g %%", 100*f.Share()), count(f.Differ), count(f.Missing), count(f.Extra),
				count(f.Sent), count(f.Unlogged), figure(f.MeanAbsolute), figure(f.MeanRelative),
			})
		}
		for _, d := range m.Differences {
			differences = append(differences, []string{d.Feature, d.RequestID, fmt.Sprint(d.Row), d.Logged, d.Rebuilt})
		}
	}
	header, rows := withoutEmpty("MODEL FEATURE ROWS SKEWED DIFFER MISSING EXTRA SENT UNLOGGED MEAN_ABSOLUTE MEAN_RELATIVE", rows, "SENT", "UNLOGGED", "MEAN_ABSOLUTE", "MEAN_RELATIVE")
	err := table(w, header, rows)
	if err == nil && len(differences) > 0 {
		fmt.Fprintln(w)
		err = table(w, "FEATURE REQUEST ROW LOGGED REBUILT", differences)
	}
	return err
}

func (s *skews) printJSON(w io.Writer) error {
	type model struct {
		Model       string                    `json:"model"`
		Features    []*featurelog.FeatureSkew `json:"features"`
		Differences []featurelog.Difference   `json:"differences"`
	}
	var all []model
	for _, m := range s.models {
		all = append(all, model{m.model, m.Features, m.Differences})
	}
	return encodeJSON(w, map[string]any{"models": all})
}

// found is an error when anything differs.
func (s *skews) found() error {
	skewed, of := 0, 0
	var unlogged []string
	for _, m := range s.models {
		for _, f := range m.Features {
			if of++; f.Equal < f.Rows {
				skewed++
			}
			if f.Unlogged > 0 {
				unlogged = append(unlogged, m.model+" "+f.Feature)
			}
		}
	}
	var err error
	if len(unlogged) > 0 {
		err = fmt.Errorf("the log has no column of %s, which the feature service has: the vectors can't be compared there; was the log written by another program?", strings.Join(unlogged, ", "))
	}
	if skewed == 0 {
		return err
	}
	return errors.Join(err, fmt.Errorf("features served with other values than a training set has now: %d of %d; larder verify shows if the store still differs", skewed, of))
}
