package integration_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"google.golang.org/grpc/metadata"

	larderv1 "larder/api/larder/v1"
)

// TestCallersCantForgeLines of the log or of a table, by names, paths, headers and errors.
func TestCallersCantForgeLines(t *testing.T) {
	t.Parallel()
	s := startServer(t, newDatabase(t, ""), "--log-level", "debug")
	const hostile = "x\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\n\x1b[2J\u009b31m\u202e"
	const escaped = `x\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\n\u001b[2J\u009b31m`
	for _, path := range []string{"/v1/score", "/v1/features", "/v1/streams/x%0a%1b%5b2J/events", "/v2/models/x%0a%1b%5b2J/infer", "/get-online-features"} {
		s.ask("POST", path, `{"model":"`+escaped+`","feature_service":"`+escaped+`","features":["`+escaped+`"],"entities":{"`+escaped+`":["`+escaped+`"]},"inputs":[]}`,
			"Content-Type", "application/json", "User-Agent", "\u009b2J agent", "X-Request-Id", "a\tb", "Larder-Request-Id", "\tb", "Idempotency-Key", "\u009b31m")
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "larder-request-id", "a b", "x-hostile-bin", hostile)
	_, _ = s.serving.GetFeaturesAndScore(ctx, &larderv1.GetFeaturesAndScoreRequest{Model: hostile})
	_, err := s.control.Apply(ctx, &larderv1.ApplyRequest{
		What:      &larderv1.ApplyRequest_Definitions{Definitions: []byte(`{"entities": [{"name": "e", "description": "` + escaped + `", "join_keys": [{"name": "id", "type": "int64"}]}]}`)},
		AppliedBy: hostile,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = s.control.Apply(ctx, &larderv1.ApplyRequest{What: &larderv1.ApplyRequest_Definitions{Definitions: []byte(`{"entities": [{"name": "` + escaped + `"}]}`)}, BaseVersion: 1})
	for _, command := range [][]string{{"apply", "--list"}, {"list"}, {"show", "entity", "e"}, {"status"}, {"score", hostile, "id=1"}} {
		stdout, stderr, _ := s.client(command...)
		for _, line := range strings.Split(stdout+stderr, "\n") {
			if strings.HasPrefix(line, "{") || strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
				t.Errorf("larder %v printed the line %q", command, line)
			}
		}
	}
	if code := s.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	lines := strings.Split(strings.TrimSuffix(s.logText(), "\n"), "\n")
	for _, line := range lines {
		var entry struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Time == "" || entry.Msg == "forged" {
			t.Errorf("the log has the line %q: %v", line, err)
		}
		if strings.ContainsFunc(line, unicode.IsControl) {
			t.Errorf("the log has a control character: %q", line)
		}
	}
	if !strings.Contains(s.logText(), "forged") {
		t.Error("nothing of it was logged, so this test shows nothing")
	}
}
