package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"larder/control"
	"larder/control/streams"
	"larder/internal/openapi"
	"larder/serving"
	"larder/serving/inference"
)

// TestPathsAreInHTTP: docs/http.md has each path, with the example of its bodies that the
// OpenAPI document has and that TestExamplesOfHTTP runs. With LARDER_WRITE_DOCS in the
// environment, as from make generate, it writes them.
func TestPathsAreInHTTP(t *testing.T) {
	const begin, end = "<!-- paths: make generate writes this part -->\n", "<!-- end of paths -->\n"
	page := docs(t, "http.md")
	before, rest, opens := strings.Cut(page, begin)
	_, after, closes := strings.Cut(rest, end)
	if !opens || !closes {
		t.Fatalf("docs/http.md has no lines %q and %q", begin, end)
	}
	n := &node{serving: new(serving.Server), inference: new(inference.Server), control: control.New(control.Options{}), pushes: streams.New(streams.Options{})}
	var text strings.Builder
	for _, o := range n.httpHandler().Operations() {
		describe(&text, o)
	}
	want := before + begin + text.String() + end + after
	if os.Getenv("LARDER_WRITE_DOCS") != "" {
		if err := os.WriteFile("../../docs/http.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != want {
		t.Error("the paths in docs/http.md are out of date; run make generate")
	}
}

// describe writes a path as docs/http.md has it.
func describe(text *strings.Builder, o openapi.Operation) {
	fmt.Fprintf(text, "\n### %s %s\n\n%s.\n", o.Method(), o.URL(), strings.ToUpper(o.Summary[:1])+o.Summary[1:])
	if o.About != "" {
		fmt.Fprintf(text, "%s\n", o.About)
	}
	if o.Request != nil {
		fields := o.Request.Schema.Properties
		if len(fields) > 0 {
			text.WriteString("\n| field | what it is |\n|---|---|\n")
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			fmt.Fprintf(text, "| `%s`%s | %s |\n", name, required(o.Request.Schema, name), fields[name].Description)
		}
		fmt.Fprintf(text, "\n```json\n%s\n```\n", o.Request.Example)
	}
	switch {
	case o.Answer.Schema == nil:
		text.WriteString("\nThe answer has no body.\n")
	case o.Answer.Example != "" && o.Answer.Type == "":
		fmt.Fprintf(text, "\nThe answer:\n\n```json\n%s\n```\n", o.Answer.Example)
	case o.Answer.Example != "":
		fmt.Fprintf(text, "\nThe answer: `%s`\n", strings.TrimSpace(o.Answer.Example))
	}
}

func required(s *openapi.Schema, name string) string {
	if slices.Contains(s.Required, name) {
		return " (required)"
	}
	return ""
}
