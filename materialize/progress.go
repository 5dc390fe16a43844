package materialize

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"larder/schema"
	"larder/store"
)

const (
	// publishInterval is the least time between two updates of a run's progress.
	publishInterval = 250 * time.Millisecond
	// judgedRows is how many rows are read before their share of bad ones counts.
	judgedRows = 1000
)

// progress counts the rows of a run, publishes the counts from time to time, and fails
// the run when too many rows are bad.
type progress struct {
	runner    *Runner
	task      *task
	view      *schema.View
	writer    store.Writer
	published time.Time
}

// add counts rows that were read, and the bad ones among them.
func (p *progress) add(read int64, bad []schema.BadRow) error {
	p.runner.mu.Lock()
	p.task.run.RowsRead += read
	p.task.run.addBad(bad)
	p.runner.mu.Unlock()
	if time.Since(p.published) >= publishInterval {
		p.publish()
	}
	return p.check(false)
}

func (p *progress) publish() {
	p.published = time.Now()
	p.runner.mu.Lock()
	defer p.runner.mu.Unlock()
	p.task.run.RowsWritten, p.task.run.RowsSuperseded = p.writer.Written(), p.writer.Superseded()
	p.runner.publish(p.task)
}

// check fails when more rows are bad than the source allows: at the first bad row if
// it allows none, otherwise once enough rows were read.
func (p *progress) check(end bool) error {
	p.runner.mu.Lock()
	defer p.runner.mu.Unlock()
	run, allowed := &p.task.run, p.view.Origin.BadShare()
	if float64(run.RowsBad) <= allowed*float64(run.RowsRead) || allowed > 0 && run.RowsRead < judgedRows && !end {
		return nil
	}
	reasons := slices.SortedFunc(slices.Values(run.Bad), func(a, b BadRows) int { return int(b.Count - a.Count) })
	told := make([]string, len(reasons))
	for i, b := range reasons {
		told[i] = fmt.Sprintf("%s: %d", b.Reason, b.Count)
		if len(b.Samples) > 0 {
			told[i] += fmt.Sprintf(", such as %s", b.Samples[0])
		}
	}
	return schema.TooManyBadRows.Errorf("feature view %q: %d of %d rows of source %q are bad, and the source allows %s (%s); fix the rows, or skip more with on_bad_row and max_bad_share",
		p.view.Name, run.RowsBad, run.RowsRead, p.view.Origin.Name, share(allowed), strings.Join(told, "; "))
}

func share(allowed float64) string {
	if allowed == 0 {
		return "none"
	}
	return fmt.Sprintf("%g%%", allowed*100)
}
