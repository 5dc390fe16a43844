package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/flight"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"larder/internal/onnxmodel"
)

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(data)
	return nil
}

func (rawCodec) Name() string { return "proto" }

// A call is one way into the server: an RPC or a path.
type call struct {
	name string
	body []byte
	rpc  bool
	one  bool // a list of one resource
}

// named are the bodies of calls whose message, if it is empty, names nothing.
func named(t testing.TB) map[string][]byte {
	t.Helper()
	text := func(field protowire.Number, text string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, field, protowire.BytesType), text)
	}
	command := func(json string) []byte { // a FlightDescriptor of type CMD
		kind := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 2)
		return append(kind, text(2, json)...)
	}
	columns := flight.SerializeSchema(arrow.NewSchema([]arrow.Field{{Name: "event_time", Type: arrow.FixedWidthTypes.Timestamp_us}}, nil), memory.DefaultAllocator)
	spine, err := proto.Marshal(&flight.FlightData{DataHeader: columns[8:], FlightDescriptor: &flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: []byte(`{"service": "mine"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	definitions := text(1, `{"entities": [{"name": "mine", "join_keys": [{"name": "k", "type": "int64"}]}]}`)
	return map[string][]byte{
		"/larder.v1.ControlService/Plan":                     definitions,
		"/larder.v1.ControlService/Apply":                    definitions, // on top of version 0, which is not the newest
		"/arrow.flight.protocol.FlightService/DoGet":         text(1, `{"view": "mine"}`),
		"/arrow.flight.protocol.FlightService/GetFlightInfo": command(`{"view": "mine"}`),
		"/arrow.flight.protocol.FlightService/DoExchange":    spine,
		"/larder.v1.ServingService/GetFeatures":              text(1, "mine"),
		"/larder.v1.ControlService/GetPlan":                  text(1, "mine"),
		"/feast.serving.ServingService/GetOnlineFeatures":    text(1, "mine"),
		"/GrpcFeatureServer/GetOnlineFeatures":               text(1, "mine"),
	}
}

// some are the calls that rights on any one resource allow.
var some = append([]string{
	"/larder.v1.ControlService/PutModel", "/larder.v1.ControlService/HasModels", "/larder.v1.ControlService/GetDataset", "/larder.v1.ControlService/ListDatasets",
	"/larder.v1.ControlService/ListVersions", "/larder.v1.ControlService/GetDefinition", "/larder.v1.ControlService/GetRun",
}, lists...)

// lists are those calls among them that answer with what the caller has the right on.
var lists = []string{
	"/larder.v1.ControlService/ListDefinitions", "/larder.v1.ControlService/GetStatus", "/larder.v1.ControlService/ListModels",
	"/inference.GRPCInferenceService/ModelStatistics", "/inference.GRPCInferenceService/RepositoryIndex", "/larder.v1.StreamService/GetStreams",
	"GET /v2/models/stats", "POST /v2/repository/index",
}

// one are lists that are made of one resource when it is named: then it takes a right on that.
var one = []string{
	"/larder.v1.ControlService/ListModels", "/inference.GRPCInferenceService/ModelStatistics", "/larder.v1.StreamService/GetStreams",
}

// secretive are definitions whose names only those with a right on them may read. Every name
// has the marker.
func secretive(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	model := onnxmodel.NewLinear([]onnxmodel.Input{{Name: "x", Elem: onnxmodel.Double}}, 1).Model()
	fileOf(t, filepath.Join(dir, "m.onnx"), model.Encode())
	fileOf(t, filepath.Join(dir, "all.yaml"), []byte(strings.ReplaceAll(`
entities: [{name: NAME, join_keys: [{name: id, type: int64}]}]
sources: [{name: NAME, timestamp_field: at, query: "SELECT 1::bigint AS id, now() AS at, 1.5::float8 AS x"}]
streams:
  - {name: NAME, push: {}, log: {table: NAME, create: true}, event_id: id, timestamp_field: at, fields: [{name: id, type: int64}, {name: at, type: timestamp}]}
feature_views: [{name: NAME, entities: [NAME], source: NAME, features: [{name: x, type: float64, default: 0}]}]
feature_services: [{name: NAME, features: ["NAME:x"]}]
models: [{name: NAME, feature_service: NAME, versions: [{version: 1, onnx: m.onnx}], serve: 1}]
`, "NAME", marker)))
	return dir
}

const marker = "undisclosed"

// doAsWell are rights that do as well as the one that is named in a refusal.
var doAsWell = map[string][]string{"/larder.v1.ControlService/GetPlan": {"score", "train", "observe"}}

// calls returns everything that a server says it answers: by reflection, and by its
// OpenAPI document. So a new method is among them.
func (c *closed) calls(conn *grpc.ClientConn, web *http.Client, key string) (all []call) {
	c.t.Helper()
	bodies := named(c.t)
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	ask := func(req *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
		if err := stream.Send(req); err != nil {
			c.t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			c.t.Fatal(err)
		}
		return answer
	}
	list := ask(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
	for _, s := range list.GetListServicesResponse().GetService() {
		found := ask(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: s.GetName()}})
		for _, raw := range found.GetFileDescriptorResponse().GetFileDescriptorProto() {
			file := new(descriptorpb.FileDescriptorProto)
			if err := proto.Unmarshal(raw, file); err != nil {
				c.t.Fatal(err)
			}
			for _, service := range file.GetService() {
				full := strings.TrimPrefix(file.GetPackage()+"."+service.GetName(), ".")
				if full != s.GetName() {
					continue
				}
				for _, m := range service.GetMethod() {
					name := "/" + full + "/" + m.GetName()
					all = append(all, call{name: name, body: bodies[name], rpc: true})
					if slices.Contains(one, name) {
						all = append(all, call{name: name, body: protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), marker), rpc: true, one: true})
					}
				}
			}
		}
	}
	var document struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct {
					Example json.RawMessage `json:"example"`
				} `json:"content"`
			} `json:"requestBody"`
		} `json:"paths"`
	}
	_, body := c.fetch(web, call{name: "GET /openapi.json"}, key)
	if err := json.Unmarshal(body, &document); err != nil {
		c.t.Fatalf("%v: %s", err, body)
	}
	parameter := regexp.MustCompile(`\{[^}]*\}`)
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for method, o := range document.Paths[path] {
			x := call{name: strings.ToUpper(method) + " " + parameter.ReplaceAllString(path, "1")}
			for _, content := range o.RequestBody.Content {
				x.body = content.Example
			}
			all = append(all, x)
		}
	}
	return all
}

// fetch makes a request over HTTP.
func (c *closed) fetch(web *http.Client, x call, key string) (int, []byte) {
	c.t.Helper()
	method, path, _ := strings.Cut(x.name, " ")
	req, err := http.NewRequestWithContext(c.t.Context(), method, "https://"+c.http+path, bytes.NewReader(x.body))
	if err != nil {
		c.t.Fatal(err)
	}
	if x.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := web.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, body
}

// The answers that the matrix tells apart.
const (
	stranger  = "UNAUTHENTICATED"
	forbidden = "PERMISSION_DENIED"
	heard     = "heard" // whatever else: also an error about the request
)

// try makes a call and returns how the server takes its caller, and what it says.
func (c *closed) try(conn *grpc.ClientConn, web *http.Client, x call, key string) (verdict, message string) {
	c.t.Helper()
	if !x.rpc {
		code, body := c.fetch(web, x, key)
		switch code {
		case 0: // the handshake failed
			return stranger, string(body)
		case http.StatusUnauthorized:
			return stranger, string(body)
		case http.StatusForbidden:
			return forbidden, string(body)
		}
		return heard, string(body)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	var answer []byte
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, x.name, grpc.ForceCodec(rawCodec{}))
	if err == nil {
		body := x.body
		if err = stream.SendMsg(&body); err == nil || errors.Is(err, io.EOF) {
			err = errors.Join(stream.CloseSend(), stream.RecvMsg(&answer))
		}
	}
	if err == nil || errors.Is(err, io.EOF) {
		return heard, string(answer)
	}
	s := status.Convert(err)
	switch {
	case s.Code() == codes.Unauthenticated:
		return stranger, s.Message()
	case s.Code() == codes.PermissionDenied:
		return forbidden, s.Message()
	case s.Code() == codes.Unavailable && len(s.Details()) == 0:
		return stranger, s.Message() // not the server's words: the handshake failed
	}
	return heard, s.Message()
}

// openCalls are those that need no credentials, and anyCaller those that need no right.
var (
	openCalls = []string{
		"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/List", "/grpc.health.v1.Health/Watch", "/larder.v1.AccessService/GetLogin",
		"GET /healthz", "GET /readyz", "GET /health",
	}
	anyCaller = []string{
		"/larder.v1.AccessService/WhoAmI", "/inference.GRPCInferenceService/ServerLive", "/inference.GRPCInferenceService/ServerReady",
		"/inference.GRPCInferenceService/ServerMetadata", "/feast.serving.ServingService/GetFeastServingInfo",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
		"GET /", "GET /openapi.json", "GET /v2", "GET /v2/", "GET /v2/health/live", "GET /v2/health/ready",
	}
)

var lacks = regexp.MustCompile(`lacks the right to (\w+) on`)

var actions = []string{"read", "read_sensitive", "score", "train", "push", "apply", "promote", "operate", "observe", "forget", "admin"}

// TestAccessMatrix makes every call that a server answers, as every kind of caller, in
// every state of its credentials and rights. Roles allow one action each; a call that needs
// several is made with these.
func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	c := startClosed(t)
	other := newAuthority(t)
	impostor := newProvider(t)
	impostor.url = c.provider.url

	// Roles for one action and for two, on everything; and all actions on other things.
	var roles, bindings strings.Builder
	role := func(name string, allow string) {
		fmt.Fprintf(&roles, "  - name: %s\n    allow: [{actions: [%s], resources: [%s]}]\n", name, allow, `"*"`)
	}
	bind := func(name string) {
		fmt.Fprintf(&bindings, "  - {name: %[1]s, role: %[1]s, keys: [%[1]s], certificates: [\"CN=%[1]s\"], users: [%[1]s], groups: [group_%[1]s]}\n", name)
	}
	for i, a := range actions {
		role(a+"_alone", a)
		bind(a + "_alone")
		for _, b := range actions[i+1:] {
			role(a+"_"+b, a+", "+b)
			bind(a + "_" + b)
		}
	}
	fmt.Fprintf(&roles, "  - name: elsewhere\n    allow: [{actions: [%s], resources: [%s]}]\n", strings.Join(actions, ", "),
		`"model:other", "view:other", "service:other", "stream:other", "entity:other", "dataset:other", "run:other", "definitions:other", "project:other"`)
	bind("elsewhere")
	defs := t.TempDir()
	fileOf(t, filepath.Join(defs, "access.yaml"), []byte("roles:\n"+roles.String()+"bindings:\n"+bindings.String()))
	c.run("apply", "--yes", defs)
	c.run("apply", "--yes", secretive(t))

	// kinds return a caller of a name, by each way to prove a name.
	hour := time.Now().Add(time.Hour)
	keys := map[string]string{}
	kinds := map[string]func(name string) caller{
		"key": func(name string) caller {
			if keys[name] == "" {
				keys[name] = c.key(name)
			}
			return caller{bearer: keys[name]}
		},
		"certificate": func(name string) caller {
			pair := c.trusted.sign(name, hour)
			return caller{pair: &pair}
		},
		"user": func(name string) caller { return caller{bearer: c.provider.token(name, nil, "larder", hour)} },
		"group": func(name string) caller {
			return caller{bearer: c.provider.token("somebody", []string{"group_" + name}, "larder", hour)}
		},
	}
	certificate := func(a *authority, until time.Time) caller {
		pair := a.sign("admin_alone", until)
		return caller{pair: &pair}
	}
	expiring := c.key("expiring", "--role", "admin", "--expires", "1s")
	revoked := c.key("revoked", "--role", "admin")
	c.run("keys", "revoke", "revoked")
	good := c.key("wrong", "--role", "admin")
	time.Sleep(time.Second) // until the key has expired
	strangers := map[string]caller{
		"nobody":                  {},
		"an expired key":          {bearer: expiring},
		"a revoked key":           {bearer: revoked},
		"a key with a wrong end":  {bearer: good[:len(good)-1] + string('A'+('B'-good[len(good)-1])%2)},
		"a made-up key":           {bearer: "lk_AAAAAAAAAAAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		"an expired token":        {bearer: c.provider.token("admin_alone", nil, "larder", time.Now().Add(-2*time.Minute))},
		"a token for another":     {bearer: c.provider.token("admin_alone", nil, "another", hour)},
		"a token of another":      {bearer: impostor.token("admin_alone", nil, "larder", hour)},
		"an expired certificate":  certificate(c.trusted, time.Now().Add(-time.Minute)),
		"a certificate of others": certificate(other, hour),
	}

	connect := func(who caller) func(call) (string, string) {
		conn, web := c.dial(who)
		return func(x call) (string, string) { return c.try(conn, web, x, who.bearer) }
	}
	rootKey := c.rootKey()
	rootConn, rootWeb := c.dial(caller{bearer: rootKey})
	calls := c.calls(rootConn, rootWeb, rootKey)
	if len(calls) < 100 {
		t.Fatalf("only %d calls are known", len(calls))
	}
	cells := 0
	expect := func(who string, x call, want string, ask func(call) (string, string)) string {
		cells++
		got, message := ask(x)
		if got != want {
			t.Errorf("%s calls %s: %s, want %s (%s)", who, x.name, got, want, message)
		}
		return message
	}
	for name, who := range strangers {
		ask := connect(who)
		for _, x := range calls {
			want := stranger
			if slices.Contains(openCalls, x.name) {
				want = heard
				if who.pair != nil {
					continue // the handshake fails before the call is known
				}
			}
			expect(name, x, want, ask)
		}
	}
	for kind, of := range kinds {
		ask := map[string]func(call) (string, string){}
		as := func(name string) func(call) (string, string) {
			if ask[name] == nil {
				ask[name] = connect(of(name))
			}
			return ask[name]
		}
		for _, x := range calls {
			if slices.Contains(openCalls, x.name) || slices.Contains(anyCaller, x.name) {
				expect(kind+" without a right", x, heard, as("nothing"))
				continue
			}
			message := expect(kind+" without a right", x, forbidden, as("nothing"))
			elsewhere := forbidden
			if slices.Contains(some, x.name) && !x.one {
				elsewhere = heard
			}
			if said := expect(kind+" with rights elsewhere", x, elsewhere, as("elsewhere")); strings.Contains(said, marker) && !x.one {
				t.Errorf("%s with rights elsewhere calls %s and gets %q", kind, x.name, said)
			}
			needs := lacks.FindStringSubmatch(message)
			if needs == nil {
				t.Errorf("%s calls %s: the refusal doesn't name the right: %s", kind, x.name, message)
				continue
			}
			// The right that is named is enough, or another is named that makes two.
			got, more := as(needs[1] + "_alone")(x)
			if got == forbidden {
				if second := lacks.FindStringSubmatch(more); second != nil {
					pair := []string{needs[1], second[1]}
					slices.SortFunc(pair, func(a, b string) int { return slices.Index(actions, a) - slices.Index(actions, b) })
					got, more = as(strings.Join(pair, "_"))(x)
				}
			}
			cells++
			if slices.Contains(lists, x.name) && !strings.Contains(more, marker) {
				t.Errorf("%s with the right to %s calls %s and gets %q", kind, needs[1], x.name, more)
			}
			if got != heard {
				t.Errorf("%s with the right to %s calls %s: %s (%s)", kind, needs[1], x.name, got, more)
			}
			// Every other right is not.
			for _, a := range actions {
				if a != needs[1] && kind == "key" && !slices.Contains(doAsWell[x.name], a) {
					expect("a key with the right to "+a+" only", x, forbidden, as(a+"_alone"))
				}
			}
		}
	}
	t.Logf("%d calls, %d cells", len(calls), cells)
}
