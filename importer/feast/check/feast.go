package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"larder/column"
	"larder/schema"
)

// A feastServer asks Feast's Python server.
type feastServer struct {
	address string
	client  *http.Client
}

const (
	feastTimeout = time.Minute
	maxAnswer    = 256 << 20 // bytes
)

// errUnknown says that Feast does not know what it is asked for.
var errUnknown = errors.New("unknown to Feast")

// A feastColumn is a column of Feast's answer.
type feastColumn struct {
	Values   []json.RawMessage `json:"values"`
	Statuses []string          `json:"statuses"`
	Times    []time.Time       `json:"event_timestamps"`
}

// features asks for the features of some rows, and returns their columns under the names
// VIEW__FEATURE.
func (f *feastServer) features(ctx context.Context, what map[string]any, rows column.Columns) (map[string]*feastColumn, error) {
	entities := map[string]json.RawMessage{}
	for i, name := range rows.Names {
		entities[name] = appendList(nil, &rows.Values[i])
	}
	what["entities"], what["full_feature_names"] = entities, true
	body, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.address+"/get-online-features", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask Feast's server: %w; does `feast serve` run there?", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of Feast's server: %w", err)
	case len(raw) > maxAnswer:
		return nil, fmt.Errorf("the answer of Feast's server has more than %d bytes; compare fewer rows", maxAnswer)
	case resp.StatusCode != http.StatusOK:
		return nil, refusedByFeast(resp.Status, raw)
	}
	var answer struct {
		Results  []*feastColumn `json:"results"`
		Metadata struct {
			Names []string `json:"feature_names"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Results) != len(answer.Metadata.Names) {
		return nil, fmt.Errorf("%s does not answer as Feast's server does; give the address of `feast serve`", f.address)
	}
	columns := map[string]*feastColumn{}
	for i, name := range answer.Metadata.Names {
		c := answer.Results[i]
		if c == nil || len(c.Values) != len(c.Statuses) {
			return nil, fmt.Errorf("Feast's answer for %q does not have a status for each value", name)
		}
		columns[name] = c
	}
	return columns, nil
}

// refusedByFeast explains an answer that is an error.
func refusedByFeast(status string, raw []byte) error {
	text := strings.TrimSpace(string(raw))
	var inner string
	if json.Unmarshal(raw, &inner) == nil {
		text = inner
	}
	var detail struct{ Class, Message string }
	if json.Unmarshal([]byte(inner), &detail) == nil && detail.Message != "" {
		text = detail.Message
		if strings.HasSuffix(detail.Class, "NotFoundException") && detail.Class != "RequestDataNotFoundInEntityRowsException" {
			return fmt.Errorf("%w: %s", errUnknown, text)
		}
	}
	const most = 300
	if len(text) > most {
		text = text[:most] + "..."
	}
	return fmt.Errorf("Feast's server answers %s: %s", status, strings.ToValidUTF8(text, "?"))
}

// appendList appends a column as a JSON list, as Feast's server takes it: times are whole
// seconds.
func appendList(dst []byte, c *column.Column) []byte {
	dst = append(dst, '[')
	for i := range c.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if c.Type == schema.Timestamp && !c.IsNull(i) {
			dst = strconv.AppendInt(dst, schema.Seconds(c.Int64s[i]), 10)
			continue
		}
		dst = c.AppendJSON(dst, i)
	}
	return append(dst, ']')
}

// parse reads a value of Feast's answer, in the Go form of [schema.ParseValue].
func parse(t schema.Type, raw json.RawMessage) (any, error) {
	if t.Elem() != schema.Timestamp || string(raw) == "null" {
		return schema.ParseValue(t, raw)
	}
	if !t.IsList() {
		return parseSeconds(raw)
	}
	list := []any{}
	err := schema.JSONItems(raw, func(item json.RawMessage) error {
		v, err := parseSeconds(item)
		list = append(list, v)
		return err
	})
	return list, err
}

func parseSeconds(raw json.RawMessage) (any, error) {
	whole, err := schema.ParseWhole(string(raw), 64)
	if whole == math.MinInt64 { // what Feast's server has for a null
		return nil, nil
	}
	if err != nil {
		return schema.ParseValue(schema.Timestamp, raw)
	}
	return time.Unix(whole, 0).UTC(), nil
}

// inSeconds returns a value of Larder's with times in whole seconds.
func inSeconds(v any) any {
	switch v := v.(type) {
	case time.Time:
		return time.Unix(schema.Seconds(v.UnixMicro()), 0).UTC()
	case []any:
		for i := range v {
			v[i] = inSeconds(v[i])
		}
	}
	return v
}
