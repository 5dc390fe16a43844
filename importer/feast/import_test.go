package feast_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	feastcore "larder/api/feast/core"
	feasttypes "larder/api/feast/types"
	"larder/importer/feast"
	"larder/importer/feast/registry"
	"larder/schema"
	"larder/schema/definitions"
)

// source returns a source that was imported.
func source(t *testing.T, r *feast.Result, name string) schema.Source {
	t.Helper()
	for _, s := range r.Definitions.Sources {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no source %s among %v", name, r.Definitions.Sources)
	return schema.Source{}
}

func contains(t *testing.T, what, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("%s has no %q:\n%s", what, want, text)
		}
	}
}

func TestTypes(t *testing.T) {
	f := newFixture()
	f.view(t, "all", "driver", `b:BYTES s:STRING i:INT32 l:INT64 d:DOUBLE f:FLOAT o:BOOL t:UNIX_TIMESTAMP bl:BYTES_LIST sl:STRING_LIST il:INT32_LIST
		ll:INT64_LIST dl:DOUBLE_LIST fl:FLOAT_LIST ol:BOOL_LIST tl:UNIX_TIMESTAMP_LIST j:JSON u:UUID dec:DECIMAL decs:DECIMAL_LIST zoned:ZONED_TIMESTAMP
		m:MAP st:STRUCT set:INT64_SET nested:VALUE_LIST null:NULL none:INVALID`, postgres("t", "t"))
	r := f.imported(t)
	var got []string
	for _, feature := range r.Definitions.FeatureViews[0].Features {
		got = append(got, feature.Name+":"+feature.Type.String())
	}
	want := `b:bytes s:string i:int32 l:int64 d:float64 f:float32 o:bool t:timestamp bl:list<bytes> sl:list<string> il:list<int32> ll:list<int64> dl:list<float64> fl:list<float32> ol:list<bool> tl:list<timestamp> j:string u:string dec:string decs:list<string> zoned:timestamp`
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	contains(t, "the query", source(t, r, "t").Query, `"dec"::text AS "dec"`, `"decs"::text[] AS "decs"`, `, "j", "u", `, `FROM "public"."t"`)
	contains(t, "the report", reported(r), "like Map", "like Struct", "like Set(Int64)", "like Array(Value)", "like Null", "like Invalid", "of type Json, becomes a string", "of type Uuid", "of type Decimal", "its zone is lost")
}

func TestVectors(t *testing.T) {
	f := newFixture()
	v := f.view(t, "v", "driver", "taste:FLOAT_LIST", postgres("s", "t"))
	v.Features[0].VectorIndex, v.Features[0].VectorLength = true, 64
	contains(t, "the report", reported(f.imported(t)), "taste is searched by similarity", "if all lists have 64 numbers, the type may be vector<float32, 64>")
}

func TestTables(t *testing.T) {
	f := func(offline registry.Store, table, wantTable, wantQuery string) {
		t.Helper()
		x := newFixture()
		x.config.Offline = offline
		x.view(t, "v", "driver", "a:INT64", postgres("s", table))
		if s := source(t, x.imported(t), "s"); s.Table != wantTable || s.Query != wantQuery {
			t.Errorf("%s: table %q, query %q; want %q, %q", table, s.Table, s.Query, wantTable, wantQuery)
		}
	}
	plain := registry.Store{Type: "postgres"}
	f(plain, "stats", "public.stats", "")
	f(plain, "Stats", "public.stats", "")
	f(plain, `"Stats"`, "public.Stats", "")
	f(plain, "Feast.Stats", "feast.stats", "")
	f(plain, `feast."My Stats"`, "feast.My Stats", "")
	f(plain, `"a""b"`, `public.a"b`, "")
	f(registry.Store{Type: "postgres", Schema: "feast"}, "stats", "feast.stats", "")
	f(registry.Store{Type: "postgres", Schema: "feast"}, "other.stats", "other.stats", "")
	f(registry.Store{}, "stats", "stats", "")
	f(plain, "db.feast.stats", "", "SELECT * FROM db.feast.stats")
	f(plain, `"a.b"`, "", `SELECT * FROM "a.b"`)
	f(plain, "generate_series(1, 2) AS s", "", "SELECT * FROM generate_series(1, 2) AS s")
}

func TestQueries(t *testing.T) {
	f := func(query, wantTable, wantQuery string) {
		t.Helper()
		x := newFixture()
		s := postgres("s", "")
		s.GetCustomOptions().Configuration = fmt.Appendf(nil, `{"name": "s", "query": %q, "table": ""}`, query)
		x.view(t, "v", "driver", "a:INT64", s)
		if got := source(t, x.imported(t), "s"); got.Table != wantTable || got.Query != wantQuery {
			t.Errorf("%s: table %q, query %q; want %q, %q", query, got.Table, got.Query, wantTable, wantQuery)
		}
	}
	f(" SELECT 1 ; \n;", "", "SELECT 1")
	f("SELECT * FROM stats;", "public.stats", "")
	f("select *\nfrom Feast.\"Stats\"", "feast.Stats", "")
	f("SELECT * FROM a.b.c", "", "SELECT * FROM a.b.c")
	f("SELECT * FROM stats WHERE x", "", "SELECT * FROM stats WHERE x")
	f("SELECT * FROM a, b", "", "SELECT * FROM a, b")
}

// TestAQueryThatEndsInAComment: what is put around a query stands on lines of its own.
func TestAQueryThatEndsInAComment(t *testing.T) {
	f := newFixture()
	s := postgres("s", "")
	s.GetCustomOptions().Configuration = []byte(`{"name": "s", "query": "SELECT * FROM t -- all", "table": ""}`)
	s.FieldMapping = map[string]string{"x": "a"}
	f.view(t, "v", "driver", "a:INT64", s)
	contains(t, "the query", source(t, f.imported(t), "s").Query, "-- all\n) AS imported", `"x" AS "a"`, `"driver_id"`, `"at"`)
}

func TestSourcesOfSeveralViews(t *testing.T) {
	f := newFixture()
	shared := postgres("s", "t")
	shared.CreatedTimestampColumn = "loaded"
	f.view(t, "by_driver", "driver", "a:INT64", shared)
	f.view(t, "overall", "", "b:INT64", shared)
	f.view(t, "as_number", "driver", "c:DECIMAL", shared)
	f.view(t, "as_float", "driver", "c:DOUBLE", shared)
	r := f.imported(t)
	if got, want := source(t, r, "s").Query, "SELECT \"driver_id\", \"a\", \"at\", \"loaded\", '' AS \"__dummy_id\", \"b\", \"c\"::text AS \"c\"\nFROM \"public\".\"t\""; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s := source(t, r, "as_float_source"); s.Table != "public.t" || s.CreatedTimestampColumn != "loaded" {
		t.Errorf("%+v", s)
	}
	contains(t, "the report", reported(r), "reads a column of the source s in another way")
}

func TestPushSources(t *testing.T) {
	f := newFixture()
	batch := postgres("history", "t")
	push := &feastcore.DataSource{Name: "push", Type: feastcore.DataSource_PUSH_SOURCE, BatchSource: batch, Owner: "me"}
	alone := &feastcore.DataSource{Name: "alone", Type: feastcore.DataSource_PUSH_SOURCE}
	f.registry.DataSources = []*feastcore.DataSource{batch, push, alone, postgres("unused", "t")}
	f.view(t, "fresh", "driver", "a:INT64", batch).StreamSource = push
	f.view(t, "stale", "driver", "a:INT64", batch)
	f.view(t, "pushed", "driver", "a:INT64", nil).StreamSource = alone
	f.view(t, "push_name", "driver", "a:INT64", postgres("push", "u"))
	asked := postgres("asked", "")
	asked.GetCustomOptions().Configuration = []byte(`{"query": "SELECT 1"}`)
	f.view(t, "refused", "driver", "a:INT64", nil).StreamSource = &feastcore.DataSource{Name: "push_query", Type: feastcore.DataSource_PUSH_SOURCE, BatchSource: asked}
	r := f.imported(t)
	contains(t, "the report", reported(r), "push_query\n  its rows are those of a query here, so pushes to it are refused", "source unused\n  left out: no feature view reads it")
	if strings.Count(reported(r), "no feature view reads it") != 1 {
		t.Error(reported(r))
	}
	if s := source(t, r, "push"); s.Table != "public.t" || s.Owner != "me" {
		t.Errorf("%+v", s)
	}
	if s := source(t, r, "alone"); s.Table != "alone" || s.TimestampField != "event_timestamp" {
		t.Errorf("%+v", s)
	}
	if v := r.Definitions.FeatureViews[0]; v.Source != "push" {
		t.Errorf("%+v", v)
	}
	if s := source(t, r, "push_2"); s.Table != "public.u" || r.Definitions.FeatureViews[3].Source != "push_2" {
		t.Errorf("%+v", s)
	}
	if v := r.Definitions.FeatureViews[1]; v.Source != "history" {
		t.Errorf("%+v", v)
	}
}

func TestJoinKeys(t *testing.T) {
	f := newFixture()
	f.registry.Entities = append(f.registry.Entities,
		&feastcore.Entity{Spec: &feastcore.EntitySpecV2{Name: "typed", JoinKey: "k", ValueType: feasttypes.ValueType_STRING}},
		&feastcore.Entity{Spec: &feastcore.EntitySpecV2{Name: "untyped", JoinKey: "u"}},
		&feastcore.Entity{Spec: &feastcore.EntitySpecV2{Name: "torn", JoinKey: "torn"}},
		&feastcore.Entity{Spec: &feastcore.EntitySpecV2{Name: "float", JoinKey: "f", ValueType: feasttypes.ValueType_DOUBLE}},
		&feastcore.Entity{Spec: &feastcore.EntitySpecV2{Name: "unused"}},
		&feastcore.Entity{Spec: &feastcore.EntitySpecV2{Name: "money", JoinKey: "money", ValueType: feasttypes.ValueType_DECIMAL}},
		&feastcore.Entity{Spec: &feastcore.EntitySpecV2{Name: "__dummy", JoinKey: "__dummy_id"}},
		&feastcore.Entity{Spec: &feastcore.EntitySpecV2{Name: "also-driver", JoinKey: "driver_id", ValueType: feasttypes.ValueType_INT64}},
	)
	f.view(t, "a", "typed untyped", "x:INT64", postgres("s", "t")).EntityColumns = columns(t, "k:INT64 u:INT32")
	f.view(t, "b", "torn", "x:INT64", postgres("s", "t")).EntityColumns = columns(t, "torn:INT64")
	f.view(t, "c", "torn", "x:INT64", postgres("s", "t")).EntityColumns = columns(t, "torn:STRING")
	f.view(t, "d", "float", "x:INT64", postgres("s", "t"))
	f.view(t, "e", "gone", "x:INT64", postgres("s", "t"))
	f.view(t, "f", "driver also-driver", "x:INT64", postgres("s", "t"))
	f.view(t, "g", "money", "x:INT64", postgres("m", "t"))
	r := f.imported(t)
	contains(t, "the query", source(t, r, "m").Query, `"money"::text AS "money"`)
	var got []string
	for _, e := range r.Definitions.Entities {
		got = append(got, fmt.Sprintf("%s(%s %s)", e.Name, e.JoinKeys[0].Name, e.JoinKeys[0].Type))
	}
	if want := "driver(driver_id int64) city(city string) typed(k int64) untyped(u int32) torn(torn int64) money(money string) also_driver(driver_id int64)"; strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	contains(t, "the report", reported(r), "torn different types: Int64, String; it is Int64 here", "f is Float64, which can't be a key", "unused is Invalid", "its entity gone is not in the registry", "written as a comment: ")
	if len(r.Definitions.FeatureViews) != 4 {
		t.Errorf("%v", r.Definitions.FeatureViews)
	}
}

func TestNames(t *testing.T) {
	f := newFixture()
	long := strings.Repeat("x", 200)
	f.view(t, "a-b", "driver", "f-1:INT64 f_1:INT64 1st:INT64 at:INT64 driver_id:INT64", postgres("s p", "t"))
	f.view(t, "a_b", "driver", "x:INT64", postgres("s_p", "t"))
	f.view(t, "request", "driver", "x:INT64", postgres("ü", "t"))
	f.view(t, long, "driver", "x:INT64", postgres(long, "t"))
	f.registry.FeatureServices = []*feastcore.FeatureService{{Spec: &feastcore.FeatureServiceSpec{Name: "1-service", Features: []*feastcore.FeatureViewProjection{
		{FeatureViewName: "a-b", FeatureColumns: columns(t, "f-1:INT64 f_1:INT64")},
		{FeatureViewName: "request"},
	}}}}
	r := f.imported(t)
	var got []string
	for _, v := range r.Definitions.FeatureViews {
		got = append(got, v.Name+"/"+v.Source)
	}
	if want := "a_b/s_p a_b_2/s_p_2 request_2/_ " + long[:128] + "/" + long[:128]; strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	if s := r.Definitions.FeatureServices[0]; s.Name != "_1_service" || strings.Join(s.Features, " ") != "a_b:f_1 a_b:f_1_2 request_2:*" {
		t.Errorf("%+v", s)
	}
	contains(t, "the query", source(t, r, "s_p").Query, `"f-1" AS "f_1", "f_1" AS "f_1_2", "1st" AS "_1st"`)
	contains(t, "the report", reported(r), "feature at left out: it is a time column", "feature f_1 is named f_1_2")
}

func TestServices(t *testing.T) {
	f := newFixture()
	f.view(t, "v", "driver city", "a:INT64 b:INT64 m:MAP", postgres("s", "t"))
	project := func(name, alias, features string, keys map[string]string) *feastcore.FeatureViewProjection {
		return &feastcore.FeatureViewProjection{FeatureViewName: name, FeatureViewNameAlias: alias, FeatureColumns: columns(t, features), JoinKeyMap: keys}
	}
	service := func(name string, p ...*feastcore.FeatureViewProjection) {
		f.registry.FeatureServices = append(f.registry.FeatureServices, &feastcore.FeatureService{Spec: &feastcore.FeatureServiceSpec{Name: name, Features: p}})
	}
	service("order", project("v", "", "b:INT64 a:INT64", nil))
	service("same", project("v", "v", "a:INT64", map[string]string{"driver_id": "driver_id", "other": "x"}))
	service("twice", project("v", "from", "a:INT64", map[string]string{"city": "from city"}), project("v", "to", "a:INT64", map[string]string{"city": "to_city"}))
	service("again", project("v", "from", "b:INT64", map[string]string{"city": "from city"}))
	service("keyed", project("v", "", "b:INT64", map[string]string{"city": "birth_city"}))
	service("lacks", project("v", "", "a:INT64 m:MAP", nil))
	service("gone", project("gone", "", "a:INT64", nil))
	service("key", project("v", "", "driver_id:INT64 a:INT64", nil))
	service("all", project("v", "", "", nil))
	service("empty")
	service("double", project("v", "", "a:INT64", nil), project("v", "", "a:INT64", nil))
	r := f.imported(t)
	var got []string
	for _, s := range r.Definitions.FeatureServices {
		got = append(got, s.Name+"="+strings.Join(s.Features, ","))
	}
	if want := "order=v:b,v:a same=v:a twice=from:a,to:a again=from:b keyed=v_birth_city:b key=v:a"; strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	contains(t, "the query", source(t, r, "from_source").Query, `SELECT "driver_id", "city" AS "from_city", "a", "b", "at"`)
	contains(t, "the report", reported(r), "it reads v:m, which are not imported", "it reads gone:a, which are not imported", "all\n  written as a comment: it reads v:m, ", `feature service empty`, "lists v:a twice")
	files := checkValid(t, r)
	contains(t, "feature_services.yaml", string(files[len(files)-1].Data), "# - name: lacks", "#     - v:m", "# - name: gone", "# - name: double")
}

func TestTTL(t *testing.T) {
	f := newFixture()
	f.view(t, "a", "driver", "x:INT64", postgres("s", "t")).Ttl = durationpb.New(-5)
	f.view(t, "b", "driver", "x:INT64", postgres("s", "t")).Ttl = durationpb.New(1_234_567_899)
	f.view(t, "c", "driver", "x:INT64", postgres("s", "t")).Ttl = &durationpb.Duration{Seconds: 1 << 60}
	r := f.imported(t)
	if v := r.Definitions.FeatureViews; v[0].TTL != 0 || v[1].TTL != 1_234_567_000 || v[2].TTL <= 0 {
		t.Errorf("%v", v)
	}
}

func TestOnDemandViews(t *testing.T) {
	f := newFixture()
	f.view(t, "v", "driver", "a:FLOAT n:INT64 in:INT64", postgres("s", "t"))
	f.view(t, "w", "driver", "a:FLOAT", postgres("s", "t"))
	request := &feastcore.DataSource{Type: feastcore.DataSource_REQUEST_SOURCE, Name: "r", Options: &feastcore.DataSource_RequestDataOptions_{
		RequestDataOptions: &feastcore.DataSource_RequestDataOptions{Schema: columns(t, "x:DOUBLE odd-name:INT64")},
	}}
	add := func(name, features, body string) *feastcore.OnDemandFeatureViewSpec {
		spec := &feastcore.OnDemandFeatureViewSpec{
			Name: name, Features: columns(t, features),
			Sources: map[string]*feastcore.OnDemandSource{
				"v": {Source: &feastcore.OnDemandSource_FeatureViewProjection{FeatureViewProjection: &feastcore.FeatureViewProjection{FeatureViewName: "v", FeatureColumns: columns(t, "a:FLOAT n:INT64 in:INT64")}}},
				"r": {Source: &feastcore.OnDemandSource_RequestDataSource{RequestDataSource: request}},
			},
			UserDefinedFunction: &feastcore.UserDefinedFunction{Name: name, BodyText: "def f(df):\n  out = pd.DataFrame()\n" + body + "\n  return out\n"},
		}
		f.registry.OnDemandFeatureViews = append(f.registry.OnDemandFeatureViews, &feastcore.OnDemandFeatureView{Spec: spec})
		return spec
	}
	add("plain", "o:DOUBLE", `  out["o"] = df["x"] + df["v__n"]`)
	add("odd", "o:DOUBLE", `  out["o"] = df["odd-name"] * 2.5`)
	add("divides", "o:DOUBLE", `  out["o"] = df["x"] % df["a"]`)
	add("ratio", "o:DOUBLE", `  out["o"] = df["x"] / df["a"]`)
	add("reserved", "o:INT64", `  out["o"] = df["in"] + 1`)
	add("complex", "o:DOUBLE", `  out["o"] = df["a"].rank()`)
	add("typed", "o:MAP", `  out["o"] = df["a"]`)
	add("plan", "o:DOUBLE", "").FeatureTransformation = &feastcore.FeatureTransformationV2{Transformation: &feastcore.FeatureTransformationV2_SubstraitTransformation{SubstraitTransformation: &feastcore.SubstraitTransformation{}}}
	add("pickle", "o:DOUBLE", "").UserDefinedFunction = &feastcore.UserDefinedFunction{Name: "f"}
	add("aggregates", "o:DOUBLE", "").Aggregations = []*feastcore.Aggregation{{Column: "a", Function: "sum"}}
	add("both", "o:DOUBLE", `  out["o"] = df["a"] + 1`).Sources["w"] = &feastcore.OnDemandSource{Source: &feastcore.OnDemandSource_FeatureView{FeatureView: f.registry.GetFeatureViews()[1]}}
	add("empty", "", "")
	f.registry.FeatureServices = []*feastcore.FeatureService{
		{Spec: &feastcore.FeatureServiceSpec{Name: "good", Features: []*feastcore.FeatureViewProjection{{FeatureViewName: "plain"}, {FeatureViewName: "odd", FeatureViewNameAlias: "even", FeatureColumns: columns(t, "o:DOUBLE")}}}},
		{Spec: &feastcore.FeatureServiceSpec{Name: "bad", Features: []*feastcore.FeatureViewProjection{{FeatureViewName: "divides", FeatureColumns: columns(t, "o:DOUBLE")}}}},
	}
	r := f.imported(t)
	var got []string
	for _, o := range r.Definitions.OnDemandViews {
		got = append(got, o.Name+"="+o.Features[0].Expr)
	}
	if want := "plain=request.x + double(v.n) odd=double(request.odd_name) * 2.5 ratio=cel.bind(x, request.x / v.a, math.isNaN(x) ? optional.none() : optional.of(x)) even=double(request.odd_name) * 2.5"; strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	if s := r.Definitions.FeatureServices; len(s) != 1 || strings.Join(s[0].Features, " ") != "plain:o even:o" {
		t.Errorf("%v", s)
	}
	contains(t, "the report", reported(r), ".rank() is not read", "types that Larder lacks", "Substrait plan", "reserved\n  written as a comment: on-demand view \"reserved\": feature \"o\": line 1", "only a pickle, which is never loaded",
		"it aggregates rows", `"a" is not one feature of the sources`, "the request value odd-name is named odd_name")
	var all string
	for _, file := range checkValid(t, r) {
		all += string(file.Data)
	}
	contains(t, "the files", all, "# | def f(df):", "# - name: divides", `#       expr: "?"`, "# - name: bad")
}

// TestNothingOfAPickleIsRun: a registry whose function would touch a file if it was
// loaded.
func TestNothingOfAPickleIsRun(t *testing.T) {
	touched := filepath.Join(t.TempDir(), "touched")
	pickle := "cos\nsystem\n(S'touch " + touched + "'\ntR."
	f := newFixture()
	f.view(t, "v", "driver", "a:FLOAT", postgres("s", "t"))
	function := &feastcore.UserDefinedFunction{Name: "f", BodyText: "def f(df):\n  __import__('os').system('touch " + touched + "')\n  return df\n"}
	function.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), pickle))
	spec := &feastcore.OnDemandFeatureViewSpec{Name: "evil", Features: columns(t, "o:DOUBLE"), UserDefinedFunction: function}
	f.registry.OnDemandFeatureViews = []*feastcore.OnDemandFeatureView{{Spec: spec}}
	raw, err := proto.Marshal(&f.registry)
	if err != nil || !strings.Contains(string(raw), pickle) {
		t.Fatalf("the registry has no pickle: %v", err)
	}
	r, err := registry.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	result := feast.Import(&f.config, r)
	checkValid(t, result)
	contains(t, "the report", reported(result), "evil\n  written as a comment")
	if _, err := os.Stat(touched); err == nil {
		t.Error("the function was run")
	}
}

func TestTheRest(t *testing.T) {
	f := newFixture()
	f.config.HasAuth = true
	disabled := f.view(t, "v", "driver", "a:FLOAT", postgres("s", "t"))
	disabled.Disabled, disabled.Online = true, false
	disabled.FeatureTransformation = &feastcore.FeatureTransformationV2{}
	f.registry.Permissions = []*feastcore.Permission{{Spec: &feastcore.PermissionSpec{Name: "p"}}}
	f.registry.SavedDatasets = []*feastcore.SavedDataset{{Spec: &feastcore.SavedDatasetSpec{Name: "d"}}}
	f.registry.ValidationReferences = []*feastcore.ValidationReference{{Name: "r"}}
	f.registry.LabelViews = []*feastcore.LabelView{{Spec: &feastcore.LabelViewSpec{Name: "l"}}}
	f.registry.StreamFeatureViews = []*feastcore.StreamFeatureView{{Spec: &feastcore.StreamFeatureViewSpec{
		Name: "stream", Entities: []string{"driver"}, Features: columns(t, "n:INT64"), Online: true, BatchSource: postgres("b", "b"),
		StreamSource: &feastcore.DataSource{Type: feastcore.DataSource_STREAM_KINESIS, Name: "k", Options: &feastcore.DataSource_KinesisOptions_{KinesisOptions: &feastcore.DataSource_KinesisOptions{StreamName: "clicks"}}},
		Aggregations: []*feastcore.Aggregation{{Column: "n", Function: "sum"}},
	}}}
	f.registry.FeatureServices = []*feastcore.FeatureService{{Spec: &feastcore.FeatureServiceSpec{Name: "s", LoggingConfig: &feastcore.LoggingConfig{SampleRate: 1}, Features: []*feastcore.FeatureViewProjection{{FeatureViewName: "v", VersionTag: proto.Int32(2)}}}}}
	contains(t, "the report", reported(f.imported(t)), "repository p", "permission p", "saved dataset d", "validation reference r", "label view l", "Kinesis stream clicks", "aggregation sum(n)", "it is disabled", "online=False",
		"Feast transforms its rows", "its logging is not imported", "it reads version 2 of v", "Feast has no schedule")
}

// TestFilesThatWouldBeTooLarge are split, and nothing is lost.
func TestFilesThatWouldBeTooLarge(t *testing.T) {
	f := newFixture()
	const views = 600
	body := "def f(df):\n  " + strings.Repeat("x", 2_000) + "\n  return df\n"
	for n := range views {
		name := fmt.Sprintf("v_%d", n)
		v := f.view(t, name, "driver", "a:FLOAT b:FLOAT", postgres("s", "t"))
		v.Description = strings.Repeat("d", 8_000)
		f.registry.OnDemandFeatureViews = append(f.registry.OnDemandFeatureViews, &feastcore.OnDemandFeatureView{Spec: &feastcore.OnDemandFeatureViewSpec{
			Name: "o_" + name, Features: columns(t, "o:DOUBLE"), UserDefinedFunction: &feastcore.UserDefinedFunction{BodyText: body},
			Description: strings.Repeat("d", 8_000),
		}})
	}
	files := checkValid(t, feast.Import(&f.config, &f.registry))
	defined, commented, seen := 0, 0, map[string]bool{}
	for _, file := range files {
		if len(file.Data) > definitions.MaxFileBytes || seen[file.Name] || !feast.IsFile(file.Name) {
			t.Errorf("%s has %d bytes", file.Name, len(file.Data))
		}
		seen[file.Name] = true
		defined += strings.Count(string(file.Data), "  - name: v_")
		commented += strings.Count(string(file.Data), "# - name: o_v_")
	}
	if len(files) < 5 || defined != views || commented != views {
		t.Errorf("%d files, %d views, %d comments", len(files), defined, commented)
	}
}

// TestDamagedRegistries: bytes of a registry that are not what Feast wrote.
func TestDamagedRegistries(t *testing.T) {
	whole, err := os.ReadFile("testdata/feast-0.67.0/registry.db")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	read := 0
	for range 300 {
		raw := slices.Clone(whole)
		for range 1 + random.IntN(4) {
			raw[random.IntN(len(raw))] = byte(random.IntN(256))
		}
		if r, err := registry.Parse(raw); err == nil {
			checkValid(t, feast.Import(&registry.Config{Project: "rides"}, r))
			read++
		}
	}
	if read < 100 {
		t.Errorf("only %d of 300 were read", read)
	}
}

// FuzzRegistry: whatever a registry holds, what is written is valid.
func FuzzRegistry(f *testing.F) {
	small := newFixture()
	small.view(f, "v", "driver", "a:FLOAT", postgres("s", "t"))
	small.registry.FeatureServices = []*feastcore.FeatureService{{Spec: &feastcore.FeatureServiceSpec{Name: "x", Features: []*feastcore.FeatureViewProjection{
		{FeatureViewName: "v", FeatureViewNameAlias: "w", FeatureColumns: columns(f, "a:FLOAT"), JoinKeyMap: map[string]string{"driver_id": "k"}},
	}}}}
	seed, err := proto.Marshal(&small.registry)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := registry.Parse(raw)
		if err != nil {
			return
		}
		checkValid(t, feast.Import(&registry.Config{Project: "p", Offline: registry.Store{Type: "postgres", Schema: "s"}}, r))
	})
}
