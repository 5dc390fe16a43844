package feast_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	feastserving "larder/api/feast/serving"
	feasttypes "larder/api/feast/types"
)

// expand writes the times of a shop's rows into a text: 1h is that of driver 1's.
func (s *shop) expand(text string) string {
	for name, age := range map[string]time.Duration{"<1h>": time.Hour, "<2h>": 2 * time.Hour, "<10d>": 10 * 24 * time.Hour} {
		raw, err := json.Marshal(s.now.Add(-age).UTC().Format("2006-01-02T15:04:05.999999Z"))
		s.check(err)
		text = strings.ReplaceAll(text, name, string(raw))
	}
	return strings.NewReplacer("<0>", `"1970-01-01T00:00:00Z"`, "<P>", `"PRESENT"`, "<N>", `"NULL_VALUE"`, "<M>", `"NOT_FOUND"`, "<O>", `"OUTSIDE_MAX_AGE"`, "\n", "").Replace(text)
}

// TestAnswers compares whole answers with what Feast 0.67 answered for the same rows. Where
// statuses are Larder's own, the second text has Feast's.
func TestAnswers(t *testing.T) {
	own, feasts := open(t, false), open(t, true)
	keys := `{"values":[1,2,3,4711],"statuses":[<P>,<P>,<P>,<P>],"event_timestamps":[<0>,<0>,<0>,<0>]}`
	for name, c := range map[string]struct{ ask, want, feast string }{
		"references": {
			`{"features": ["driver_stats:trips", "driver_stats:rating", "driver_stats:city", "driver_stats:tags"], "entities": {"driver_id": [1, 2, 3, 4711]}}`,
			`{"results":[` + keys + `,
{"values":[10,null,null,null],"statuses":[<P>,<N>,<O>,<M>],"event_timestamps":[<1h>,<2h>,<10d>,<0>]},
{"values":[4.5,null,null,null],"statuses":[<P>,<N>,<O>,<M>],"event_timestamps":[<1h>,<2h>,<10d>,<0>]},
{"values":["Bern",null,null,null],"statuses":[<P>,<N>,<O>,<M>],"event_timestamps":[<1h>,<2h>,<10d>,<0>]},
{"values":[["a","b"],[],null,null],"statuses":[<P>,<P>,<O>,<M>],"event_timestamps":[<1h>,<2h>,<10d>,<0>]}],
"metadata":{"feature_names":["driver_id","trips","rating","city","tags"]}}`,
			`{"results":[` + keys + `,
{"values":[10,null,30,null],"statuses":[<P>,<P>,<P>,<M>],"event_timestamps":[<1h>,<2h>,<10d>,<0>]},
{"values":[4.5,null,3.0,null],"statuses":[<P>,<P>,<P>,<M>],"event_timestamps":[<1h>,<2h>,<10d>,<0>]},
{"values":["Bern",null,"Köln",null],"statuses":[<P>,<P>,<P>,<M>],"event_timestamps":[<1h>,<2h>,<10d>,<0>]},
{"values":[["a","b"],[],["c"],null],"statuses":[<P>,<P>,<P>,<M>],"event_timestamps":[<1h>,<2h>,<10d>,<0>]}],
"metadata":{"feature_names":["driver_id","trips","rating","city","tags"]}}`,
		},
		"full names": {
			`{"features": ["driver_stats:trips"], "entities": {"driver_id": [1]}, "full_feature_names": true, "include_feature_view_version_metadata": true}`,
			`{"results":[{"values":[1],"statuses":[<P>],"event_timestamps":[<0>]},{"values":[10],"statuses":[<P>],"event_timestamps":[<1h>]}],
"metadata":{"feature_names":["driver_id","driver_stats__trips"],"feature_view_metadata":[{"name":"driver_stats","version":3}]}}`, "",
		},
		"service": {
			`{"feature_service": "late_v1", "entities": {"driver_id": [1, 4711], "km": [1.5, 9], "nobody": "reads this"}, "features": [], "extra": null}`,
			`{"detail":[{"type":"value_error","loc":["body"],"msg":"\"entities\": \"nobody\" is not a list; write one value for each row, in brackets"}]}`, "",
		},
		"service, with what nobody reads": {
			`{"feature_service": "late_v1", "entities": {"km": [1.5, 9], "driver_id": [1, 4711], "nobody": ["reads", "this", "list"]}, "features": []}`,
			`{"results":[{"values":[1,4711],"statuses":[<P>,<P>],"event_timestamps":[<0>,<0>]},
{"values":[4.5,null],"statuses":[<P>,<M>],"event_timestamps":[<1h>,<0>]},
{"values":[10,null],"statuses":[<P>,<M>],"event_timestamps":[<1h>,<0>]},
{"values":[0.13636363636363635,null],"statuses":[<P>,<N>],"event_timestamps":[<0>,<0>]}],
"metadata":{"feature_names":["driver_id","rating","trips","ratio"]}}`,
			`{"results":[{"values":[1,4711],"statuses":[<P>,<P>],"event_timestamps":[<0>,<0>]},
{"values":[4.5,null],"statuses":[<P>,<M>],"event_timestamps":[<1h>,<0>]},
{"values":[10,null],"statuses":[<P>,<M>],"event_timestamps":[<1h>,<0>]},
{"values":[0.13636363636363635,null],"statuses":[<P>,<P>],"event_timestamps":[<0>,<0>]}],
"metadata":{"feature_names":["driver_id","rating","trips","ratio"]}}`,
		},
		"on-demand alone": {
			`{"features": ["odfv@latest:ratio"], "entities": {"driver_id": [1], "km": [22]}}`,
			`{"results":[{"values":[1],"statuses":[<P>],"event_timestamps":[<0>]},{"values":[2.0],"statuses":[<P>],"event_timestamps":[<0>]}],"metadata":{"feature_names":["driver_id","ratio"]}}`, "",
		},
		"names of entities": {
			`{"features": ["pair:trips"], "entities": {"driver": ["1", 1.0], "shop": ["x", "y"]}}`,
			`{"results":[{"values":[1,1],"statuses":[<P>,<P>],"event_timestamps":[<0>,<0>]},{"values":["x","y"],"statuses":[<P>,<P>],"event_timestamps":[<0>,<0>]},
{"values":[5,-1],"statuses":[<P>,<M>],"event_timestamps":[<now>,<0>]}],"metadata":{"feature_names":["driver_id","shop_id","trips"]}}`, "",
		},
		"without an entity": {
			`{"features": ["world:rate"], "entities": {"anything": [1, 2]}}`,
			`{"results":[{"values":[1.25,1.25],"statuses":[<P>,<P>],"event_timestamps":[<now>,<now>]}],"metadata":{"feature_names":["rate"]}}`, "",
		},
	} {
		if c.feast == "" {
			c.feast = c.want
		}
		for s, want := range map[*shop]string{own: c.want, feasts: c.feast} {
			_, got := s.ask("/get-online-features", c.ask)
			now, err := json.Marshal(s.now.UTC().Format("2006-01-02T15:04:05.999999Z"))
			s.check(err)
			if want = strings.ReplaceAll(s.expand(want), "<now>", string(now)); want != padded(strings.TrimSpace(got)) {
				t.Errorf("%s, Feast's statuses %v:\n want %s\n got  %s", name, s == feasts, want, got)
			}
		}
	}
}

// padded returns an answer whose times have no zeros at their end, as time.Format has them.
func padded(answer string) string {
	for strings.Contains(answer, "0Z\"") && strings.Contains(answer, ".") {
		next := answer
		for _, part := range strings.Split(answer, "\"") {
			if dot := strings.LastIndex(part, "."); dot > 0 && strings.HasSuffix(part, "0Z") && strings.Contains(part, "T") {
				next = strings.ReplaceAll(next, part, strings.TrimSuffix(strings.TrimRight(strings.TrimSuffix(part, "Z"), "0"), ".")+"Z")
			}
		}
		if next == answer {
			break
		}
		answer = next
	}
	return answer
}

// TestEveryTypeByBothProtocols reads a feature of each type over HTTP and over gRPC.
func TestEveryTypeByBothProtocols(t *testing.T) {
	s := open(t, false)
	status, body := s.ask("/get-online-features", `{"features": ["all:*"], "entities": {"driver_id": [1, 2, 9]}}`)
	var overHTTP struct {
		Results []struct {
			Values   []json.RawMessage
			Statuses []string
			Times    []time.Time `json:"event_timestamps"`
		}
		Metadata struct {
			Names []string `json:"feature_names"`
		}
	}
	if err := json.Unmarshal([]byte(body), &overHTTP); err != nil || status != 200 {
		t.Fatal(status, err, body)
	}
	wanted := map[string]string{
		"bool": `true`, "bools": `[true,false]`, "int32": `-7`, "int32s": `[1,2]`, "int64": `9007199254740993`, "int64s": `[-1]`,
		"float32": `0.10000000149011612`, "float32s": `[0.10000000149011612,"NaN"]`, "float64": `"Infinity"`, "float64s": `[3.0,-0.0]`,
		"string": `"Köln \"\u003c"`, "strings": `["","x"]`, "bytes": `"AQI="`, "bytess": `["","AQ=="]`, "timestamp": `-1`, "timestamps": `[1769853600]`,
	}
	keys := &feasttypes.RepeatedValue{Val: []*feasttypes.Value{
		{Val: &feasttypes.Value_Int64Val{Int64Val: 1}}, {Val: &feasttypes.Value_Int32Val{Int32Val: 2}}, {Val: &feasttypes.Value_Int64Val{Int64Val: 9}},
	}}
	req := &feastserving.GetOnlineFeaturesRequest{
		Kind:     &feastserving.GetOnlineFeaturesRequest_Features{Features: &feastserving.FeatureList{Val: []string{"all:*"}}},
		Entities: map[string]*feasttypes.RepeatedValue{"driver_id": keys}, IncludeFeatureViewVersionMetadata: true,
	}
	resp, err := s.rows.GetOnlineFeatures(t.Context(), req)
	s.check(err)
	other, err := s.python.GetOnlineFeatures(t.Context(), req)
	s.check(err)
	if resp.String() != other.String() || resp.GetMetadata().GetFeatureViewMetadata()[0].GetVersion() != 3 {
		t.Errorf("ServingService answers\n%v\nGrpcFeatureServer answers\n%v", resp, other)
	}
	if diff := cmp.Diff(overHTTP.Metadata.Names, resp.GetMetadata().GetFeatureNames().GetVal()); diff != "" || len(overHTTP.Metadata.Names) != 17 {
		t.Fatalf("names (-HTTP +gRPC):\n%s", diff)
	}
	for i, name := range overHTTP.Metadata.Names {
		column, message := overHTTP.Results[i], resp.GetResults()[i]
		if i > 0 && string(column.Values[0]) != wanted[name] {
			t.Errorf("%s is %s over HTTP, not %s", name, column.Values[0], wanted[name])
		}
		for r := range 3 {
			got := plain(t, message.GetValues()[r])
			if got == `"NaN"` {
				got = "null" // as JSON has none
			}
			if got != string(column.Values[r]) {
				t.Errorf("%s, row %d: %s over gRPC, %s over HTTP", name, r, got, column.Values[r])
			}
			if message.GetStatuses()[r].String() != column.Statuses[r] || !message.GetEventTimestamps()[r].AsTime().Equal(column.Times[r]) {
				t.Errorf("%s, row %d: %v %v over gRPC, %v %v over HTTP", name, r, message.GetStatuses()[r], message.GetEventTimestamps()[r].AsTime(), column.Statuses[r], column.Times[r])
			}
		}
	}
}

// plain writes a message as the HTTP API writes its value.
func plain(t *testing.T, v *feasttypes.Value) string {
	t.Helper()
	float := func(f float64) any {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return strings.NewReplacer("+Inf", "Infinity", "-Inf", "-Infinity").Replace(fmt.Sprint(f))
		}
		text := fmt.Sprint(f)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return json.Number(text)
	}
	var out any
	switch x := v.GetVal().(type) {
	case *feasttypes.Value_BoolVal:
		out = x.BoolVal
	case *feasttypes.Value_Int32Val:
		out = x.Int32Val
	case *feasttypes.Value_Int64Val:
		out = x.Int64Val
	case *feasttypes.Value_UnixTimestampVal:
		out = x.UnixTimestampVal
	case *feasttypes.Value_FloatVal:
		out = float(float64(x.FloatVal))
	case *feasttypes.Value_DoubleVal:
		out = float(x.DoubleVal)
	case *feasttypes.Value_StringVal:
		out = x.StringVal
	case *feasttypes.Value_BytesVal:
		out = x.BytesVal
	case *feasttypes.Value_BoolListVal:
		out = append([]bool{}, x.BoolListVal.GetVal()...)
	case *feasttypes.Value_Int32ListVal:
		out = append([]int32{}, x.Int32ListVal.GetVal()...)
	case *feasttypes.Value_Int64ListVal:
		out = append([]int64{}, x.Int64ListVal.GetVal()...)
	case *feasttypes.Value_UnixTimestampListVal:
		out = append([]int64{}, x.UnixTimestampListVal.GetVal()...)
	case *feasttypes.Value_StringListVal:
		out = append([]string{}, x.StringListVal.GetVal()...)
	case *feasttypes.Value_BytesListVal:
		list := []string{}
		for _, b := range x.BytesListVal.GetVal() {
			list = append(list, base64.StdEncoding.EncodeToString(b))
		}
		out = list
	case *feasttypes.Value_FloatListVal:
		list := []any{}
		for _, f := range x.FloatListVal.GetVal() {
			list = append(list, float(float64(f)))
		}
		out = list
	case *feasttypes.Value_DoubleListVal:
		list := []any{}
		for _, f := range x.DoubleListVal.GetVal() {
			list = append(list, float(f))
		}
		out = list
	}
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestRefusals: each error is one that Feast's client can raise again, with Larder's text.
func TestRefusals(t *testing.T) {
	s := open(t, false)
	ask := func(what string) string {
		return `{` + what + `, "entities": {"driver_id": [1]}}`
	}
	many := strings.Repeat("1, ", 10)
	for _, c := range []struct {
		path, body  string
		status      int
		class, text string
	}{
		{"", ask(`"features": ["nope:trips"]`), 404, "FeatureViewNotFoundException", `no feature view "nope"; use all, driver_stats, pair or world`},
		{"", ask(`"features": ["driver_stats:nope"]`), 404, "FeastObjectNotFoundException", `feature view "driver_stats" has no feature "nope"; use city, rating, tags or trips`},
		{"", ask(`"features": ["driver_stats@v2:trips"]`), 404, "FeatureViewNotFoundException", "leave out @v2"},
		{"", ask(`"feature_service": "nope"`), 404, "FeatureServiceNotFoundException", `no feature service "nope"; use colliding or late_v1`},
		{"", ask(`"feature_service": "late_v1"`), 404, "RequestDataNotFoundInEntityRowsException", `request value "km" (float64) is missing`},
		{"", `{"feature_service": "colliding", "entities": {"driver_id": [1], "shop_id": ["x"]}}`, 400, "FeatureNameCollisionError", "driver_stats:trips and pair:trips would both be named trips in the answer; ask with full_feature_names, or rename one"},
		{"", ask(`"features": ["driver_stats:trips", "driver_stats:trips"]`), 400, "FeatureNameCollisionError", "twice"},
		{"", ask(`"features": ["driver_stats"]`), 400, "FeastError", "write VIEW:FEATURE or VIEW:*"},
		{"", ask(`"features": []`), 400, "FeastError", "names neither a feature_service nor features"},
		{"", ask(`"feature_service": null`), 400, "FeastError", "names neither a feature_service nor features"},
		{"", `{"features": ["driver_stats:trips"], "entities": {"courier_id": [1]}}`, 400, "FeastError", `join key "driver_id" (int64) is missing`},
		{"", `{"features": ["driver_stats:trips"], "entities": {}}`, 400, "FeastError", `join key "driver_id" (int64) is missing`},
		{"", `{"features": ["driver_stats:trips"], "entities": {"driver_id": []}}`, 400, "FeastError", "has no values"},
		{"", `{"features": ["driver_stats:trips"], "entities": {"driver_id": ["x"]}}`, 400, "FeastError", `join key "driver_id": row 0: "x" is not a valid int64 value`},
		{"", `{"features": ["driver_stats:trips"], "entities": {"driver_id": [1, null]}}`, 400, "FeastError", `join key "driver_id" is null in row 1`},
		{"", `{"features": ["driver_stats:trips"], "entities": {"driver_id": [` + many + `1]}}`, 400, "FeastError", "more than 10 rows"},
		{"", `{"features": ["world:rate"], "entities": {"any": [` + many + `1]}}`, 400, "FeastError", "11 rows; at most 10 fit"},
		{"", `{"features": ["pair:trips"], "entities": {"driver_id": [1, 2], "shop_id": ["x"]}}`, 400, "FeastError", "has 1 values; the request has 2 rows"},
		{"", `{"features": ["driver_stats:trips"]}`, 422, "", `the body has no \"entities\"`},
		{"", `{"features": "driver_stats:trips", "entities": {}}`, 422, "", `\"features\" is not a list of texts`},
		{"", `{"features": [1], "entities": {}}`, 422, "", `\"features\" is not a list of texts`},
		{"", `{"features": [], "entities": [1]}`, 422, "", `\"entities\" is not an object of lists`},
		{"", `{"entities": {"a": [1], "a": [2]}}`, 422, "", `comes twice`},
		{"", `{"full_feature_names": "yes", "entities": {}}`, 422, "", "is not true or false"},
		{"", `[]`, 422, "", "not a JSON object"},
		{"", `{`, 422, "", "not JSON"},
		{"", "\xff", 422, "", "not UTF-8"},
		{"/push", `{"df": {}}`, 422, "", `no \"push_source_name\"`},
		{"/push", `{"push_source_name": "s"}`, 422, "", `no \"df\"`},
		{"/write-to-online-store", `{"feature_view_name": "s"}`, 422, "", `no \"df\"`},
		{"/push", `{"push_source_name": "s", "df": []}`, 422, "", "not an object of lists"},
		{"/push", `{"push_source_name": "s", "df": {"a": 1}}`, 422, "", `column \"a\" is not a list`},
		{"/push", `{"push_source_name": "s", "to": "moon", "df": {}}`, 400, "FeastError", `"moon" is nowhere to push to; write online, offline or online_and_offline`},
		{"/push", `{"push_source_name": "s", "df": {}}`, 409, "FeastError", "runs without Postgres"},
		{"/write-to-online-store", `{"df": {}}`, 422, "", `no \"feature_view_name\"`},
		{"/materialize", `{}`, 422, "", `no \"start_ts\" or no \"end_ts\"`},
		{"/materialize", `{"start_ts": "yesterday", "end_ts": "2026-01-01"}`, 422, "", "is not a time"},
		{"/materialize", `{"start_ts": 0, "end_ts": "2026-01-01"}`, 422, "", "not a text"},
		{"/materialize", `{"start_ts": "2026-01-01", "end_ts": "2026-01-02", "version": "v2"}`, 400, "FeastError", "leave it out"},
		{"/materialize?async=perhaps", `{"start_ts": "2026-01-01", "end_ts": "2026-01-02"}`, 400, "FeastError", "write true or false"},
		{"/materialize-incremental", `{}`, 422, "", `no \"end_ts\"`},
		{"/materialize-incremental", `{"end_ts": "2026-01-02"}`, 409, "FeastError", "without Postgres"},
	} {
		path := c.path
		if path == "" {
			path = "/get-online-features"
		}
		status, got := s.ask(path, c.body)
		if status != c.status || c.class == "" && !(strings.HasPrefix(got, `{"detail":[{"type":"value_error","loc":["body"],"msg":"`) && strings.Contains(got, c.text)) {
			t.Errorf("%s %s: %d %s; want %d %s", path, c.body, status, got, c.status, c.text)
			continue
		}
		if c.class == "" {
			continue
		}
		var inner string
		var detail struct{ Module, Class, Message string }
		if err := json.Unmarshal([]byte(got), &inner); err == nil {
			s.check(json.Unmarshal([]byte(inner), &detail))
		}
		if detail.Module != "feast.errors" || detail.Class != c.class || !strings.Contains(detail.Message, c.text) {
			t.Errorf("%s %s: %s; want %s, %s", path, c.body, got, c.class, c.text)
		}
	}
}

func TestRefusalsOverGRPC(t *testing.T) {
	s := open(t, false)
	str := func(v string) *feasttypes.Value {
		return &feasttypes.Value{Val: &feasttypes.Value_StringVal{StringVal: v}}
	}
	ask := func(service string, columns map[string][]*feasttypes.Value) error {
		req := &feastserving.GetOnlineFeaturesRequest{Kind: &feastserving.GetOnlineFeaturesRequest_FeatureService{FeatureService: service}, Entities: map[string]*feasttypes.RepeatedValue{}}
		for name, values := range columns {
			req.Entities[name] = &feasttypes.RepeatedValue{Val: values}
		}
		_, err := s.rows.GetOnlineFeatures(t.Context(), req)
		return err
	}
	_, push := s.python.Push(t.Context(), &feastserving.PushRequest{To: "online", Features: map[string]string{"a": "1"}, TypedFeatures: map[string]*feasttypes.Value{"a": str("1")}})
	_, where := s.python.Push(t.Context(), &feastserving.PushRequest{})
	_, write := s.python.WriteToOnlineStore(t.Context(), &feastserving.WriteToOnlineStoreRequest{FeatureViewName: "driver_stats", TypedFeatures: map[string]*feasttypes.Value{"a": {Val: &feasttypes.Value_MapVal{}}}})
	for _, c := range []struct {
		err  error
		code codes.Code
		text string
	}{
		{ask("nope", nil), codes.NotFound, "no feature service"},
		{ask("", nil), codes.InvalidArgument, "names neither"},
		{ask("late_v1", map[string][]*feasttypes.Value{"driver_id": {str("1")}}), codes.InvalidArgument, `join key "driver_id": row 0: string_val is not a value of type int64; send int64_val`},
		{ask("late_v1", map[string][]*feasttypes.Value{"driver_id": {{}}}), codes.InvalidArgument, "null"},
		{ask("late_v1", map[string][]*feasttypes.Value{"driver_id": make([]*feasttypes.Value, 11)}), codes.ResourceExhausted, "11 rows"},
		{push, codes.InvalidArgument, "both features and typed_features"},
		{where, codes.InvalidArgument, "nowhere to push to"},
		{write, codes.InvalidArgument, `column "a": map_val is not`},
	} {
		if got := status.Convert(c.err); got.Code() != c.code || !strings.Contains(got.Message(), c.text) {
			t.Errorf("%v; want %v, %s", c.err, c.code, c.text)
		}
	}
}

// FuzzBodies: whatever a body is, it is answered, and as Feast's client can read it.
func FuzzBodies(f *testing.F) {
	s := open(f, false)
	f.Add("/get-online-features", `{"features": ["driver_stats:trips"], "entities": {"driver_id": [1]}}`)
	f.Add("/get-online-features", `{"feature_service": "late_v1", "entities": {"driver_id": [1], "km": ["NaN"]}}`)
	f.Add("/push", `{"push_source_name": "s", "df": {"driver_id": {"0": 1}}}`)
	f.Add("/materialize", `{"start_ts": 5, "end_ts": "2026-01-01T00:00:00+25:00"}`)
	f.Fuzz(func(t *testing.T, path, body string) {
		s := *s
		s.t = t
		switch path {
		case "/get-online-features", "/push", "/write-to-online-store", "/materialize", "/materialize-incremental":
		default:
			return
		}
		status, answer := s.ask(path, body)
		if status >= 500 || !json.Valid([]byte(answer)) {
			t.Errorf("%s %q: %d %s", path, body, status, answer)
		}
	})
}
