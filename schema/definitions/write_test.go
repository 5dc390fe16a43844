package definitions_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/schema"
	"larder/schema/definitions"
)

// TestWrittenTextIsReadBack: texts that YAML might take for something else.
func TestWrittenTextIsReadBack(t *testing.T) {
	texts := []string{
		"no", "yes", "null", "~", "1e3", "0x10", "1_000", "1.0", "-0", ".inf", ".nan", "2024-01-01", "12:30:45", "", " ", "  a", "a  ", "\ta", "a\t",
		"a\nb", "a\nb\n", "a\n\nb", "\na", "a \nb", "  a\nb", "a\n  b", "a\r\nb", "a\rb", "- a", "a: b", "a #b", "#a", "'a", "\"a", "a\"b", "{a", "[a", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a", "a\\b",
		"---", "--- a", "...", "a\n---\nb", "<<", "=", "?", "? a", "é", "日本", "😀", "\u2028", "\u0085", "\ufeff", "a\u0000b", "\u0007", "\u007f", "a\n b\n  c\n", "SELECT 1 -- x\nFROM t\n\n\n", strings.Repeat("word ", 100), strings.Repeat("x", 300),
		"${HOME}", "a:", ":a", "a,b", "a\n#b\nc", "\n", "\n\n", "a\n\n", "a\n\t\nb",
	}
	for _, text := range texts {
		defs := &schema.Definitions{
			Entities: []schema.Entity{{Name: "user", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}, Description: text, Owner: text, Tags: map[string]string{"k": text}}},
			Sources:  []schema.Source{{Name: "s", Query: "SELECT '" + text + "'", TimestampField: "at"}},
		}
		files, err := definitions.Write(defs)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		again, err := definitions.Parse(files)
		if err != nil {
			t.Errorf("%q: %v\n%s", text, err, files[0].Data)
			continue
		}
		e := again.Entities[0]
		if e.Description != text || e.Owner != text || e.Tags["k"] != text || again.Sources[0].Query != defs.Sources[0].Query {
			t.Errorf("%q is read back as %q, %q, %q, %q\n%s%s", text, e.Description, e.Owner, e.Tags["k"], again.Sources[0].Query, files[0].Data, files[1].Data)
		}
	}
}

// TestWordsOfOldYAMLAreQuoted, for tools that read YAML 1.1.
func TestWordsOfOldYAMLAreQuoted(t *testing.T) {
	for _, word := range []string{"yes", "No", "ON", "off", "y", "N"} {
		data, err := definitions.WriteOne(map[string]string{"description": word})
		if want := "description: \"" + word + "\"\n"; err != nil || string(data) != want {
			t.Errorf("got %q, %v; want %q", data, err, want)
		}
	}
}

// TestCommentsAreWritten: before what they name, else at the end, and never as anything
// else than a comment.
func TestCommentsAreWritten(t *testing.T) {
	defs := &schema.Definitions{Entities: []schema.Entity{
		{Name: "user", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}},
		{Name: "shop", JoinKeys: []schema.JoinKey{{Name: "shop_id", Type: schema.Int64}}},
	}}
	files, err := definitions.Write(
		defs,
		definitions.Comment{Key: "entities", Name: "shop", Lines: []string{"a shop", "", "  and more"}},
		definitions.Comment{Key: "entities", Name: "shop", Lines: []string{"once more"}},
		definitions.Comment{Key: "entities", Name: "shop", Part: "shop_id", Lines: []string{"its key"}},
		definitions.Comment{Key: "entities", Name: "shop", Part: "other", Lines: []string{"nowhere"}},
		definitions.Comment{Key: "entities", Lines: []string{"at the end"}},
		definitions.Comment{Key: "entities", Lines: []string{"really"}},
		definitions.Comment{Key: "models", Lines: []string{"none"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []definitions.File{
		{Name: "entities.yaml", Data: []byte(`entities:
  - name: user
    join_keys:
      - name: id
        type: int64
  # a shop
  #
  #   and more
  # once more
  - name: shop
    join_keys:
      # its key
      - name: shop_id
        type: int64

# at the end

# really
`)},
		{Name: "models.yaml", Data: []byte("# none\n")},
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
	if _, err := definitions.Parse(files); err != nil {
		t.Error(err)
	}
}

// TestNothingEscapesAComment: text of others that ends a line for some reader of YAML.
func TestNothingEscapesAComment(t *testing.T) {
	defs := &schema.Definitions{Entities: []schema.Entity{{Name: "user", JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}}}}
	for _, end := range []string{"\n", "\r", "\r\n", "\u0085", "\u2028", "\u2029", "\v", "\f", "\x00", "\xff", "\n\n", "\t", " # ", "\ufeff", "\n#\n", "\x1b[2J"} {
		for _, name := range []string{"", "user", "user id"} {
			name, part, _ := strings.Cut(name, " ")
			lines := []string{"a" + end + "sources:" + end + "  - name: evil", end, end + "sources: []"}
			files, err := definitions.Write(defs, definitions.Comment{Key: "entities", Name: name, Part: part, Lines: lines})
			if err != nil {
				t.Fatal(err)
			}
			again, err := definitions.Parse(files)
			if err != nil || len(again.Entities) != 1 || len(again.Sources) > 0 {
				t.Errorf("%q before %q: %v\n%s", end, name, err, files[0].Data)
			}
			for line := range strings.SplitSeq(string(files[0].Data), "\n") {
				if strings.Contains(line, "evil") && !strings.HasPrefix(strings.TrimSpace(line), "#") {
					t.Errorf("%q before %q: %q is no comment", end, name, line)
				}
			}
		}
	}
}

// TestLargeDefinitionsHaveSeveralFiles: each is small enough to be read.
func TestLargeDefinitionsHaveSeveralFiles(t *testing.T) {
	const count = 3000
	var defs schema.Definitions
	comments := []definitions.Comment{{Key: "entities", Lines: []string{"the end"}}}
	for i := range count {
		name := fmt.Sprintf("e%d", i)
		defs.Entities = append(defs.Entities, schema.Entity{Name: name, JoinKeys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}, Description: strings.Repeat("x", 2000)})
		comments = append(comments, definitions.Comment{Key: "entities", Name: name, Lines: []string{"about " + name}})
	}
	files, err := definitions.Write(&defs, comments...)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	all := ""
	for _, f := range files {
		names, all = append(names, f.Name), all+string(f.Data)
	}
	if diff := cmp.Diff([]string{"entities.yaml", "entities_2.yaml"}, names); diff != "" {
		t.Error(diff)
	}
	again, err := definitions.Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&defs, again); diff != "" {
		t.Error(diff)
	}
	if n := strings.Count(all, "# about"); n != count || strings.Count(all, "# the end") != 1 || !strings.HasSuffix(all, "\n# the end\n") {
		t.Errorf("%d comments", n)
	}
}

// TestEveryKindIsWritten: one definition of each kind makes one file each.
func TestEveryKindIsWritten(t *testing.T) {
	defs := new(schema.Definitions)
	v := reflect.ValueOf(defs).Elem()
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.String {
			v.Field(i).SetString("risk")
			continue
		}
		item := reflect.New(v.Field(i).Type().Elem()).Elem()
		item.FieldByName("Name").SetString("x")
		v.Field(i).Set(reflect.Append(v.Field(i), item))
	}
	files, err := definitions.Write(defs)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != v.NumField() {
		t.Errorf("%d kinds of definitions are written to %d files", v.NumField(), len(files))
	}
}

// expected is a view that expects all that there is, with bounds of each type.
const expected = `feature_views:
  - name: v
    entities:
      - e
    source: s
    features:
      - name: m
        type: int64
      - name: x
        type: float32
      - name: at
        type: timestamp
      - name: w
        type: list<string>
      - name: ok
        type: bool
    expect:
      on_failure: keep
      rows:
        min: 10
        max_change: 0
      fresh_within: 2h
      features:
        - name: m
          min: -9007199254740993
          max: 9007199254740993
          max_outside_share: 0.01
        - name: x
          min: 0.5
          max: Infinity
          max_null_share: 0
        - name: at
          min: "2026-01-31T10:00:00Z"
        - name: w
          in:
            - "no"
            - "5"
        - name: ok
          in:
            - true
`

// TestExpectationsAreReadBack as they were written.
func TestExpectationsAreReadBack(t *testing.T) {
	const others = "entities: [{name: e, join_keys: [{name: id, type: int64}]}]\nsources: [{name: s, table: t, timestamp_field: event_time}]\n"
	defs, err := definitions.Parse([]definitions.File{{Name: "a.yaml", Data: []byte(others + expected)}})
	if err != nil {
		t.Fatal(err)
	}
	files, err := definitions.Write(defs)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(expected, string(files[2].Data)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again, err := definitions.Parse(files)
	if diff := cmp.Diff(defs, again); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
