package forgotten_test

import (
	"strings"
	"testing"
	"time"

	"larder/store/forgotten"
)

var salt = []byte(strings.Repeat("s", 32))

func hashOf(t *testing.T, parts ...forgotten.Part) forgotten.Hash {
	t.Helper()
	h, err := forgotten.HashOf(salt, parts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A golden hash: the list in a registry outlives the program that wrote it.
func TestAHashIsTheSameForEver(t *testing.T) {
	got := hashOf(t, forgotten.Part{"customer_id", int64(42)}, forgotten.Part{"country", "PT"})
	if want := "f9b98b910a39e490695ea4ec500628f870052914bd901d2a2311e35a3a0f81d2"; got.String() != want {
		t.Fatalf("the hash is %s, and was %s", got, want)
	}
}

func TestKeysHashTheSameOnlyIfTheyAreTheSame(t *testing.T) {
	part := func(name string, value any) forgotten.Part { return forgotten.Part{Name: name, Value: value} }
	same := func(a, b []forgotten.Part) {
		t.Helper()
		if hashOf(t, a...) != hashOf(t, b...) {
			t.Errorf("%v and %v have different hashes", a, b)
		}
	}
	differ := func(a, b []forgotten.Part) {
		t.Helper()
		if hashOf(t, a...) == hashOf(t, b...) {
			t.Errorf("%v and %v have the same hash", a, b)
		}
	}
	type key = []forgotten.Part
	same(key{part("a", int64(1)), part("b", "x")}, key{part("b", "x"), part("a", int32(1))})
	differ(key{part("a", "5")}, key{part("a", int64(5))})
	differ(key{part("a", "x")}, key{part("a", []byte("x"))})
	differ(key{part("a", "x")}, key{part("b", "x")})
	differ(key{part("a", int64(1)), part("b", int64(23))}, key{part("a", int64(12)), part("b", int64(3))})
	differ(key{part("a", "xb")}, key{part("a", "x"), part("b", "")})
	differ(key{part("a", time.UnixMicro(1))}, key{part("a", int64(1))})
	differ(key{part("a", true)}, key{part("a", false)})
	differ(key{part("a", "x\x00")}, key{part("a", "x")})
	if _, err := forgotten.HashOf(salt, key{part("a", 1.5)}); err == nil {
		t.Error("a float became a key")
	}
	if other, err := forgotten.HashOf([]byte("another salt"), key{part("a", "x")}); err != nil || other == hashOf(t, part("a", "x")) {
		t.Errorf("another salt gave the same hash, or %v", err)
	}
}

func TestAMatcherFindsAKeyAmongOtherColumns(t *testing.T) {
	customer := forgotten.Part{Name: "customer_id", Value: int64(42)}
	merchant := forgotten.Part{Name: "merchant", Value: "m\x00é"}
	list := forgotten.NewList(salt, []forgotten.Record{
		{Seq: 1, Names: []string{"customer_id"}, Hash: hashOf(t, customer), Until: 100},
		{Seq: 2, Names: []string{"customer_id", "merchant"}, Hash: hashOf(t, customer, merchant), Until: 200},
		{Seq: 3, Names: []string{"customer_id"}, Hash: hashOf(t, customer), Until: 50},
	})
	if list.Columns([]string{"merchant"}) != nil {
		t.Error("a table without customer_id has forgotten customers")
	}
	m := list.Columns([]string{"x", "merchant", "customer_id"})
	f := func(merchant, customer any, until int64, found bool) {
		t.Helper()
		got, ok := m.Find(func(i int) any { return []any{"", merchant, customer}[i] })
		if ok != found || found && got.Until != until {
			t.Errorf("merchant=%v customer=%v: until %d, %t; want %d, %t", merchant, customer, got.Until, ok, until, found)
		}
	}
	f("other", int64(42), 100, true)
	f("m\x00é", int64(42), 200, true)
	f("m\x00é", int32(42), 200, true)
	f("m\x00é", int64(43), 0, false)
	f("m\x00é", nil, 0, false)
	f(nil, int64(42), 100, true)
	f("m\x00é", "42", 0, false)
	if m.Newest() != 200 || !m.Reads(1) || !m.Reads(2) || m.Reads(0) {
		t.Errorf("newest %d, reads %t %t %t", m.Newest(), m.Reads(0), m.Reads(1), m.Reads(2))
	}
	if later := list.After(2); len(later.Records) != 1 || later.Seq != 3 {
		t.Errorf("after 2 there are %d records, up to %d", len(later.Records), later.Seq)
	}
	if later := list.After(3); later.Seq != 0 || later.Columns([]string{"customer_id"}) != nil {
		t.Error("after the last there are records")
	}
	var none *forgotten.Matcher
	if _, found := none.Find(nil); found {
		t.Error("the nil matcher found something")
	}
}

func BenchmarkFind(b *testing.B) {
	h, _ := forgotten.HashOf(salt, []forgotten.Part{{"customer_id", int64(42)}})
	m := forgotten.NewList(salt, []forgotten.Record{{Seq: 1, Names: []string{"customer_id"}, Hash: h, Until: forgotten.Pending}}).Columns([]string{"customer_id"})
	values := []any{int64(7)}
	value := func(i int) any { return values[i] }
	b.ReportAllocs()
	for b.Loop() {
		m.Find(value)
	}
}
