package forget

import (
	"strings"
	"testing"

	"larder/schema"
	"larder/store/forgotten"
	"larder/store/row"
)

// keysWith returns a list with a customer, as a server with one view has it.
func keysWith(t testing.TB, customer, until int64) (*Keys, *schema.View) {
	t.Helper()
	defs := &schema.Definitions{
		Entities:     []schema.Entity{{Name: "shop", JoinKeys: []schema.JoinKey{{Name: "shop", Type: schema.String}}}, {Name: "customer", JoinKeys: []schema.JoinKey{{Name: "customer_id", Type: schema.Int32}}}},
		Sources:      []schema.Source{{Name: "s", Table: "s", TimestampField: "at"}},
		FeatureViews: []schema.FeatureView{{Name: "v", Entities: []string{"shop", "customer"}, Source: "s", Features: []schema.Feature{{Name: "n", Type: schema.Int64}}}},
	}
	catalog, err := schema.Compile(1, defs, schema.Storage{}.Evolve(defs, 0))
	if err != nil {
		t.Fatal(err)
	}
	salt := []byte(strings.Repeat("s", 32))
	hash, err := forgotten.HashOf(salt, []forgotten.Part{{Name: "customer_id", Value: customer}})
	if err != nil {
		t.Fatal(err)
	}
	k := &Keys{catalogs: func() (serving, building *schema.Catalog) { return catalog, nil }}
	k.set(forgotten.NewList(salt, []forgotten.Record{{Seq: 1, Names: []string{"customer_id"}, Hash: hash, Until: until}}))
	v, err := catalog.View("v")
	if err != nil {
		t.Fatal(err)
	}
	return k, v
}

func keyOf(v *schema.View, shop string, customer int32) []byte {
	return row.AppendInt32(row.AppendString(row.AppendView(nil, v.ID), shop), customer)
}

func TestRefuse(t *testing.T) {
	k, v := keysWith(t, 42, 1000)
	f := func(view uint32, key []byte, eventTime, ingest int64, want bool) {
		t.Helper()
		if got := k.Refuse(view, key, eventTime, ingest); got != want {
			t.Errorf("view %d, key %x, event time %d, ingest time %d: %t, want %t", view, key, eventTime, ingest, got, want)
		}
	}
	f(v.ID, keyOf(v, "a", 42), 1000, schema.NoIngestTime, true)
	f(v.ID, keyOf(v, "b\x00", 42), -5, 2000, true)
	f(v.ID, keyOf(v, "a", 42), 1001, schema.NoIngestTime, false)
	f(v.ID, keyOf(v, "a", 42), 1001, 1000, true) // from the future, and it arrived before
	f(v.ID, keyOf(v, "a", 42), 1001, 1001, false)
	f(v.ID, keyOf(v, "42", 41), 0, 0, false)
	f(v.ID+1, keyOf(v, "a", 42), 0, 0, false)
	pending, v := keysWith(t, 42, forgotten.Pending)
	if !pending.Refuse(v.ID, keyOf(v, "a", 42), 1<<60, 1<<60) {
		t.Error("a row of a key that is being forgotten got in")
	}
	var none Keys
	if none.Refuse(v.ID, keyOf(v, "a", 42), 0, 0) {
		t.Error("without a list a row was refused")
	}
}

func BenchmarkRefuse(b *testing.B) {
	k, v := keysWith(b, 42, 1000)
	key := keyOf(v, "a shop", 41)
	for name, at := range map[string]int64{"older": 1000, "newer": 1001} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				k.Refuse(v.ID, key, at, schema.NoIngestTime)
			}
		})
	}
}
