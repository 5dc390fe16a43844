package inference_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/internal/grpcserver"
)

func TestGETs(t *testing.T) {
	s := open(t, grpcserver.Options{})
	f := func(path string, status int, want string) {
		t.Helper()
		got, _, body := s.ask("GET", path, nil)
		if got != status || strings.ReplaceAll(string(body), " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s: %d %s; want %d %s", path, got, body, status, want)
		}
	}
	f("/v2/health/live", 200, `{"live":true}`)
	f("/v2/health/ready", 200, `{"ready":true}`)
	server := `{"name":"larder","version":"test","extensions":["binary_tensor_data","model_configuration","model_repository","statistics"]}`
	f("/v2", 200, server)
	f("/v2/", 200, server)
	f("/v2/models/risk/ready", 200, `{"name":"risk","ready":true}`)
	f("/v2/models/risk.features/versions/2/ready", 200, `{"name":"risk.features","ready":true}`)
	f("/v2/models/risk/versions/3/ready", 404, `{"error":"model \"risk\" has no version 3; it has 1, 2","name":"risk","ready":false}`+"\n")
	f("/v2/models/words/config", 200, `{"backend":"larder","input":[{"name":"word","data_type":"TYPE_STRING","dims":[-1,1]},{"name":"count","data_type":"TYPE_INT64","dims":[-1,1]}],`+
		`"max_batch_size":0,"name":"words","output":[{"name":"score","data_type":"TYPE_FP32","dims":[-1,1]}],"platform":"onnxruntime_onnx"}`)
	f("/v2/models/wrods/config", 404, `{"error":"no model \"wrods\"; did you mean \"words\"?"}`+"\n")
	s.notReady.Store(true)
	f("/v2/health/live", 200, `{"live":true}`)
	f("/v2/health/ready", 503, `{"error":"the server is not ready","ready":false}`+"\n")
	f("/v2/models/risk/ready", 503, `{"error":"the server is not ready","name":"risk","ready":false}`+"\n")
	s.notReady.Store(false)
	words := `{"inputs":[{"name":"word","datatype":"BYTES","shape":[-1,1]},{"name":"count","datatype":"INT64","shape":[-1,1]}],"name":"words",` +
		`"outputs":[{"name":"score","datatype":"FP32","shape":[-1,1]}],"platform":"onnxruntime_onnx","versions":["1"]}`
	f("/v2/models/words", 200, words)
	f("/v2/models/words/versions/1", 200, words)
	f("/v2/models/wrods", 404, `{"error":"no model \"wrods\"; did you mean \"words\"?"}`+"\n")
	f("/v2/nothing", 404, `{"error":"there is no GET /v2/nothing; GET / lists the paths"}`+"\n")
}

func TestRepositoryOverREST(t *testing.T) {
	s := open(t, grpcserver.Options{})
	f := func(path, body string, status int, part string) {
		t.Helper()
		got, _, answer := s.ask("POST", path, []byte(body))
		if got != status || !strings.Contains(string(answer), part) {
			t.Errorf("%s: %d %s; want %d %s", path, got, answer, status, part)
		}
	}
	f("/v2/repository/index", "", 200, `{"name":"risk.features","version":"2","state":"READY","reason":""}`)
	f("/v2/repository/index", `{"ready": true}`, 200, `"casts"`)
	f("/v2/repository/index", `[]`, 400, "is not an object")
	f("/v2/repository/models/risk/load", "", 200, "")
	f("/v2/repository/models/risk/load", `{"parameters":{"config":"{}"}}`, 400, "send no parameters")
	f("/v2/repository/models/rsik/load", "", 404, "Models come from definitions only")
	f("/v2/repository/models/risk/unload", "", 409, "larder models retire")
}

func TestInferJSON(t *testing.T) {
	s := open(t, grpcserver.Options{})
	f := func(model, body string, want ...any) {
		t.Helper()
		status, _, answer := s.ask("POST", "/v2/models/"+model+"/infer", []byte(body))
		var got struct {
			ID      string
			Outputs []struct{ Data []any }
		}
		if err := json.Unmarshal(answer, &got); err != nil || status != 200 || got.ID != "a" {
			t.Errorf("%s: %d %s, %v", model, status, answer, err)
			return
		}
		var data []any
		for _, o := range got.Outputs {
			data = append(data, o.Data...)
		}
		if diff := cmp.Diff(want, data); diff != "" {
			t.Errorf("%s (-want +got):\n%s", model, diff)
		}
	}
	score, err := strconv.ParseFloat(fmt.Sprint(words.Score([]any{"fuel", int64(3)})), 64) // the shortest that reads back
	s.check(err)
	f("words", `{"id":"a","inputs":[{"name":"word","datatype":"BYTES","shape":[1,1],"data":["\u0066uel"]},{"name":"count","datatype":"INT64","shape":[1,1],"data":[[3.0]]}]}`, score)
	f("words", `{"id":"a","inputs":[{"name":"word","datatype":"BYTES","shape":[1,1],"data":[ [ "fuel" ] ]},{"name":"count","datatype":"INT64","shape":[1,1],"data":[3]}]}`, score)
	x := `"inputs":[{"name":"x","datatype":"FP32","shape":[2,1],"data":[[1],[0]]}]`
	f("casts", `{"id":"a",`+x+`,"outputs":[{"name":"t9"},{"name":"t3"},{"name":"t13"},{"name":"t11"},{"name":"t8"}]}`, true, false, 1., 0., 1., 0., 1., 0., "1", "0")
	// JSON has no NaN: the mean of a customer that nobody knows is null.
	f("risk.features", `{"id":"a","parameters":{"at":1750000000000000},"inputs":[{"name":"customer_id","datatype":"INT64","shape":[2],"data":[1,9]},`+
		`{"name":"terminal_id","datatype":"BYTES","shape":[2],"data":["a,\"]","a"]},{"name":"amount","datatype":"FP64","shape":[2],"data":[1e1,-2.5]}],`+
		`"outputs":[{"name":"spend:mean"},{"name":"request:amount"}]}`, 1.5, nil, 10., -2.5)
}

// JSON has no NaN and no infinities: null and strings stand for them, nested or flat.
func TestMissingFloatsInJSON(t *testing.T) {
	s := open(t, grpcserver.Options{})
	f := func(model, inputs, outputs, want string) {
		t.Helper()
		body := fmt.Sprintf(`{"inputs":[%s],"outputs":[{"name":%q}]}`, inputs, outputs)
		status, _, answer := s.ask("POST", "/v2/models/"+model+"/infer", []byte(body))
		if status != 200 || !strings.Contains(string(answer), want) {
			t.Errorf("%s: %d %s; want %s", body, status, answer, want)
		}
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	risk := func(data string, vector ...float32) {
		t.Helper()
		input := fmt.Sprintf(`{"name":%q,"datatype":"FP32","shape":[1,4],"data":%s}`, riskInput, data)
		f("risk", input, forests[0].Model().Graph.Outputs[0].Name, fmt.Sprintf(`"data":[%v]`, forests[0].Score(vector)))
	}
	risk(`[[1,null,3,4]]`, 1, nan, 3, 4)
	risk(`[1,"NaN",3,null]`, 1, nan, 3, nan)
	risk(`[ [ "Infinity" , 2 , "-Infinity" , 4 ] ]`, inf, 2, -inf, 4)
	f("casts", `{"name":"x","datatype":"FP32","shape":[3,1],"data":[[null],["Infinity"],["-Infinity"]]}`, "t8", `"data":["NaN","INF","-INF"]`)
	keys := `{"name":"customer_id","datatype":"INT64","shape":[1],"data":[1]},{"name":"terminal_id","datatype":"BYTES","shape":[1],"data":["a"]},`
	f("risk.features", keys+`{"name":"amount","datatype":"FP64","shape":[1],"data":[null]}`, "request:amount", `"data":[null]`)
}

func TestParametersInJSON(t *testing.T) {
	s := open(t, grpcserver.Options{})
	f := func(status int, part, ofRequest, ofInput, ofOutput string) {
		t.Helper()
		body := fmt.Sprintf(`{"parameters":%s,"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1],"parameters":%s}],"outputs":[{"name":"score","parameters":%s}]}`,
			ofRequest, ofInput, ofOutput)
		got, _, answer := s.ask("POST", "/v2/models/casts/infer", []byte(body))
		if got != status || !strings.Contains(string(answer), part) {
			t.Errorf("%s: %d %s; want %d %s", body, got, answer, status, part)
		}
	}
	ok := `"outputs":[{"name":"score"`
	f(200, ok, `null`, `null`, `null`)
	f(200, ok, `{}`, `{}`, `{}`)
	f(200, ok, `{"priority":0,"sequence_id":0,"sequence_start":false,"sequence_end":false,"timeout":0,"classification":null}`, `{"shared_memory_offset":0}`, `{"classification":0}`)
	f(200, ok, `{"sequence_id":"","timeout":9223372036854775807,"binary_data_output":false}`, `{"binary_data_size":null}`, `{"binary_data":false}`)
	f(200, `"binary_data_size":4`, `{"binary_data_output":true}`, `{}`, `{}`)
	f(400, `the parameter \"priority\" is not supported: requests have no priorities`, `{"priority":1}`, `{}`, `{}`)
	f(400, `the parameter \"sequence_id\" is not supported: requests don't depend on each other`, `{"sequence_id":42}`, `{}`, `{}`)
	f(400, `the parameter \"sequence_id\" is not supported`, `{"sequence_id":"e333c95a"}`, `{}`, `{}`)
	f(400, `the parameter \"sequence_start\" is not supported`, `{"sequence_start":true}`, `{}`, `{}`)
	f(400, `the parameter \"classification\" is not supported: classes are not ranked here`, `{}`, `{}`, `{"classification":2}`)
	f(400, `the parameter \"shared_memory_region\" is not supported: there is no shared memory`, `{}`, `{"shared_memory_region":"r"}`, `{}`)
	f(400, `the parameter \"shared_memory_region\" is not supported`, `{}`, `{}`, `{"shared_memory_region":"r"}`)
	f(400, `a request has no parameter \"att\" here; it may have at, timeout, binary_data_output`, `{"att":1}`, `{}`, `{}`)
	f(400, `an input has no parameter \"binary_data\" here; it may have binary_data_size`, `{}`, `{"binary_data":true}`, `{}`)
	f(400, `an output has no parameter \"content_type\" here`, `{}`, `{}`, `{"content_type":"np"}`)
	f(400, `the parameter \"at\" is not an integer`, `{"at":"noon"}`, `{}`, `{}`)
	f(400, `the parameter \"at\" is not an integer`, `{"at":1.5}`, `{}`, `{}`)
	f(400, `the parameter \"at\" is not an integer`, `{"at":{"t":1}}`, `{}`, `{}`)
	f(400, `the parameter \"timeout\" is -1; it is a number of microseconds`, `{"timeout":-1}`, `{}`, `{}`)
	f(400, `the parameter \"binary_data\" is not a boolean`, `{}`, `{}`, `{"binary_data":1}`)
	f(400, `is a JSON array`, `[]`, `{}`, `{}`)
	f(400, "more than 32 parameters", `{`+strings.Repeat(`"p":[],`, 40)+`"q":1}`, `{}`, `{}`)
	f(504, "deadline", `{"timeout":1}`, `{}`, `{}`)
}

func TestInferRefuses(t *testing.T) {
	s := open(t, grpcserver.Options{})
	f := func(status int, part, body string, headers ...string) {
		t.Helper()
		got, _, answer := s.ask("POST", "/v2/models/casts/infer", []byte(body), headers...)
		var said struct{ Error string }
		if err := json.Unmarshal(answer, &said); err != nil || got != status || !strings.Contains(said.Error, part) {
			t.Errorf("%.200q: %d %s; want %d %s", body, got, answer, status, part)
		}
	}
	x := func(datatype, shape, rest string) string {
		return fmt.Sprintf(`{"inputs":[{"name":"x","datatype":%q,"shape":%s%s}]}`, datatype, shape, rest)
	}
	f(400, "is not JSON: unexpected end of JSON input, at byte 1", `{`)
	f(400, "half of a surrogate pair", x("BYTES", "[1,1]", `,"data":["\ud800"]`))
	f(400, "not UTF-8", x("BYTES", "[1,1]", ",\"data\":[\"\xff\"]"))
	f(400, `"inputs" of the request is a JSON number`, `{"inputs": 1}`)
	f(400, "is missing", `{}`)
	f(400, "neither a list of data", x("FP32", "[1,1]", ``))
	f(400, "neither a list of data", x("FP32", "[1,1]", `,"data":1`))
	f(400, `element 0 is "1", which is not float32; send a number, null, "NaN"`, x("FP32", "[1,1]", `,"data":["1"]`))
	f(400, `element 0 is "nan", which is not float32`, x("FP32", "[1,1]", `,"data":["nan"]`))
	f(400, `element 1 is "+Infinity", which is not float64`, x("FP64", "[2,1]", `,"data":[[null],["+Infinity"]]`))
	f(400, "element 1 is null, and int64 has no missing value (only FP32 and FP64 do)", x("INT64", "[2,1]", `,"data":[[1],[null]]`))
	f(400, "element 0 is null, and uint8 has no", x("UINT8", "[1,1]", `,"data":[null]`))
	f(400, "element 0 is null, and bool has no", x("BOOL", "[1,1]", `,"data":[null]`))
	f(400, "element 0 is null, and string has no", x("BYTES", "[1,1]", `,"data":[null]`))
	f(400, `element 0 is "NaN", which is not int32`, x("INT32", "[1,1]", `,"data":["NaN"]`))
	f(400, `element 0 is {"a":1}, which is not float32`, x("FP32", "[1,1]", `,"data":[{"a":1}]`))
	f(400, "element 1 is 1e99, which is not float32", x("FP32", "[2,1]", `,"data":[1,1e99]`))
	f(400, "element 0 is 256, which is not uint8", x("UINT8", "[1,1]", `,"data":[256]`))
	f(400, "element 0 is 1.5, which is not int64", x("INT64", "[1,1]", `,"data":[1.5]`))
	f(400, "element 0 is 1, which is not bool", x("BOOL", "[1,1]", `,"data":[1]`))
	f(400, "JSON has no numbers for", x("FP16", "[1,1]", `,"data":[1]`))
	f(400, "2 elements of data; the shape [1 1] takes 1", x("FP32", "[1,1]", `,"data":[[1],[2]]`))
	f(400, "at most 268435456 elements", x("FP32", "[4611686018427387904,4]", `,"data":[1]`))
	f(400, "binary_data_size 4, but 0 bytes are left", x("FP32", "[1,1]", `,"parameters":{"binary_data_size":4}`))
	f(400, "binary_data_size -1", x("FP32", "[1,1]", `,"parameters":{"binary_data_size":-1}`))
	f(400, "both data and binary_data_size", x("FP32", "[1,1]", `,"data":[1],"parameters":{"binary_data_size":4}`))
	f(400, "ask for it with the parameter binary_data: true", `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}],"outputs":[{"name":"t16"}]}`)

	good := x("FP32", "[1,1]", `,"parameters":{"binary_data_size":4}`)
	length := "Inference-Header-Content-Length"
	f(400, "1 bytes follow the last input's", good+"12345", length, strconv.Itoa(len(good)))
	f(400, "is \"9999\"; it is the number of bytes of JSON", good, length, "9999")
	f(400, "is \"-1\"", good, length, "-1")
	f(400, "gzip or deflate", good, "Content-Encoding", "br")
	f(400, "is not the gzip", good, "Content-Encoding", "gzip")
	f(400, "is not the deflate", good, "Content-Encoding", "deflate")
	bomb := packed(t, "gzip", make([]byte, 17<<20))
	f(413, "more than 16777216 bytes", string(bomb), "Content-Encoding", "gzip")
	f(413, "larger than 16777216 bytes", strings.Repeat(" ", 16<<20+1))
}

func packed(t *testing.T, how string, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&out)
	if how == "deflate" {
		w = zlib.NewWriter(&out)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestPackedBodies(t *testing.T) {
	s := open(t, grpcserver.Options{})
	const rows = 1000
	head := fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"FP32","shape":[%d,1],"parameters":{"binary_data_size":%d}}],"outputs":[{"name":"score","parameters":{"binary_data":true}}]}`, rows, 4*rows)
	raw := floats(make([]float32, rows)...)
	for _, how := range []string{"gzip", "deflate"} {
		status, headers, body := s.ask("POST", "/v2/models/casts/infer", packed(t, how, append([]byte(head), raw...)),
			"Content-Encoding", how, "Accept-Encoding", how, "Inference-Header-Content-Length", strconv.Itoa(len(head)))
		if status != 200 || headers.Get("Content-Encoding") != how {
			t.Fatalf("%s: status %d, headers %v: %s", how, status, headers, body)
		}
		var r io.Reader
		var err error
		if how == "gzip" {
			r, err = gzip.NewReader(bytes.NewReader(body))
		} else {
			r, err = zlib.NewReader(bytes.NewReader(body))
		}
		s.check(err)
		got, err := io.ReadAll(r)
		s.check(err)
		n, err := strconv.Atoi(headers.Get("Inference-Header-Content-Length"))
		s.check(err)
		if !bytes.Equal(got[n:], raw) {
			t.Errorf("%s: %d bytes of raw contents that are not those sent", how, len(got)-n)
		}
	}
}

// The shell answers below /v2 as the protocol wants errors: with a text.
func TestCredentialsAreAsked(t *testing.T) {
	s := open(t, grpcserver.Options{Access: nobody{}})
	status, _, body := s.ask("GET", "/v2/health/live", nil)
	var said struct{ Error string }
	if err := json.Unmarshal(body, &said); err != nil || status != http.StatusUnauthorized || said.Error == "" {
		t.Errorf("without credentials: %d %s", status, body)
	}
}

// nobody is an Access that knows no caller.
type nobody struct{ grpcserver.Access }

func (nobody) Authenticate(context.Context, grpcserver.Credentials) (grpcserver.Caller, error) {
	return grpcserver.Caller{}, grpcserver.ErrUnauthenticated
}
