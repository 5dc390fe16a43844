package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
)

const oddTime = "2026-01-31T10:00:00Z"

// TestOddPushesOverHTTP: bodies, headers and keys as other programs send them.
func TestOddPushesOverHTTP(t *testing.T) {
	t.Parallel()
	s := latenessServer(t)
	event := func(id string) string {
		return `{"id":"` + id + `","card_id":1,"amount":1,"happened":"` + oddTime + `"}`
	}
	f := func(code int, want, body string, headers ...string) {
		t.Helper()
		if len(headers) == 0 {
			headers = []string{"Content-Type", "application/json"}
		}
		if got, _, answer := s.ask("POST", "/v1/streams/payments/events", body, headers...); got != code || !strings.Contains(answer, want) {
			t.Errorf("%.60q %v: %d %s\nwant %d %s", body, headers, got, answer, code, want)
		}
	}
	f(200, `"appended":2`, "\ufeff["+event("a")+","+event("b")+"]")
	f(200, `"appended":2`, "\ufeff"+event("c")+"\r\n\r\n"+event("d")+"\r\n", "Content-Type", "application/x-ndjson")
	f(200, `"appended":0`, "[]")
	f(400, "the push has no events", "\ufeff")
	f(400, "deeper than 64 levels", strings.Repeat("[", 100_000))
	f(400, "an escape of a whole character", `{"id":"\ud800"}`)
	f(400, "which Postgres can't keep", strings.Replace(event("x"), `"x"`, `"a\u0000b"`, 1))
	f(415, "the request has no Content-Type", event("x"), "Content-Type", "")
	for query, want := range map[string]string{
		"wiat=served": `\"wiat\" is not a parameter of this path; it takes wait=served`, "wait=": "wait=; write wait=served", "wait=served&wait=no": "wait=served&wait=no; write",
	} {
		if code, _, answer := s.ask("POST", "/v1/streams/payments/events?"+query, event("q"), "Content-Type", "application/json"); code != 400 || !strings.Contains(strings.ReplaceAll(answer, `\u0026`, "&"), want) {
			t.Errorf("?%s: %d %s\nwant 400 %s", query, code, answer, want)
		}
	}
	json := []string{"Content-Type", "application/json", "Idempotency-Key"}
	f(200, `"repeated":false`, event("k"), append(json, "key")...)
	f(200, `"repeated":true`, " "+event("k")+" ", append(json, "key")...)
	f(400, "IDEMPOTENCY_KEY_REUSED", event("other"), append(json, "key")...)
	f(400, "BAD_IDEMPOTENCY_KEY", event("x"), append(json, "\xff\xfe")...)
	f(400, "BAD_IDEMPOTENCY_KEY", event("x"), append(json, strings.Repeat("k", 257))...)
}

// TestOddPushesOverGRPC: columns that don't fit, and pushes without events.
func TestOddPushesOverGRPC(t *testing.T) {
	t.Parallel()
	s := latenessServer(t)
	streams := larderv1.NewStreamServiceClient(s.conn)
	text := func(name string, values ...string) *larderv1.Column {
		return &larderv1.Column{Name: name, Values: &larderv1.Column_Strings{Strings: &larderv1.Strings{Values: values}}}
	}
	amounts := &larderv1.Column{Name: "amount", Values: &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: []float64{1}}}}
	at, err := time.Parse(time.RFC3339, oddTime)
	if err != nil {
		t.Fatal(err)
	}
	times := &larderv1.Column{Name: "happened", Values: &larderv1.Column_Timestamps{Timestamps: &larderv1.Int64S{Values: []int64{at.UnixMicro()}}}}
	f := func(want string, columns ...*larderv1.Column) {
		t.Helper()
		_, err := streams.PushEvents(t.Context(), &larderv1.PushEventsRequest{
			Stream: "payments", Events: &larderv1.PushEventsRequest_Columns{Columns: &larderv1.Columns{Columns: columns}},
		})
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	f("the events have no field")
	f(`field "id": the text has the character U+0000`, text("id", "a\x00b"), int64Column("card_id", 1), amounts, times)
	f(`field "card_id" has 2 values`, text("id", "a"), int64Column("card_id", 1, 2), amounts, times)
	f(`field "card_id" comes twice`, text("id", "a"), int64Column("card_id", 1), int64Column("card_id", 1), amounts, times)
	f(`field "id" is string; the request sends int64`, int64Column("id", 1), int64Column("card_id", 1), amounts, times)
	f(`has no field "cards"`, int64Column("cards", 1))
	f(`comes without values`, &larderv1.Column{Name: "id"})
	if _, err := streams.PushEvents(t.Context(), &larderv1.PushEventsRequest{Stream: "payments"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a push without events: %v", err)
	}
}

// TestOddFilesArePushed: endings and byte order marks as other programs write them.
func TestOddFilesArePushed(t *testing.T) {
	t.Parallel()
	s := latenessServer(t)
	dir := t.TempDir()
	f := func(code int, want, name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.says(code, []string{"push", "payments", path}, want)
	}
	const columns = "id,card_id,amount,happened\n"
	f(0, "1 event appended", "UPPER.CSV", "\ufeff"+columns+"a,1,NaN,"+oddTime+"\r\n")
	f(0, "1 event appended", "bom.ndjson", "\ufeff"+`{"id":"b","card_id":1,"amount":1,"happened":"`+oddTime+`"}`+"\r\n")
	f(1, `field "id": the text has the character U+0000`, "nul.csv", columns+"a\x00b,1,1,"+oddTime+"\n")
	f(1, "it is packed; unpack it first", "a.csv.gz", "\x1f\x8b")
	f(1, "does not read .xlsx files; write NDJSON", "a.xlsx", "PK")
	f(1, "line 2 has more than 1048576 bytes", "long.ndjson", "{}\n"+strings.Repeat("x", 1<<20+1)+"\n")
}
