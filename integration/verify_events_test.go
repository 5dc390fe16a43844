package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"larder/internal/pgtest"
)

// TestVerifyEvents compares the states of an aggregate view with its log: all of them and a
// sample, with events that come meanwhile, and with faults that are planted in the log.
func TestVerifyEvents(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s := startServer(t, db.DSN)
	s.apply(definitionsFolder(t, `
entities: [{name: card, join_keys: [{name: card_id, type: int64}]}]
streams:
  - name: payments
    push: {}
    log: {table: payments, create: true}
    event_id: id
    timestamp_field: happened
    deleted_field: void
    fields: [{name: id, type: string}, {name: card_id, type: int64}, {name: amount, type: float64}, {name: happened, type: timestamp}, {name: void, type: bool, nullable: true}]
aggregate_views:
  - name: activity
    entities: [card]
    stream: payments
    where: "amount >= 0.0"
    windows: [1h, 7d]
    features: [{name: n, count: "*"}, {name: spent, sum: amount}, {name: most, max: amount}]
feature_services: [{name: windows, features: ["activity:*"]}]
`))
	const cards = 2500 // more than are compared at once
	now := time.Now()
	push := func(rows []string) {
		t.Helper()
		code, _, body := s.ask("POST", "/v1/streams/payments/events?wait=served", "["+strings.Join(rows, ",")+"]", "Content-Type", "application/json")
		if code != 200 {
			t.Fatalf("push: %d %s", code, body)
		}
	}
	payment := func(n, card int, amount float64) string {
		return fmt.Sprintf(`{"id": "%d", "card_id": %d, "amount": %g, "happened": %q}`, n, card, amount, now.Add(-time.Duration(n%7000)*time.Second).UTC().Format(time.RFC3339))
	}
	for batch := range 4 {
		var rows []string
		for card := range cards {
			rows = append(rows, payment(batch*cards+card, card, float64(batch-card%2))) // some don't count
		}
		push(rows)
	}
	// The maximum of one card goes, so that its state is made from all of its events.
	push([]string{fmt.Sprintf(`{"id": "%d", "void": true}`, 3*cards+4)})
	verify := func(wantCode int, args ...string) string {
		t.Helper()
		stdout, stderr, code := s.client(append([]string{"verify", "activity"}, args...)...)
		if code != wantCode {
			t.Fatalf("verify %q: exit code %d\n%s%s", args, code, stdout, stderr)
		}
		return singleSpaced(stdout) + stderr
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // events go on while states are compared
		defer close(stopped)
		for n := 10 * cards; ; n++ {
			select {
			case <-stop:
				return
			default:
				code, _, body := s.ask("POST", "/v1/streams/payments/events", payment(n, n%cards, 1), "Content-Type", "application/x-ndjson")
				if code != 200 {
					t.Errorf("push: %d %s", code, body)
					return
				}
			}
		}
	}()
	for range 5 {
		if got := verify(0, "--all"); !strings.Contains(got, " 2,500 2,500 0 0 0 0") {
			t.Fatalf("while events come, all states are compared as\n%s", got)
		}
		verify(0, "--sample", "100")
	}
	close(stop)
	<-stopped
	if _, err := db.Pool.Exec(t.Context(), `
		UPDATE payments SET amount = amount + 1000 WHERE card_id = 7;
		DELETE FROM payments WHERE card_id = 8;
		UPDATE payments SET card_id = 5000 WHERE card_id = 9`); err != nil {
		t.Fatal(err)
	}
	got := verify(1, "--all")
	for _, want := range []string{
		" 2,501 2,497 1 1 2 0", "mismatched card_id=7 activity:", "extra card_id=8 activity", "extra card_id=9 activity", "missing card_id=5000 activity",
		"4 keys differ from the source; larder stream rebuild makes a view of a stream again from its log (activity)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
