package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	larderv1 "larder/api/larder/v1"
	"larder/monitor/featurelog"
)

// maxDifferences is how many rows that differ a report keeps.
const maxDifferences = 10

// maxSent is how many values are sent at once, unless one request has more. They fit
// in a message to a server.
const maxSent = 1 << 20

// A Report says which logged rows have the same score as before.
type Report struct {
	Counts      []Count             // ordered by model and version
	Differences []Difference        // the first
	Damaged     []featurelog.Damage // files that could not be scored to their end
	Gone        []Gone              // versions that could not be scored
	changed     []string            // versions with another model file than the logged one
}

// A Count counts the rows of a version.
type Count struct {
	Model            string
	Version          int64
	Equal, Different int64
}

// A Difference is a row with a different score now.
type Difference struct {
	File        string
	Row         featurelog.RowID
	Logged, Now float64 // the scores

	// Output is the output that differs where the score doesn't, and the texts are what it
	// gave; empty otherwise.
	Output, LoggedText, NowText string
}

// Err returns why scores differ, as far as the files show; nil when no score differs.
func (r *Report) Err() error {
	switch {
	case len(r.Differences) == 0:
		return nil
	case len(r.changed) > 0:
		return fmt.Errorf("some logged vectors score differently than when they were logged: %s", strings.Join(r.changed, "; "))
	}
	return errors.New("some logged vectors score differently than when they were logged, though the model files are the same; check for another version of ONNX Runtime or another machine")
}

// A version is a version of a model.
type version struct {
	model  string
	number int64
}

// A run scores files again.
type run struct {
	score    Score
	progress func(rows int64) error
	rows     int64
	counts   map[version]*Count
	report   Report
}

// A Score scores vectors with the definitions that served them, as ControlService does.
// Its errors have passed through [Missing].
type Score func(context.Context, *larderv1.ScoreVectorsRequest) (*larderv1.ScoreVectorsResponse, error)

// Run scores the files of a log again. It calls progress with the rows done so far, and
// stops when progress returns an error.
func Run(ctx context.Context, score Score, files []string, progress func(rows int64) error) (*Report, error) {
	r := &run{score: score, progress: progress, counts: map[version]*Count{}}
	for _, path := range files {
		if err := r.file(ctx, path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, v := range slices.SortedFunc(maps.Keys(r.counts), func(a, b version) int {
		return cmp.Or(cmp.Compare(a.model, b.model), cmp.Compare(a.number, b.number))
	}) {
		r.report.Counts = append(r.report.Counts, *r.counts[v])
	}
	return &r.report, nil
}

func (r *run) file(ctx context.Context, path string) error {
	in, damage := featurelog.OpenFile(ctx, path)
	if damage != nil {
		r.report.Damaged = append(r.report.Damaged, *damage)
		return ctx.Err()
	}
	defer in.Close()
	f := &fileRun{run: r, File: in, name: filepath.Base(path)}
	defer f.release()
	step := max(1, maxSent/int64(len(in.Schema().Fields())))
	for in.Next() {
		rec := in.Record()
		for first := int64(0); first < rec.NumRows(); first += step {
			if err := f.take(ctx, rec.NewSlice(first, min(first+step, rec.NumRows()))); err != nil {
				return r.leaveOut(f, err)
			}
		}
	}
	if damage := in.Damage(); damage != nil { // the waiting request may go on in the rows that are missing
		for _, rec := range f.waiting {
			damage.Rows += rec.NumRows()
		}
		r.report.Damaged = append(r.report.Damaged, *damage)
		return nil
	}
	if err := in.Err(); err != nil || len(f.waiting) == 0 {
		return err
	}
	return r.leaveOut(f, f.send(ctx))
}

// compare counts the rows of a batch by whether their scores and outputs are the same as
// before.
func (r *run) compare(f *fileRun, b *featurelog.Batch, outputs []output, answer *larderv1.ScoreVectorsResponse) error {
	scores := answer.GetScores()
	if n := len(scores); n != int(b.NumRows()) && n > 0 {
		return fmt.Errorf("the server scored %d of %d rows", n, b.NumRows())
	}
	if err := takeOutputs(outputs, answer.GetOutputs(), int(b.NumRows())); err != nil {
		return err
	}
	r.sameModel(f, answer.GetSha256())
	v := version{f.Model, f.ModelVersion}
	count := r.counts[v]
	if count == nil {
		count = &Count{Model: v.model, Version: v.number}
		r.counts[v] = count
	}
	for i := range int(b.NumRows()) {
		difference := Difference{File: f.name, Row: b.ID(i), Logged: b.ScoreAt(i), Now: math.NaN()}
		if len(scores) > 0 {
			difference.Now = scores[i]
		}
		same := sameScore(difference.Logged, difference.Now)
		for k := 0; k < len(outputs) && same; k++ {
			if same = outputs[k].same(i); !same {
				difference.Output, difference.LoggedText, difference.NowText = outputs[k].name, outputs[k].text(&outputs[k].logged, i), outputs[k].text(&outputs[k].now, i)
			}
		}
		if same {
			count.Equal++
			continue
		}
		count.Different++
		if len(r.report.Differences) < maxDifferences {
			r.report.Differences = append(r.report.Differences, difference)
		}
	}
	r.rows, f.done = r.rows+b.NumRows(), f.done+b.NumRows()
	return r.progress(r.rows)
}

// sameScore compares scores bit by bit. A model without a score has NaN for it, of any
// bits.
func sameScore(logged, now float64) bool {
	return math.Float64bits(logged) == math.Float64bits(now) || math.IsNaN(logged) && math.IsNaN(now)
}

// sameModel notes when the model file differs from the logged one.
func (r *run) sameModel(f *fileRun, now string) {
	if f.SHA256 == "" || f.SHA256 == now {
		return
	}
	text := fmt.Sprintf("version %d of model %q now has a different file: sha256 %.12s instead of %.12s", f.ModelVersion, f.Model, now, f.SHA256)
	if !slices.Contains(r.report.changed, text) {
		r.report.changed = append(r.report.changed, text)
	}
}
