package replay

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/models/comparison"
	"larder/models/experiment"
)

// A Ref names a version of a model: fraud@3.
type Ref struct {
	Model   string `json:"model"`
	Version int64  `json:"version"`
}

func (m Ref) String() string { return fmt.Sprintf("%s@%d", m.Model, m.Version) }

// A Compared is one of two versions, and what was found about it.
type Compared struct {
	Ref
	Engine   string    `json:"engine"`
	Provider string    `json:"provider"`
	Bytes    int64     `json:"bytes"` // of the model file
	Runs     []RunTime `json:"runs"`

	scores  []float64
	outputs []*larderv1.Output
}

// A RunTime is the time of a run with a number of rows: the median of the timed runs.
type RunTime struct {
	Rows   int     `json:"rows"`
	Micros float64 `json:"micros"`
}

// A Comparison says how two versions differ on logged rows.
type Comparison struct {
	A, B      *Compared
	Rows      int
	Agreement comparison.Agreement
	Outputs   []OutputAgreement // of the outputs that both versions have, with as many values
	Quality   *Quality          // nil until Measure finds labels
}

// A Quality says how well both predict the outcomes.
type Quality struct {
	Rows, Positives int // rows with a label, and those that are true
	Pairs           []experiment.Pair
}

// timedRows are the sizes of runs that are timed.
var timedRows = []int{1, 10, 100, 1000}

// Compare scores logged rows with two versions that the server has loaded. A score
// counts as positive when it is at least the threshold.
func Compare(ctx context.Context, control larderv1.ControlServiceClient, v *Vectors, a, b Ref, threshold float64) (*Comparison, error) {
	c := &Comparison{A: &Compared{Ref: a}, B: &Compared{Ref: b}, Rows: len(v.rows)}
	for _, m := range []*Compared{c.A, c.B} {
		if err := m.describe(ctx, control); err != nil {
			return nil, err
		}
		const rowsOfRun = 100
		req := v.request(m.Ref, c.Rows, rowsOfRun)
		req.Outputs = []string{"*"}
		answer, err := control.ScoreVectors(ctx, req)
		if err != nil {
			return nil, err
		}
		m.scores, m.outputs = answer.GetScores(), answer.GetOutputs()
	}
	c.Outputs = agreeOutputs(c.A.outputs, c.B.outputs)
	for _, rows := range timedRows {
		if rows > c.Rows {
			break
		}
		if err := c.time(ctx, control, v, rows); err != nil {
			return nil, err
		}
	}
	if len(c.A.scores) == len(c.B.scores) { // not where only one has a score
		c.Agreement = comparison.Agree(c.A.scores, c.B.scores, threshold)
	}
	return c, nil
}

// describe asks the server about a version.
func (m *Compared) describe(ctx context.Context, control larderv1.ControlServiceClient) error {
	answer, err := control.ListModels(ctx, &larderv1.ListModelsRequest{Model: m.Model})
	if err != nil {
		return err
	}
	for _, v := range answer.GetModels()[0].GetVersions() {
		if v.GetModelVersion() == m.Version {
			m.Engine, m.Provider, m.Bytes = v.GetEngine(), v.GetProvider(), v.GetSize()
			return nil
		}
	}
	return fmt.Errorf("model %q has no version %d; list its versions with larder models show %s", m.Model, m.Version, m.Model)
}

// time times runs with a number of rows. The versions take turns, so that other load
// on the machine affects both.
func (c *Comparison) time(ctx context.Context, control larderv1.ControlServiceClient, v *Vectors, rows int) error {
	const turns, runsOfTurn = 6, 20
	var took [2][]float64
	for turn := range turns {
		for i, m := range []*Compared{c.A, c.B} {
			answer, err := control.ScoreVectors(ctx, v.request(m.Ref, min(c.Rows/rows, runsOfTurn)*rows, rows))
			if err != nil {
				return err
			}
			if turn == 0 {
				continue // it warms up
			}
			for _, nanos := range answer.GetTookNanos() {
				took[i] = append(took[i], float64(nanos)/float64(time.Microsecond))
			}
		}
	}
	for i, m := range []*Compared{c.A, c.B} {
		slices.Sort(took[i])
		m.Runs = append(m.Runs, RunTime{Rows: rows, Micros: took[i][len(took[i])/2]})
	}
	return nil
}

// Measure compares the quality of both versions on rows with a label, as
// Vectors.Labels returns them. Without labels it changes nothing.
func (c *Comparison) Measure(labels []float64, threshold float64) {
	const alpha = 0.05
	var outcomes, a, b []float64
	positives := 0
	if len(c.A.scores) != len(labels) || len(c.B.scores) != len(labels) {
		return // a version has no score
	}
	for i, label := range labels {
		if math.IsNaN(label) || math.IsNaN(c.A.scores[i]) || math.IsNaN(c.B.scores[i]) {
			continue // the agreement counts undefined scores
		}
		outcomes, a, b = append(outcomes, label), append(a, c.A.scores[i]), append(b, c.B.scores[i])
		positives += int(label)
	}
	if len(outcomes) > 0 {
		c.Quality = &Quality{len(outcomes), positives, experiment.ComparePairs(a, b, outcomes, threshold, alpha)}
	}
}
