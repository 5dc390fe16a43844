package scoring

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"time"

	"larder/schema"
)

// An order tells a worker process which model to load. The file comes with it.
type order struct {
	Library  string // of ONNX Runtime
	Threads  int    // of one run
	Model    schema.Model
	Version  schema.ModelVersion // without its column: gob would take column 0 for none
	Column   int                 // -1 when none is declared
	Features []orderFeature

	// Tried is what the model's trial showed; nil: try it. Without Scores no session for
	// scores is made.
	Tried  *facts
	Scores bool
}

type orderFeature struct {
	Name    string
	Type    schema.Type
	Default any
}

func init() { // the Go forms of a default
	for _, v := range []any{
		false, int32(0), int64(0), float32(0), float64(0), "", []byte(nil),
		time.Time{},
		[]bool(nil), []int32(nil), []int64(nil), []float32(nil), []float64(nil), []string(nil), []time.Time(nil), [][]byte(nil), []any(nil),
	} {
		gob.Register(v)
	}
}

func newOrder(plan *schema.Plan) order {
	o := order{Model: *plan.Model, Version: *plan.ModelVersion, Column: -1, Scores: true}
	if c := o.Version.Column; c != nil {
		o.Version.Column, o.Column = nil, *c
	}
	// What a worker doesn't read, and would only have to be sent.
	o.Model.Versions, o.Model.Tags, o.Model.Labels, o.Model.MLflow = nil, nil, nil, nil
	for _, f := range plan.Features {
		o.Features = append(o.Features, orderFeature{Name: f.Name, Type: f.Type, Default: f.Default})
	}
	return o
}

// plan returns what loading a model reads of its plan.
func (o *order) plan() *schema.Plan {
	version := o.Version
	if o.Column >= 0 {
		version.Column = &o.Column
	}
	p := &schema.Plan{Model: &o.Model, ModelVersion: &version}
	for _, f := range o.Features {
		p.Features = append(p.Features, schema.PlanFeature{Name: f.Name, Type: f.Type, Default: f.Default})
	}
	return p
}

// onDevice reports whether a provider other than the cpu may run the model.
func (o *order) onDevice() bool {
	for _, p := range o.Model.Providers {
		if p.Name != schema.CPUProvider {
			return true
		}
	}
	return false
}

// A verdict is the answer to an order.
type verdict struct {
	Facts   facts
	Refusal *refusal
}

// A refusal is an error that crosses from one process to another.
type refusal struct {
	Kind    schema.Kind
	Reason  schema.Reason
	Message string
	Ended   bool // the time was up, or the caller has gone
}

func newRefusal(err error) *refusal {
	r := &refusal{Message: err.Error(), Ended: errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)}
	var said *schema.Error
	if errors.As(err, &said) {
		r.Kind, r.Reason = said.Kind, said.Reason
	}
	return r
}

// error returns the error again.
func (r *refusal) error() error {
	switch {
	case r.Ended:
		return fmt.Errorf("%s: %w", r.Message, context.DeadlineExceeded)
	case r.Reason != "":
		return &schema.Error{Kind: r.Kind, Reason: r.Reason, Message: r.Message}
	}
	return errors.New(r.Message)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

func decode(b []byte, v any) error { return gob.NewDecoder(bytes.NewReader(b)).Decode(v) }
