package larder

import (
	"context"
	"time"

	larderv1 "larder/api/larder/v1"
)

// A Request names the rows to read or to score.
type Request struct {
	Entities Columns   // a column for each join key
	Values   Columns   // values of the request by name, and values to use instead of stored features by VIEW:FEATURE
	At       time.Time // the time to read at; zero means now

	// The rest is for Score.

	Version      int64  // of the model; 0 means the version that serves or, where traffic is split, the one of each row
	ID           string // of the request in the feature log; drawn by the server when empty
	WithFeatures bool   // also return the features that were scored

	// Outputs are the outputs of the model to return, by their names in its file; "*" alone
	// means all. A model without a score returns all of them if none is named.
	Outputs []string
}

// A Feature is a column of a response.
type Feature struct {
	Name string // VIEW:FEATURE, or request:NAME
	// Values has one value per row, in one of the types of Columns but never
	// pointers: a row without a value holds a zero value.
	Values   any
	Statuses []Status // one per row
}

// A Status says what became of one value.
type Status = larderv1.Status

// The statuses.
const (
	Present       = larderv1.Status_STATUS_PRESENT
	Null          = larderv1.Status_STATUS_NULL_VALUE
	NotFound      = larderv1.Status_STATUS_NOT_FOUND
	OutsideMaxAge = larderv1.Status_STATUS_OUTSIDE_MAX_AGE
	Withheld      = larderv1.Status_STATUS_WITHHELD
)

// An Output is what one output of a model gave for all rows.
type Output struct {
	Name    string
	Values  any      // []bool, []int32, []int64, []float32, []float64 or []string: of all rows, row by row
	Shape   []int    // of the values of one row; empty: one value
	Classes []string // what the last dimension of the shape stands for, where the model says so
}

// Features are the response of GetFeatures.
type Features struct {
	Features       []Feature // in the order of the feature service
	CatalogVersion int64     // version of the definitions that answered
}

// Scores are the response of Score.
type Scores struct {
	Scores         []float64 // one per row; nil for a model without a score
	Outputs        []Output  // in the order asked for, or that of the model's file
	ModelVersions  []int64   // one per row: the version that scored it
	Features       []Feature // in the model's order; nil unless asked for
	CatalogVersion int64     // version of the definitions that answered
	RequestID      string    // of the request in the feature log; empty when it isn't logged
}

// GetFeatures reads the features of a feature service.
func (c *Client) GetFeatures(ctx context.Context, service string, r Request) (*Features, error) {
	entities, request, at, err := r.messages()
	if err != nil {
		return nil, err
	}
	rows := rowsOf(entities, request)
	answer, err := c.Serving.GetFeatures(ctx, &larderv1.GetFeaturesRequest{
		What: &larderv1.GetFeaturesRequest_FeatureService{FeatureService: service}, Entities: entities, Request: request, At: at,
	})
	if err != nil {
		return nil, err
	}
	if len(answer.GetFeatures()) == 0 && rows > 0 {
		return nil, incomplete("no features for %d rows", rows)
	}
	if err := checkAnswer(answer.GetFeatures(), answer.GetReads(), rows); err != nil {
		return nil, err
	}
	return &Features{Features: features(answer.GetFeatures()), CatalogVersion: answer.GetCatalogVersion()}, nil
}

// Score reads the features of a model and scores them.
func (c *Client) Score(ctx context.Context, model string, r Request) (*Scores, error) {
	entities, request, at, err := r.messages()
	if err != nil {
		return nil, err
	}
	rows := rowsOf(entities, request)
	answer, err := c.Serving.GetFeaturesAndScore(ctx, &larderv1.GetFeaturesAndScoreRequest{
		Model: model, ModelVersion: r.Version, Entities: entities, Request: request, At: at, RequestId: r.ID, ReturnFeatures: r.WithFeatures,
		Outputs: r.Outputs,
	})
	if err != nil {
		return nil, err
	}
	if err := checkScores(answer, rows, r.WithFeatures); err != nil {
		return nil, err
	}
	s := &Scores{
		Scores: answer.GetScores(), ModelVersions: answer.GetModelVersions(), Features: features(answer.GetFeatures()),
		CatalogVersion: answer.GetCatalogVersion(), RequestID: answer.GetRequestId(), Outputs: outputs(answer.GetOutputs()),
	}
	if len(s.ModelVersions) == 0 { // one version scored all rows
		s.ModelVersions = make([]int64, rows)
		for i := range s.ModelVersions {
			s.ModelVersions[i] = answer.GetModelVersion()
		}
	}
	return s, nil
}

func (r Request) messages() (entities, request []*larderv1.Column, at *int64, err error) {
	if entities, err = r.Entities.messages(); err != nil {
		return nil, nil, nil, err
	}
	if request, err = r.Values.messages(); err != nil {
		return nil, nil, nil, err
	}
	if !r.At.IsZero() {
		micros := r.At.UnixMicro()
		at = &micros
	}
	return entities, request, at, nil
}

func outputs(all []*larderv1.Output) []Output {
	var out []Output
	for _, o := range all {
		one := Output{Name: o.GetValues().GetName(), Values: values(o.GetValues()), Classes: o.GetClasses()}
		for _, n := range o.GetShape() {
			one.Shape = append(one.Shape, int(n))
		}
		out = append(out, one)
	}
	return out
}

func features(columns []*larderv1.Column) []Feature {
	var out []Feature
	for _, c := range columns {
		out = append(out, Feature{Name: c.GetName(), Values: values(c), Statuses: c.GetStatuses()})
	}
	return out
}
