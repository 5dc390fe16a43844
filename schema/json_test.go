package schema_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/schema"
)

// FuzzJSON compares the walks over lists and objects with encoding/json, for any valid
// JSON; what is not valid must not make them panic or run for ever.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`[]`, `[1, "a]", [2, {"b": 3}], null, true, -1.5e3]`, `{}`, ` {"a" : 1, "\u0062\"": [], "c":{"d":"}"} } `, `7`, `["\\"]`, `[1`, `{"a"`, `{"a":`, `[[[[`, `{"a":}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var items []json.RawMessage
		errItems := schema.JSONItems(raw, func(item json.RawMessage) error {
			items = append(items, item)
			return nil
		})
		members := map[string]json.RawMessage{}
		errMembers := schema.JSONMembers(raw, func(name string, value json.RawMessage) error {
			members[name] = value
			return nil
		})
		if !json.Valid(raw) {
			return
		}
		var wantItems []json.RawMessage
		if json.Unmarshal(raw, &wantItems) != nil || wantItems == nil {
			if !errors.Is(errItems, schema.ErrNotList) {
				t.Errorf("%s as a list: %v", raw, errItems)
			}
		} else if diff := cmp.Diff(wantItems, append([]json.RawMessage{}, items...)); diff != "" || errItems != nil {
			t.Errorf("%s: %v\n%s", raw, errItems, diff)
		}
		var wantMembers map[string]json.RawMessage
		if json.Unmarshal(raw, &wantMembers) != nil || wantMembers == nil {
			if !errors.Is(errMembers, schema.ErrNotObject) {
				t.Errorf("%s as an object: %v", raw, errMembers)
			}
			return
		}
		if diff := cmp.Diff(wantMembers, members); diff != "" || errMembers != nil {
			t.Errorf("%s: %v\n%s", raw, errMembers, diff)
		}
	})
}

func TestLongListsOfOneValueAreRefused(t *testing.T) {
	list, err := schema.ParseType("list<bool>")
	if err != nil {
		t.Fatal(err)
	}
	raw := []byte{'['}
	for range schema.MaxValueBytes + 1 {
		raw = append(raw, "true,"...)
	}
	raw[len(raw)-1] = ']'
	if _, err := schema.ParseValue(list, raw); err == nil || err.Error() != "the list has more than 1048576 elements; send fewer" {
		t.Error(err)
	}
}
