package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

const (
	configName     = "feature_store.yaml"
	maxConfigBytes = 1 << 20
	defaultPath    = "data/registry.db"
)

// A Config is what the importer needs of a feature_store.yaml.
type Config struct {
	Dir      string
	Project  string
	Type     string // of the registry: file, sql, remote, ...
	Path     string // of the registry: a file, an SQLAlchemy URL, an address
	Offline  Store
	Online   Store
	Unset    []string // variables that the file names and the environment lacks
	HasAuth  bool     // callers of Feast's servers are asked who they are
	Provider string
}

// A Store is where features lie.
type Store struct {
	Type   string // such as postgres; empty: not given
	Schema string // of Postgres: where tables without a schema are
}

// IsPostgres reports whether the store is Feast's for Postgres.
func (s Store) IsPostgres() bool {
	return s.Type == "postgres" || strings.HasSuffix(s.Type, ".PostgreSQLOfflineStore") || strings.HasSuffix(s.Type, ".PostgreSQLOnlineStore")
}

// ReadConfig reads the feature_store.yaml of a repository, whose folder or whose file dir
// is. env looks up variables, as [os.LookupEnv] does.
func ReadConfig(dir string, env func(string) (string, bool)) (*Config, error) {
	name := filepath.Join(dir, configName)
	if info, err := os.Stat(dir); err == nil && info.Mode().IsRegular() {
		dir, name = filepath.Dir(dir), dir
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no %s in %s; name the folder of a Feast repository", configName, dir)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(raw) > maxConfigBytes {
		return nil, fmt.Errorf("%s has more than %d bytes; is it a %s?", name, maxConfigBytes, configName)
	}
	c, err := parseConfig(string(raw), env)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	c.Dir = dir
	return c, nil
}

func parseConfig(text string, env func(string) (string, bool)) (*Config, error) {
	text, unset := expand(text, env)
	var file struct {
		Project  string `yaml:"project"`
		Provider string `yaml:"provider"`
		Registry any    `yaml:"registry"`
		Offline  any    `yaml:"offline_store"`
		Online   any    `yaml:"online_store"`
		Auth     any    `yaml:"auth"`
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		hint := ""
		if len(unset) > 0 {
			hint = fmt.Sprintf(" (the environment lacks %s, which it names)", strings.Join(unset, ", "))
		}
		return nil, fmt.Errorf("not YAML that Feast would read%s: %s", hint, yaml.FormatError(err, false, false))
	}
	if file.Project == "" {
		return nil, errors.New("it has no project; write project: NAME")
	}
	c := &Config{Project: file.Project, Provider: file.Provider, Unset: unset, Offline: store(file.Offline), Online: store(file.Online)}
	if err := c.checkSet("db_schema of the offline store", c.Offline.Schema); err != nil {
		return nil, err
	}
	kind := textOf(file.Auth, "type")
	c.HasAuth = kind != "" && kind != "no_auth"
	c.Type, c.Path = "file", defaultPath
	switch r := file.Registry.(type) {
	case nil:
	case string:
		c.Path = r
	case map[string]any:
		if kind := textOf(r, "registry_type"); kind != "" {
			c.Type = kind
		}
		if path := textOf(r, "path"); path != "" {
			c.Path = path
		}
		if read := textOf(r, "read_path"); read != "" && c.Type == "sql" {
			c.Path = read // a replica that Feast reads from
		}
	default:
		return nil, errors.New("registry is neither a path nor a mapping with path: and registry_type:")
	}
	return c, nil
}

// store reads offline_store or online_store: the name of a type, or a mapping.
func store(v any) Store {
	if kind, isText := v.(string); isText {
		return Store{Type: kind}
	}
	return Store{Type: textOf(v, "type"), Schema: textOf(v, "db_schema")}
}

// textOf returns a text of a mapping, or nothing.
func textOf(v any, key string) string {
	m, _ := v.(map[string]any)
	text, _ := m[key].(string)
	return strings.TrimSpace(text)
}

// checkSet refuses a text with variables that the environment lacks.
func (c *Config) checkSet(what, text string) error {
	for _, name := range c.Unset {
		if strings.Contains(text, "$"+name) || strings.Contains(text, "${"+name+"}") {
			return fmt.Errorf("the %s names the variable %s, which is not set; set it", what, name)
		}
	}
	return nil
}

// variable matches what Python's os.path.expandvars replaces.
var variable = regexp.MustCompile(`\$([A-Za-z0-9_]+|\{[^}\n]*\})`)

// expand puts the values of variables into a text as Feast does. A variable that isn't
// set stays as it is.
func expand(text string, env func(string) (string, bool)) (expanded string, unset []string) {
	expanded = variable.ReplaceAllStringFunc(text, func(found string) string {
		name := strings.Trim(found[1:], "{}")
		if value, isSet := env(name); isSet {
			return value
		}
		unset = append(unset, name)
		return found
	})
	return expanded, unset
}
