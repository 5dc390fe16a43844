package codec

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/reflect/protoreflect"

	"larder/schema"
)

// framedJSON reads JSON after Confluent's header. The schema isn't asked for: the fields
// of the stream say what a message must have.
type framedJSON struct{ format }

func (j framedJSON) decode(ctx context.Context, message []byte, r *row) error {
	_, body, err := header(message)
	if err != nil {
		return err
	}
	return j.format.decode(ctx, body, r)
}

// header splits Confluent's header off a message: a zero byte, and the number of the
// schema in four.
func header(message []byte) (id int, body []byte, err error) {
	id, body, err = new(sr.ConfluentHeader).DecodeID(message)
	if err != nil {
		return 0, nil, bad(Undecodable, "the message doesn't begin with a schema registry's header (a zero byte and four of the schema's number); is it written with a registry?")
	}
	return id, body, nil
}

// framed reads messages whose schemas are a registry's.
type framed struct{ registry *registry }

func (f framed) decode(ctx context.Context, message []byte, r *row) error {
	id, body, err := header(message)
	if err != nil {
		return err
	}
	reader, err := f.registry.reader(ctx, id)
	if err != nil {
		return err
	}
	return reader.read(body, r)
}

// newFramedAvro returns the format of Avro messages with schemas of a registry.
func newFramedAvro(f *schema.StreamFormat, fields []field, opts Options) (format, error) {
	r, err := newRegistry(f, opts, func(s sr.Schema, needs []need) (messageReader, error) {
		if s.Type != sr.TypeAvro {
			return nil, fmt.Errorf("it is %s, and the stream's format is avro", s.Type)
		}
		var texts []string
		for _, n := range needs {
			texts = append(texts, n.text)
		}
		parsed, err := parseAvro(s.Schema, texts)
		if err != nil {
			return nil, err
		}
		return newAvroReader(parsed, fields)
	})
	return framed{r}, err
}

func (r *avroReader) read(message []byte, to *row) error { return r.decode(message, to) }

// newFramedProtobuf returns the format of Protobuf messages with schemas of a registry.
func newFramedProtobuf(f *schema.StreamFormat, fields []field, opts Options) (format, error) {
	name := protoreflect.FullName(f.Message)
	r, err := newRegistry(f, opts, func(s sr.Schema, needs []need) (messageReader, error) {
		if s.Type != sr.TypeProtobuf {
			return nil, fmt.Errorf("it is %s, and the stream's format is protobuf", s.Type)
		}
		imports := map[string]string{}
		for _, n := range needs {
			imports[n.name] = n.text
		}
		file, err := parseProto(s.Schema, imports)
		if err != nil {
			return nil, err
		}
		return &indexedProto{file: file, name: name, fields: fields, types: map[string]indexedType{}}, nil
	})
	return framed{r}, err
}

// indexedProto reads messages of the types of one file. Before a message are the indexes
// of its type: among the file's, among those in that one, and so on.
type indexedProto struct {
	file   protoreflect.FileDescriptor
	name   protoreflect.FullName // of the type that the stream reads; "" for any one
	fields []field
	types  map[string]indexedType // by the bytes of their indexes
}

type indexedType struct {
	reader *protoReader
	err    error
}

const (
	maxNested = 32 // how deep types of messages may lie in each other
	maxTypes  = 64 // kept of one file
)

func (p *indexedProto) read(message []byte, r *row) error {
	indexes, body, err := protoIndexes(message)
	if err != nil {
		return err
	}
	key := message[:len(message)-len(body)]
	t, is := p.types[string(key)]
	if !is {
		if len(p.types) >= maxTypes {
			clear(p.types)
		}
		t.reader, t.err = p.readerOf(indexes)
		p.types[string(key)] = t
	}
	if t.err != nil {
		return t.err
	}
	return t.reader.decode(body, r)
}

// protoIndexes splits the indexes off a message: their number and each of them as zigzag
// varints; 0 stands for one index of 0.
func protoIndexes(message []byte) (indexes []int, body []byte, err error) {
	count, used := binary.Varint(message)
	if used <= 0 || count < 0 || count > maxNested {
		return nil, nil, bad(Undecodable, "the message has no indexes of its Protobuf type after the schema's number")
	}
	message = message[used:]
	if count == 0 { // also in more bytes than it needs
		return firstType, message, nil
	}
	for range count {
		index, used := binary.Varint(message)
		if used <= 0 {
			return nil, nil, bad(Undecodable, "the message ends in the indexes of its Protobuf type")
		}
		indexes = append(indexes, int(index))
		message = message[used:]
	}
	return indexes, message, nil
}

var firstType = []int{0}

func (p *indexedProto) readerOf(indexes []int) (*protoReader, error) {
	types := p.file.Messages()
	var m protoreflect.MessageDescriptor
	for _, i := range indexes {
		if i < 0 || i >= types.Len() {
			return nil, bad(Undecodable, "the indexes %v of the message's Protobuf type are not in its schema", indexes)
		}
		m = types.Get(i)
		types = m.Messages()
	}
	if p.name != "" && m.FullName() != p.name {
		return nil, bad(WrongType, "the message is a %s, and the stream reads %s", m.FullName(), p.name)
	}
	reader, err := newProtoReader(m, p.fields)
	if err != nil {
		return nil, bad(WrongType, "%v", err)
	}
	return reader, nil
}

// newRegistered returns the format of messages with schemas of a registry.
func newRegistered(f *schema.StreamFormat, fields []field, opts Options) (format, error) {
	switch f.Type {
	case schema.AvroFormat:
		return newFramedAvro(f, fields, opts)
	case schema.ProtobufFormat:
		return newFramedProtobuf(f, fields, opts)
	case schema.JSONFormat:
		j, err := newJSON(fields)
		return framedJSON{j}, err
	}
	return nil, fmt.Errorf("no format %q; write json, avro or protobuf", f.Type)
}
