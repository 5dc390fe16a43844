package grpcserver

import (
	"reflect"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// What Go's values take, in bytes.
const (
	pointerBytes = 8
	stringBytes  = 16
	sliceBytes   = 24
	mapEntry     = 96 // with its key, and its part of the table
)

// A sizer knows what the fields of one type of message take when they are decoded.
type sizer struct {
	self   int64 // an empty message
	fields map[protowire.Number]*fieldSizer
}

type fieldSizer struct {
	message *sizer // of a message, or of the entries of a map
	self    int64  // a value beside what the wire has of it
	packed  int64  // each value of a packed list; 0 where it can't be packed
	fixed   int    // bytes of such a value on the wire; 0 is a varint
}

var sizers sync.Map // reflect.Type to *sizer

// decodedSize returns about how many bytes a message takes when it is decoded. It reads
// only the wire, and allocates nothing for it. What is not well formed counts up to there:
// decoding says what is wrong with it.
func decodedSize(wire []byte, message any) int64 {
	m, is := message.(proto.Message)
	if !is {
		return int64(len(wire))
	}
	t := reflect.TypeOf(message)
	known, found := sizers.Load(t)
	if !found {
		known, _ = sizers.LoadOrStore(t, newSizer(m.ProtoReflect().Type(), map[protoreflect.FullName]*sizer{}))
	}
	return known.(*sizer).size(wire, protowire.DefaultRecursionLimit)
}

func newSizer(t protoreflect.MessageType, made map[protoreflect.FullName]*sizer) *sizer {
	name := t.Descriptor().FullName()
	if s := made[name]; s != nil {
		return s
	}
	s := &sizer{self: int64(reflect.TypeOf(t.Zero().Interface()).Elem().Size()), fields: map[protowire.Number]*fieldSizer{}}
	made[name] = s
	fields := t.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		s.fields[f.Number()] = newFieldSizer(t, f, made)
	}
	return s
}

func newFieldSizer(t protoreflect.MessageType, f protoreflect.FieldDescriptor, made map[protoreflect.FullName]*sizer) *fieldSizer {
	out := new(fieldSizer)
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		out.self = pointerBytes
		if f.IsMap() {
			out.self, out.message = mapEntry, entrySizer(f, made)
		} else {
			out.message = newSizer(messageType(t, f), made)
		}
	case protoreflect.StringKind:
		out.self = stringBytes
	case protoreflect.BytesKind:
		out.self = sliceBytes
	case protoreflect.BoolKind:
		out.self, out.packed = 1, 1
	case protoreflect.FloatKind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		out.self, out.packed, out.fixed = 4, 4, 4
	case protoreflect.DoubleKind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		out.self, out.packed, out.fixed = 8, 8, 8
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Uint32Kind, protoreflect.EnumKind:
		out.self, out.packed = 4, 4
	default:
		out.self, out.packed = 8, 8
	}
	switch {
	case f.IsList():
		out.self *= 2 // lists grow by doubling
	case f.ContainingOneof() != nil || f.HasOptionalKeyword():
		out.self += stringBytes
		out.packed = 0
	default:
		out.packed = 0
	}
	return out
}

// messageType returns the Go type of a field of messages.
func messageType(t protoreflect.MessageType, f protoreflect.FieldDescriptor) protoreflect.MessageType {
	m := t.New()
	if f.IsList() {
		return m.NewField(f).List().NewElement().Message().Type()
	}
	return m.NewField(f).Message().Type()
}

// entrySizer returns the sizer of a map's entries, which have no type of their own.
func entrySizer(f protoreflect.FieldDescriptor, made map[protoreflect.FullName]*sizer) *sizer {
	s := &sizer{fields: map[protowire.Number]*fieldSizer{1: {}, 2: {}}}
	if v := f.MapValue(); v.Message() != nil {
		if t, err := protoregistry.GlobalTypes.FindMessageByName(v.Message().FullName()); err == nil {
			s.fields[2] = &fieldSizer{message: newSizer(t, made)}
		}
	}
	return s
}

// size returns what a message takes.
func (s *sizer) size(wire []byte, depth int) int64 {
	total := s.self
	for len(wire) > 0 && depth > 0 {
		number, kind, n := protowire.ConsumeTag(wire)
		if n < 0 {
			break
		}
		wire = wire[n:]
		f := s.fields[number]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, kind, wire); n < 0 {
				break
			}
			total += f.of(n)
			wire = wire[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(wire)
		if n < 0 {
			break
		}
		total += f.ofBytes(value, depth)
		wire = wire[n:]
	}
	return total
}

// of returns what a value of n bytes on the wire takes that is not a list, text or message.
// Fields that the message does not have are kept as they came.
func (f *fieldSizer) of(n int) int64 {
	if f == nil {
		return 2 * int64(n)
	}
	return f.self
}

func (f *fieldSizer) ofBytes(value []byte, depth int) int64 {
	switch {
	case f == nil:
		return 2 * int64(len(value)+1)
	case f.message != nil:
		return f.self + f.message.size(value, depth-1)
	case f.packed == 0:
		return f.self + int64(len(value))
	case f.fixed > 0:
		return f.packed * int64(len(value)/f.fixed)
	}
	values := 0
	for _, b := range value {
		if b < 0x80 { // the last byte of a varint
			values++
		}
	}
	return f.packed * int64(values)
}
