package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	"larder/internal/arrowfile"
	"larder/monitor/featurelog"
)

func newReplayCommand() *cobra.Command {
	var dir, model string
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Score logged vectors again, and demand the same bits",
		Long: `Have the server score the vectors of a feature log again, each request as it was,
and compare the scores bit for bit. The exit code is 1 when any differs: the model
file, ONNX Runtime or the machine is not what it was.`,
		Example: `  larder replay --log /var/lib/larder/log
  larder replay --log /var/lib/larder/log --model fraud`,
		Args: wrongArgs(cobra.NoArgs),
	}
	cmd.Flags().StringVar(&dir, "log", "", "folder of the feature log")
	cmd.Flags().StringVar(&model, "model", "", "only this model's requests")
	if err := cmd.MarkFlagRequired("log"); err != nil {
		panic(err) // it was declared above
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.control(func(control larderv1.ControlServiceClient) error {
			files, err := flushedFiles(cmd.Context(), control, dir, model)
			if err != nil {
				return err
			}
			r := &replay{control: control, bar: newProgress(cmd.ErrOrStderr(), onTerminal(os.Stderr), "replaying", "rows")}
			for _, f := range files {
				if err := r.file(cmd.Context(), f); err != nil {
					r.bar.end()
					return fmt.Errorf("%s: %w", f, err)
				}
			}
			r.bar.end()
			if err := table(cmd.OutOrStdout(), "MODEL VERSION ROWS EQUAL DIFFERENT", r.rows()); err != nil {
				return err
			}
			if len(r.first) > 0 {
				fmt.Fprintln(cmd.OutOrStdout())
				if err := table(cmd.OutOrStdout(), "FILE REQUEST ROW LOGGED NOW", r.first); err != nil {
					return err
				}
				return r.reason()
			}
			return nil
		})
	}
	return cmd
}

// flushedFiles is logFiles once the server has finished those that it writes, in case
// the folder is the server's own.
func flushedFiles(ctx context.Context, control larderv1.ControlServiceClient, dir, model string) ([]string, error) {
	if _, err := control.FlushFeatureLog(ctx, &larderv1.FlushFeatureLogRequest{}); err != nil {
		return nil, err
	}
	return logFiles(dir, model)
}

// logFiles returns the files of a feature log, of one model or of all.
func logFiles(dir, model string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) == ".parquet" && (model == "" || filepath.Base(filepath.Dir(path)) == model) {
			files = append(files, path)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no files of a feature log in %s; a model that says log has some after its first request, on a server with --feature-log", dir)
	}
	return files, err
}

// A replay scores files again.
type replay struct {
	control larderv1.ControlServiceClient
	bar     *progress
	done    int64
	counts  map[[2]string][2]int64 // by model and version: equal, different
	first   [][]string             // that differ
	others  []string               // models whose version has another file than was logged
}

// reason says why rows differ, as far as files tell.
func (r *replay) reason() error {
	if len(r.others) > 0 {
		return fmt.Errorf("not all logged vectors score as they did: %s", strings.Join(r.others, "; "))
	}
	return errors.New("not all logged vectors score as they did, and the log names no other model file: ONNX Runtime or the machine may be another")
}

// maxShown is how many rows that differ are shown.
const maxShown = 10

func (r *replay) rows() [][]string {
	var out [][]string
	for key, n := range r.counts {
		out = append(out, []string{key[0], key[1], fmt.Sprint(n[0] + n[1]), fmt.Sprint(n[0]), fmt.Sprint(n[1])})
	}
	slices.SortFunc(out, slices.Compare)
	return out
}

func (r *replay) file(ctx context.Context, path string) error {
	version, _, _ := strings.Cut(filepath.Base(path), "-")
	number, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return errors.New("its name does not begin with the version of a model; it is no file of a feature log")
	}
	in, err := arrowfile.Open(ctx, path, nil)
	if err != nil {
		return err
	}
	defer in.Close()
	f := &fileReplay{replay: r, path: path, model: filepath.Base(filepath.Dir(path)), version: number, sha256: in.Metadata[featurelog.SHA256Key]}
	defer func() { releaseAll(f.waiting) }()
	step := max(1, maxSent/int64(len(in.Schema().Fields())))
	for in.Next() {
		rec := in.Record()
		for first := int64(0); first < rec.NumRows(); first += step {
			if err := f.take(ctx, rec.NewSlice(first, min(first+step, rec.NumRows()))); err != nil {
				return err
			}
		}
	}
	if err := in.Err(); err != nil || len(f.waiting) == 0 {
		return err
	}
	return f.send(ctx)
}

// maxSent is how many values are sent at once, unless one request has more: fewer
// bytes than a server takes in a message.
const maxSent = 1 << 20

// A fileReplay scores the rows of one file again.
type fileReplay struct {
	*replay
	path    string
	model   string
	version int64
	sha256  string         // of the model file that was logged; empty in files of before it was written
	last    loggedRow      // the last row of the request that may go on
	waiting []arrow.Record // its rows
}

// take takes the next rows, which it releases, and scores the requests that they end.
func (f *fileReplay) take(ctx context.Context, rec arrow.Record) error {
	defer rec.Release()
	rows, err := loggedRows(rec)
	if err != nil {
		return err
	}
	last := len(rows) - 1 // where the last request begins
	for last > 0 && rows[last].follows(rows[last-1]) {
		last--
	}
	if last > 0 {
		f.waiting = append(f.waiting, rec.NewSlice(0, int64(last)))
	}
	if len(f.waiting) > 0 && (last > 0 || !rows[0].follows(f.last)) {
		if err := f.send(ctx); err != nil {
			return err
		}
	}
	f.last, f.waiting = rows[len(rows)-1], append(f.waiting, rec.NewSlice(int64(last), rec.NumRows()))
	return nil
}

// send scores the rows that wait.
func (f *fileReplay) send(ctx context.Context) error {
	parts := f.waiting
	f.waiting = nil
	defer releaseAll(parts)
	columns, rows := make([]arrow.Array, parts[0].NumCols()), int64(0)
	for i := range columns {
		pieces := make([]arrow.Array, len(parts))
		for k, p := range parts {
			pieces[k] = p.Column(i)
		}
		var err error
		if columns[i], err = array.Concatenate(pieces, memory.DefaultAllocator); err != nil {
			return err
		}
		defer columns[i].Release()
		rows = int64(columns[i].Len())
	}
	rec := array.NewRecord(parts[0].Schema(), columns, rows)
	defer rec.Release()
	return f.batch(ctx, rec)
}

func releaseAll(records []arrow.Record) {
	for _, rec := range records {
		rec.Release()
	}
}

// batch scores rows of whole requests.
func (f *fileReplay) batch(ctx context.Context, rec arrow.Record) error {
	req := &larderv1.ScoreVectorsRequest{Model: f.model, ModelVersion: f.version}
	rows, err := loggedRows(rec)
	if err != nil {
		return err
	}
	for i, c := range rec.Columns() {
		if feature, isVector := strings.CutPrefix(rec.ColumnName(i), "vector:"); isVector {
			column, err := vectorColumn(feature, c)
			if err != nil {
				return err
			}
			req.Vector = append(req.Vector, column)
		}
	}
	scores, isScore := columnOf(rec, "log:score").(*array.Float64)
	if !isScore {
		return errors.New("it has no log:score; it is no file of a feature log")
	}
	for i := range rows {
		if i == 0 || !rows[i].follows(rows[i-1]) {
			req.Runs = append(req.Runs, 0)
		}
		req.Runs[len(req.Runs)-1]++
	}
	answer, err := f.control.ScoreVectors(ctx, req)
	if err != nil {
		return err
	}
	if f.counts == nil {
		f.counts = map[[2]string][2]int64{}
	}
	f.sameModel(answer.GetSha256())
	key := [2]string{f.model, fmt.Sprint(f.version)}
	n := f.counts[key]
	for i, now := range answer.GetScores() {
		if math.Float64bits(now) == math.Float64bits(scores.Value(i)) {
			n[0]++
			continue
		}
		n[1]++
		if len(f.first) < maxShown {
			f.first = append(f.first, []string{filepath.Base(f.path), rows[i].id, fmt.Sprint(rows[i].row), fmt.Sprint(scores.Value(i)), fmt.Sprint(now)})
		}
	}
	f.counts[key] = n
	f.done += rec.NumRows()
	f.bar.set(f.done, 0)
	return nil
}

// sameModel notes when another model file scores than was logged.
func (f *fileReplay) sameModel(now string) {
	if f.sha256 == "" || f.sha256 == now {
		return
	}
	other := fmt.Sprintf("version %d of model %q is another file now, sha256 %.12s, and was %.12s", f.version, f.model, now, f.sha256)
	if !slices.Contains(f.others, other) {
		f.others = append(f.others, other)
	}
}

// vectorColumn returns what a feature was fed as.
func vectorColumn(name string, a arrow.Array) (*larderv1.Column, error) {
	c := &larderv1.Column{Name: name}
	switch a := a.(type) {
	case *array.Float32:
		c.Values = &larderv1.Column_Floats{Floats: &larderv1.Floats{Values: a.Float32Values()}}
	case *array.Float64:
		c.Values = &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: a.Float64Values()}}
	case *array.Int32:
		c.Values = &larderv1.Column_Int32S{Int32S: &larderv1.Int32S{Values: a.Int32Values()}}
	case *array.Int64:
		c.Values = &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: a.Int64Values()}}
	case *array.Boolean:
		values := make([]bool, a.Len())
		for i := range values {
			values[i] = a.Value(i)
		}
		c.Values = &larderv1.Column_Bools{Bools: &larderv1.Bools{Values: values}}
	case *array.String:
		values := make([]string, a.Len())
		for i := range values {
			values[i] = a.Value(i)
		}
		c.Values = &larderv1.Column_Strings{Strings: &larderv1.Strings{Values: values}}
	default:
		return nil, fmt.Errorf("the vector of %s is %s, which no model is fed", name, a.DataType())
	}
	return c, nil
}
