package grpcserver

import (
	"time"

	feastserving "larder/api/feast/serving"
	inferencev2 "larder/api/inference"
	larderv1 "larder/api/larder/v1"
)

// Work is what a request asks for, as far as its cost goes. The zero work says nothing.
type work struct {
	name    string // of the model or the feature service; aliases the request
	rows    int    // or what stands for them, as the measure of its cost
	counted int    // those that count in its caller's quota
}

// workOf returns the work of a message.
func workOf(m *method, req any) work {
	rows := max(rowsOf(req), 1)
	w := work{rows: rows, counted: rows}
	if m.rule != nil && m.rule.on != nil {
		on, _ := m.rule.on(req, 0)
		w.name = on.Name
	}
	return w
}

// rowsOf returns the rows of a message, 0 for one that has none.
func rowsOf(req any) int {
	switch r := req.(type) {
	case *larderv1.GetFeaturesAndScoreRequest:
		return columnRows(r.GetEntities(), r.GetRequest())
	case *larderv1.GetFeaturesRequest:
		return columnRows(r.GetEntities(), r.GetRequest())
	case *larderv1.StreamFeaturesAndScoreRequest:
		return columnRows(r.GetRequest().GetEntities(), r.GetRequest().GetRequest())
	case *inferencev2.ModelInferRequest:
		if inputs := r.GetInputs(); len(inputs) > 0 && len(inputs[0].GetShape()) > 0 {
			return int(min(max(inputs[0].GetShape()[0], 0), 1<<20))
		}
	case *feastserving.GetOnlineFeaturesRequest:
		for _, values := range r.GetEntities() {
			return len(values.GetVal())
		}
	}
	return 0
}

// columnRows returns the rows of the first column, of the entities or, without these, of the
// request's values.
func columnRows(entities, request []*larderv1.Column) int {
	if len(entities) == 0 {
		entities = request
	}
	if len(entities) == 0 {
		return 0
	}
	switch v := entities[0].GetValues().(type) {
	case *larderv1.Column_Bools:
		return len(v.Bools.GetValues())
	case *larderv1.Column_Int32S:
		return len(v.Int32S.GetValues())
	case *larderv1.Column_Int64S:
		return len(v.Int64S.GetValues())
	case *larderv1.Column_Floats:
		return len(v.Floats.GetValues())
	case *larderv1.Column_Doubles:
		return len(v.Doubles.GetValues())
	case *larderv1.Column_Strings:
		return len(v.Strings.GetValues())
	case *larderv1.Column_Blobs:
		return len(v.Blobs.GetValues())
	case *larderv1.Column_Timestamps:
		return len(v.Timestamps.GetValues())
	}
	return 1
}

// bodyRow is how many bytes of a body of HTTP stand for a row, whose number only the handler knows.
const bodyRow = 64

// note remembers how long a request took, for quickest.
func (m *method) note(took time.Duration) {
	const patience = 256 // requests until a longer time is believed
	known := m.least.Load()
	if known == 0 || int64(took) < known {
		m.least.Store(int64(took))
		return
	}
	m.least.Store(known + max((int64(took)-known)/patience, 0))
}

// quickest returns how long the quickest requests take.
func (m *method) quickest() time.Duration { return time.Duration(m.least.Load()) }

// doubt believes that a little less: a refused request shows nothing of it.
func (m *method) doubt() {
	const weight = 64
	known := m.least.Load()
	m.least.Store(known - known/weight)
}
