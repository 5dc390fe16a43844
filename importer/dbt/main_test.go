package dbt_test

import (
	"fmt"
	"strings"
	"testing"

	"larder/importer/dbt"
	"larder/schema/definitions"
)

// project is a manifest of nodes, each an object of JSON, of today's schema.
func project(nodes ...string) string {
	return `{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.11.0", "adapter_type": "postgres", "project_name": "shop"},
		"macros": {"m": {"sql": ["{", null, {"a": 1}]}}, "nodes": {` + strings.Join(nodes, ", ") + `}}`
}

// model is a node with columns, NAME TYPE each, and more fields. meta is that of the node.
func model(name, meta string, columns []string, more ...string) string {
	var list []string
	for _, c := range columns {
		column, typ, _ := strings.Cut(c, " ")
		typ, extra, _ := strings.Cut(typ, " | ")
		if extra != "" {
			extra = ", " + extra
		}
		list = append(list, fmt.Sprintf(`%q: {"name": %q, "data_type": %q%s}`, column, column, typ, extra))
	}
	fields := append([]string{
		fmt.Sprintf(`"resource_type": "model", "name": %q, "alias": %q, "schema": "s", "original_file_path": "models/%s.sql", "patch_path": "shop://models/m.yml"`, name, name, name),
		fmt.Sprintf(`"config": {"meta": {"larder": %s}}, "columns": {%s}`, meta, strings.Join(list, ", ")),
	}, more...)
	return fmt.Sprintf(`"model.shop.%s": {%s}`, name, strings.Join(fields, ", "))
}

// read reads a manifest from its text.
func read(t testing.TB, text string) (*dbt.Manifest, error) {
	t.Helper()
	return dbt.ParseManifest(text)
}

// imported imports a manifest and checks that what comes of it is valid.
func imported(t testing.TB, text string, opts dbt.Options) (*dbt.Result, error) {
	t.Helper()
	m, err := read(t, text)
	if err != nil {
		return nil, err
	}
	r, err := dbt.Import(m, opts)
	if err != nil {
		return nil, err
	}
	check(t, r)
	return r, nil
}

// check reads the files of a result, and returns them as one text.
func check(t testing.TB, r *dbt.Result) string {
	t.Helper()
	files, err := r.Files()
	if err != nil {
		t.Fatal(err)
	}
	again, err := definitions.Parse(files)
	if err != nil {
		t.Fatalf("what is written is not valid: %v", err)
	}
	if got, want := len(again.FeatureViews), len(r.Definitions.FeatureViews); got != want {
		t.Fatalf("%d views are read back of %d", got, want)
	}
	var all strings.Builder
	for _, f := range files {
		fmt.Fprintf(&all, "# %s\n%s\n", f.Name, f.Data)
	}
	return all.String()
}

func lines(r *dbt.Result) string {
	var all []string
	for _, l := range r.Report {
		all = append(all, fmt.Sprintf("%s %s: %s; %s", l.Kind, l.Name, l.What, l.Do))
	}
	return strings.Join(all, "\n")
}
