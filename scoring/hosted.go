package scoring

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"larder/schema"
	"larder/scoring/worker"
)

// The codes of a worker's answers.
const (
	answerDone    = iota
	answerRefused // the body is a refusal
)

// What a channel is for: the first byte of its hello. For scores, the second is the
// class of the run.
const (
	helloScore = iota
	helloInfer
)

func scoreHello(class int) []byte { return []byte{helloScore, byte(class)} }

// killAfter is how long after a model's time limit its process must answer. A single
// operator can't be interrupted; its process is killed then.
const killAfter = time.Second

// stale reports whether the process of the run has ended, so that the run is of no
// more use.
func (r *Run) stale() bool {
	if r.channel == nil {
		return false
	}
	select {
	case <-r.channel.Process().Ended():
		return true
	default:
		return false
	}
}

// scoreApart scores the run in the model's process.
func (r *Run) scoreApart(ctx context.Context) error {
	strings, err := r.packStrings()
	if err != nil {
		return err
	}
	answer, err := r.model.call(ctx, r.channel, &r.killer, worker.Call{Arg: uint64(r.rows), Payload: strings}, r.rows)
	if err != nil {
		return err
	}
	return r.model.refused(ctx, answer)
}

// call makes a call, which ends with ctx, and kills a process that takes longer than
// the model may.
func (m *Model) call(ctx context.Context, c *worker.Channel, killer **time.Timer, call worker.Call, rows int) (worker.Answer, error) {
	if deadline, has := ctx.Deadline(); has {
		if call.Limit = time.Until(deadline); call.Limit <= 0 {
			return worker.Answer{}, fmt.Errorf("score with %s: %w", m, context.DeadlineExceeded)
		}
	}
	if *killer == nil {
		*killer = time.AfterFunc(m.runTime+killAfter, func() { c.Process().Kill(errRunTime) })
	} else {
		(*killer).Reset(m.runTime + killAfter)
	}
	defer (*killer).Stop()
	answer, err := c.Do(ctx, call)
	var d *worker.Death
	switch {
	case err == nil:
		return answer, nil
	case errors.Is(err, errRunTime):
		return answer, m.overTime(rows)
	case errors.As(err, &d) && d.Memory:
		m.metrics.ended.WithLabelValues(m.name, endedByMemory).Inc()
		return answer, schema.ModelMemory.Errorf("%s: a run of %d rows took more memory than its limit and ended the model's process; "+
			"send fewer rows, or raise limits: {memory: ...}", m, rows)
	case errors.As(err, &d):
		return answer, schema.ModelProcess.Errorf("the process that ran %s ended during the run (%s); it is started again", m, clip(d.Cause))
	}
	return answer, fmt.Errorf("score with %s: %w", m, err)
}

var errRunTime = errors.New("a run took longer than the model may, and could not be stopped")

// refused returns the error of an answer.
func (m *Model) refused(ctx context.Context, answer worker.Answer) error {
	if answer.Code == answerDone {
		return nil
	}
	var r refusal
	if err := decode(answer.Body, &r); err != nil {
		return fmt.Errorf("%s: read the answer of its process: %w", m, err)
	}
	switch r.Reason {
	case schema.ModelTime:
		m.metrics.ended.WithLabelValues(m.name, endedByTime).Inc()
	case schema.ModelFailed:
		m.logger.Warn("a model failed on a run", "model", m.title, "err", r.Message)
	case schema.ModelMemory:
		m.metrics.ended.WithLabelValues(m.name, endedByMemory).Inc()
	}
	if r.Ended && ctx.Err() != nil {
		return fmt.Errorf("score with %s: %w", m, ctx.Err())
	}
	return r.error()
}

// packStrings returns the strings of a run: of each input of strings, each row's length
// and bytes.
func (r *Run) packStrings() ([]byte, error) {
	var b []byte
	for i := range r.inputs {
		if r.inputs[i].elem != String {
			continue
		}
		for _, s := range r.inputs[i].rowStrings(0, r.rows) {
			b = binary.AppendUvarint(b, uint64(len(s)))
			b = append(b, s...)
		}
	}
	if len(b) > worker.MaxBody {
		return nil, schema.BadString.Errorf("the strings of a run with %s have %d bytes (limit %d); send fewer rows", r.model, len(b), worker.MaxBody)
	}
	return b, nil
}

func (r *Run) unpackStrings(b []byte) error {
	for i := range r.inputs {
		if r.inputs[i].elem != String {
			continue
		}
		for at := range r.rows * r.inputs[i].width {
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return errors.New("the strings of a run are cut short")
			}
			r.inputs[i].strings[at] = string(b[n : n+int(size)])
			b = b[n+int(size):]
		}
	}
	return nil
}
