package schema_test

import (
	"encoding/json"
	"errors"
	"fmt"
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

// TestCheckJSON: halves of surrogate pairs are refused wherever they are, and nothing else
// that is JSON.
func TestCheckJSON(t *testing.T) {
	f := func(raw, want string) {
		t.Helper()
		got := ""
		if err := schema.CheckJSON([]byte(raw)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q; want %q", raw, got, want)
		}
	}
	for _, fine := range []string{
		`{}`, `"\ud83d\ude00"`, `"\uD83D\uDE00\uD83D\uDE00"`, `"\\ud800"`, `"\\\\ud800"`, `"\u0041\"\ud83d\ude00"`, `"\ufffd"`, `["\n\/\t"]`, `"\uffff"`,
	} {
		f(fine, "")
	}
	const half = `not Unicode: %s at byte %d is half of a surrogate pair; write both halves, or the character itself`
	for raw, at := range map[string]int{
		`"\ud800"`: 1, `["a", "\ud800"]`: 7, `"\ud800\ud800"`: 1, `"\ud800x\udc00"`: 1, `{"\ud800": 1}`: 2, `"\\\ud800"`: 3, `"\ud800\n"`: 1, `"\ud800\\udc00"`: 1,
	} {
		f(raw, fmt.Sprintf(half, `\ud800`, at))
	}
	f(`"\udc00"`, fmt.Sprintf(half, `\udc00`, 1))
	f(`"\udc00\ud800"`, fmt.Sprintf(half, `\udc00`, 1))
	f(`"\ud83d\ude00\uDE00"`, fmt.Sprintf(half, `\uDE00`, 13))
	f("\"\xff\"", "not UTF-8")
	f(`{"a": \ud800}`, `not JSON: invalid character '\\' looking for beginning of value, at byte 7`)
}
