package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

// TestScripts runs every script of testdata, each on a database and a server of its own.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			commands, want, found := strings.Cut(string(raw), "\n----\n")
			if !found {
				t.Fatalf("%s has no line ---- between commands and results", file)
			}
			s := newScript(t)
			for _, c := range parseScript(t, commands) {
				s.run(c)
			}
			got := strings.TrimSpace(s.out.String())
			if diff := cmp.Diff(strings.Split(strings.TrimSpace(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
		})
	}
}

// A command is one line of a script with the indented lines below it.
type command struct {
	name    string
	words   []string          // words without =
	options map[string]string // KEY=VALUE words
	order   []string          // the keys of options, as written
	rows    []string
	line    int
}

func parseScript(t *testing.T, text string) []command {
	t.Helper()
	var out []command
	for i, line := range strings.Split(text, "\n") {
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, " "):
			if len(out) == 0 {
				t.Fatalf("line %d belongs to no command", i+1)
			}
			out[len(out)-1].rows = append(out[len(out)-1].rows, trimmed)
		default:
			words := strings.Fields(line)
			c := command{name: words[0], line: i + 1, options: map[string]string{}}
			for _, w := range words[1:] {
				key, value, isOption := strings.Cut(w, "=")
				if !isOption || strings.Contains(key, ":") {
					c.words = append(c.words, w)
					continue
				}
				c.options[key] = value
				c.order = append(c.order, key)
			}
			out = append(out, c)
		}
	}
	return out
}

// scriptDay is the day of all times in scripts.
var scriptDay = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func (s *script) time(text string) time.Time {
	s.t.Helper()
	day := scriptDay
	if rest, next := strings.CutPrefix(text, "+1d"); next {
		day, text = day.AddDate(0, 0, 1), rest
	}
	for _, layout := range []string{"15:04", "15:04:05", "15:04:05.000000"} {
		if clock, err := time.Parse(layout, text); err == nil {
			return day.Add(clock.Sub(clock.Truncate(24 * time.Hour)))
		}
	}
	s.t.Fatalf("%q is no time of a script", text)
	return time.Time{}
}

// A script is the state between commands.
type script struct {
	t        *testing.T
	db       *pgtest.DB
	server   *server
	dir      string // folder of the definitions
	entities map[string][]column
	views    map[string]*view
	services map[string][]string
	dirty    bool // definitions changed since the last apply
	out      strings.Builder
}

type view struct {
	name     string
	entities []string
	options  map[string]string
	ingest   bool
	deleted  bool
	features []column
}

type column struct{ name, typ, def string }

func newScript(t *testing.T) *script {
	db := pgtest.New(t)
	return &script{
		t: t, db: db, server: startServer(t, db.DSN), dir: t.TempDir(),
		entities: map[string][]column{}, views: map[string]*view{}, services: map[string][]string{},
	}
}

func (s *script) run(c command) {
	s.t.Helper()
	switch c.name {
	case "entity":
		s.entities[c.words[0]] = columns(c.words[1:])
		s.dirty = true
	case "view":
		s.defineView(c)
	case "service":
		s.services[c.words[0]] = c.words[1:]
		s.dirty = true
	case "drop":
		delete(s.views, c.words[1])
		delete(s.services, c.words[1])
		s.dirty = true
	case "apply":
		if _, stderr, code := s.applyDefinitions(); code != 0 {
			fmt.Fprintln(&s.out, strings.TrimSpace(stderr))
		}
	case "load":
		s.load(c)
	case "materialize":
		s.materialize(c)
	case "get":
		s.get(c)
	case "restart":
		if code := s.server.terminate(); code != 0 {
			s.t.Fatalf("line %d: larder serve ended with exit code %d", c.line, code)
		}
		s.server.start()
	case "kill":
		s.server.kill()
		s.server.start()
	default:
		s.t.Fatalf("line %d: no command %q", c.line, c.name)
	}
}

func columns(words []string) []column {
	var out []column
	for _, w := range words {
		name, typ, _ := strings.Cut(w, ":")
		typ, def, _ := strings.Cut(typ, "=")
		out = append(out, column{name, typ, def})
	}
	return out
}

func (s *script) defineView(c command) {
	v := &view{name: c.words[0], options: c.options, entities: strings.Split(c.options["entity"], ",")}
	for _, w := range c.words[1:] {
		switch w {
		case "ingest":
			v.ingest = true
		case "deleted":
			v.deleted = true
		default:
			v.features = append(v.features, columns([]string{w})...)
		}
	}
	s.views[v.name] = v
	s.dirty = true
	s.createTable(v)
}

// keys returns the join keys of a view. An entity that no command declared has one
// int64 key with the entity's name.
func (s *script) keys(v *view) []column {
	var out []column
	for _, e := range v.entities {
		if s.entities[e] == nil {
			s.entities[e] = []column{{name: e, typ: "int64"}}
		}
		out = append(out, s.entities[e]...)
	}
	return out
}

var pgTypes = map[string]string{
	"bool": "boolean", "int32": "integer", "int64": "bigint", "float32": "real", "float64": "double precision",
	"string": "text", "bytes": "bytea", "timestamp": "timestamptz", "list<float32>": "real[]", "list<string>": "text[]", "list<int64>": "bigint[]", "vector<float32,3>": "real[]",
}

func (s *script) createTable(v *view) {
	s.t.Helper()
	cols := append(s.keys(v), column{name: "event_time", typ: "timestamp"})
	if v.ingest {
		cols = append(cols, column{name: "loaded_at", typ: "timestamp"})
	}
	if v.deleted {
		cols = append(cols, column{name: "gone", typ: "bool"})
	}
	cols = append(cols, v.features...)
	s.exec("CREATE TABLE IF NOT EXISTS " + identifier(v.name) + " ()")
	for _, c := range cols {
		s.exec(fmt.Sprintf("ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s %s", identifier(v.name), identifier(c.name), pgTypes[c.typ]))
	}
}

func (s *script) exec(sql string) {
	s.t.Helper()
	if _, err := s.db.Pool.Exec(context.Background(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// load inserts rows; Postgres casts each quoted literal to its column's type.
func (s *script) load(c command) {
	s.t.Helper()
	v := s.views[c.words[0]]
	for _, row := range c.rows {
		words := strings.Fields(row)
		names, values := []string{identifier("event_time")}, []string{quote(s.time(words[0]).Format(time.RFC3339Nano))}
		for _, w := range words[1:] {
			name, value, _ := strings.Cut(w, "=")
			switch name {
			case "ingest":
				name, value = "loaded_at", quote(s.time(value).Format(time.RFC3339Nano))
			case "deleted":
				name = "gone"
			default:
				value = quote(value)
			}
			if value == "'null'" {
				value = "NULL"
			}
			names, values = append(names, identifier(name)), append(values, value)
		}
		s.exec(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", identifier(v.name), strings.Join(names, ", "), strings.Join(values, ", ")))
	}
}

func identifier(name string) string { return pgx.Identifier{name}.Sanitize() }

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func (s *script) materialize(c command) {
	s.t.Helper()
	s.mustApply(c)
	req := &larderv1.MaterializeRequest{FeatureViews: c.words[:1], Full: slices.Contains(c.words, "full")}
	if text, given := c.options["until"]; given {
		to := s.time(text).UnixMicro()
		req.To = &to
	}
	if text, given := c.options["from"]; given {
		from := s.time(text).UnixMicro()
		req.From = &from
	}
	runs, err := s.server.materialize(context.Background(), req)
	if err != nil {
		fmt.Fprintln(&s.out, status.Convert(err).Message())
		return
	}
	for _, r := range runs {
		if r.GetState() != larderv1.Run_STATE_SUCCEEDED {
			fmt.Fprintf(&s.out, "%s %s\n", r.GetState(), r.GetError())
		}
		for _, b := range r.GetBad() {
			fmt.Fprintf(&s.out, "bad %s %d\n", b.GetReason(), b.GetCount())
		}
	}
}

// mustApply applies definitions that changed.
func (s *script) mustApply(c command) {
	s.t.Helper()
	if !s.dirty {
		return
	}
	if _, stderr, code := s.applyDefinitions(); code != 0 {
		s.t.Fatalf("line %d: larder apply: exit code %d\n%s", c.line, code, stderr)
	}
}

// applyDefinitions writes the definitions as JSON, which is valid YAML, and applies them.
func (s *script) applyDefinitions() (stdout, stderr string, code int) {
	s.t.Helper()
	raw, err := json.MarshalIndent(s.definitions(), "", "  ")
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "definitions.yaml"), raw, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.dirty = false
	return s.server.client("apply", "--yes", s.dir)
}

type object = map[string]any

func (s *script) definitions() object {
	var entities, sources, views, services []object
	for _, name := range sorted(s.views) {
		v := s.views[name]
		s.keys(v)
		source := object{"name": v.name, "table": v.name, "timestamp_field": "event_time", "max_bad_share": 1}
		if v.ingest {
			source["created_timestamp_column"] = "loaded_at"
		}
		if v.deleted {
			source["deleted_column"] = "gone"
		}
		if lateness := v.options["lateness"]; lateness != "" {
			source["lateness"] = lateness
		}
		sources = append(sources, source)
		def := object{"name": v.name, "entities": v.entities, "source": v.name, "features": features(v.features)}
		if ttl := v.options["ttl"]; ttl != "" {
			def["ttl"] = ttl
		}
		views = append(views, def)
		services = append(services, object{"name": v.name, "features": []string{v.name + ":*"}})
	}
	for _, name := range sorted(s.entities) {
		entities = append(entities, object{"name": name, "join_keys": features(s.entities[name])})
	}
	for _, name := range sorted(s.services) {
		services = append(services, object{"name": name, "features": s.services[name]})
	}
	return object{"entities": entities, "sources": sources, "feature_views": views, "feature_services": services}
}

func sorted[T any](m map[string]T) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func features(columns []column) []object {
	var out []object
	for _, c := range columns {
		f := object{"name": c.name, "type": c.typ}
		if c.def != "" {
			f["default"] = json.RawMessage(c.def)
		}
		out = append(out, f)
	}
	return out
}

// get reads rows and prints them, or prints the server's error.
func (s *script) get(c command) {
	s.t.Helper()
	s.mustApply(c)
	rows := c.rows
	if len(rows) == 0 {
		var words []string
		for _, key := range c.order {
			if key != "at" {
				words = append(words, key+"="+c.options[key])
			}
		}
		rows = []string{strings.Join(words, " ")}
	}
	req := &larderv1.GetFeaturesRequest{What: &larderv1.GetFeaturesRequest_FeatureService{FeatureService: c.words[0]}}
	if at := c.options["at"]; at != "" {
		micros := s.time(at).UnixMicro()
		req.At = &micros
	}
	req.Entities = s.entityColumns(rows)
	answer, err := s.server.serving.GetFeatures(context.Background(), req)
	if err != nil {
		fmt.Fprintln(&s.out, status.Convert(err).Message())
		return
	}
	for i, row := range rows {
		fmt.Fprint(&s.out, row)
		for _, f := range answer.GetFeatures() {
			_, name, _ := strings.Cut(f.GetName(), ":")
			fmt.Fprintf(&s.out, " %s=%s %s", name, cell(f, i), statusName(f.GetStatuses()[i]))
		}
		for _, read := range answer.GetReads() {
			if st := read.GetStatuses()[i]; st != larderv1.Status_STATUS_NOT_FOUND {
				fmt.Fprintf(&s.out, " age=%s", time.Duration(read.GetAges()[i])*time.Microsecond)
			}
		}
		fmt.Fprintln(&s.out)
	}
}

func statusName(s larderv1.Status) string { return strings.TrimPrefix(s.String(), "STATUS_") }

// entityColumns turns rows of KEY=VALUE into columns with the declared types of the
// entities. An undeclared key is sent as a string.
func (s *script) entityColumns(rows []string) []*larderv1.Column {
	s.t.Helper()
	types := map[string]string{}
	for _, keys := range s.entities {
		for _, k := range keys {
			types[k.name] = k.typ
		}
	}
	var names []string
	values := map[string][]string{}
	for _, row := range rows {
		for _, w := range strings.Fields(row) {
			name, value, _ := strings.Cut(w, "=")
			if values[name] == nil {
				names = append(names, name)
			}
			values[name] = append(values[name], value)
		}
	}
	var out []*larderv1.Column
	for _, name := range names {
		out = append(out, textColumn(s.t, name, types[name], values[name]))
	}
	return out
}
