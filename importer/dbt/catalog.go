package dbt

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Catalog is what the tables of a project are in the database.
type Catalog struct {
	tables map[string]*table // by the id of a node
}

type table struct {
	schema, name string
	columns      []tableColumn // in the order of the table
}

type tableColumn struct{ name, typ string }

// ReadCatalog reads a catalog.json.
func ReadCatalog(path string) (*Catalog, error) {
	c := &Catalog{tables: map[string]*table{}}
	if err := readFile(path, c.read); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Catalog) read(in io.Reader) error {
	var metadata struct {
		Schema text `json:"dbt_schema_version"`
	}
	err := eachKey(json.NewDecoder(in), func(key string, d *json.Decoder) error {
		switch key {
		case "metadata":
			return d.Decode(&metadata)
		case "nodes", "sources":
			return eachKey(d, c.readTable)
		}
		return skip(d)
	})
	if err != nil {
		return fmt.Errorf("it is not a catalog of dbt, or a damaged one: %w; run dbt docs generate, and name target/catalog.json", err)
	}
	if !strings.Contains(string(metadata.Schema), "/catalog/v1") {
		return errors.New("it is not a catalog of dbt, or of another version than v1; run dbt docs generate, and name target/catalog.json")
	}
	return nil
}

func (c *Catalog) readTable(id string, d *json.Decoder) error {
	var raw struct {
		Metadata struct {
			Schema text `json:"schema"`
			Name   text `json:"name"`
		} `json:"metadata"`
		Columns map[string]*struct {
			Name  text  `json:"name"`
			Type  text  `json:"type"`
			Index int64 `json:"index"`
		} `json:"columns"`
	}
	if err := d.Decode(&raw); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	type placed struct {
		tableColumn
		index int64
	}
	var list []placed
	for key, column := range raw.Columns {
		if column != nil {
			list = append(list, placed{tableColumn{cmp.Or(string(column.Name), key), string(column.Type)}, column.Index})
		}
	}
	slices.SortFunc(list, func(a, b placed) int { return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(a.name, b.name)) })
	t := &table{schema: string(raw.Metadata.Schema), name: string(raw.Metadata.Name)}
	for _, one := range list {
		t.columns = append(t.columns, one.tableColumn)
	}
	c.tables[id] = t
	return nil
}
