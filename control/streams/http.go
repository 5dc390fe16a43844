package streams

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/internal/openapi"
	"larder/schema"
)

// The types of a body of events.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typeArrow  = "application/vnd.apache.arrow.stream"
)

var pushOperation = openapi.Operation{
	Pattern: "POST /v1/streams/{stream}/events", ID: "push_events", Tag: "streams",
	Summary: "append events to the log of a stream, all or none",
	About: "The body is a list of events, or one event. It may also be NDJSON (" + typeNDJSON + "), or an Arrow IPC stream (" + typeArrow + ") with a column for each field. " +
		"The events are durable when the call is answered; with ?wait=served this server serves them too. " +
		"A second call with the same Idempotency-Key header, within a day, adds nothing and gets the same answer; with other events it is refused.",
	Path: map[string]openapi.Parameter{"stream": {About: "The stream.", Example: "payments"}},
	Request: &openapi.Body{
		Schema:  openapi.Named("Events", openapi.List(openapi.OpenObject("The fields of one event.", map[string]*openapi.Schema{}), "Events.")),
		Example: `[{"id": "a1", "card_id": 42, "amount": 12.5, "happened": "2026-01-31T10:00:00Z"}]`,
	},
	Answer: openapi.Body{
		Schema: openapi.Named("PushedEvents", openapi.Object("What became of the events.", map[string]*openapi.Schema{
			"batch": openapi.Of("integer", "The number of the batch in the log that has the events."), "committed_at": {Type: "string", Format: "date-time"},
			"appended": openapi.Of("integer", ""), "duplicates": openapi.Of("integer", "Events whose id is in the log already."),
			"corrected": openapi.Of("integer", "Among appended: events that replace another one of their id."), "retracted": openapi.Of("integer", ""),
			"unknown": openapi.Of("integer", "Retractions of ids that the log doesn't have."), "repeated": openapi.Of("boolean", "The Idempotency-Key was used before; this is the answer of then."),
		}, "batch", "appended", "duplicates", "corrected", "retracted", "unknown", "repeated")),
		Example: `{"batch": 1, "committed_at": "2026-01-31T10:00:00.1Z", "appended": 1, "duplicates": 0, "corrected": 0, "retracted": 0, "unknown": 0, "repeated": false}`,
	},
}

// HTTPHandler answers POST /v1/streams/{stream}/events. It must be served by grpcserver.
func (s *Server) HTTPHandler() *grpcserver.Mux {
	mux := new(grpcserver.Mux)
	mux.Handle(pushOperation, grpcserver.Answering(s.postEvents))
	return mux
}

func (s *Server) postEvents(r *http.Request) ([]byte, error) {
	body, err := grpcserver.ReadBody(r)
	if err != nil {
		return nil, err
	}
	req := &larderv1.PushEventsRequest{Stream: r.PathValue("stream"), IdempotencyKey: r.Header.Get("Idempotency-Key")}
	if keys := r.Header.Values("Idempotency-Key"); len(keys) > 1 {
		return nil, schema.BadIdempotencyKey.Errorf("the request has %d Idempotency-Key headers; send one", len(keys))
	}
	for name, values := range r.URL.Query() {
		switch {
		case name != "wait":
			return nil, schema.BadParameter.Errorf("%q is not a parameter of this path; it takes wait=served", name)
		case len(values) != 1 || values[0] != "served":
			return nil, schema.BadParameter.Errorf("wait=%s; write wait=served, or leave it out", strings.Join(values, "&wait="))
		}
		req.WaitServed = true
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && media == typeArrow:
		req.Events = &larderv1.PushEventsRequest_Arrow{Arrow: body}
	case err == nil && (media == typeJSON || media == typeNDJSON || media == "application/jsonl"):
		req.Events = &larderv1.PushEventsRequest_Json{Json: body}
	case r.Header.Get("Content-Type") == "":
		return nil, schema.BadContentType.Errorf("the request has no Content-Type; send %s, %s or %s", typeJSON, typeNDJSON, typeArrow)
	default:
		return nil, schema.BadContentType.Errorf("the body is %q; send %s, %s or %s", r.Header.Get("Content-Type"), typeJSON, typeNDJSON, typeArrow)
	}
	answer, err := s.PushEvents(r.Context(), req)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Batch       int64  `json:"batch"`
		CommittedAt string `json:"committed_at"`
		Appended    int64  `json:"appended"`
		Duplicates  int64  `json:"duplicates"`
		Corrected   int64  `json:"corrected"`
		Retracted   int64  `json:"retracted"`
		Unknown     int64  `json:"unknown"`
		Repeated    bool   `json:"repeated"`
	}{answer.Batch, shownTime(answer.CommittedAt), answer.Appended, answer.Duplicates, answer.Corrected, answer.Retracted, answer.Unknown, answer.Repeated})
}
