package codec

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"larder/schema"
)

// A protoSource is the Protobuf type of a value: of a field, or of what a wrapper holds.
type protoSource struct {
	kind    protoreflect.Kind
	wrapper bool // a google.protobuf wrapper: the value is its field 1
	time    bool // a google.protobuf.Timestamp
	enum    protoreflect.EnumDescriptor
	zero    protoRaw // of a field that isn't on the wire
}

// A protoRaw is a value as it is on the wire: a number or bytes.
type protoRaw struct {
	bits  uint64 // of a time its seconds
	nanos int32
	bytes []byte
}

// protoWrappers are the messages that hold one value, so that it may be absent.
var protoWrappers = map[protoreflect.FullName]bool{
	"google.protobuf.BoolValue": true, "google.protobuf.Int32Value": true, "google.protobuf.Int64Value": true, "google.protobuf.UInt32Value": true,
	"google.protobuf.UInt64Value": true, "google.protobuf.FloatValue": true, "google.protobuf.DoubleValue": true, "google.protobuf.StringValue": true,
	"google.protobuf.BytesValue": true,
}

// newProtoSource returns the type of a field of a message, or an error if a field of the
// stream can't come from it.
func newProtoSource(f protoreflect.FieldDescriptor, to *field) (protoSource, error) {
	s := protoSource{kind: f.Kind(), enum: f.Enum()}
	name := s.kind.String()
	if m := f.Message(); m != nil {
		name = string(m.FullName())
		switch {
		case s.kind == protoreflect.MessageKind && m.FullName() == "google.protobuf.Timestamp":
			s.time = true
		case s.kind == protoreflect.MessageKind && protoWrappers[m.FullName()]:
			s.wrapper, s.kind = true, m.Fields().ByNumber(1).Kind()
		}
	}
	if f.HasDefault() {
		s.zero = rawDefault(f)
	}
	if !s.fits(to) {
		return s, s.refuse(name, to)
	}
	return s, nil
}

func (s *protoSource) refuse(name string, to *field) error {
	switch {
	case to.kind == schema.Timestamp && s.isInteger():
		return fmt.Errorf("%s is not a time; set format: epoch_s, epoch_ms, epoch_us or epoch_ns", name)
	case s.kind == protoreflect.MessageKind && !s.time:
		return fmt.Errorf("%s can't be read as %s; name a value in it by path", name, to.kind)
	}
	return fmt.Errorf("%s can't be read as %s", name, to.kind)
}

// fits reports whether a field of the stream can come from the type.
func (s *protoSource) fits(to *field) bool {
	switch {
	case s.time:
		return to.kind == schema.Timestamp
	case s.isInteger():
		return to.kind.IsInteger() || to.kind.IsFloat() || to.kind == schema.Timestamp && to.clock.unit() != 0
	}
	switch s.kind {
	case protoreflect.BoolKind:
		return to.kind == schema.Bool
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return to.kind.IsFloat()
	case protoreflect.StringKind:
		return to.kind == schema.String || to.kind == schema.Timestamp && to.clock.unit() == 0
	case protoreflect.BytesKind:
		return to.kind == schema.Bytes
	case protoreflect.EnumKind:
		return to.kind == schema.String || to.kind.IsInteger()
	}
	return false
}

func (s *protoSource) isInteger() bool {
	switch s.kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Uint32Kind, protoreflect.Int64Kind, protoreflect.Sint64Kind,
		protoreflect.Uint64Kind, protoreflect.Sfixed32Kind, protoreflect.Fixed32Kind, protoreflect.Sfixed64Kind, protoreflect.Fixed64Kind:
		return true
	}
	return false
}

// wire returns how values of a kind are on the wire.
func wire(kind protoreflect.Kind) protowire.Type {
	switch kind {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	}
	return protowire.VarintType
}

// read reads a field that is whole on the wire into its node.
func (s *protoSource) read(n *protoNode, kind protowire.Type, data []byte) error {
	if s.wrapper || s.time {
		if kind != protowire.BytesType {
			return n.mismatch(kind)
		}
		body, _ := protowire.ConsumeBytes(data)
		return s.readInner(n, body)
	}
	if kind != wire(s.kind) {
		return n.mismatch(kind)
	}
	n.raw = consume(kind, data)
	return nil
}

// readInner reads what a wrapper or a Timestamp holds.
func (s *protoSource) readInner(n *protoNode, data []byte) error {
	for len(data) > 0 {
		number, kind, tag := protowire.ConsumeTag(data)
		if tag < 0 {
			return badProto(tag)
		}
		data = data[tag:]
		used := protowire.ConsumeFieldValue(number, kind, data)
		if used < 0 {
			return badProto(used)
		}
		want := wire(s.kind)
		if s.time {
			want = protowire.VarintType
		}
		known := number == 1 || s.time && number == 2
		switch {
		case known && kind != want:
			return n.mismatch(kind)
		case known && number == 2:
			n.raw.nanos = int32(consume(kind, data).bits)
		case known:
			raw := consume(kind, data)
			n.raw.bits, n.raw.bytes = raw.bits, raw.bytes
		}
		data = data[used:]
	}
	return nil
}

func consume(kind protowire.Type, data []byte) (raw protoRaw) {
	switch kind {
	case protowire.VarintType:
		raw.bits, _ = protowire.ConsumeVarint(data)
	case protowire.Fixed32Type:
		bits, _ := protowire.ConsumeFixed32(data)
		raw.bits = uint64(bits)
	case protowire.Fixed64Type:
		raw.bits, _ = protowire.ConsumeFixed64(data)
	case protowire.BytesType:
		raw.bytes, _ = protowire.ConsumeBytes(data)
	}
	return raw
}

// set sets the value of a field of the stream.
func (s *protoSource) set(f *field, v *value, raw protoRaw) error {
	if s.time {
		return f.setProtoTime(v, raw)
	}
	switch s.kind {
	case protoreflect.BoolKind:
		v.setBool(raw.bits != 0)
		return nil
	case protoreflect.FloatKind:
		return f.setRounded(v, float64(math.Float32frombits(uint32(raw.bits))))
	case protoreflect.DoubleKind:
		return f.setRounded(v, math.Float64frombits(raw.bits))
	case protoreflect.StringKind:
		if f.kind == schema.Timestamp {
			return f.setRFC3339(v, raw.bytes)
		}
		return f.setText(v, raw.bytes)
	case protoreflect.BytesKind:
		v.setBytes(raw.bytes)
		return nil
	case protoreflect.EnumKind:
		return f.setEnum(v, s.enum, int32(raw.bits))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		if raw.bits > math.MaxInt64 {
			return f.bad(OutOfRange, "%d doesn't fit in int64", raw.bits)
		}
	}
	n := s.integer(raw.bits)
	if f.kind == schema.Timestamp {
		return f.setEpoch(v, n, f.clock.unit())
	}
	return f.setNumber(v, n)
}

// integer returns the integer of the bits on the wire.
func (s *protoSource) integer(bits uint64) int64 {
	switch s.kind {
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		return int64(int32(bits))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return int64(uint32(bits))
	case protoreflect.Sint32Kind:
		return protowire.DecodeZigZag(uint64(uint32(bits)))
	case protoreflect.Sint64Kind:
		return protowire.DecodeZigZag(bits)
	}
	return int64(bits)
}

// setEnum sets the name of an enum's value, or its number.
func (f *field) setEnum(v *value, enum protoreflect.EnumDescriptor, number int32) error {
	if f.kind != schema.String {
		return f.setNumber(v, int64(number))
	}
	named := enum.Values().ByNumber(protoreflect.EnumNumber(number))
	if named == nil {
		return f.bad(OutOfRange, "the enum %s has no name for %d; update the schema, or use int32", enum.FullName(), number)
	}
	v.setBytes([]byte(named.Name()))
	return nil
}

// setProtoTime sets a timestamp of a google.protobuf.Timestamp.
func (f *field) setProtoTime(v *value, raw protoRaw) error {
	if raw.nanos < 0 || raw.nanos >= 1e9 {
		return f.bad(OutOfRange, "the timestamp has %d nanoseconds; they must be from 0 to 999,999,999", raw.nanos)
	}
	return f.setTime(v, int64(raw.bits), int64(raw.nanos))
}

// rawDefault returns the default that a proto2 field declares.
func rawDefault(f protoreflect.FieldDescriptor) protoRaw {
	d := f.Default()
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoRaw{bits: protowire.EncodeBool(d.Bool())}
	case protoreflect.FloatKind:
		return protoRaw{bits: uint64(math.Float32bits(float32(d.Float())))}
	case protoreflect.DoubleKind:
		return protoRaw{bits: math.Float64bits(d.Float())}
	case protoreflect.StringKind:
		return protoRaw{bytes: []byte(d.String())}
	case protoreflect.BytesKind:
		return protoRaw{bytes: d.Bytes()}
	case protoreflect.EnumKind:
		return protoRaw{bits: uint64(d.Enum())}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoRaw{bits: d.Uint()}
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return protoRaw{bits: protowire.EncodeZigZag(d.Int())}
	}
	return protoRaw{bits: uint64(d.Int())}
}
