package schema

import "time"

// MaxBatchRows bounds how many rows of several requests are scored at once.
const MaxBatchRows = 1024

// maxBatchDelay bounds how long a request waits for others.
const maxBatchDelay = Duration(100 * time.Millisecond)

// Batching lets requests that come while the model is busy be scored in one run.
type Batching struct {
	MaxBatch int      `json:"max_batch"` // rows of one run
	MaxDelay Duration `json:"max_delay"` // that a request waits at most before its run begins
}

func (v *validator) batching(path string, m *Model) {
	b := m.Batching
	if b == nil {
		return
	}
	if b.MaxBatch < 2 || b.MaxBatch > MaxBatchRows {
		v.addf(path+".batching.max_batch", "model %q: a batch has from 2 to %d rows at most, not %d", m.Name, MaxBatchRows, b.MaxBatch)
	}
	if b.MaxDelay <= 0 || b.MaxDelay > maxBatchDelay {
		v.addf(path+".batching.max_delay", "model %q: a request waits for others up to %s, as in 200us, not %s", m.Name, maxBatchDelay, b.MaxDelay)
	}
}
