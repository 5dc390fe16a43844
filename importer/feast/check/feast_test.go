package check

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"larder/column"
	"larder/schema"
)

// answers is a connection to a server that answers with a status and a body.
type answers struct {
	status int
	body   string
}

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Body: io.NopCloser(strings.NewReader(a.body)), Header: http.Header{}, Request: req,
	}, nil
}

func ask(t *testing.T, a answers) (map[string]*feastColumn, error) {
	t.Helper()
	server := &feastServer{"http://feast", &http.Client{Transport: a}}
	rows := column.Columns{}
	rows.Add("driver_id", column.Column{Type: schema.Int64, Int64s: []int64{1, 2}})
	return server.features(t.Context(), map[string]any{"features": []string{"v:f"}}, rows)
}

func TestAnswersOfFeast(t *testing.T) {
	got, err := ask(t, answers{200, `{"results": [{"values": [1, 2], "statuses": ["PRESENT", "PRESENT"], "event_timestamps": []},
		{"values": [null, 1.5], "statuses": ["NOT_FOUND", "PRESENT"], "event_timestamps": ["1970-01-01T00:00:00Z", "2026-01-01T10:00:00.5Z"]}],
		"metadata": {"feature_names": ["driver_id", "v__f"]}}`})
	if err != nil || len(got) != 2 || string(got["v__f"].Values[1]) != "1.5" || got["v__f"].Times[1].Nanosecond() != 5e8 {
		t.Errorf("%v, %v", got, err)
	}
	for _, c := range []struct {
		answers
		unknown bool
		text    string
	}{
		{answers{404, `"{\"module\": \"feast.errors\", \"class\": \"FeatureViewNotFoundException\", \"message\": \"Feature view v does not exist\"}"`}, true, "Feature view v does not exist"},
		{answers{404, `"{\"module\": \"feast.errors\", \"class\": \"RequestDataNotFoundInEntityRowsException\", \"message\": \"km\"}"`}, false, "km"},
		{answers{500, `"'Feature nope not found'"`}, false, "'Feature nope not found'"},
		{answers{502, "<html>" + strings.Repeat("x", 1000)}, false, "<html>"},
		{answers{200, `{"results": [], "metadata": {"feature_names": ["a"]}}`}, false, "does not answer as Feast's server does"},
		{answers{200, `hello`}, false, "does not answer as Feast's server does"},
		{answers{200, `{"results": [{"values": [1]}], "metadata": {"feature_names": ["a"]}}`}, false, "a status for each value"},
		{answers{200, `{"results": [null], "metadata": {"feature_names": ["a"]}}`}, false, "a status for each value"},
	} {
		_, err := ask(t, c.answers)
		if err == nil || errors.Is(err, errUnknown) != c.unknown || !strings.Contains(err.Error(), c.text) || len(err.Error()) > 500 {
			t.Errorf("%.60s: %v", c.body, err)
		}
	}
}

// FuzzAnswers: whatever a server answers, its columns are whole or it is an error, and any
// value is read or refused.
func FuzzAnswers(f *testing.F) {
	f.Add(200, `{"results": [{"values": [1, [2]], "statuses": ["PRESENT", ""], "event_timestamps": ["2026-01-01T10:00:00Z"]}], "metadata": {"feature_names": ["a"]}}`)
	f.Add(404, `"{\"class\": \"FeatureViewNotFoundException\", \"message\": \"x\"}"`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		columns, err := ask(t, answers{status, body})
		for _, c := range columns {
			if err != nil || len(c.Values) != len(c.Statuses) {
				t.Fatalf("%d values, %d statuses, %v", len(c.Values), len(c.Statuses), err)
			}
			for _, raw := range c.Values {
				for _, kind := range []schema.Type{schema.Int64, schema.Float32, schema.String, schema.Timestamp, schema.List(schema.Timestamp), schema.List(schema.Bytes)} {
					if v, err := parse(kind, raw); err == nil && !same(v, inSeconds(v)) {
						t.Errorf("%s %s is not itself", kind, raw)
					}
				}
			}
		}
	})
}
