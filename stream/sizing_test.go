package stream_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"larder/store/row"
	"larder/vector"
)

// sized has the view of docs/sizing.md: five windows of count, sum, min and max.
const sized = `
entities:
  - {name: card, join_keys: [{name: card_id, type: int64}]}
streams:
  - name: payments
    push: {}
    log: {table: fraud.payments, create: true}
    event_id: id
    timestamp_field: happened
    fields: [{name: id, type: string}, {name: card_id, type: int64}, {name: amount, type: float64}, {name: happened, type: timestamp, format: epoch_us}]
aggregate_views:
  - name: activity
    entities: [card]
    stream: payments
    windows: [10m, 1h, 24h, 7d, 30d]
    features: [{name: n, count: "*"}, {name: total, sum: amount}, {name: least, min: amount}, {name: most, max: amount}]
`

// TestStatesAreAsLargeAsDocsSay holds the states of a store to the formula of
// docs/sizing.md.
func TestStatesAreAsLargeAsDocsSay(t *testing.T) {
	const (
		pending     = 32
		value       = 8  // of a float
		usualSum    = 15 // of floats
		usualMinMax = 14 // 10 to 18
		mostSum     = 299
		mostMinMax  = 36
	)
	w := newWorld(t, sized)
	s := w.start(t.TempDir(), nil)
	r := rand.New(rand.NewPCG(11, 12))
	now := time.Now().UnixMicro()
	events := map[int64]int{1: 33, 2: 100, 3: 1000, 4: 3000}
	idBytes := 0
	for card, n := range events {
		var lines []string
		for i := range n {
			age := r.Int64N([]int64{600e6, 3600e6, 86400e6, 30 * 86400e6}[i%4])
			id := fmt.Sprintf("payment %d-%05d", card, i)
			idBytes = len(id)
			lines = append(lines, fmt.Sprintf(`{"id": %q, "card_id": %d, "amount": %.2f, "happened": %d}`, id, card, r.Float64()*1000, now-age))
		}
		s.push("payments", lines...)
	}
	view, err := w.catalog.Load().View("activity")
	if err != nil {
		t.Fatal(err)
	}
	aggregation, err := vector.NewAggregation(view)
	if err != nil {
		t.Fatal(err)
	}
	state := aggregation.Program.NewState()
	for card, n := range events {
		var keys row.Keys
		keys.Append(func(dst []byte) []byte { return row.AppendInt64(row.AppendView(dst, view.ID), card) })
		size := 0
		if err := s.online.Read(t.Context(), &keys, 1, func(_ int, _ int64, stored []byte) error {
			size = len(stored)
			return state.Decode(stored)
		}); err != nil {
			t.Fatal(err)
		}
		tiles, _ := state.Tiles()
		usual := pending*(8+idBytes+value) + tiles*(3+usualSum+usualMinMax)
		most := pending*(20+idBytes+value) + tiles*(13+mostSum+mostMinMax)
		t.Logf("%d events, %d tiles: %d bytes; usual %d, at most %d", n, tiles, size, usual, most)
		if tiles == 0 || size > most || float64(size) < 0.75*float64(usual) || float64(size) > 1.25*float64(usual) {
			t.Errorf("the state of %d events in %d tiles has %d bytes; want about %d and at most %d", n, tiles, size, usual, most)
		}
	}
}
