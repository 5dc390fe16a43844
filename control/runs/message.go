package runs

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	larderv1 "larder/api/larder/v1"
	"larder/materialize"
	"larder/schema"
	"larder/store/registry"
)

// The record of a run is its protobuf message as JSON, so that servers of other
// versions can read it.

var states = map[materialize.State]larderv1.Run_State{
	materialize.Queued:    larderv1.Run_STATE_QUEUED,
	materialize.Running:   larderv1.Run_STATE_RUNNING,
	materialize.Succeeded: larderv1.Run_STATE_SUCCEEDED,
	materialize.Failed:    larderv1.Run_STATE_FAILED,
	materialize.Cancelled: larderv1.Run_STATE_CANCELLED,
}

// Message returns the run in the form that is sent and recorded.
func (r Run) Message() *larderv1.Run {
	out := &larderv1.Run{
		Id: r.ID, FeatureView: r.View, State: states[r.State], Mode: string(r.Mode), From: r.From, To: r.To,
		RowsRead: r.RowsRead, RowsWritten: r.RowsWritten, RowsSuperseded: r.RowsSuperseded, RowsBad: r.RowsBad, RowsTotal: r.RowsTotal,
		Error: r.Error, StartedAt: r.StartedAt, EndedAt: r.EndedAt, Server: r.Server, CatalogVersion: r.CatalogVersion, Attempt: int32(r.Attempt),
		Warnings: r.Warnings, Building: r.Building,
	}
	for _, b := range r.Bad {
		out.Bad = append(out.Bad, &larderv1.BadRows{Reason: string(b.Reason), Count: b.Count, Samples: b.Samples})
	}
	for _, e := range r.Expectations {
		out.Expectations = append(out.Expectations, expectationMessage(&e))
	}
	return out
}

// runOf is the inverse of [Run.Message]. What the message lacks is zero.
func runOf(m *larderv1.Run) Run {
	r := Run{Server: m.GetServer(), Run: materialize.Run{
		ID: m.GetId(), View: m.GetFeatureView(), Mode: schema.Mode(m.GetMode()), From: m.GetFrom(), To: m.GetTo(),
		RowsRead: m.GetRowsRead(), RowsWritten: m.GetRowsWritten(), RowsSuperseded: m.GetRowsSuperseded(), RowsBad: m.GetRowsBad(), RowsTotal: m.GetRowsTotal(),
		Error: m.GetError(), StartedAt: m.GetStartedAt(), EndedAt: m.GetEndedAt(), CatalogVersion: m.GetCatalogVersion(), Attempt: int(m.GetAttempt()),
		Warnings: m.GetWarnings(), Building: m.GetBuilding(),
	}}
	for state, number := range states {
		if number == m.GetState() {
			r.State = state
		}
	}
	for _, b := range m.GetBad() {
		r.Bad = append(r.Bad, materialize.BadRows{Reason: schema.BadReason(b.GetReason()), Count: b.GetCount(), Samples: b.GetSamples()})
	}
	for _, e := range m.GetExpectations() {
		r.Expectations = append(r.Expectations, expectationOf(e))
	}
	return r
}

func expectationMessage(e *materialize.Expectation) *larderv1.Expectation {
	out := &larderv1.Expectation{Name: e.Name, Count: e.Count, OfRows: e.OfRows, Limit: e.Limit, Failed: e.Failed, Text: e.String(), MaxAge: e.MaxAge.Microseconds()}
	if e.MaxAge != 0 && e.Age >= 0 {
		out.Age = proto.Int64(e.Age.Microseconds())
	}
	return out
}

// expectationOf is the inverse of expectationMessage.
func expectationOf(m *larderv1.Expectation) materialize.Expectation {
	e := materialize.Expectation{Name: m.GetName(), Count: m.GetCount(), OfRows: m.GetOfRows(), Limit: m.GetLimit(), Failed: m.GetFailed()}
	if e.MaxAge = time.Duration(m.GetMaxAge()) * time.Microsecond; e.MaxAge != 0 {
		e.Age = -1
	}
	if m.Age != nil {
		e.Age = time.Duration(m.GetAge()) * time.Microsecond
	}
	return e
}

func rowOf(r Run) (registry.Run, error) {
	m := r.Message()
	detail, err := protojson.Marshal(m)
	return registry.Run{
		ID: r.ID, FeatureView: r.View, Server: r.Server, State: m.GetState().String(), StartedAt: time.UnixMicro(r.StartedAt), Detail: detail,
	}, err
}

func read(row registry.Run) (Run, error) {
	m := new(larderv1.Run)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(row.Detail, m); err != nil {
		return Run{}, fmt.Errorf("run %s as recorded: %w", row.ID, err)
	}
	return runOf(m), nil
}
