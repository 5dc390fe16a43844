package integration_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/internal/pgtest"
)

// TestCSVIsReadAsServingReadsJSON: a request value in a CSV spine gives the feature that
// the same value gives in a request, and other columns are not changed.
func TestCSVIsReadAsServingReadsJSON(t *testing.T) {
	s := startServer(t, pgtest.New(t).DSN)
	s.apply(definitionsFolder(t, `
feature_services:
  - name: said
    request: [{name: channel, type: string, default: web}, {name: km, type: float64, default: 5}, {name: tags, type: list<int64>}]
    features: ["request:channel", "request:km", "request:tags"]
`))
	dir := t.TempDir()
	const at = "2026-01-01T00:00:00Z"
	fields := [][3]string{{`""`, "1e1", `"[1,2]"`}, {"", "", ""}, {"app", "NaN", "[]"}, {"007", "-0.5", "[7]"}}
	asJSON := [][3]string{{`""`, "1e1", "[1,2]"}, {"null", "null", "null"}, {`"app"`, `"NaN"`, "[]"}, {`"007"`, "-0.5", "[7]"}}
	spine := "\ufeffid,event_time,channel,km,tags,note\n"
	request := [3][]string{}
	for i, f := range fields {
		spine += "12345678901234567890," + at + "," + strings.Join(f[:], ",") + ",-007\n"
		for k, v := range asJSON[i] {
			request[k] = append(request[k], v)
		}
	}
	out := filepath.Join(dir, "set.csv")
	if _, stderr, code := s.client("dataset", "--service", "said", "--spine", writeFile(t, dir, "spine.csv", spine), "--out", out); code != 0 {
		t.Fatal(stderr)
	}
	const want = `id,event_time,channel,km,tags,note,request__channel,request__km,request__tags
12345678901234567890,2026-01-01T00:00:00Z,"",10,"[1,2]",-007,"",10,"[1,2]"
12345678901234567890,2026-01-01T00:00:00Z,,,,-007,web,5,
12345678901234567890,2026-01-01T00:00:00Z,app,NaN,[],-007,app,NaN,[]
12345678901234567890,2026-01-01T00:00:00Z,007,-0.5,[7],-007,007,-0.5,[7]
`
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("trained on (-want +got):\n%s", diff)
	}
	body := `{"feature_service": "said", "request": {"channel": [` + strings.Join(request[0], ",") + `], "km": [` + strings.Join(request[1], ",") + `], "tags": [` + strings.Join(request[2], ",") + `]}}`
	features, err := json.Marshal(s.postJSON("/v1/features", body))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`["","web","app","007"]`, `[10,5,"NaN",-0.5]`, `[[1,2],null,[],[7]]`} {
		if !strings.Contains(string(features), want) {
			t.Errorf("served %s\nwant %s", features, want)
		}
	}
}
