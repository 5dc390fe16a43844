package runs

import (
	"context"
	"time"

	"larder/materialize"
)

// Record writes each change of a run's state to Postgres until ctx ends. While
// Postgres is unreachable, the newest state of each run waits.
func (r *Recorder) Record(ctx context.Context) error {
	if r.Runner == nil {
		<-ctx.Done()
		return nil
	}
	const retryInterval = 2 * time.Second
	updates := r.Runner.Watch(ctx)
	waiting := map[string]materialize.Run{}
	recorded := map[string]materialize.State{}
	retry := time.NewTicker(retryInterval)
	defer retry.Stop()
	r.failAbandoned(ctx)
	for {
		select {
		case run, open := <-updates:
			if !open {
				r.recordAll(context.WithoutCancel(ctx), waiting, recorded)
				return nil
			}
			if run.State == materialize.Queued || recorded[run.ID] == run.State {
				continue // not started, or only progress
			}
			waiting[run.ID] = run
		case <-retry.C:
		}
		r.recordAll(ctx, waiting, recorded)
	}
}

// recordTimeout bounds one write of a run's record.
const recordTimeout = 5 * time.Second

func (r *Recorder) recordAll(ctx context.Context, waiting map[string]materialize.Run, recorded map[string]materialize.State) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	for id, run := range waiting {
		if err := r.record(ctx, Run{run, r.Server}); err != nil {
			r.Logger.Warn("cannot record a run yet; will retry", "run", id, "error", err)
			return
		}
		delete(waiting, id)
		recorded[id] = run.State
		if run.Ended() {
			delete(recorded, id)
		}
	}
}

func (r *Recorder) record(ctx context.Context, run Run) error {
	row, err := rowOf(run)
	if err != nil {
		return err
	}
	return r.Registry.RecordRun(ctx, row)
}

// failAbandoned marks runs that were running when this server last stopped as failed.
// The rows that they wrote stay. Their watermark did not move, so the next run reads
// the same window again.
func (r *Recorder) failAbandoned(ctx context.Context) {
	recorded, err := r.Registry.LastRuns(ctx, r.Server)
	if err != nil {
		r.Logger.Warn("cannot read the record of earlier runs", "error", err)
		return
	}
	for _, row := range recorded {
		run, err := read(row)
		if err != nil || run.EndedAt != 0 || run.StartedAt >= r.started.UnixMicro() {
			continue
		}
		run.State, run.Error = materialize.Failed, "the server stopped during the run; the next run reads the same window again"
		run.EndedAt = r.started.UnixMicro()
		if err := r.record(ctx, run); err != nil {
			r.Logger.Warn("cannot record an abandoned run", "run", row.ID, "error", err)
		}
	}
}
