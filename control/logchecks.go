package control

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"
	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
	"larder/control/datasets"
	"larder/internal/arrowfile"
	"larder/internal/grpcserver"
	"larder/monitor/featurelog"
	"larder/monitor/replay"
	"larder/schema"
	"larder/store/registry"
	"larder/training"
)

// ReplayLog scores the vectors of this server's feature log again.
func (s *Server) ReplayLog(req *larderv1.ReplayLogRequest, stream grpc.ServerStreamingServer[larderv1.ReplayLogResponse]) error {
	files, done, err := s.logFiles(stream.Context(), req.GetModel())
	if err != nil {
		return err
	}
	due := progressDue()
	report, err := replay.Run(stream.Context(), s.scoreLogged, files, func(rows int64) error {
		if !due() {
			return nil
		}
		return stream.Send(&larderv1.ReplayLogResponse{Rows: rows})
	})
	if err = errors.Join(err, done()); err != nil {
		return err
	}
	return stream.Send(&larderv1.ReplayLogResponse{Report: replayMessage(report)})
}

// scoreLogged scores logged vectors.
func (s *Server) scoreLogged(ctx context.Context, req *larderv1.ScoreVectorsRequest) (*larderv1.ScoreVectorsResponse, error) {
	answer, err := s.ScoreVectors(ctx, req)
	var said *schema.Error
	if errors.As(err, &said) {
		err = replay.Missing(err, said.Reason, said.Message)
	}
	return answer, err
}

func replayMessage(r *replay.Report) *larderv1.ReplayReport {
	out := &larderv1.ReplayReport{Missing: damageTexts(r.Damaged)}
	if err := r.Err(); err != nil {
		out.Cause = err.Error()
	}
	for _, c := range r.Counts {
		out.Counts = append(out.Counts, &larderv1.ReplayCount{Model: c.Model, ModelVersion: c.Version, Equal: c.Equal, Different: c.Different})
	}
	for _, d := range r.Differences {
		out.Differences = append(out.Differences, &larderv1.ReplayDifference{
			File: d.File, RequestId: d.Row.RequestID, Row: d.Row.Row, Logged: d.Logged, Now: d.Now, Output: d.Output, LoggedOutput: d.LoggedText, NowOutput: d.NowText,
		})
	}
	for _, g := range r.Gone {
		out.Gone = append(out.Gone, &larderv1.ReplayGone{Model: g.Model, ModelVersion: g.Version, CatalogVersion: g.CatalogVersion, Rows: g.Rows, Cause: g.Cause})
	}
	return out
}

func damageTexts(files []featurelog.Damage) []string {
	var out []string
	for _, d := range files {
		out = append(out, d.String())
	}
	return out
}

// CheckSkew compares the vectors of this server's feature log with those of a training
// set that has the log as its spine.
func (s *Server) CheckSkew(req *larderv1.CheckSkewRequest, stream grpc.ServerStreamingServer[larderv1.CheckSkewResponse]) error {
	leave, err := s.parts.Datasets.Enter()
	if err != nil {
		return err
	}
	defer leave()
	files, done, err := s.logFiles(stream.Context(), req.GetModel())
	if err != nil {
		return err
	}
	c := &skewCheck{sets: s.parts.Datasets, stream: stream, due: progressDue(), byModel: map[string]*featurelog.Skew{}, secret: map[string]bool{}}
	if err = errors.Join(c.files(stream.Context(), files), done()); err != nil {
		return err
	}
	return stream.Send(&larderv1.CheckSkewResponse{Rows: c.done, RowsTotal: c.done, Report: c.report()})
}

// A skewCheck compares the files of a log.
type skewCheck struct {
	sets    *datasets.Builder
	stream  grpc.ServerStreamingServer[larderv1.CheckSkewResponse]
	due     func() bool
	done    int64
	models  []string // in the order of the files
	byModel map[string]*featurelog.Skew
	damaged []featurelog.Damage
	secret  map[string]bool // sensitive features, by name
}

func (c *skewCheck) files(ctx context.Context, paths []string) error {
	for _, path := range paths {
		name := featurelog.ModelOf(path)
		if c.byModel[name] == nil {
			c.models, c.byModel[name] = append(c.models, name), new(featurelog.Skew)
		}
		if err := c.file(ctx, path, c.byModel[name]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func (c *skewCheck) file(ctx context.Context, path string, skew *featurelog.Skew) error {
	in, damage := featurelog.OpenFile(ctx, path)
	if damage != nil {
		c.damaged = append(c.damaged, *damage)
		return ctx.Err()
	}
	defer in.Close()
	set, err := c.sets.Set(ctx, in.Schema(), datasets.Request{
		Model: in.Model, ModelVersion: in.ModelVersion, CatalogVersion: in.CatalogVersion, AsOf: training.IngestTime, EventTimeColumn: "log:time",
		May: func(p *schema.Plan) error {
			for _, name := range p.Sensitive() {
				c.secret[name] = true
			}
			return nil
		},
		Progress: func(p training.Progress) {
			if c.due() {
				_ = c.stream.Send(&larderv1.CheckSkewResponse{Rows: c.done + p.Rows, RowsTotal: c.done + max(p.Of, in.Rows)}) // if the client is gone, ctx ends
			}
		},
	})
	if err != nil {
		return err
	}
	_, err = set.Run(ctx, in, func(rec arrow.Record) error { return skew.Add(rec) })
	c.done += in.Rows
	if damage := in.Damage(); damage != nil {
		c.damaged = append(c.damaged, *damage)
	}
	return err
}

func (c *skewCheck) report() *larderv1.SkewReport {
	out := &larderv1.SkewReport{Missing: damageTexts(c.damaged)}
	for _, name := range c.models {
		m := &larderv1.ModelSkew{Model: name}
		for _, f := range c.byModel[name].Features {
			m.Features = append(m.Features, &larderv1.FeatureSkew{
				Feature: f.Feature, Rows: f.Rows, Equal: f.Equal, Differ: f.Differ, Missing: f.Missing, Extra: f.Extra, Sent: f.Sent, Unlogged: f.Unlogged,
				MeanAbsoluteDifference: f.MeanAbsolute, MeanRelativeDifference: f.MeanRelative,
			})
		}
		for _, d := range c.byModel[name].Differences {
			difference := &larderv1.SkewDifference{Feature: d.Feature, RequestId: d.RequestID, Row: d.Row, Logged: d.Logged, Rebuilt: d.Rebuilt}
			if c.secret[d.Feature] && !grpcserver.May(c.stream.Context(), grpcserver.ReadSensitive, grpcserver.Resource{Kind: grpcserver.View, Name: d.Feature}) {
				difference.Logged, difference.Rebuilt = withheldText, withheldText
			}
			m.Differences = append(m.Differences, difference)
		}
		out.Models = append(out.Models, m)
	}
	return out
}

// logFiles returns the files of this server's feature log: those of its folder or, when
// it has none, of its table, which it writes into a temporary folder. The caller calls
// done when they have been read.
func (s *Server) logFiles(ctx context.Context, model string) (files []string, done func() error, err error) {
	if s.FeatureLog == nil {
		return nil, nil, schema.NoFeatureLog.Errorf("this server keeps no feature log; start it with --feature-log-table or --feature-log DIR")
	}
	if err := s.FeatureLog.Flush(ctx); err != nil {
		return nil, nil, err
	}
	done = func() error { return nil }
	files, err = s.FeatureLog.Files(model)
	if err == nil && len(files) == 0 && s.FeatureLog.HasTable() {
		files, done, err = s.tableFiles(ctx, model)
	}
	switch {
	case err != nil || len(files) > 0:
	case model != "":
		err = schema.NoLoggedRows.Errorf("the feature log has no rows of model %q; requests are logged once the model's definition has log: {rate: 1}", model)
	default:
		err = schema.NoLoggedRows.Errorf("the feature log has no rows yet; requests are logged of models whose definition has log: {rate: 1}")
	}
	return files, done, err
}

// tableFiles writes the parts of the log's table to files.
func (s *Server) tableFiles(ctx context.Context, model string) (files []string, done func() error, err error) {
	parts, err := s.Registry.LoggedParts(ctx, model)
	if err != nil || len(parts) == 0 {
		return nil, func() error { return nil }, err
	}
	dir, err := os.MkdirTemp("", "larder-log-*")
	if err != nil {
		return nil, nil, err
	}
	done = func() error { return os.RemoveAll(dir) }
	for _, p := range parts {
		path := filepath.Join(dir, featurelog.FolderOf(p.Model), fmt.Sprintf("%d-%d-table.parquet", p.ModelVersion, p.CatalogVersion))
		if err := s.writePart(ctx, p, path); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("read the feature log's table: model %s version %d: %w", p.Model, p.ModelVersion, err), done())
		}
		files = append(files, path)
	}
	return files, done, nil
}

func (s *Server) writePart(ctx context.Context, p registry.LoggedPart, path string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	var out *arrowfile.Writer
	err = s.exportPart(ctx, p, func(columns *arrow.Schema) (err error) {
		out, err = arrowfile.Create(path, columns)
		return err
	}, func(rec arrow.Record) error { return out.Write(rec) })
	if out == nil {
		return err
	}
	if err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Commit()
}
