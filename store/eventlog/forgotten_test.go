package eventlog_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"larder/store/eventlog"
	"larder/store/forgotten"
)

// Events of a forgotten card are left out up to the time when it was forgotten, and all
// while it is being forgotten. A push that is repeated is still the same push.
func TestAppendLeavesForgottenKeysOut(t *testing.T) {
	w := newWorld(t, payments())
	salt := []byte(strings.Repeat("s", 32))
	var list atomic.Pointer[forgotten.List]
	list.Store(forgotten.NewList(salt, nil))
	store, err := eventlog.Open(t.Context(), w.db.DSN, eventlog.Options{Forgotten: list.Load})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	log := store.Log(payments())
	forget := func(until int64) {
		t.Helper()
		hash, err := forgotten.HashOf(salt, []forgotten.Part{{Name: "card_id", Value: int64(7)}})
		if err != nil {
			t.Fatal(err)
		}
		list.Store(forgotten.NewList(salt, []forgotten.Record{{Seq: 1, Names: []string{"card_id"}, Hash: hash, Until: until}}))
	}
	add := func(key string, appended, left int64, repeated bool, all ...event) {
		t.Helper()
		added, err := log.Append(t.Context(), &eventlog.Addition{Events: events(payments(), all...), Key: key})
		if err != nil || added.Appended != appended || added.Forgotten != left || added.Repeated != repeated {
			t.Errorf("%s: added %+v (%v); want %d appended and %d left out", key, added, err, appended, left)
		}
	}
	three := []event{{id: "a", card: 7}, {id: "b", card: 8}, {id: "c", card: 7, at: 2 * time.Hour}}
	forget(forgotten.Pending)
	add("one", 1, 2, false, three...)
	add("one", 1, 2, true, three...)
	forget(start.Add(time.Hour).UnixMicro())
	add("two", 1, 1, false, three...) // b is there, and c is newer
	add("three", 0, 1, false, event{id: "d", card: 7, at: time.Hour})
	add("four", 1, 0, false, event{id: "e", card: 7, at: time.Hour + time.Microsecond})
	add("five", 0, 1, false, event{id: "a", card: 7, retract: true})
	var cards string
	if err := w.db.Pool.QueryRow(t.Context(), "SELECT string_agg(id || card_id, ' ' ORDER BY id) FROM fraud.payments").Scan(&cards); err != nil || cards != "b8 c7 e7" {
		t.Errorf("the log has %s (%v)", cards, err)
	}
}
