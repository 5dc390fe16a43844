package openapi

import "encoding/json"

// A Schema is a JSON Schema, as much of it as Larder needs.
type Schema struct {
	// Name is what programs call it. A schema that has one is written once, among the
	// components of the document, and referred to.
	Name                 string             `json:"-"`
	Type                 any                `json:"type,omitempty"` // a name or a list of names; nil: any value
	Format               string             `json:"format,omitempty"`
	Description          string             `json:"description,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	Items                *Schema            `json:"items,omitempty"`
	MinItems             int                `json:"minItems,omitempty"`
	MaxItems             int                `json:"maxItems,omitempty"`
	MinLength            int                `json:"minLength,omitempty"`
	MaxLength            int                `json:"maxLength,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	Minimum              *int64             `json:"minimum,omitempty"`
	Maximum              *int64             `json:"maximum,omitempty"`
	Properties           map[string]*Schema `json:"properties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"` // false, or a *Schema
}

// A component is a schema as it is written, even if it has a name.
type component Schema

// MarshalJSON implements [json.Marshaler].
func (s *Schema) MarshalJSON() ([]byte, error) {
	if s.Name != "" {
		return json.Marshal(map[string]string{"$ref": "#/components/schemas/" + s.Name})
	}
	return json.Marshal((*component)(s))
}

// collect adds the schemas that have a name, of this one and what is in it.
func (s *Schema) collect(named map[string]*component) {
	if s == nil {
		return
	}
	if s.Name != "" {
		named[s.Name] = (*component)(s)
	}
	s.Items.collect(named)
	for _, member := range s.Properties {
		member.collect(named)
	}
	if values, is := s.AdditionalProperties.(*Schema); is {
		values.collect(named)
	}
}

// Named returns a schema with a name.
func Named(name string, s *Schema) *Schema {
	s.Name = name
	return s
}

// Of returns a schema of a type: string, integer, number, boolean, object or array.
func Of(name, description string) *Schema { return &Schema{Type: name, Description: description} }

// List returns the schema of a list.
func List(items *Schema, description string) *Schema {
	return &Schema{Type: "array", Items: items, Description: description}
}

// Map returns the schema of an object whose members all have one schema.
func Map(values *Schema, description string) *Schema {
	return &Schema{Type: "object", AdditionalProperties: values, Description: description}
}

// Object returns the schema of an object that has exactly these members, of which those
// that are required are always there.
func Object(description string, members map[string]*Schema, required ...string) *Schema {
	return &Schema{Type: "object", Properties: members, Required: required, AdditionalProperties: false, Description: description}
}

// OpenObject is Object for an object that may have other members too.
func OpenObject(description string, members map[string]*Schema, required ...string) *Schema {
	s := Object(description, members, required...)
	s.AdditionalProperties = nil
	return s
}
