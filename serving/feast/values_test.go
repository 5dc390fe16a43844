package feast

import (
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/proto"

	feasttypes "larder/api/feast/types"
	"larder/schema"
)

// FuzzMessages: a column of any values is read as any type or refused, and comes back as it
// was sent.
func FuzzMessages(f *testing.F) {
	for _, v := range []*feasttypes.Value{
		{Val: &feasttypes.Value_Int64Val{Int64Val: -1}},
		{Val: &feasttypes.Value_DoubleVal{DoubleVal: 0.5}},
		{Val: &feasttypes.Value_StringVal{StringVal: "a"}},
		{Val: &feasttypes.Value_UnixTimestampListVal{UnixTimestampListVal: &feasttypes.Int64List{Val: []int64{5}}}},
		{},
		{Val: &feasttypes.Value_ListVal{ListVal: &feasttypes.RepeatedValue{Val: []*feasttypes.Value{nil, {}}}}},
		{Val: &feasttypes.Value_MapVal{}},
	} {
		raw, err := proto.Marshal(&feasttypes.RepeatedValue{Val: []*feasttypes.Value{v, v}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m feasttypes.RepeatedValue
		if proto.Unmarshal(raw, &m) != nil {
			return
		}
		for kind := schema.Bool; kind <= schema.Timestamp; kind++ {
			for _, typ := range []schema.Type{kind, schema.List(kind)} {
				c, err := protoValues(m.GetVal()).column(typ, 100)
				if err != nil {
					continue
				}
				again, err := protoValues(valueMessages(&c, c.Len())).column(typ, 100)
				if err != nil || again.Len() != c.Len() {
					t.Fatalf("%s: %d values become %d, %v", typ, c.Len(), again.Len(), err)
				}
				for i := range c.Len() {
					if !c.EqualRow(i, &again, i) {
						t.Errorf("%s: row %d was %v and is %v", typ, i, c.Value(i), again.Value(i))
					}
				}
			}
		}
		for _, v := range m.GetVal() {
			if out, err := appendMessage(nil, v); err == nil && !json.Valid(out) {
				t.Errorf("%v becomes %s", v, out)
			}
		}
	})
}
