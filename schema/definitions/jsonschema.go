package definitions

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"larder/schema"
)

// JSONSchema returns the JSON Schema (draft 2020-12) of a definition file, made
// from the Go types of package schema.
func JSONSchema() []byte {
	root := object(reflect.TypeFor[schema.Definitions]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Larder definitions"
	raw, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("definitions: a JSON Schema that has no JSON: %v", err))
	}
	return append(raw, '\n')
}

// The forms of values that definitions write as text.
const (
	namePattern     = `^[A-Za-z_][A-Za-z0-9_]{0,127}$`
	durationPattern = `^(0|([0-9]{1,6}d)?([0-9]+(\.[0-9]+)?(h|m|s|ms|us))*)$`
	sha256Pattern   = `^[0-9a-f]{64}$`
)

func object(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		p := property(name, f.Type)
		p["description"] = description(t, name)
		properties[name] = p
		if options == "" && name != "sha256" { // which the loader fills in
			required = append(required, name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func property(name string, t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[schema.Type]():
		return map[string]any{"anyOf": []map[string]any{{"enum": schema.TypeNames()}, {"type": "string", "pattern": schema.VectorPattern}}}
	case reflect.TypeFor[schema.Duration](), reflect.TypeFor[*schema.Duration]():
		return map[string]any{"anyOf": []map[string]any{{"type": "string", "minLength": 1, "pattern": durationPattern}, {"const": 0}}}
	case reflect.TypeFor[schema.OnBadRow]():
		return map[string]any{"enum": []schema.OnBadRow{schema.SkipBadRow, schema.FailBadRow}}
	case reflect.TypeFor[schema.OnFailure]():
		return map[string]any{"enum": []schema.OnFailure{schema.WarnOnFailure, schema.KeepOnFailure, schema.FailOnFailure}}
	case reflect.TypeFor[schema.Isolation]():
		return map[string]any{"enum": []schema.Isolation{schema.ProcessIsolation}}
	case reflect.TypeFor[schema.Rollout]():
		return map[string]any{"enum": []schema.Rollout{schema.FileDecides, schema.CommandsDecide}}
	case reflect.TypeFor[schema.OnMissing]():
		return map[string]any{"enum": []schema.OnMissing{schema.DefaultOnMissing, schema.FailOnMissing}}
	case reflect.TypeFor[schema.Percent]():
		return map[string]any{"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.01}
	case reflect.TypeFor[schema.MemorySize]():
		return map[string]any{"anyOf": []map[string]any{{"type": "string", "pattern": `^\d+([KMGT]iB)?$`}, {"type": "integer", "minimum": 0}}}
	case reflect.TypeFor[schema.Literal]():
		return map[string]any{}
	case reflect.TypeFor[schema.AggregateWindow]():
		return map[string]any{"anyOf": []map[string]any{{"type": "string", "minLength": 1, "pattern": `^lifetime$|` + durationPattern}, object(t)}}
	case reflect.TypeFor[schema.FormatType]():
		return map[string]any{"enum": []schema.FormatType{schema.JSONFormat, schema.AvroFormat, schema.ProtobufFormat}}
	case reflect.TypeFor[schema.OnDuplicate]():
		return map[string]any{"enum": []schema.OnDuplicate{schema.FirstWins, schema.ReplaceWith}}
	case reflect.TypeFor[schema.OnDataLoss]():
		return map[string]any{"enum": []schema.OnDataLoss{schema.StopOnDataLoss, schema.ContinueOnDataLoss}}
	case reflect.TypeFor[schema.Start]():
		return map[string]any{"enum": []schema.Start{schema.Earliest, schema.Latest}}
	case reflect.TypeFor[schema.TimeFormat]():
		return map[string]any{"enum": []schema.TimeFormat{schema.TimeRFC3339, schema.TimeEpochSecond, schema.TimeEpochMilli, schema.TimeEpochMicro, schema.TimeEpochNano}}
	case reflect.TypeFor[schema.CalendarUnit]():
		return map[string]any{"enum": []schema.CalendarUnit{schema.CalendarHour, schema.CalendarDay, schema.CalendarWeek, schema.CalendarMonth, schema.CalendarYear}}
	case reflect.TypeFor[schema.CalendarPart]():
		return map[string]any{"enum": []schema.CalendarPart{schema.CurrentUnit, schema.PreviousUnit}}
	case reflect.TypeFor[schema.Ratio]():
		return map[string]any{"type": "number", "minimum": 0}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return property(name, t.Elem())
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Slice:
		if name == "range" {
			return map[string]any{"type": "array", "items": map[string]any{"type": "number", "exclusiveMinimum": 0}, "minItems": 2, "maxItems": 2}
		}
		return map[string]any{"type": "array", "items": property("", t.Elem())}
	case reflect.Map:
		if t.Elem().Kind() == reflect.Float64 {
			return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "number"}}
		}
		return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}
	case reflect.Struct:
		return object(t)
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Float64:
		return map[string]any{"type": "number", "minimum": 0, "maximum": 1}
	case reflect.String:
		switch name {
		case "name":
			return map[string]any{"type": "string", "pattern": namePattern}
		case "sha256":
			return map[string]any{"type": "string", "pattern": sha256Pattern}
		}
		return map[string]any{"type": "string"}
	}
	return map[string]any{} // a default: of its feature's type
}
