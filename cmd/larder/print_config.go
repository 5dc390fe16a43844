package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"larder/internal/postgres"
)

// printSettings writes settings as a file of settings, with the origin of each. Passwords in
// addresses are masked. Settings have no other secrets: those are in files and in variables
// of their own.
func printSettings(w io.Writer, s *settings, from origins) error {
	fields := reflect.ValueOf(*s)
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Tag.Get("flag")
		value := fmt.Sprint(fields.Field(i).Interface())
		if fields.Field(i).Kind() == reflect.String {
			value = quoteYAML(postgres.Mask(value))
		}
		if _, err := fmt.Fprintf(w, "%s: %s  # %s\n", strings.ReplaceAll(name, "-", "_"), value, cmp.Or(from[name], "default")); err != nil {
			return err
		}
	}
	return nil
}

// quoteYAML returns a text as YAML on one line. JSON's strings are YAML's too.
func quoteYAML(text string) string {
	var b strings.Builder
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	_ = out.Encode(text) // a string always has JSON
	return strings.TrimSuffix(b.String(), "\n")
}
