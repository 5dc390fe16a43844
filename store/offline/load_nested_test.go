package offline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/store/offline"
)

// TestLoadKeepsNestedValuesAsJSON: structs, maps and lists of lists.
func TestLoadKeepsNestedValuesAsJSON(t *testing.T) {
	l := newLoading(t, "SELECT")
	leaf := arrow.StructOf(
		field("a", arrow.PrimitiveTypes.Int64), field("b \"", arrow.BinaryTypes.String), field("f", arrow.PrimitiveTypes.Float64), field("t", arrow.FixedWidthTypes.Timestamp_us),
		field("d", arrow.FixedWidthTypes.Date32), field("raw", arrow.BinaryTypes.Binary), field("ok", arrow.FixedWidthTypes.Boolean), field("n", &arrow.Decimal128Type{Precision: 5, Scale: 2}),
		field("l", arrow.ListOf(arrow.PrimitiveTypes.Int32)), field("c", arrow.FixedWidthTypes.Time64us),
	)
	for i, c := range []struct {
		typ        arrow.DataType
		rows, want string
	}{
		{
			leaf, `[{"x":{"a":"9007199254740993","b \"":"ü\u0001\\N\t","f":"NaN","t":"2026-01-31T10:00:00Z","d":"2026-01-31","raw":"AP8=","ok":true,"n":"1.50","l":[1,null],"c":"10:00:00"}},{"x":null},{"x":{}}]`,
			`{"a":9007199254740993,"b \"":"ü\u0001\\N\t","f":"NaN","t":"2026-01-31 10:00:00+00","d":"2026-01-31","raw":"AP8=","ok":true,"n":1.50,"l":[1,null],"c":"10:00:00"}|null|` +
				`{"a":null,"b \"":null,"f":null,"t":null,"d":null,"raw":null,"ok":null,"n":null,"l":null,"c":null}`,
		},
		{arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64), `[{"x":[{"key":"k\"","value":1},{"key":"z","value":null}]},{"x":[]}]`, `{"k\"":1,"z":null}|{}`},
		{arrow.MapOf(arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64), `[{"x":[{"key":1,"value":0.5}]}]`, `[[1,0.5]]`},
		{arrow.ListOf(arrow.ListOf(arrow.BinaryTypes.String)), `[{"x":[["a",null],[],null]}]`, `[["a",null],[],null]`},
		{arrow.ListOf(arrow.StructOf(field("a", arrow.PrimitiveTypes.Int8))), `[{"x":[{"a":1},null]}]`, `[{"a":1},null]`},
	} {
		table := fmt.Sprintf("nested.t%d", i)
		if err := l.fill(table, offline.LoadOptions{}, false, record(t, c.rows, field("x", c.typ))); err != nil {
			t.Errorf("%s: %v", c.typ, err)
			continue
		}
		var is string
		if err := l.db.Pool.QueryRow(t.Context(), "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '"+table+"'::regclass AND attnum > 0").Scan(&is); err != nil || is != "jsonb" {
			t.Errorf("%s became %s, %v", c.typ, is, err)
		}
		rows, err := l.db.Pool.Query(t.Context(), "SELECT coalesce(x, 'null'::jsonb) = coalesce(w::jsonb, 'null'::jsonb), coalesce(x::text, '') FROM (SELECT row_number() OVER () AS n, x FROM "+table+") AS t JOIN unnest(string_to_array($1, '|')) WITH ORDINALITY AS u (w, n) USING (n)", c.want)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
			var same bool
			var got string
			if err := rows.Scan(&same, &got); err != nil || !same {
				t.Errorf("%s, row %d: got %s, %v; want one of %s", c.typ, n, got, err, c.want)
			}
		}
		if n != strings.Count(c.want, "|")+1 || rows.Err() != nil {
			t.Errorf("%s: %d rows, %v", c.typ, n, rows.Err())
		}
	}
	if err := l.fill("nested.t3", offline.LoadOptions{}, false, record(t, `[{"x":["a","b"]}]`, field("x", arrow.ListOf(arrow.BinaryTypes.String)))); err != nil {
		t.Errorf("a plain list in a column of JSON: %v", err)
	}
}
