package codec

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/twmb/avro"
)

// avroFormat reads bare Avro messages of one schema.
type avroFormat struct{ reader *avroReader }

// newAvro returns the format of messages that the schema's text wrote. The schema must
// have every field.
func newAvro(text string, fields []field) (format, error) {
	if text == "" {
		return nil, errors.New("format avro needs a schema; set file or registry")
	}
	s, err := parseAvro(text, nil)
	if err != nil {
		return nil, err
	}
	reader, err := newAvroReader(s, fields)
	if err != nil {
		return nil, err
	}
	return avroFormat{reader}, reader.missing()
}

func (a avroFormat) decode(_ context.Context, message []byte, r *row) error {
	return a.reader.decode(message, r)
}

// avroLogical are the logical types that the library gives as they are on the wire, and
// not as its own Go types.
var avroLogical = []string{
	"decimal", "big-decimal", "uuid", "duration", "date", "time-millis", "time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos",
	"local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos",
}

// parseAvro parses a schema that may name types of others, in the order of their needs.
func parseAvro(text string, needs []string) (*avro.Schema, error) {
	var opts []avro.SchemaOpt
	for _, name := range avroLogical {
		opts = append(opts, avro.CustomType{LogicalType: name})
	}
	var cache avro.SchemaCache
	for _, need := range needs {
		if _, err := cache.Parse(need, opts...); err != nil {
			return nil, fmt.Errorf("a schema that the Avro schema refers to: %w", err)
		}
	}
	s, err := cache.Parse(text, opts...)
	if err != nil {
		return nil, fmt.Errorf("the Avro schema: %w", err)
	}
	return s, nil
}

// An avroReader reads messages that one schema wrote into a Go struct with the fields on
// the paths of the stream; the library skips the others.
type avroReader struct {
	schema *avro.Schema
	target reflect.Value // a pointer to the struct
	values []avroValue
	absent []string // fields of the stream that the schema doesn't have
}

// An avroValue is where the value of a field is in the struct.
type avroValue struct {
	field int
	steps []int
	set   avroSetter
}

// newAvroReader names all fields whose types can't come from the schema's.
func newAvroReader(s *avro.Schema, fields []field) (*avroReader, error) {
	root, err := newTree(fields)
	if err != nil {
		return nil, err
	}
	r := &avroReader{schema: s}
	top := s.Root()
	if top.Type != "record" {
		return nil, fmt.Errorf("the Avro schema is of type %q; it must be a record", top.Type)
	}
	b := avroBuilder{reader: r, fields: fields}
	target := b.record(root, top, nil)
	if err := errors.Join(b.faults...); err != nil {
		return nil, err
	}
	r.target = reflect.New(target)
	return r, nil
}

// missing returns an error that names the fields that the schema doesn't have.
func (r *avroReader) missing() error {
	var faults []error
	for _, name := range r.absent {
		faults = append(faults, fmt.Errorf("field %q: the schema has nothing at its path; set path", name))
	}
	return errors.Join(faults...)
}

func (r *avroReader) decode(message []byte, row *row) error {
	target := r.target.Elem()
	target.SetZero()
	rest, err := r.schema.Decode(message, r.target.Interface(), avro.SkipUnknown(), avro.AliasInput())
	switch {
	case err != nil:
		return bad(Undecodable, "the message is not of its Avro schema: %v", err)
	case len(rest) > 0:
		return bad(Undecodable, "%d bytes follow the Avro record; is it of this schema?", len(rest))
	}
	for i := range r.values {
		a := &r.values[i]
		v, found := follow(target, a.steps)
		if !found {
			row.values[a.field].state = null
			continue
		}
		if err := a.set(&row.fields[a.field], &row.values[a.field], v); err != nil {
			return err
		}
	}
	return nil
}

// follow returns the value at the end of steps; false where a null is on the way.
func follow(v reflect.Value, steps []int) (reflect.Value, bool) {
	for _, i := range steps {
		v = v.Field(i)
		if v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
	}
	return v, true
}

// An avroBuilder makes the struct of a schema.
type avroBuilder struct {
	reader *avroReader
	fields []field
	faults []error
}

// record returns a struct of the fields of a record that are on paths below n.
func (b *avroBuilder) record(n *node, record *avro.SchemaNode, steps []int) reflect.Type {
	var members []reflect.StructField
	for _, child := range n.children {
		at := fieldNamed(record, child.key)
		if at < 0 {
			b.addAbsent(child)
			continue
		}
		below := append(steps[:len(steps):len(steps)], len(members))
		if t := b.value(child, &record.Fields[at].Type, below); t != nil {
			members = append(members, reflect.StructField{
				Name: fmt.Sprintf("F%d", len(members)), Type: t, Tag: reflect.StructTag(fmt.Sprintf("avro:%q", child.key)),
			})
		}
	}
	return reflect.StructOf(members)
}

func fieldNamed(record *avro.SchemaNode, name string) int {
	for i := range record.Fields {
		if record.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

func (b *avroBuilder) addAbsent(n *node) {
	for _, i := range n.fields {
		b.reader.absent = append(b.reader.absent, b.fields[i].name)
	}
	for _, child := range n.children {
		b.addAbsent(child)
	}
}

// value returns the Go type of what is at a node; nil after a fault, or where nothing but
// null can be.
func (b *avroBuilder) value(n *node, schema *avro.SchemaNode, steps []int) reflect.Type {
	branches, nullable, err := avroBranches(schema)
	switch {
	case err != nil:
		b.fault(n, err)
		return nil
	case len(branches) == 0: // always null
		b.addAbsent(n)
		return nil
	case len(n.fields) == 0:
		return b.below(n, branches, nullable, steps)
	}
	var t reflect.Type
	for _, i := range n.fields {
		var set avroSetter
		if t, set, err = avroSource(branches, &b.fields[i]); err != nil {
			b.faults = append(b.faults, fmt.Errorf("field %q: %w", b.fields[i].name, err))
			continue
		}
		b.reader.values = append(b.reader.values, avroValue{field: i, steps: steps, set: set})
	}
	return orNull(t, nullable)
}

// below returns the struct of a record that fields are in.
func (b *avroBuilder) below(n *node, branches []*avro.SchemaNode, nullable bool, steps []int) reflect.Type {
	if len(branches) != 1 || branches[0].Type != "record" {
		b.fault(n, fmt.Errorf("%q is %s; a path can walk a record, or a union of null and a record", n.key, avroName(branches)))
		return nil
	}
	return orNull(b.record(n, branches[0], steps), nullable)
}

func orNull(t reflect.Type, nullable bool) reflect.Type {
	if t == nil || !nullable || t.Kind() == reflect.Interface {
		return t
	}
	return reflect.PointerTo(t)
}

// fault says of all fields below a node what is wrong.
func (b *avroBuilder) fault(n *node, err error) {
	for _, i := range n.fields {
		b.faults = append(b.faults, fmt.Errorf("field %q: %w", b.fields[i].name, err))
	}
	for _, child := range n.children {
		b.fault(child, err)
	}
}

// avroBranches returns the types but null that a value may have, with references to named
// types resolved.
func avroBranches(n *avro.SchemaNode) (branches []*avro.SchemaNode, nullable bool, err error) {
	all := []avro.SchemaNode{*n}
	if n.Type == "union" {
		all = n.Branches
	}
	for i := range all {
		branch := &all[i]
		if !avroKinds[branch.Type] { // a reference
			s, err := branch.Schema()
			if err != nil {
				return nil, false, fmt.Errorf("the type %q: %w", branch.Type, err)
			}
			branch = s.Root()
		}
		if branch.Type == "null" {
			nullable = true
			continue
		}
		branches = append(branches, branch)
	}
	return branches, nullable, nil
}

var avroKinds = map[string]bool{
	"null": true, "boolean": true, "int": true, "long": true, "float": true, "double": true, "bytes": true, "string": true, "record": true, "error": true,
	"enum": true, "array": true, "map": true, "union": true, "fixed": true,
}

// avroName returns what a schema is, for messages.
func avroName(branches []*avro.SchemaNode) string {
	if len(branches) != 1 {
		return fmt.Sprintf("a union of %d types", len(branches))
	}
	if logical := branches[0].LogicalType; logical != "" {
		return fmt.Sprintf("%s (%s)", logical, branches[0].Type)
	}
	return branches[0].Type
}
