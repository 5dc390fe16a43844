package schema

import "time"

// MaxBatchRows bounds how many rows of several requests are scored at once.
const MaxBatchRows = 1024

// maxBatchDelay bounds how long a request waits for others.
const maxBatchDelay = Duration(100 * time.Millisecond)

// Batching scores requests that arrive while the model is busy together in one run.
type Batching struct {
	MaxBatch int      `json:"max_batch"` // the most rows of one run
	MaxDelay Duration `json:"max_delay"` // the longest that a request waits for its run to start
}

func (v *validator) batching(path string, m *Model) {
	b := m.Batching
	if b == nil {
		return
	}
	if b.MaxBatch < 2 || b.MaxBatch > MaxBatchRows {
		v.addf(path+".batching.max_batch", "model %q: max_batch must be from 2 to %d rows, not %d", m.Name, MaxBatchRows, b.MaxBatch)
	}
	if b.MaxDelay <= 0 || b.MaxDelay > maxBatchDelay {
		v.addf(path+".batching.max_delay", "model %q: max_delay must be above 0 and at most %s, as in 200us, not %s", m.Name, maxBatchDelay, b.MaxDelay)
	}
}
