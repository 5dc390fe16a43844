package dbt

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
)

// MaxBytes bounds a manifest and a catalog.
const MaxBytes = 512 << 20

// The versions of the schema of manifests that are read: dbt 1.3 writes the first, dbt 1.8
// to 1.11 the last.
const (
	oldestManifest = 7
	newestManifest = 12
)

// A Manifest is what a dbt project has.
type Manifest struct {
	Project string
	Version int    // of its schema
	Adapter string // postgres, snowflake, ...

	nodes    []*node // what can be a table, in the order of the file
	tests    []*test
	disabled []*node
	owners   map[string]string // of groups
}

// A node is a model, a snapshot, a seed or a source.
type node struct {
	ID           string     `json:"unique_id"`
	Kind         string     `json:"resource_type"`
	Name         text       `json:"name"`
	SourceName   text       `json:"source_name"` // of a source
	Path         text       `json:"original_file_path"`
	Patch        text       `json:"patch_path"` // the YAML file, as PACKAGE://PATH
	Schema       text       `json:"schema"`
	Alias        text       `json:"alias"`
	Identifier   text       `json:"identifier"` // of a source
	Relation     text       `json:"relation_name"`
	Description  text       `json:"description"`
	Tags         texts      `json:"tags"`
	Meta         metaField  `json:"meta"`
	Config       nodeConfig `json:"config"`
	Columns      columns    `json:"columns"`
	Group        text       `json:"group"`
	ModelVersion text       `json:"version"`
	LoadedAt     text       `json:"loaded_at_field"`
}

type nodeConfig struct {
	Materialized text            `json:"materialized"`
	Meta         metaField       `json:"meta"`
	Tags         texts           `json:"tags"`
	UniqueKey    texts           `json:"unique_key"`
	EventTime    text            `json:"event_time"`
	Group        text            `json:"group"`
	SnapshotMeta map[string]text `json:"snapshot_meta_column_names"`
}

// A column is one that a YAML file of the project describes.
type column struct {
	Name        text      `json:"name"`
	Description text      `json:"description"`
	DataType    text      `json:"data_type"`
	Tags        texts     `json:"tags"`
	Meta        metaField `json:"meta"`
	Config      struct {
		Meta metaField `json:"meta"`
		Tags texts     `json:"tags"`
	} `json:"config"`
}

// A test is a dbt test of a column or a table.
type test struct {
	Kind     string `json:"resource_type"`
	Column   text   `json:"column_name"`
	Attached text   `json:"attached_node"` // since dbt 1.5
	Metadata struct {
		Name      text                       `json:"name"`
		Namespace text                       `json:"namespace"`
		Kwargs    map[string]json.RawMessage `json:"kwargs"`
	} `json:"test_metadata"`
	DependsOn struct {
		Nodes texts `json:"nodes"`
	} `json:"depends_on"`
	Config struct {
		Severity text `json:"severity"`
		Where    text `json:"where"`
	} `json:"config"`
}

// ReadManifest reads a manifest.json.
func ReadManifest(path string) (*Manifest, error) {
	m := new(Manifest)
	if err := readFile(path, m.read); err != nil {
		return nil, err
	}
	return m, nil
}

// readFile gives a bounded file to read.
func readFile(path string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder; name the file, as in target/manifest.json", path)
	case info.Size() > MaxBytes:
		return fmt.Errorf("%s has %d bytes; at most %d are read", path, info.Size(), MaxBytes)
	}
	if err := read(io.LimitReader(f, MaxBytes)); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

var manifestSchema = regexp.MustCompile(`/manifest/v(\d+)(?:\.json)?$`)

func (m *Manifest) read(in io.Reader) error {
	var metadata struct {
		Schema  text `json:"dbt_schema_version"`
		DBT     text `json:"dbt_version"`
		Adapter text `json:"adapter_type"`
		Project text `json:"project_name"`
	}
	m.owners = map[string]string{}
	err := eachKey(json.NewDecoder(in), func(key string, d *json.Decoder) error {
		switch key {
		case "metadata":
			return d.Decode(&metadata)
		case "nodes", "sources":
			return eachKey(d, m.readNode)
		case "disabled":
			return eachKey(d, m.readDisabled)
		case "groups":
			return eachKey(d, m.readGroup)
		}
		return skip(d)
	})
	if err != nil {
		return fmt.Errorf("it is not a manifest of dbt, or a damaged one: %w; run dbt parse, and name target/manifest.json", err)
	}
	m.Project, m.Adapter = string(metadata.Project), string(metadata.Adapter)
	found := manifestSchema.FindStringSubmatch(string(metadata.Schema))
	if found == nil {
		return errors.New("it is not a manifest of dbt: it has no metadata with a dbt_schema_version; name target/manifest.json")
	}
	m.Version, err = strconv.Atoi(found[1])
	switch {
	case err != nil || m.Version > newestManifest:
		return fmt.Errorf("its schema is v%s, of dbt %s, and v%d to v%d are read; make it with dbt 1.11, or use a newer larder", found[1], metadata.DBT, oldestManifest, newestManifest)
	case m.Version < oldestManifest:
		return fmt.Errorf("its schema is v%s, of dbt %s, and v%d to v%d are read; make it with dbt 1.3 or newer", found[1], metadata.DBT, oldestManifest, newestManifest)
	}
	return nil
}

// readNode keeps a node that can be a table, or a test.
func (m *Manifest) readNode(id string, d *json.Decoder) error {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return err
	}
	var kind struct {
		Kind text `json:"resource_type"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	switch kind.Kind {
	case "model", "snapshot", "seed", "source":
		n := new(node)
		if err := json.Unmarshal(raw, n); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		n.ID = id
		m.nodes = append(m.nodes, n)
	case "test":
		t := new(test)
		if err := json.Unmarshal(raw, t); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		m.tests = append(m.tests, t)
	}
	return nil
}

func (m *Manifest) readDisabled(id string, d *json.Decoder) error {
	var list []*node
	if err := d.Decode(&list); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	for _, n := range list {
		if n != nil && n.Kind != "test" {
			n.ID = id
			m.disabled = append(m.disabled, n)
			break // the others are of the same name
		}
	}
	return nil
}

func (m *Manifest) readGroup(_ string, d *json.Decoder) error {
	var group struct {
		Name  text `json:"name"`
		Owner struct {
			Name  text `json:"name"`
			Email text `json:"email"`
		} `json:"owner"`
	}
	if err := d.Decode(&group); err != nil {
		return err
	}
	owner := group.Owner.Email
	if owner == "" {
		owner = group.Owner.Name
	}
	m.owners[string(group.Name)] = string(owner)
	return nil
}
