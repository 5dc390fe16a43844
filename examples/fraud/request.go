package fraud

import (
	"strconv"

	larderv1 "larder/api/larder/v1"
)

// ScoreRequest asks a model how likely a transaction is to be fraud, as of its time. The id
// of the request is the transaction's id, like the id of its outcome.
func ScoreRequest(model string, t Transaction) *larderv1.GetFeaturesAndScoreRequest {
	at := t.Time.UnixMicro()
	key := func(name string, id int64) *larderv1.Column {
		return &larderv1.Column{Name: name, Values: &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: []int64{id}}}}
	}
	return &larderv1.GetFeaturesAndScoreRequest{
		Model:    model,
		Entities: []*larderv1.Column{key("customer_id", t.Customer), key("terminal_id", t.Terminal)},
		Request: []*larderv1.Column{{
			Name: "amount", Values: &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: []float64{t.Amount}}},
		}, {
			Name: "event_time", Values: &larderv1.Column_Timestamps{Timestamps: &larderv1.Int64S{Values: []int64{at}}},
		}},
		At:        &at,
		RequestId: strconv.FormatInt(t.ID, 10),
	}
}
