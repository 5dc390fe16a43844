package codec

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// protoFormat reads bare messages of one type.
type protoFormat struct{ reader *protoReader }

// newProtobuf returns the format of messages of a type in the text of a .proto file. The
// type must have every field.
func newProtobuf(text, message string, fields []field) (format, error) {
	if text == "" {
		return nil, errors.New("format protobuf needs a schema; set file or registry")
	}
	file, err := parseProto(text, nil)
	if err != nil {
		return nil, err
	}
	descriptor, err := protoMessage(file, message)
	if err != nil {
		return nil, err
	}
	reader, err := newProtoReader(descriptor, fields)
	if err != nil {
		return nil, err
	}
	return protoFormat{reader}, reader.missing()
}

func (p protoFormat) decode(_ context.Context, message []byte, r *row) error {
	return p.reader.decode(message, r)
}

// protoFile is the name of a stream's own file among those that it imports.
const protoFile = "stream.proto"

// parseProto compiles a .proto file, which may import the files of google/protobuf and
// those given by name. Nothing is read from disk.
func parseProto(text string, imports map[string]string) (protoreflect.FileDescriptor, error) {
	files := maps.Clone(imports)
	if files == nil {
		files = map[string]string{}
	}
	files[protoFile] = text
	for _, text := range files {
		if err := checkProtoDepth(text); err != nil {
			return nil, err
		}
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(files)}),
		MaxParallelism: 1,
	}
	compiled, err := compiler.Compile(context.Background(), protoFile)
	if err != nil {
		return nil, fmt.Errorf("the .proto file: %w", err)
	}
	return compiled[0], nil
}

// protoMessage returns the message of a full name; of none, the only one of the file.
func protoMessage(file protoreflect.FileDescriptor, name string) (protoreflect.MessageDescriptor, error) {
	all := file.Messages()
	if name == "" {
		if all.Len() != 1 {
			return nil, fmt.Errorf("the .proto file has %d messages; set message to the full name of one", all.Len())
		}
		return all.Get(0), nil
	}
	if m := findMessage(all, protoreflect.FullName(name)); m != nil {
		return m, nil
	}
	var names []string
	for i := range all.Len() {
		names = append(names, string(all.Get(i).FullName()))
	}
	return nil, fmt.Errorf("the .proto file has no message %q; it has %s", name, strings.Join(names, ", "))
}

func findMessage(in protoreflect.MessageDescriptors, name protoreflect.FullName) protoreflect.MessageDescriptor {
	for i := range in.Len() {
		m := in.Get(i)
		if m.FullName() == name {
			return m
		}
		if inner := findMessage(m.Messages(), name); inner != nil {
			return inner
		}
	}
	return nil
}

// A protoReader reads messages of one type: it walks the bytes, and takes the fields that
// are on the paths of the stream.
type protoReader struct {
	root   *protoNode
	absent []string // fields of the stream that the type doesn't have
	turn   uint64   // of the message
}

// A protoNode is a field of a message on the path of a field of the stream.
type protoNode struct {
	name     string
	fields   []int // of the row; none: a message with fields below it
	source   protoSource
	presence bool
	children []*protoNode
	byNumber map[protowire.Number]*protoNode
	// clears are the nodes that a field on the wire clears by its number: the others of its
	// oneof.
	clears map[protowire.Number][]*protoNode
	seen   uint64 // the turn of the message that it was in
	raw    protoRaw
}

// newProtoReader names all fields whose types can't come from the message's.
func newProtoReader(m protoreflect.MessageDescriptor, fields []field) (*protoReader, error) {
	root, err := newTree(fields)
	if err != nil {
		return nil, err
	}
	b := protoBuilder{reader: &protoReader{}, fields: fields}
	b.reader.root = b.message(root, m)
	return b.reader, errors.Join(b.faults...)
}

// missing returns an error that names the fields that the type doesn't have.
func (p *protoReader) missing() error {
	var faults []error
	for _, name := range p.absent {
		faults = append(faults, fmt.Errorf("field %q: the message has nothing at its path; set path", name))
	}
	return errors.Join(faults...)
}

func (p *protoReader) decode(message []byte, r *row) error {
	p.turn++
	if err := p.message(p.root, message); err != nil {
		return err
	}
	return p.set(p.root, r)
}

// message reads the fields of a message. A field that is there again replaces a value,
// and adds to a message.
func (p *protoReader) message(n *protoNode, data []byte) error {
	n.seen = p.turn
	for len(data) > 0 {
		number, kind, used := protowire.ConsumeTag(data)
		if used < 0 {
			return badProto(used)
		}
		data = data[used:]
		if used = protowire.ConsumeFieldValue(number, kind, data); used < 0 {
			return badProto(used)
		}
		for _, other := range n.clears[number] {
			other.clear()
		}
		if child := n.byNumber[number]; child != nil {
			if err := p.field(child, kind, data[:used]); err != nil {
				return err
			}
		}
		data = data[used:]
	}
	return nil
}

func badProto(code int) error {
	return bad(Undecodable, "the message is not Protobuf: %v", protowire.ParseError(code))
}

// field reads one field on the wire.
func (p *protoReader) field(n *protoNode, kind protowire.Type, data []byte) error {
	if len(n.fields) == 0 {
		if kind != protowire.BytesType {
			return n.mismatch(kind)
		}
		body, _ := protowire.ConsumeBytes(data)
		return p.message(n, body)
	}
	if n.seen != p.turn {
		n.raw = protoRaw{}
	}
	n.seen = p.turn
	return n.source.read(n, kind, data)
}

func (n *protoNode) mismatch(kind protowire.Type) error {
	return bad(WrongType, "%q has wire type %d, which its type in the schema doesn't have; is the message of this schema?", n.name, kind)
}

// clear makes a node and those below it unset again.
func (n *protoNode) clear() {
	n.seen = 0
	for _, child := range n.children {
		child.clear()
	}
}

// set sets the fields of the stream below a node that was in the message. What has no
// presence, and wasn't on the wire, is zero or its default.
func (p *protoReader) set(n *protoNode, r *row) error {
	for _, child := range n.children {
		raw := child.raw
		switch {
		case len(child.fields) == 0 && child.seen == p.turn:
			if err := p.set(child, r); err != nil {
				return err
			}
			continue
		case child.seen != p.turn && child.presence:
			continue
		case child.seen != p.turn:
			raw = child.source.zero
		}
		for _, i := range child.fields {
			if err := child.source.set(&r.fields[i], &r.values[i], raw); err != nil {
				return err
			}
		}
	}
	return nil
}

// A protoBuilder finds the fields of the stream in a message's type.
type protoBuilder struct {
	reader *protoReader
	fields []field
	faults []error
}

func (b *protoBuilder) message(n *node, m protoreflect.MessageDescriptor) *protoNode {
	out := &protoNode{name: n.key, byNumber: map[protowire.Number]*protoNode{}, clears: map[protowire.Number][]*protoNode{}}
	for _, child := range n.children {
		f := m.Fields().ByName(protoreflect.Name(child.key))
		if f == nil {
			f = m.Fields().ByJSONName(child.key)
		}
		if f == nil {
			b.addAbsent(child)
			continue
		}
		if out.byNumber[f.Number()] != nil {
			b.fault(child, fmt.Errorf("%q is named twice, as %s and %s; use one name", f.Name(), f.Name(), f.JSONName()))
			continue
		}
		at := b.value(child, f)
		if at == nil {
			continue
		}
		out.children = append(out.children, at)
		out.byNumber[f.Number()] = at
		if f.ContainingOneof() != nil {
			out.addOneof(f, at)
		}
	}
	return out
}

// addOneof says that the other fields of a oneof clear a field.
func (n *protoNode) addOneof(f protoreflect.FieldDescriptor, at *protoNode) {
	for others, i := f.ContainingOneof().Fields(), 0; i < others.Len(); i++ {
		if number := others.Get(i).Number(); number != f.Number() {
			n.clears[number] = append(n.clears[number], at)
		}
	}
}

// value returns the node of a field of a message; nil after a fault.
func (b *protoBuilder) value(n *node, f protoreflect.FieldDescriptor) *protoNode {
	if f.Cardinality() == protoreflect.Repeated {
		b.fault(n, fmt.Errorf("%q is repeated or a map, which has no one value", f.Name()))
		return nil
	}
	if len(n.fields) == 0 {
		if f.Kind() != protoreflect.MessageKind {
			b.fault(n, fmt.Errorf("%q is %s; a path can walk messages only", f.Name(), f.Kind()))
			return nil
		}
		out := b.message(n, f.Message())
		out.presence = true
		return out
	}
	out := &protoNode{name: n.key, fields: slices.Clone(n.fields), presence: f.HasPresence() && !f.HasDefault()}
	for _, i := range n.fields {
		source, err := newProtoSource(f, &b.fields[i])
		if err != nil {
			b.faults = append(b.faults, fmt.Errorf("field %q: %w", b.fields[i].name, err))
		}
		out.source = source
	}
	return out
}

func (b *protoBuilder) addAbsent(n *node) {
	for _, i := range n.fields {
		b.reader.absent = append(b.reader.absent, b.fields[i].name)
	}
	for _, child := range n.children {
		b.addAbsent(child)
	}
}

// fault says of all fields below a node what is wrong.
func (b *protoBuilder) fault(n *node, err error) {
	for _, i := range n.fields {
		b.faults = append(b.faults, fmt.Errorf("field %q: %w", b.fields[i].name, err))
	}
	for _, child := range n.children {
		b.fault(child, err)
	}
}
