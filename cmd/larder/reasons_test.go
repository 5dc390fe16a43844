package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	rpc "google.golang.org/genproto/googleapis/rpc/code"

	"larder/internal/grpcserver"
	"larder/schema"
)

// TestReasonsAreInOperations: docs/operations.md lists the reasons of package schema.
// With LARDER_WRITE_DOCS in the environment, as from make generate, it writes the list.
func TestReasonsAreInOperations(t *testing.T) {
	const begin, end = "<!-- reasons: make generate writes this table -->\n", "<!-- end of reasons -->\n"
	page := docs(t, "operations.md")
	before, rest, opens := strings.Cut(page, begin)
	_, after, closes := strings.Cut(rest, end)
	if !opens || !closes {
		t.Fatalf("docs/operations.md has no lines %q and %q", begin, end)
	}
	var table strings.Builder
	table.WriteString("| reason | gRPC | HTTP | when |\n|---|---|---|---|\n")
	for _, r := range schema.Reasons() {
		code, status := grpcserver.StatusOf(r)
		fmt.Fprintf(&table, "| `%s` | `%s` | %d | %s |\n", r, rpc.Code(code), status, r.When())
	}
	want := before + begin + table.String() + end + after
	if os.Getenv("LARDER_WRITE_DOCS") != "" {
		if err := os.WriteFile("../../docs/operations.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != want {
		t.Error("the table of reasons in docs/operations.md is out of date; run make generate")
	}
}

// TestReasonsAreNamed: code names the constants of package schema, so that no reason is
// missing from the table. The shell has some of its own, with codes that no kind has.
func TestReasonsAreNamed(t *testing.T) {
	literal := regexp.MustCompile(`(?:Reason(?::| ==| !=| =)|schema\.Reason\()\s*"[A-Z_0-9]+"`)
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}`, "larder/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		if strings.HasSuffix(path, "/schema/reasons.go") || strings.HasSuffix(path, "/internal/grpcserver/errors.go") {
			continue
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range literal.FindAllString(string(raw), -1) {
			t.Errorf("%s: %s; use a constant of package schema", path, found)
		}
	}
}
