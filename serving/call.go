package serving

import (
	"context"
	"fmt"
	"time"

	"larder/schema"
	"larder/scoring"
	"larder/vector"
)

// A call is the memory of one request, reused by the next of its shape.
type call struct {
	shape *shape
	batch *vector.Batch
	// visit is the batch's: made once, since a call through an interface would make
	// it for each request.
	visit    func(i int, eventTime int64, row []byte) error
	entities vector.Columns // what the request sent; alias it
	request  vector.Columns
	tensors  []vector.Column // of each feature, for a model with an input for each
	route    *route          // where several versions share the rows; nil for one version
	shadows  []*schema.Plan  // versions that score the same vectors, for nobody
	scoring  time.Duration   // what the model took
}

// end lets go of the request and gives the call back.
func (c *call) end() {
	c.batch.Reset(0, 0)
	clear(c.entities.Values)
	clear(c.request.Values)
	clear(c.tensors)
	c.route, c.shadows = nil, nil
	c.shape.calls.Put(c)
}

// bind checks what the request sent and makes the keys to read, at a time: the
// one clock reading of the request.
func (c *call) bind(maxRows int, at *int64) error {
	var now int64
	if at == nil {
		now = time.Now().UnixMicro()
	} else if now = *at; now < schema.BeginningOfTime || now > schema.EndOfTime {
		return schema.Errorf(schema.Invalid, "TIME_OUT_OF_RANGE", "at is %d; it is microseconds since 1970 UTC, in the years -4713 to 9999", now)
	}
	rows, err := c.rows(maxRows)
	if err != nil {
		return err
	}
	c.batch.Reset(rows, now)
	if err := c.batch.BindKeys(c.entities); err != nil {
		return err
	}
	return c.batch.BindRequest(c.request)
}

// rows returns the number of rows of the request: that of its first column.
func (c *call) rows(most int) (int, error) {
	columns := &c.entities
	if len(c.shape.plan.Keys) == 0 && len(columns.Values) == 0 { // only values of the request
		columns = &c.request
	}
	if len(columns.Values) == 0 {
		return 0, nil // binding says which column is missing
	}
	rows := columns.Values[0].Len()
	switch {
	case rows == 0 && columns.Values[0].Type.Valid():
		return 0, schema.Errorf(schema.Invalid, "NO_ROWS", "%q has no values; a request has 1 to %d rows", columns.Names[0], most)
	case rows > most:
		return 0, schema.Errorf(schema.Exhausted, "TOO_MANY_ROWS", "the request has %d rows; at most %d fit, split it", rows, most)
	}
	return rows, nil
}

// feed makes the vectors go straight to the model's inputs.
func (c *call) feed(binding *scoring.Binding, run *scoring.Run) {
	if binding.Dense {
		c.batch.SetDense(run.Dense())
		return
	}
	if c.tensors == nil {
		c.tensors = make([]vector.Column, len(c.shape.plan.Features))
	}
	feedTensors(c.tensors, binding, run)
	c.batch.SetTensors(c.tensors)
}

// feedTensors puts the inputs of a model, which has one for each feature, where
// their features are.
func feedTensors(tensors []vector.Column, binding *scoring.Binding, run *scoring.Run) {
	for i, in := range binding.Inputs {
		t := vector.Column{Type: in.Elem}
		switch in.Elem {
		case schema.Bool:
			t.Bools = run.Bools(i)
		case schema.Int32:
			t.Int32s = run.Int32s(i)
		case schema.Int64:
			t.Int64s = run.Int64s(i)
		case schema.Float32:
			t.Float32s = run.Float32s(i)
		case schema.Float64:
			t.Float64s = run.Float64s(i)
		case schema.String:
			t.Strings = run.Strings(i)
		}
		tensors[in.Feature] = t
	}
}

// read fills the vectors from the online store.
func (s *Server) read(ctx context.Context, c *call) error {
	began := time.Now()
	if err := s.opts.Online.Read(ctx, c.batch.Keys(), c.batch.Rows(), c.visit); err != nil {
		return fmt.Errorf("read %s: %w", c.shape.plan.Name(), err)
	}
	err := c.batch.Finish()
	s.metrics.failures(c.batch) // also those that a model refuses
	if err != nil {
		return err
	}
	s.metrics.read.Observe(time.Since(began).Seconds())
	for i := range c.shape.views {
		c.shape.views[i].add(c.batch.Statuses(i))
	}
	return nil
}

func (s *Server) score(ctx context.Context, c *call, run *scoring.Run) error {
	began := time.Now()
	if err := run.Score(ctx); err != nil {
		return err
	}
	c.scoring = time.Since(began)
	s.metrics.score.Observe(c.scoring.Seconds())
	return nil
}
