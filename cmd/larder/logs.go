package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/internal/arrowfile"
	"larder/monitor/featurelog"
)

// loggedFlags say which log a command reads.
type loggedFlags struct {
	dir, model string
	table      bool
}

func (l *loggedFlags) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.dir, "log", "", "folder of a feature log; defaults to the log of the server, which reads it there")
	cmd.Flags().BoolVar(&l.table, "table", false, "read the server's table larder.feature_log instead of a folder")
	cmd.Flags().StringVar(&l.model, "model", "", "only this model's requests")
	cmd.MarkFlagsMutuallyExclusive("log", "table")
}

// given reports whether the flags name a log. The server's own is meant if not.
func (l *loggedFlags) given() bool { return l.dir != "" || l.table }

// files returns the files of the log, after the server has finished those that it
// writes, in case the folder is the server's own. The rows of the table come as files of
// a temporary folder. The caller calls done when they have been read.
func (l *loggedFlags) files(ctx context.Context, server *larder.Client) (paths []string, done func() error, err error) {
	if _, err := server.Control.FlushFeatureLog(ctx, &larderv1.FlushFeatureLogRequest{}); err != nil {
		return nil, nil, err
	}
	if !l.table {
		paths, err = featurelog.Files(l.dir, l.model)
		return paths, func() error { return nil }, err
	}
	dir, err := os.MkdirTemp("", "larder-log-*")
	if err != nil {
		return nil, nil, err
	}
	done = func() error { return os.RemoveAll(dir) }
	if err = l.fetch(ctx, server, dir); err == nil {
		paths, err = featurelog.Files(dir, l.model)
	}
	if err != nil {
		return nil, nil, errors.Join(err, done())
	}
	return paths, done, nil
}

// fetch writes each part of the table to a file.
func (l *loggedFlags) fetch(ctx context.Context, server *larder.Client, dir string) error {
	answer, err := server.Control.ListLogged(ctx, &larderv1.ListLoggedRequest{Model: l.model})
	if err != nil {
		return err
	}
	if len(answer.GetParts()) == 0 {
		of := "yet"
		if l.model != "" {
			of = fmt.Sprintf("of model %q", l.model)
		}
		return fmt.Errorf("the table larder.feature_log has no rows %s; a model with log: gets some when the server runs with --feature-log-table; for a folder of files give --log", of)
	}
	for _, p := range answer.GetParts() {
		part := larder.LogPart{Model: p.GetModel(), ModelVersion: p.GetModelVersion(), CatalogVersion: p.GetCatalogVersion()}
		if err := fetchPart(ctx, server, part, dir); err != nil {
			return fmt.Errorf("read the feature log's table: model %s version %d: %w", part.Model, part.ModelVersion, err)
		}
	}
	return nil
}

// fetchPart writes a part of the table to a file that is named as one of the log.
func fetchPart(ctx context.Context, server *larder.Client, part larder.LogPart, dir string) error {
	if !filepath.IsLocal(part.Model) {
		return errors.New("the name of the model is not one of a folder")
	}
	if err := os.MkdirAll(filepath.Join(dir, part.Model), 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, part.Model, fmt.Sprintf("%d-%d-table.parquet", part.ModelVersion, part.CatalogVersion))
	var out *arrowfile.Writer
	err := server.ReadLog(ctx, part,
		func(columns *arrow.Schema) (err error) {
			out, err = arrowfile.Create(path, columns)
			return err
		},
		func(rec arrow.Record) error { return out.Write(rec) },
	)
	if out == nil {
		return err
	}
	if err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Commit()
}
